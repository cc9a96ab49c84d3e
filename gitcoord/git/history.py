"""History as values: commits with the paths they changed, streamed newest first.

Promises: one git process for any number of commits, and only as many held as the caller
keeps. Messages, names and paths in any bytes: a NUL ends each field, and git prints none
inside one. A process that is out of time is ended, and `Patience.cut` says so.
Refuses: to reach the network. In a partial clone git would fetch what is missing object
by object; here it is missing, and `sight` says what that hides.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from gitcoord.errors import Corrupt, GitFailed
from gitcoord.git.repository import Repository
from gitcoord.git.run import end_group, start

_FIELDS = ("%H", "%ct", "%aN", "%aE", "%P", "%s", "%b")
_FORMAT = "".join(f"{field}%x00" for field in _FIELDS)
# Whatever the user configured for reading logs by eye must not change what we parse.
PLAIN = (
    "--encoding=UTF-8", "--no-color", "--no-show-signature", "--no-renames", "--no-follow",
    "--no-ext-diff", "--no-textconv", "--no-relative", "--diff-merges=off", f"-O{os.devnull}",
)  # fmt: skip
# Statuses of `--name-status`; R and C carry two paths and come only when asked for.
_STATUSES = frozenset("AMDTUXBRC")
_CHUNK = 1 << 18

LOCAL_ONLY = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",  # git 2.45 and newer ask no further
    "GIT_GRAFT_FILE": os.devnull,
}


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit. time: seconds since 1970, committer's. paths: changed against its parent,
    renames as two paths; empty for merges, and where a shallow clone ends."""

    id: str
    time: int
    author: str
    mail: str
    parents: tuple[str, ...]
    subject: str
    body: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sight:
    """How far this clone sees. edge: commits whose parents were not fetched (shallow).

    blobs, trees: False when a partial clone left out old file contents, or folders too.
    """

    edge: frozenset[str]
    blobs: bool
    trees: bool

    @property
    def whole(self) -> bool:
        return not self.edge and self.blobs and self.trees


class Patience:
    """Seconds that several git processes share. cut: one of them was ended before it was done."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.cut = False
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())


def list_commits(
    repo: Repository,
    *revisions: str,
    limit: int = 0,
    since: str | None = None,
    until: str | None = None,
    within: Sequence[str] = (),
    options: Sequence[str] = (),
    with_paths: bool = True,
    patience: Patience | None = None,
) -> Iterator[Commit]:
    """Commits reachable from `revisions` (object ids or `a..b` of them), newest first.

    limit: at most that many, 0 for all. since, until: as `git log --since` takes them.
    within: pathspecs, see `literal`. options: further `git log` options, e.g. `-Sterm`.
    Raises GitFailed. Without `patience` there is no time limit; with it, what git said
    in time is yielded and `patience.cut` tells that there may be more.
    """
    seen = sight(repo)
    argv = ["log", "-z", f"--format={_FORMAT}", *PLAIN]
    argv += ["--name-status"] if with_paths and seen.trees else []
    argv += [f"--max-count={limit}"] if limit else []
    argv += [f"--since={since}"] if since else []
    argv += [f"--until={until}"] if until else []
    argv += [*options, "--end-of-options", *revisions, "--", *within]
    yield from _commits(_fields(stream(repo, argv, patience)), seen.edge)


def pickaxe(
    repo: Repository,
    at: str,
    term: str,
    *,
    patience: Patience,
    since: str | None = None,
    until: str | None = None,
    within: Sequence[str] = (),
    limit: int = 50,
) -> Iterator[Commit]:
    """Commits before `at` that changed how often `term` occurs, newest first (`git log -S`).

    git reads both sides of every changed file: 0.4 s for the 5,500 commits of a small
    repository, 7 s for 20,000 commits of 5,000 files. So it always has `patience`.
    """
    return list_commits(
        repo,
        at,
        limit=limit,
        since=since,
        until=until,
        within=within,
        options=(f"-S{term}",),
        with_paths=False,
        patience=patience,
    )


def literal(path: str) -> str:
    """The pathspec that means `path` and nothing else, from wherever git is run."""
    return f":(top,literal){path}"


def sight(repo: Repository) -> Sight:
    """What of the history is on this machine. Reads two files, starts no git of its own."""
    try:
        edge = frozenset((repo.common_dir / "shallow").read_text("ascii").split())
    except OSError:
        edge = frozenset()
    filters = [
        values[-1]
        for key, values in repo.settings.items()
        if key.startswith("remote.") and key.endswith(".partialclonefilter")
    ]
    return Sight(edge, blobs=not filters, trees=not any("tree:" in one for one in filters))


def stream(
    repo: Repository, argv: Sequence[str], patience: Patience | None = None
) -> Iterator[bytes]:
    """What git says, piece by piece, for output that may be larger than it should be held.

    Raises GitFailed at the end. Out of patience, or left early, git is ended at once.
    """
    # Flushing each record costs 20,000 writes, so only where we may have to stop between two.
    env = {**dict(repo.overlay), **LOCAL_ONLY, **({"GIT_FLUSH": "1"} if patience else {})}
    process = start(*argv, cwd=repo.home, env=env)
    assert process.stdout is not None and process.stderr is not None
    said = bytearray()
    try:
        with selectors.DefaultSelector() as pipes:
            pipes.register(process.stdout, selectors.EVENT_READ)
            pipes.register(process.stderr, selectors.EVENT_READ)
            while pipes.get_map():
                if patience and not patience.left:
                    patience.cut = True
                    return
                for key, _ in pipes.select(patience.left if patience else None):
                    piece = os.read(key.fd, _CHUNK)
                    if not piece:
                        pipes.unregister(key.fileobj)
                    elif key.fileobj is process.stdout:
                        yield piece
                    elif len(said) < _CHUNK:
                        said += piece
        if process.wait():
            raise GitFailed(argv, process.returncode, said.decode("utf-8", "replace"))
    finally:
        if process.poll() is None:
            end_group(process)
        with process:
            pass


def _fields(pieces: Iterable[bytes]) -> Iterator[str]:
    """What stands before each NUL. An end without one was cut off: it is dropped."""
    parts: list[bytes] = []
    for piece in pieces:
        end = piece.rfind(b"\0")
        if end < 0:
            parts.append(piece)
            continue
        parts.append(piece[:end])
        yield from os.fsdecode(b"".join(parts)).split("\0")
        parts = [piece[end + 1 :]]


def _commits(fields: Iterator[str], edge: frozenset[str]) -> Iterator[Commit]:
    """The shape: the fields of a commit and an empty one, then a status and a path in turn,
    the first status after a newline, until the next object id."""
    known: dict[str, str] = {}
    head = next(fields, None)
    while head is not None:
        if len(head) not in (40, 64):
            raise Corrupt(f"git log said {head[:60]!a} where an object id belongs")
        rest = tuple(islice(fields, len(_FIELDS)))
        if len(rest) < len(_FIELDS):
            return
        paths: list[str] = []
        status = next(fields, None)
        while status and (letter := status.lstrip("\n")[:1]) in _STATUSES and len(status) < 6:
            for path in islice(fields, 2 if letter in "RC" else 1):
                paths.append(known.setdefault(path, path))
            status = next(fields, None)
        yield _commit(head, rest, [] if head in edge else paths)
        head = status


def _commit(oid: str, rest: Sequence[str], paths: Sequence[str]) -> Commit:
    seconds, author, mail, parents, subject, body, _ = rest
    # A commit object made by hand can lack its date; git then prints nothing.
    moment = int(seconds) if seconds.lstrip("-").isdecimal() else 0
    return Commit(
        oid, moment, author, mail, tuple(parents.split()), subject, body.strip(), tuple(paths)
    )
