"""A worktree's uncommitted state as trees, and trees as a worktree's files.

Promises: the worktree's index, files and stash are only read; everything happens on a
copy of the index, also while somebody holds `index.lock`. What git cannot put into a
tree (nested repositories, files over a size, files a filter refuses) is named in
`left_out`, never dropped in silence. File contents are what git would commit: clean
filters and line-ending conversion apply, as they do on the way back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import Contended, GitFailed, NoSuch
from gitcoord.git.objects import FOLDER, SUBMODULE, Batch, Entry, Reader, graft
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import git_dir_of

# No daemon and no cache may write beside the copy.
_ALONE = (
    "-c", "core.fsmonitor=false",
    "-c", "core.splitIndex=false",
    "-c", "core.untrackedCache=false",
    "-c", "advice.addEmbeddedRepo=false",
)  # fmt: skip


@dataclass(frozen=True)
class Staged:
    """One line of an index. stage: 0, or 1 to 3 in a conflict. tag: `ls-files -v`'s letter."""

    mode: str
    id: str
    stage: int
    path: str
    tag: str


@dataclass(frozen=True)
class Snapshot:
    """What a worktree held at one moment.

    files: tree of all tracked and untracked files as they are on disk. staged: tree of the
    index; where paths are in conflict, without these. conflicts: stage ("1" to "3") ->
    path -> entry. index: the index file itself, None when there is none yet.
    left_out: paths, relative to the worktree, that are in no tree.
    """

    files: str
    staged: str
    conflicts: Mapping[str, Mapping[str, Entry]]
    index: bytes | None
    left_out: tuple[str, ...]


def take_snapshot(
    repo: Repository,
    path: Path,
    *,
    largest: int,
    exclude: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
) -> Snapshot:
    """The worktree at `path`, now. largest: bytes; bigger untracked files are left out.

    exclude: other worktrees; where nested in this one they are left out too.
    env: e.g. GIT_OBJECT_DIRECTORY, to put the objects elsewhere.
    """
    with _copied_index(path) as (copy, raw):
        ask = _asker(repo, path, {**(env or {}), "GIT_INDEX_FILE": str(copy)})
        if raw is not None and _is_split(path):
            ask("update-index", "--no-split-index")
            raw = copy.read_bytes()
        before = _read_index(ask)
        conflicts = _conflicts(before)
        if conflicts:
            _drop(ask, [line.path for line in before if line.stage])
        staged = ask("write-tree").decode().strip()
        _clear_flags(ask, path, before)
        nested = _nested(path, exclude)
        large = _too_large(ask, path, largest)
        excluded = [f":(top,exclude,literal){name}" for name in (*nested, *large)]
        ask("add", "--all", "--sparse", "--ignore-errors", "--", ":/", *excluded, ok=(0, 1, 128))
        repositories = _new_gitlinks(before, _read_index(ask))
        _drop(ask, repositories)
        missed = _missed(ask, (*nested, *large, *repositories))
        files = ask("write-tree").decode().strip()
    return Snapshot(files, staged, conflicts, raw, (*large, *repositories, *missed))


def conflict_trees(batch: Batch, reader: Reader, snapshot: Snapshot) -> dict[str, Entry]:
    """One tree per stage, so that gc keeps the blobs a conflicted index refers to."""
    return {
        stage: Entry(FOLDER, graft(batch, reader, None, dict(entries)))
        for stage, entries in snapshot.conflicts.items()
    }


def switch_files(repo: Repository, path: Path, old: str, new: str) -> None:
    """Turn the files of the worktree at `path` from tree `old` into tree `new`, or change none.

    A file that is not what `old` says (somebody wrote it meanwhile), or an untracked one in
    the way, stops it before anything changed: Contended. The index is not touched.
    """
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        ask = _asker(repo, path, {"GIT_INDEX_FILE": str(Path(folder) / "index")})
        ask("read-tree", "--no-sparse-checkout", old)
        ask("update-index", "-q", "--refresh", ok=(0, 1))
        try:
            ask("read-tree", "-m", "-u", "--no-sparse-checkout", old, new)
        except GitFailed as failure:
            raise Contended(
                f"files in {path} changed while gitcoord was at it; nothing was touched",
                hint=f"let the agent there finish, then try again (git -C '{path}' status)",
            ) from failure


def restore_files(repo: Repository, path: Path, tree: str) -> None:
    """Write the files of `tree` into the worktree at `path`; the index is not touched."""
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        ask = _asker(repo, path, {"GIT_INDEX_FILE": str(Path(folder) / "index")})
        ask("read-tree", "--no-sparse-checkout", tree)
        ask("checkout-index", "--all", "--force", "--quiet")


def restore_index(repo: Repository, path: Path, snapshot_index: bytes | None, staged: str) -> None:
    """Put an index back, conflicts and flags included, and look at the files anew."""
    git_dir = git_dir_of(path)
    if git_dir is None:
        raise NoSuch(f"{path} is no worktree any more")
    if snapshot_index is None:
        repo.run("read-tree", staged, at=path)
    else:
        (git_dir / "index").write_bytes(snapshot_index)
    repo.run("update-index", "-q", "--refresh", at=path, ok=(0, 1))


def differs(repo: Repository, path: Path, tree: str) -> list[str]:
    """Paths whose file on disk is not what `tree` says: added or changed, not missing ones."""
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        ask = _asker(repo, path, {"GIT_INDEX_FILE": str(Path(folder) / "index")})
        ask("read-tree", tree)
        ask("add", "--all", "--sparse", "--ignore-errors", "--", ":/", ok=(0, 1, 128))
        said = ask("diff-index", "--cached", "--name-only", "-z", "--diff-filter=AMT", tree)
    return [name for name in os.fsdecode(said).split("\0") if name]


_Ask = Callable[..., bytes]


def _asker(repo: Repository, path: Path, env: Mapping[str, str]) -> _Ask:
    def ask(*argv: str, input: bytes = b"", ok: Sequence[int] = (0,)) -> bytes:  # noqa: A002
        return repo.run(*_ALONE, *argv, input=input, ok=ok, env=env, at=path).out

    return ask


@contextmanager
def _copied_index(path: Path) -> Iterator[tuple[Path, bytes | None]]:
    git_dir = git_dir_of(path)
    if git_dir is None:
        raise NoSuch(f"{path} is no worktree any more", hint="see: gitcoord doctor")
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        copy = Path(folder) / "index"
        raw = None
        if (git_dir / "index").exists():
            # copy2: git trusts a cached stat only if the index is younger than the file.
            shutil.copy2(git_dir / "index", copy)
            raw = copy.read_bytes()
        yield copy, raw


def _is_split(path: Path) -> bool:
    """A split index is useless without its other half, which git drops after a while."""
    git_dir = git_dir_of(path)
    return git_dir is not None and any(git_dir.glob("sharedindex.*"))


def _read_index(ask: _Ask) -> list[Staged]:
    lines = os.fsdecode(ask("ls-files", "-v", "--stage", "-z")).split("\0")
    return [_parse_staged(line) for line in lines if line]


def _parse_staged(line: str) -> Staged:
    head, _, path = line.partition("\t")
    tag, mode, oid, stage = head.split(" ")
    return Staged(mode, oid, int(stage), path, tag)


def _conflicts(lines: Sequence[Staged]) -> dict[str, dict[str, Entry]]:
    found: dict[str, dict[str, Entry]] = {}
    for line in lines:
        if line.stage:
            found.setdefault(str(line.stage), {})[line.path] = Entry(line.mode, line.id)
    return found


def _drop(ask: _Ask, paths: Sequence[str]) -> None:
    if paths:
        wanted = "".join(f"{path}\0" for path in dict.fromkeys(paths))
        ask("update-index", "-z", "--force-remove", "--stdin", input=os.fsencode(wanted))


def _clear_flags(ask: _Ask, path: Path, lines: Sequence[Staged]) -> None:
    """Changes hidden by assume-unchanged or skip-worktree are work as well."""
    assumed = [line.path for line in lines if line.tag.islower()]
    skipped = [
        line.path for line in lines if line.tag in "Ss" and os.path.lexists(path / line.path)
    ]
    for option, names in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)):
        if names:
            wanted = "".join(f"{name}\0" for name in names)
            ask("update-index", option, "-z", "--stdin", input=os.fsencode(wanted))


def _nested(path: Path, exclude: Sequence[Path]) -> list[str]:
    return [
        os.path.relpath(other, path)
        for other in exclude
        if other != path and other.is_relative_to(path)
    ]


def _too_large(ask: _Ask, path: Path, largest: int) -> list[str]:
    untracked = os.fsdecode(ask("ls-files", "--others", "--exclude-standard", "-z")).split("\0")
    return [name for name in untracked if name and _size(path / name) > largest]


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except OSError:
        return 0


def _new_gitlinks(before: Sequence[Staged], after: Sequence[Staged]) -> list[str]:
    """Repositories inside the worktree that git would record as a bare commit id."""
    known = {line.path for line in before if line.mode == SUBMODULE}
    return [line.path for line in after if line.mode == SUBMODULE and line.path not in known]


def _missed(ask: _Ask, known: Sequence[str]) -> list[str]:
    """What is on disk and still not in the copied index after `add`: a filter or a read failed."""
    changed = ask("diff-files", "--name-only", "-z", "--diff-filter=AMT", "--ignore-submodules=all")
    others = ask("ls-files", "--others", "--exclude-standard", "-z")
    names = [name for name in os.fsdecode(changed + others).split("\0") if name]
    prefixes = tuple(f"{name}/" for name in known)
    return [
        name
        for name in dict.fromkeys(names)
        if name not in known and not f"{name.rstrip('/')}/".startswith(prefixes)
    ]
