"""Patches as values: which lines each commit took away and put in.

Promises: one git process for any number of commits; the text of a patch, whatever it says,
is never mistaken for its shape, because every hunk is read by the counts in its head.
Refuses: merges (they show no patch), binary files, and more than LONGEST bytes of a line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gitcoord.git.blame import unquoted
from gitcoord.git.history import PLAIN, Patience, sight, stream
from gitcoord.git.repository import Repository

LONGEST = 2000
_PATCH = (
    "-p", "-U0", "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/",
    "--submodule=short", "--no-indent-heuristic",
)  # fmt: skip
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place a commit changed. old, new: the path before and after, None where there is none.

    old_start, new_start: first line on each side, from 1; with nothing removed (or added)
    the line after which it happened, as git counts. Lines come without their line end.
    """

    old: str | None
    new: str | None
    old_start: int
    new_start: int
    removed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def path(self) -> str:
        return self.new or self.old or ""


@dataclass(frozen=True, slots=True)
class Patch:
    """All hunks of one commit against its parent, in git's order."""

    commit: str
    hunks: tuple[Hunk, ...]


def list_patches(
    repo: Repository,
    *revisions: str,
    within: Sequence[str] = (),
    limit: int = 0,
    since: str | None = None,
    until: str | None = None,
    options: Sequence[str] = (),
    patience: Patience | None = None,
) -> Iterator[Patch]:
    """The patches of the commits reachable from `revisions`, newest first; see `list_commits`.

    Nothing where the clone has no old contents. A commit at a shallow clone's edge has none.
    """
    seen = sight(repo)
    if not seen.blobs:
        return
    argv = ["log", "--format=%H", *PLAIN, *_PATCH]
    argv += [f"--max-count={limit}"] if limit else []
    argv += [f"--since={since}"] if since else []
    argv += [f"--until={until}"] if until else []
    argv += [*options, "--end-of-options", *revisions, "--", *within]
    for patch in _patches(_lines(stream(repo, argv, patience))):
        yield Patch(patch.commit, ()) if patch.commit in seen.edge else patch


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """Lines cut at LONGEST bytes: a minified file is one line of megabytes."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield os.fsdecode(line[:LONGEST])
        if len(rest) > 2 * LONGEST:
            rest = rest[:LONGEST]


@dataclass
class _Open:
    """The commit being read: its finished hunks, and the two names of the file at hand."""

    commit: str
    hunks: list[Hunk] = field(default_factory=list)
    old: str | None = None
    new: str | None = None


def _patches(lines: Iterator[str]) -> Iterator[Patch]:
    at: _Open | None = None
    for line in lines:
        if at is not None and line.startswith("@@ "):
            hunk = _hunk(line, lines, at)
            at.hunks += [hunk] if hunk else []
        elif at is not None and line.startswith("--- "):
            at.old = _name(line)
        elif at is not None and line.startswith("+++ "):
            at.new = _name(line)
        elif len(line) in (40, 64) and line.isalnum():
            if at is not None:
                yield Patch(at.commit, tuple(at.hunks))
            at = _Open(line)
    if at is not None:
        yield Patch(at.commit, tuple(at.hunks))


def _hunk(head: str, lines: Iterator[str], at: _Open) -> Hunk | None:
    match = _HUNK.match(head)
    if match is None:
        return None
    counts = [1 if count is None else int(count) for count in (match[2], match[4])]
    removed: list[str] = []
    added: list[str] = []
    while len(removed) < counts[0] or len(added) < counts[1]:
        line = next(lines, None)
        if line is None:
            break
        # A line that starts with a backslash says that the file's last line has no end.
        if line.startswith("-"):
            removed.append(line[1:])
        elif line.startswith("+"):
            added.append(line[1:])
    return Hunk(at.old, at.new, int(match[1]), int(match[3]), tuple(removed), tuple(added))


def _name(line: str) -> str | None:
    """`--- a/path`; git ends a name with a tab where it has spaces in it."""
    name = unquoted(line[4:].removesuffix("\t"))
    return None if name == os.devnull else name[2:]
