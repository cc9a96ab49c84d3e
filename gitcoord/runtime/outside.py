"""All that an agent has no business to change, as it is at one moment.

Promises: nothing is written, no hook and no fsmonitor program runs; contents are compared, not
times, up to 64 MB of uncommitted files for each worktree.
Refuses: to look behind assume-unchanged and skip-worktree, and at ignored files that no pattern of
`precious` names.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.run import Output, Several
from gitcoord.git.worktrees import Linked, admin_dirs, find_operation, list_worktrees
from gitcoord.process import cores, is_held
from gitcoord.records import now
from gitcoord.worktrees.mark import read_mark

FILE, UNTRACKED, IGNORED = "file", "untracked", "ignored"
CONFIG, HOOK = "config", "hook"
REMOTES = "refs/remotes"
_REFS = ("refs/heads", "refs/tags", "refs/stash", "refs/notes", "refs/replace", REMOTES)
_STATUS = (
    *("-c", "core.preloadIndex=false", "-c", "core.fsmonitor=false"),
    *("status", "--porcelain=v2", "-z", "--no-renames"),
    *("--untracked-files=all", "--ignored=matching"),
)
_READ = 64 << 20
_FRESH = 50_000_000  # ns: a stamp this young may hide a write in the same tick of the clock


@dataclass(frozen=True)
class Content:
    """A file that is not as committed. digest: None when it was not read."""

    stamp: tuple[int, ...]
    digest: str | None
    read_at: int = 0

    def same(self, other: Content) -> bool:
        if self.digest and other.digest:
            return self.digest == other.digest
        return self.stamp[:3] == other.stamp[:3]

    def __str__(self) -> str:
        return f"{self.stamp[1]} bytes{f' ({self.digest[:8]})' if self.digest else ''}"


@dataclass(frozen=True)
class Seen:
    """One worktree at one moment.

    id: its mark, "" when it is none of ours. readable: git could say what is there. staged: path
    -> its line of the index, where that is not the commit's. kinds: path -> FILE (not as in the
    index), UNTRACKED or IGNORED. files: path -> what is on disk of these two, None when gone.
    """

    head: str
    branch: str
    operation: str
    readable: bool
    staged: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Content | None] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    id: str = ""


@dataclass(frozen=True)
class Before:
    """All that is compared, as `look` saw it. leases: ids held then. time: RFC 3339."""

    time: str
    worktrees: Mapping[Path, Seen]
    refs: Mapping[str, str]
    stash: str
    shared: Mapping[str, Mapping[str, bytes]]
    leases: frozenset[str]
    precious: tuple[str, ...] = ()


def look(repo: Repository, *, precious: Sequence[str] = (), known: Before | None = None) -> Before:
    """Everything outside, now. precious: patterns of ignored files that count as well.

    known: an earlier look; files whose times are as they were are not read again.
    Two git processes, and one for each worktree.
    """
    listed = [one for one in list_worktrees(repo) if not one.bare and one.prunable is None]
    folders = [one.path for one in listed if one.path.is_dir()]
    with Several(_STATUS, folders, at_once=cores()) as asked:
        refs = read_refs(repo, *_REFS)
        shared = {what: dict(files) for what, files in _shared(repo)}
        leases = frozenset(_leases(repo))
        admins = admin_dirs(repo)
        said = asked.outputs()
    inside = {path: [one for one in folders if one != path] for path in folders}
    earlier = known.worktrees if known else {}
    seen = {
        one.path: _seen(
            one, said.get(one.path), admins.get(one.path, repo.common_dir), inside[one.path],
            precious, earlier.get(one.path),
        )
        for one in listed
        if one.path in inside
    }  # fmt: skip
    stash = _stash(repo)
    return Before(now(), seen, refs, stash, shared, leases, tuple(precious))


def _seen(
    linked: Linked, said: Output | None, git_dir: Path, others: Sequence[Path],
    precious: Sequence[str], earlier: Seen | None,
) -> Seen:  # fmt: skip
    head, branch = linked.head or "", linked.branch_name or ""
    operation = find_operation(git_dir) or ""
    mark = read_mark(git_dir) or ""
    if said is None or said.code:
        return Seen(head, branch, operation, False, id=mark)
    inside = [os.path.relpath(one, linked.path) for one in others if _below(one, linked.path)]
    staged: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for name, index, kind in _lines(said):
        if any(name.rstrip("/") == one or name.startswith(f"{one}/") for one in inside):
            continue
        if index:
            staged[name] = index
        if kind == IGNORED and not any(fnmatchcase(Path(name).name, one) for one in precious):
            continue
        if kind:
            kinds[name] = kind
    wanted = dict.fromkeys([*kinds, *staged, *(earlier.files if earlier else ())])
    files = _contents(linked.path, wanted, earlier)
    return Seen(head, branch, operation, True, staged, files, kinds, mark)


def _lines(said: Output) -> Iterator[tuple[str, str, str]]:
    """(path, what the index has where it is not the commit's, kind of what is on disk)."""
    for line in said.fields():
        if line[0] in "?!":
            yield line[2:], "", UNTRACKED if line[0] == "?" else IGNORED
        elif line[0] == "1":
            _, xy, sub, _, mode, _, _, oid, name = line.split(" ", 8)
            kind = FILE if xy[1] != "." else ""
            yield name, f"{xy[0]} {mode} {oid}" if xy[0] != "." else "", kind and f"{kind} {sub}"
        elif line[0] == "u":
            parts = line.split(" ", 10)
            yield parts[10], " ".join(parts[1:10]), FILE


def _contents(top: Path, names: Iterable[str], earlier: Seen | None) -> dict[str, Content | None]:
    """Also what differed earlier and does not now: it may have been staged as it was."""
    found: dict[str, Content | None] = {}
    left = _READ
    for name in names:
        known = earlier.files.get(name) if earlier else None
        found[name] = content = _content(top / name, known, left)
        if content and content.digest and content is not known:
            left -= content.stamp[1]
    return found


def _content(file: Path, known: Content | None, left: int) -> Content | None:
    moment = time.time_ns()
    try:
        at = file.lstat()
        if stat.S_ISDIR(at.st_mode):
            return Content((stat.S_IFDIR, 0, 0), None)
        stamp = (at.st_mode, at.st_size, at.st_mtime_ns, at.st_ctime_ns, at.st_ino)
        if known and known.stamp == stamp and stamp[3] < known.read_at - _FRESH:
            return known
        if stat.S_ISLNK(at.st_mode):
            return Content(stamp, hashlib.sha256(os.fsencode(file.readlink())).hexdigest(), moment)
        if not stat.S_ISREG(at.st_mode) or at.st_size > left:
            return Content(stamp, None, moment)
        with file.open("rb") as opened:
            kind = b"x" if at.st_mode & stat.S_IXUSR else b"-"
            digest = hashlib.file_digest(opened, lambda: hashlib.sha256(kind)).hexdigest()
        return Content(stamp, digest, moment)
    except OSError:
        return None


def _stash(repo: Repository) -> str:
    """All of the stash, as its log: dropping an older entry moves no ref."""
    try:
        return (repo.common_dir / "logs" / "refs" / "stash").read_text("utf-8", "replace")
    except OSError:
        return ""


def _shared(repo: Repository) -> Iterator[tuple[str, dict[str, bytes]]]:
    """What every worktree obeys: it decides which programs git runs."""
    own = repo.common_dir
    info = [own / "info" / name for name in ("attributes", "exclude", "grafts", "sparse-checkout")]
    admins = sorted((own / "worktrees").glob("*/config.worktree"))
    files = [own / "config", own / "config.worktree", *info, *admins, repo.own_dir / "config.toml"]
    yield CONFIG, {str(file): content for file in files if (content := _bytes(file)) is not None}
    # The last one is what run.py gives every git of ours.
    folder = next(reversed(repo.settings.get("core.hookspath", [])[:-1]), "")
    hooks = (own.parent / Path(folder).expanduser()) if folder else own / "hooks"
    with suppress(OSError):
        listed = [file for file in sorted(hooks.iterdir()) if file.suffix != ".sample"]
        yield HOOK, {str(file): _hook(file) for file in listed}


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def _hook(file: Path) -> bytes:
    try:
        return b"%o %s" % (file.stat().st_mode, hashlib.sha256(file.read_bytes()).digest())
    except OSError:
        return b""


def _leases(repo: Repository) -> Iterator[str]:
    for file in (repo.own_dir / "leases").glob("*.toml"):
        if is_held(repo.own_dir, file.stem):
            yield file.stem


def _below(path: Path, top: Path) -> bool:
    return path != top and path.is_relative_to(top)
