"""The files of a checkout of the target: what stands in the way of moving them, and the move.

Promises: looking writes nothing, the index is only copied; a path that is not as the old commit
has it is never written over. Ignored files count as somebody's: git itself would overwrite them.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gitcoord.errors import Refused
from gitcoord.git.objects import SUBMODULE, Batch, Entry, Reader, graft
from gitcoord.git.repository import Repository

# No daemon and no cache may write beside the copy, and submodules are left to themselves.
_ALONE = (
    "-c", "core.fsmonitor=false",
    "-c", "core.splitIndex=false",
    "-c", "core.untrackedCache=false",
    "-c", "submodule.recurse=false",
)  # fmt: skip

_TORN_SECONDS = 2.0


@dataclass(frozen=True)
class Checkout:
    """A worktree and its git dir."""

    path: Path
    admin: Path


class Step(NamedTuple):
    """What a path is before and after; None: it is not there."""

    old: Entry | None
    new: Entry | None


Steps = Mapping[str, Step]


def read_steps(repo: Repository, old: str, new: str) -> dict[str, Step]:
    """The paths that differ between two commits."""
    listed = repo.run("diff-tree", "-r", "-z", "--no-renames", old, new).fields()
    found = {}
    for line, path in zip(listed[::2], listed[1::2], strict=True):
        before, after, was, is_now, _ = line[1:].split(" ")
        found[path] = Step(_entry(before, was), _entry(after, is_now))
    return found


def in_the_way(ask: Asker, checkout: Checkout, old: str, steps: Steps) -> list[tuple[str, str]]:
    """(path, why) of what a move from commit `old` would overwrite. ask: on a copy of the index,
    in which the paths of `steps` are as git will compare them afterwards.

    Files are looked at anew only if one of these seems changed: of 5,000 that took 20 ms.
    """
    _show_flagged(ask, checkout, steps)
    staged = ask(
        "diff-index", "--cached", "--name-status", "-z", "--no-renames",
        "--ignore-submodules=none", old, "--",
    )  # fmt: skip
    unstaged = _changed_on_disk(ask, steps)
    if unstaged:
        ask("update-index", "-q", "--refresh", ok=(0, 1))
        unstaged = _changed_on_disk(ask, steps)
    found: dict[str, str] = {}
    for state, path in zip(staged[::2], staged[1::2], strict=True):
        if state == "U":
            found[path] = "is in conflict"
        elif path in steps:
            found[path] = "has staged changes"
    for path in unstaged:
        found.setdefault(path, "has uncommitted changes")
    for path, step in steps.items():
        if path not in found and step.new is not None:
            found |= dict.fromkeys(_untracked(checkout.path, path, step, steps), "is untracked")
    return sorted(found.items())


def _changed_on_disk(ask: Asker, steps: Steps) -> list[str]:
    changed = ask("diff-files", "--name-only", "-z", "--ignore-submodules=all")
    return [path for path in changed if path in steps]


class Asker:
    """git on a copy of a checkout's index."""

    def __init__(
        self, repo: Repository, checkout: Checkout, index: Path, keep: Sequence[int] = ()
    ) -> None:
        self._repo, self._path, self._keep = repo, checkout.path, keep
        self._env = {"GIT_INDEX_FILE": str(index)}

    def __call__(self, *argv: str, ok: Sequence[int] = (0,), input: bytes = b"") -> list[str]:  # noqa: A002
        """stdout, split at NUL. Raises GitFailed."""
        return self._repo.run(
            *_ALONE, *argv, ok=ok, input=input, env=self._env, at=self._path, keep=self._keep
        ).fields()


@contextmanager
def copied_index(checkout: Checkout) -> Iterator[Path]:
    """A copy of the index that is as old as the index: git trusts a cached stat only if the
    index is younger than the file."""
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        copy = Path(folder) / "index"
        copy_index(checkout, copy)
        yield copy


def copy_index(checkout: Checkout, copy: Path) -> None:
    """Raises Refused where there is none."""
    try:
        shutil.copy2(checkout.admin / "index", copy)
    except FileNotFoundError as error:
        raise Refused(
            f"{checkout.path} has no index: nobody can tell what was changed there",
            hint=f"see: git -C '{checkout.path}' status",
        ) from error


def bring(
    repo: Repository,
    checkout: Checkout,
    steps: Steps,
    *,
    back: bool,
    since: float | None = None,
    keep: Sequence[int] = (),
) -> list[str]:
    """Of the paths of `steps`, bring those to the new state that are in the old one; `back`: the
    other way round. Returns those that are in neither: somebody wrote there, and they stay.

    since: when git began to write files here and may have died of it; None: it did not.
    """
    sides = {path: Step(step.new, step.old) if back else step for path, step in steps.items()}
    there = _as_told(repo, checkout, {path: step.new for path, step in sides.items()}, keep)
    left = {path: step for path, step in sides.items() if path not in there}
    movable = _as_told(repo, checkout, {path: step.old for path, step in left.items()}, keep)
    moved = {path: step for path, step in left.items() if path in movable}
    last = None if since is None else _last_written(checkout.path, steps, left.keys(), since)
    for path, step in left.items() - moved.items():
        if last is not None and _is_torn(repo, checkout.path, path, step, last):
            (checkout.path / path).unlink(missing_ok=True)
            moved[path] = Step(None, step.new)
    if moved:
        old, new = (
            _partial(repo, {path: step[side] for path, step in moved.items()}) for side in (0, 1)
        )
        with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
            ask = Asker(repo, checkout, Path(folder) / "index", keep)
            ask("read-tree", old)
            ask("update-index", "-q", "--refresh", ok=(0, 1))
            ask("read-tree", "-m", "-u", old, new)
    return sorted(left.keys() - moved.keys())


def _as_told(
    repo: Repository, checkout: Checkout, wanted: Mapping[str, Entry | None], keep: Sequence[int]
) -> set[str]:
    """Those paths that are on disk as `wanted` says; also where a sparse checkout has none."""
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        ask = Asker(repo, checkout, Path(folder) / "index", keep)
        ask("read-tree", _partial(repo, wanted))
        ask("update-index", "-q", "--refresh", ok=(0, 1))
        unlike = set(ask("diff-files", "--name-only", "-z", "--ignore-submodules=all"))
    return {
        path
        for path, entry in wanted.items()
        if (path not in unlike if entry else not os.path.lexists(checkout.path / path))
    }


def _last_written(top: Path, steps: Steps, besides: Collection[str], since: float) -> float:
    """When git was last at work here: the newest file it wrote whole."""
    times = [since]
    for path in steps.keys() - besides:
        with suppress(OSError):
            times.append((top / path).lstat().st_mtime)
    return max(times)


def _is_torn(repo: Repository, top: Path, path: str, step: Step, last: float) -> bool:
    """Whether git was killed while it wrote this file: it is gone, or holds the beginning of
    what a checkout of either side gives, and nobody wrote it later than git could have."""
    file = top / path
    try:
        about = file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    led_away = file.parent.resolve() != (top.resolve() / path).parent
    if led_away or not stat.S_ISREG(about.st_mode) or about.st_mtime > last + _TORN_SECONDS:
        return False
    content = file.read_bytes()
    return any(
        _checked_out(repo, file, side.id).startswith(content)
        for side in step
        if side is not None and side.mode != SUBMODULE
    )


def _checked_out(repo: Repository, file: Path, blob: str) -> bytes:
    """A blob as a checkout writes it; "" when its filter fails."""
    asked = ("cat-file", "--filters", f"--path={file.name}", blob)
    return repo.run(*asked, at=file.parent, ok=range(256)).out


def _partial(repo: Repository, entries: Mapping[str, Entry | None]) -> str:
    """The tree of nothing but these."""
    batch = Batch(repo)
    with Reader(repo) as reader:
        tree = graft(batch, reader, None, {path: one for path, one in entries.items() if one})
    batch.write()
    return tree


def _show_flagged(ask: Asker, checkout: Checkout, steps: Steps) -> None:
    """Changes hidden by assume-unchanged or skip-worktree are changes as well."""
    lines = [line.split(" ", 1) for line in ask("ls-files", "-v", "-z")]
    flagged = [(tag, path) for tag, path in lines if tag != "H" and path in steps]
    assumed = [path for tag, path in flagged if tag.islower()]
    skipped = [p for tag, p in flagged if tag in "Ss" and os.path.lexists(checkout.path / p)]
    for option, names in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)):
        if names:
            listed = "".join(f"{name}\0" for name in names)
            ask("update-index", option, "-z", "--stdin", input=os.fsencode(listed))


def _untracked(top: Path, path: str, step: Step, steps: Steps) -> Iterator[str]:
    """What is on disk where a new path is to go, and belongs to nobody git knows."""
    parts = path.split("/")
    for count in range(1, len(parts)):
        above = "/".join(parts[:count])
        mode = _mode(top / above)
        if mode is None:
            return
        if not stat.S_ISDIR(mode):
            if not _goes(above, steps):
                yield above
            return
    mode = _mode(top / path)
    if mode is None:
        return
    if not stat.S_ISDIR(mode):
        if step.old is None or step.old.mode == SUBMODULE:
            yield path
        return
    yield from _kept_in(top, path, step, steps)


def _kept_in(top: Path, path: str, step: Step, steps: Steps) -> Iterator[str]:
    """Of a folder that is to become a file: what in it does not go along with it."""
    if step.new is not None and step.new.mode == SUBMODULE:
        if step.old is None and any((top / path).iterdir()):
            yield path
        return
    for folder, folders, files in os.walk(top / path):
        inner = os.path.relpath(folder, top)
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in (*files, *links):
            if not _goes(f"{inner}/{name}", steps):
                yield f"{inner}/{name}"
                return


def _goes(path: str, steps: Steps) -> bool:
    step = steps.get(path)
    return step is not None and step.old is not None and step.new is None


def _mode(file: Path) -> int | None:
    try:
        return file.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _entry(mode: str, oid: str) -> Entry | None:
    return Entry(mode, oid) if mode.strip("0") else None
