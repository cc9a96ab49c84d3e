"""A worktree's uncommitted state as trees, and trees as a worktree's files.

Promises: the worktree's index, files and stash are only read; everything happens on a
copy of the index, also while somebody holds `index.lock`. What git cannot put into a
tree (nested repositories, files over a size, files a filter refuses) is named in
`left_out`, never dropped in silence. File contents are what git would commit: clean
filters and line-ending conversion apply, as they do on the way back.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import Contended, GitFailed, NoSuch
from gitcoord.git.objects import (
    FOLDER,
    LINK,
    SUBMODULE,
    Batch,
    Entry,
    Reader,
    graft,
    object_id,
)
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import git_dir_of

# No daemon and no cache may write beside the copy, and submodules are left to themselves.
_ALONE = (
    "-c", "core.fsmonitor=false",
    "-c", "core.splitIndex=false",
    "-c", "core.untrackedCache=false",
    "-c", "submodule.recurse=false",
    "-c", "advice.addEmbeddedRepo=false",
)  # fmt: skip
_CHUNK = 1 << 20


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
    left_out: paths, relative to the worktree, that are in no tree, or not as they are on disk.
    submodules: paths of those that are filled; of these `files` holds the commit id only.
    absent: paths in `files` that the index says to skip and that are not on disk.
    """

    files: str
    staged: str
    conflicts: Mapping[str, Mapping[str, Entry]]
    index: bytes | None
    left_out: tuple[str, ...]
    submodules: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


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
    with _copied_index(git_dir_of(path)) as (copy, raw):
        ask = _asker(repo, path, {**(env or {}), "GIT_INDEX_FILE": str(copy)})
        raw = _unsplit(ask, path, copy, raw)
        before = _read_index(ask)
        conflicts = _conflicts(before)
        _drop(ask, [line.path for line in before if line.stage])
        staged = ask("write-tree").decode().strip()
        _track(ask, conflicts)
        _clear_flags(ask, path, before)
        unfit = [*_nested(path, exclude), *_unfit(ask, path, largest)]
        _add_all(ask, unfit)
        after = _read_index(ask)
        repositories = _new_gitlinks(before, after)
        _drop(ask, repositories)
        missed = _missed(ask, (*unfit, *repositories))
        files = ask("write-tree").decode().strip()
    submodules = [one.path for one in after if one.mode == SUBMODULE and _is_filled(path, one)]
    return Snapshot(
        files, staged, conflicts, raw, (*unfit, *repositories, *missed),
        tuple(dict.fromkeys(name for name in submodules if name not in repositories)),
        tuple(one.path for one in before if one.tag in "Ss" and not _is_there(path, one)),
    )  # fmt: skip


def take_index(repo: Repository, admin: Path) -> Snapshot:
    """What is staged in a worktree whose folder is gone. admin: its git dir."""
    with _copied_index(admin) as (copy, raw):
        ask = _asker(repo, admin, {"GIT_INDEX_FILE": str(copy), "GIT_DIR": str(admin)})
        raw = _unsplit(ask, admin, copy, raw)
        before = _read_index(ask)
        _drop(ask, [line.path for line in before if line.stage])
        staged = ask("write-tree").decode().strip()
    return Snapshot(staged, staged, _conflicts(before), raw, ())


def find_hidden(repo: Repository, path: Path) -> list[str]:
    """Changed files that `git status` does not show: assume-unchanged, skip-worktree."""
    with _copied_index(git_dir_of(path)) as (copy, _):
        ask = _asker(repo, path, {"GIT_INDEX_FILE": str(copy)})
        flagged = [line for line in _read_index(ask) if line.tag != "H" and not line.stage]
        if not flagged:
            return []
        _clear_flags(ask, path, flagged)
        ask("update-index", "-q", "--refresh", ok=(0, 1))
        changed = _names(ask("diff-files", "--name-only", "-z", "--ignore-submodules=all"))
    return sorted(changed & {line.path for line in flagged})


def find_unlike(repo: Repository, path: Path, head: str | None, files: str) -> list[str]:
    """Files changed since `head` that tree `files` would not give back as they are on disk:
    a filter or a conversion of line endings changed their bytes on the way in, or their
    permissions are other than git's two."""
    empty = object_id(repo.object_format, "tree", b"")
    listed = repo.run(
        "diff-tree", "-r", "-z", "--no-renames", "--diff-filter=AMT", head or empty, files
    )
    fields = listed.fields()
    return [
        name
        for line, name in zip(fields[::2], fields[1::2], strict=True)
        if not _is_like(path / name, *line.split(" ")[1:4:2], object_format=repo.object_format)
    ]


def conflict_trees(batch: Batch, reader: Reader, snapshot: Snapshot) -> dict[str, Entry]:
    """One tree per stage, so that gc keeps the blobs a conflicted index refers to."""
    return {
        stage: Entry(FOLDER, graft(batch, reader, None, dict(entries)))
        for stage, entries in snapshot.conflicts.items()
    }


def switch_files(
    repo: Repository, path: Path, old: str, new: str, *, keep: Sequence[int] = ()
) -> None:
    """Turn the files of the worktree at `path` from tree `old` into tree `new`, or change none.

    A file that is not what `old` says (somebody wrote it meanwhile), or an untracked one in
    the way, stops it before anything changed: Contended. The index is not touched.
    """
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        ask = _asker(repo, path, {"GIT_INDEX_FILE": str(Path(folder) / "index")}, keep)
        ask("read-tree", "--no-sparse-checkout", old)
        ask("update-index", "-q", "--refresh", ok=(0, 1))
        try:
            ask("read-tree", "-m", "-u", "--no-sparse-checkout", old, new)
        except GitFailed as failure:
            raise Contended(
                f"files in {path} changed while gitcoord was at it; nothing was touched",
                hint=f"let the agent there finish, then try again (git -C '{path}' status)",
            ) from failure


def restore_files(
    repo: Repository, path: Path, tree: str, *, besides: Sequence[str], keep: Sequence[int] = ()
) -> None:
    """Write the files of `tree`, without those in `besides`, over what is in the worktree at
    `path`; the index is not touched."""
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        ask = _asker(repo, path, {"GIT_INDEX_FILE": str(Path(folder) / "index")}, keep)
        ask("read-tree", "--no-sparse-checkout", tree)
        _drop(ask, besides)
        ask("checkout-index", "--all", "--force", "--quiet")


def restore_index(
    repo: Repository, path: Path, index: bytes | None, staged: str, *, keep: Sequence[int] = ()
) -> None:
    """Put an index back, conflicts and flags included, and look at the files anew."""
    git_dir = git_dir_of(path)
    if git_dir is None:
        raise NoSuch(f"{path} is no worktree any more", hint="see: git worktree list")
    if index is None:
        repo.run("read-tree", "--reset", staged, at=path, keep=keep)
    else:
        fresh = git_dir / "index.gitcoord"
        fresh.write_bytes(index)
        fresh.replace(git_dir / "index")
    repo.run("update-index", "-q", "--refresh", at=path, ok=(0, 1), keep=keep)


def differs(repo: Repository, path: Path, tree: str) -> list[str]:
    """Paths below the folder `path` that are not what `tree` says: added or changed, not
    missing ones. The folder needs no working `.git`. Raises GitFailed: unknown is not "none".
    """
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        where = {"GIT_DIR": str(repo.common_dir), "GIT_WORK_TREE": str(path)}
        ask = _asker(repo, path, {**where, "GIT_INDEX_FILE": str(Path(folder) / "index")})
        ask("read-tree", "--no-sparse-checkout", tree)
        ask("add", "--all", "--sparse", "--", ":/")
        said = ask("diff-index", "--cached", "--name-only", "-z", "--diff-filter=AMT", tree)
    return sorted(_names(said))


_Ask = Callable[..., bytes]


def _asker(repo: Repository, path: Path, env: Mapping[str, str], keep: Sequence[int] = ()) -> _Ask:
    def ask(*argv: str, input: bytes = b"", ok: Sequence[int] = (0,)) -> bytes:  # noqa: A002
        return repo.run(*_ALONE, *argv, input=input, ok=ok, env=env, at=path, keep=keep).out

    return ask


@contextmanager
def _copied_index(git_dir: Path | None) -> Iterator[tuple[Path, bytes | None]]:
    if git_dir is None:
        raise NoSuch("the worktree is gone", hint="see: gitcoord doctor")
    with tempfile.TemporaryDirectory(prefix="gitcoord-") as folder:
        copy = Path(folder) / "index"
        raw = None
        if (git_dir / "index").exists():
            # copy2: git trusts a cached stat only if the index is younger than the file.
            shutil.copy2(git_dir / "index", copy)
            raw = copy.read_bytes()
        yield copy, raw


def _unsplit(ask: _Ask, path: Path, copy: Path, raw: bytes | None) -> bytes | None:
    """A split index is useless without its other half, which git drops after a while."""
    git_dir = git_dir_of(path) or path
    if raw is None or not any(git_dir.glob("sharedindex.*")):
        return raw
    ask("update-index", "--no-split-index")
    return copy.read_bytes()


def _names(listed: bytes) -> set[str]:
    return {name for name in os.fsdecode(listed).split("\0") if name}


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


def _track(ask: _Ask, conflicts: Mapping[str, Mapping[str, Entry]]) -> None:
    """Paths in conflict stay tracked, or an ignore rule would hide what is on disk of them."""
    entries = {path: entry for stage in conflicts.values() for path, entry in stage.items()}
    lines = "".join(f"{one.mode} {one.id} 0\t{path}\0" for path, one in entries.items())
    if lines:
        ask("update-index", "-z", "--index-info", input=os.fsencode(lines))


def _clear_flags(ask: _Ask, path: Path, lines: Sequence[Staged]) -> None:
    """Changes hidden by assume-unchanged or skip-worktree are work as well."""
    assumed = [line.path for line in lines if line.tag.islower()]
    skipped = [line.path for line in lines if line.tag in "Ss" and _is_there(path, line)]
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


def _unfit(ask: _Ask, path: Path, largest: int) -> list[str]:
    """Untracked repositories, which git lists with a slash at the end, and large files."""
    names = _names(ask("ls-files", "--others", "--exclude-standard", "-z"))
    return sorted(
        name.rstrip("/") for name in names if name[-1] == "/" or _size(path / name) > largest
    )


def _add_all(ask: _Ask, besides: Sequence[str]) -> None:
    """Everything on disk into the copied index. A filter that fails stops it before it began:
    then what is gone is taken out at least, and what was changed is found to be missed."""
    wanted = [":/", *(f":(top,exclude,literal){name}" for name in besides)]
    ask(
        "add", "--all", "--sparse", "--ignore-errors",
        "--pathspec-from-file=-", "--pathspec-file-nul",
        input=os.fsencode("\0".join(wanted)), ok=(0, 1, 128),
    )  # fmt: skip
    gone = ask("diff-files", "--name-only", "-z", "--diff-filter=D", "--ignore-submodules=all")
    _drop(ask, sorted(_names(gone)))


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
    prefixes = tuple(f"{name}/" for name in known)
    return [
        name.rstrip("/")
        for name in sorted(_names(changed + others))
        if not f"{name.rstrip('/')}/".startswith(prefixes)
    ]


def _is_there(path: Path, line: Staged) -> bool:
    return os.path.lexists(path / line.path)


def _is_filled(path: Path, line: Staged) -> bool:
    folder = path / line.path
    return folder.is_dir() and not folder.is_symlink() and any(folder.iterdir())


def _is_like(file: Path, mode: str, oid: str, *, object_format: str) -> bool:
    """Whether a checkout of a blob without any conversion gives the file as it is on disk."""
    if mode in (SUBMODULE, LINK):
        return True
    try:
        seen = file.lstat()
        if stat.S_IMODE(seen.st_mode) & ~0o777 or not seen.st_mode & stat.S_IWUSR:
            return False
        if not seen.st_mode & (stat.S_IRGRP | stat.S_IROTH):
            return False
        digest = hashlib.new(object_format, b"blob %d\0" % seen.st_size)
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return False
    return digest.hexdigest() == oid
