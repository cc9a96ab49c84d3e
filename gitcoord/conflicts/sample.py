"""A worktree's files, uncommitted ones too, as a commit in a quarantine.

Promises: index, files and stash are only read, also while the agent holds `index.lock`; the
same files give the same commit. What cannot be compared (too large, a repository of its own,
a filter that fails) is named. Refuses: to put conflict markers of an unmerged index into a
prediction; then HEAD is looked at and the state says "merging".
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gitcoord.conflicts.scan import Seen
from gitcoord.errors import Problem
from gitcoord.git.objects import Batch, Entry
from gitcoord.git.quarantine import WHO, put_objects
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import Linked, find_operation, git_dir_of
from gitcoord.process import at_once

if TYPE_CHECKING:
    from gitcoord.conflicts.grafting import Grafter, Row

# Bytes; a larger untracked file is named, not hashed: 500 MB would take seconds each time.
LARGEST = 5_000_000

# As many worktrees are looked at at once as there are cores: threads of git's own only add.
_ALONE = (
    "-c", "core.fsmonitor=false", "-c", "core.splitIndex=false", "-c", "index.skipHash=true",
    "-c", "core.preloadIndex=false",
)  # fmt: skip
# A clock set back leaves files from the future: they are not being written now.
_SOON = 2.0


@dataclass(frozen=True)
class Subject:
    """A worktree to sample. id, task: as the user knows it. linked: as git lists it."""

    id: str
    task: str
    linked: Linked


@dataclass(frozen=True)
class _Changes:
    """What `git status` lists: paths that differ from HEAD, a commit id."""

    head: str
    rows: tuple[Row, ...]
    unmerged: bool

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(row.path for row in self.rows)

    @property
    def unstaged(self) -> list[str]:
        """Those of which the index has not what is on disk."""
        return [row.path for row in self.rows if row.unstaged != "."]

    @cached_property
    def untracked(self) -> frozenset[str]:
        """Those git knows nothing of."""
        return frozenset(row.path for row in self.rows if row.unstaged == "?")


def sample_all(
    aside: Repository,
    subjects: Sequence[Subject],
    others: Sequence[Path] = (),
    *,
    committed_only: bool,
) -> list[Seen]:
    """Sample worktrees, as many at a time as there are cores. aside: in a quarantine.

    others: where there are more worktrees, which may lie in one another.
    One that vanishes or cannot be read is Seen with a problem; the others are answered.
    """
    if committed_only:
        return [_commit_of(subject) for subject in subjects]
    from gitcoord.conflicts.grafting import Grafter

    around = [*others, *(subject.linked.path for subject in subjects)]
    batch = Batch(aside)
    with Grafter(aside, batch) as grafter:
        looks = at_once(lambda one: _sample(grafter, one, around), subjects)
    seen = [
        replace(one, tree=batch.commit(tree, [one.head], "sampled", author=WHO)) if tree else one
        for one, tree in looks
    ]
    put_objects(aside, batch)
    return seen


def _commit_of(subject: Subject) -> Seen:
    """A worktree as its HEAD has it."""
    linked = subject.linked
    head = linked.head or ""
    problem = "" if head else linked.prunable or "its branch has no commit yet"
    return Seen(
        subject.id, linked.branch_name or "", str(linked.path), "unknown" if problem else "live",
        head, head, task=subject.task, problem=problem,
    )  # fmt: skip


def _sample(grafter: Grafter, subject: Subject, others: Sequence[Path]) -> tuple[Seen, str]:
    """A worktree, and the tree of its files where they are not those of its HEAD."""
    seen, path = _commit_of(subject), subject.linked.path
    try:
        if seen.problem:
            return seen, ""
        if not path.is_dir():
            return _unknown(seen, "its folder is not there")
        if subject.linked.prunable is not None:
            return _unknown(seen, f"git has lost it: {subject.linked.prunable}")
        return _with_uncommitted(grafter, seen, path, others)
    except (Problem, OSError) as problem:
        return _unknown(seen, str(problem))


def _with_uncommitted(
    grafter: Grafter, seen: Seen, path: Path, others: Sequence[Path]
) -> tuple[Seen, str]:
    git_dir = git_dir_of(path)
    if git_dir is None:
        return _unknown(seen, "it vanished while it was sampled")
    began, before = time.time(), _stamp(git_dir)
    operation = find_operation(git_dir)
    changes = _list_changes(grafter.aside, path)
    if changes.unmerged:
        return replace(seen, state=operation or "merging", dirty=True), ""
    names, left = _comparable(path, changes, others)
    tree: str | None = ""
    if changes.names - {*left}:
        tree = grafter.tree(path, git_dir, seen.head, changes.rows, names)
    # What status lists is what differs from the HEAD of that moment.
    if tree is None or (tree and (changes.head != seen.head or _stamp(git_dir) != before)):
        return _by_index(grafter.aside, seen, path, others)
    moving = _stamp(git_dir) != before or _is_written(path, names, began)
    return _told(seen, operation, changes, left, moving=moving), tree


def _by_index(
    aside: Repository, seen: Seen, path: Path, others: Sequence[Path]
) -> tuple[Seen, str]:
    """The same by a copy of the index and git's own hands: right for all there is."""
    git_dir = git_dir_of(path)
    if git_dir is None:
        return _unknown(seen, "it vanished while it was sampled")
    began, before = time.time(), _stamp(git_dir)
    operation = find_operation(git_dir)
    with _copied_index(git_dir) as index:
        # It is our copy that may be refreshed and locked. git compares whole seconds: where all
        # files are as young as the index, as after a checkout, it reads them all (300 ms for
        # 5,000), and without this would do so again for each command.
        env = {"GIT_INDEX_FILE": str(index), "GIT_OPTIONAL_LOCKS": "1"}
        changes = _list_changes(aside, path, env)
        if changes.unmerged:
            return replace(seen, state=operation or "merging", dirty=True), ""
        names, left = _comparable(path, changes, others)
        tree = _write_tree(aside, path, names, env) if changes.names - {*left} else ""
    moving = _stamp(git_dir) != before or _is_written(path, names, began)
    return _told(seen, operation, changes, left, moving=moving), tree


def _told(
    seen: Seen, operation: str | None, changes: _Changes, left: Sequence[str], *, moving: bool
) -> Seen:
    return replace(
        seen, state=operation or ("moving" if moving else "live"), dirty=bool(changes.names),
        uncommitted=changes.names, untracked=changes.untracked, not_compared=tuple(left),
    )  # fmt: skip


def _list_changes(aside: Repository, path: Path, env: dict[str, str] | None = None) -> _Changes:
    from gitcoord.conflicts.grafting import Row

    said = aside.run(
        *_ALONE, "status", "--porcelain=v2", "-z", "--no-renames", "--untracked-files=all",
        "--ignore-submodules=dirty", "--branch", "--no-ahead-behind", at=path, env=env,
    ).fields()  # fmt: skip
    rows, head = [], ""
    for line in said:
        if line[0] == "1":
            _, how, submodule, _, mode, on_disk, _, oid, name = line.split(" ", 8)
            entry = Entry(mode, oid) if mode.strip("0") else None
            rows.append(Row(name, how[1], entry, on_disk, submodule[0] != "N"))
        elif line[0] == "?":
            rows.append(Row(line[2:]))
        elif line.startswith("# branch.oid "):
            head = line[13:]
    return _Changes(head, tuple(rows), any(line[0] == "u" for line in said))


def _comparable(
    path: Path, changes: _Changes, others: Sequence[Path]
) -> tuple[list[str], list[str]]:
    """What can be put into a tree, and what can not: repositories, very large files, files
    we may not read."""
    nested = {
        os.path.relpath(one, path)
        for one in others
        if one != path and one.is_relative_to(path) and one.is_dir()
    }
    fitting, left = [], []
    for name in changes.unstaged:
        if name.endswith("/") or name in nested:
            left += [name] if name.rstrip("/") not in nested else []
        elif _is_unfit(path / name, untracked=name in changes.untracked):
            left.append(name)
        else:
            fitting.append(name)
    return fitting, left


def _write_tree(aside: Repository, path: Path, names: Sequence[str], env: dict[str, str]) -> str:
    """The tree the worktree would commit, by way of a copy of its index."""
    if names:
        aside.run(
            *_ALONE, "update-index", "--add", "--remove", "--replace",
            "--ignore-skip-worktree-entries", "-z", "--stdin",
            input=os.fsencode("".join(f"{name}\0" for name in names)), env=env, at=path,
        )  # fmt: skip
    return aside.run(*_ALONE, "write-tree", "--missing-ok", env=env, at=path).text


@contextmanager
def _copied_index(git_dir: Path) -> Iterator[Path]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        copy = Path(folder) / "index"
        with suppress(FileNotFoundError):
            shutil.copy2(git_dir / "index", copy)
        yield copy


def _stamp(git_dir: Path) -> tuple[int, ...]:
    found: list[int] = []
    for name in ("index", "HEAD"):
        with suppress(OSError):
            stat = (git_dir / name).stat()
            found += [stat.st_mtime_ns, stat.st_size, stat.st_ino]
    return tuple(found)


def _is_written(path: Path, names: Sequence[str], began: float) -> bool:
    """Whether a file was written after we began to look."""
    latest = time.time() + _SOON
    for name in names:
        with suppress(OSError):
            if began < (path / name).lstat().st_mtime < latest:
                return True
    return False


def _is_unfit(file: Path, *, untracked: bool) -> bool:
    try:
        stat = file.lstat()
    except OSError:
        return False
    return (untracked and stat.st_size > LARGEST) or not (
        file.is_symlink() or file.is_dir() or os.access(file, os.R_OK)
    )


def _unknown(seen: Seen, problem: str) -> tuple[Seen, str]:
    return replace(seen, state="unknown", problem=problem), ""
