"""Who last touched which lines of a file, as of a commit.

Promises: one git process for any number of ranges of one file; white space alone makes
nobody the last to touch a line. Refuses: to fetch what a partial clone left out.

`git blame --incremental` is read here and not by GitPython: measured, importing it takes
56 ms, it hands git the caller's `GIT_*` (they can be overlaid, not dropped), and it has no
time limit that ends what git started. The format is twelve kinds of line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gitcoord.git.history import LOCAL_ONLY, Patience, stream
from gitcoord.git.repository import Repository

__all__ = ["LOCAL_ONLY", "Blamed", "blame_lines", "unquoted"]


@dataclass(frozen=True, slots=True)
class Blamed:
    """Lines `first` to `last` (from 1, both included) were last touched by `commit`.

    path, first_then: where they stood in that commit. time: the author's, seconds since 1970.
    """

    first: int
    last: int
    commit: str
    author: str
    time: int
    subject: str
    path: str
    first_then: int


def blame_lines(
    repo: Repository,
    commit: str,
    path: str,
    ranges: Sequence[tuple[int, int]] = (),
    *,
    ignoring: Iterable[str] = (),
    patience: Patience | None = None,
) -> list[Blamed]:
    """The last touch of lines `ranges` (all lines when empty) of `path` as of `commit`.

    ignoring: object ids of commits to look through, e.g. reformattings; they must exist.
    Ordered by line. Raises GitFailed, also when a range starts beyond the file's end.
    """
    # A file of commits to ignore that the user set, but this worktree lacks, would be fatal.
    argv = ["blame", "--incremental", "--encoding=UTF-8", "-w", "--no-ignore-revs-file"]
    argv += [f"-L{first},{last}" for first, last in ranges]
    argv += [f"--ignore-rev={oid}" for oid in ignoring]
    argv += ["--root", commit, "--", path]
    lines = _lines(stream(repo, argv, patience))
    return sorted(_entries(lines), key=lambda blamed: blamed.first)


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from map(os.fsdecode, whole)


def _entries(lines: Iterable[str]) -> Iterator[Blamed]:
    """A commit's author and subject are told once; each entry ends with its `filename`."""
    known: dict[str, dict[str, str]] = {}
    head: list[str] = []
    for line in lines:
        key, _, value = line.partition(" ")
        if not head:
            head = line.split(" ")
            about = known.setdefault(head[0], {})
        elif key != "filename":
            about[key] = value
        else:
            oid, then, now, count = head[0], int(head[1]), int(head[2]), int(head[3])
            yield Blamed(
                first=now,
                last=now + count - 1,
                commit=oid,
                author=about.get("author", ""),
                time=int(about.get("author-time", "0") or 0),
                subject=about.get("summary", ""),
                path=unquoted(value),
                first_then=then,
            )
            head = []


_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_LETTERS = dict(zip(b"abtnvfr", b"\a\b\t\n\v\f\r", strict=True))


def unquoted(name: str) -> str:
    """A path as git's C-style quoting hid it; anything else as it is."""
    if len(name) < 2 or not (name.startswith('"') and name.endswith('"')):
        return name

    def plain(match: re.Match[bytes]) -> bytes:
        said = match[1]
        if len(said) == 3:
            return bytes([int(said, 8) & 255])
        return bytes([_LETTERS.get(said[0], said[0])])

    return os.fsdecode(_ESCAPE.sub(plain, os.fsencode(name[1:-1])))
