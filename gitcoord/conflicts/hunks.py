"""Which lines each side changes, and which sides touch none in common: the second filter.

Hunks come from git's own diff with the algorithm its merge uses (histogram), all of them by
one process over two made-up trees, and are kept by (base blob, side blob). With one line of
context: without any git trims the common end first, and a change among equal lines would be
found at another place than its merge finds it.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gitcoord.errors import GitFailed
from gitcoord.git.objects import FILE, Batch, Entry
from gitcoord.git.quarantine import bare_of, put_objects
from gitcoord.git.repository import Repository
from gitcoord.process import at_once, cores

BlobPair = tuple[str, str]

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class Hunk(NamedTuple):
    """Lines [start, end) of the base, counted from 0, and what they became: [new, new_end)."""

    start: int
    end: int
    new: int
    new_end: int


Hunks = tuple[Hunk, ...]


def read_hunks(aside: Repository, pairs: Iterable[BlobPair]) -> dict[BlobPair, Hunks | None]:
    """The hunks from one blob to another; None where git does not compare lines, as of what is
    binary. A pair of which a blob cannot be read here is left out. aside: in a quarantine."""
    wanted = sorted(set(pairs))
    if not wanted:
        return {}
    bare = bare_of(aside)
    workers = min(cores(), 1 + len(wanted) // 50)
    # Neighbours share their base, which git then reads and inflates once.
    size = -(-len(wanted) // workers)
    shares = [wanted[at : at + size] for at in range(0, len(wanted), size)]
    answers = at_once(lambda share: _read(aside, bare, share), shares)
    return {pair: hunks for answer in answers for pair, hunks in answer.items()}


def find_touching(
    sides: Mapping[str, Hunks | None],
) -> set[BlobPair]:
    """Pairs of side blobs (the lesser first) of one base whose hunks overlap or touch.

    [a0,a1) and [b0,b1) are apart only if a1 < b0 or b1 < a0. None touches everything.
    """
    pairs = {
        (min(one, other), max(one, other))
        for one, hunks in sides.items()
        if hunks is None
        for other in sides
        if other != one
    }
    regions = sorted(
        (hunk.start, hunk.end, blob) for blob, hunks in sides.items() for hunk in hunks or ()
    )
    open_until: list[tuple[int, str]] = []
    for start, end, blob in regions:
        if open_until and open_until[0][0] < start:
            open_until = [one for one in open_until if one[0] >= start]
        for _, other in open_until:
            if other != blob:
                pairs.add((other, blob) if other < blob else (blob, other))
        insort(open_until, (end, blob))
    return pairs


def meeting(one: Hunks, other: Hunks) -> list[tuple[Hunk, Hunk]]:
    """The hunks of both that overlap or touch."""
    return [
        (first, second)
        for first in one
        for second in other
        if first.end >= second.start and second.end >= first.start
    ]


def lines_may_decide(settings: Mapping[str, Sequence[str]]) -> bool:
    """Off where the user's configuration merges by other rules, or compares by others."""
    return not ({"merge.default", "merge.renormalize", "diff.algorithm"} & settings.keys())


def _read(
    aside: Repository, bare: Repository, wanted: Sequence[BlobPair]
) -> dict[BlobPair, Hunks | None]:
    batch = Batch(aside)
    names = [b"%07d" % number for number in range(len(wanted))]
    trees = [
        batch.tree(
            {name: Entry(FILE, pair[side]) for name, pair in zip(names, wanted, strict=True)}
        )
        for side in (0, 1)
    ]
    put_objects(aside, batch)
    try:
        said = bare.run(
            "diff-tree", "-r", "-p", "-U1", "--histogram", "--no-indent-heuristic",
            "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--no-prefix",
            "--diff-algorithm=histogram", "--inter-hunk-context=0", *trees,
        )  # fmt: skip
    except GitFailed:
        if len(wanted) == 1:
            return {}
        half = len(wanted) // 2
        return _read(aside, bare, wanted[:half]) | _read(aside, bare, wanted[half:])
    found = _parse(said.out)
    return {pair: found.get(name) for name, pair in zip(names, wanted, strict=True)}


def _parse(out: bytes) -> dict[bytes, Hunks]:
    """A line's first byte says what it is: content begins with ' ', '+', '-' or a backslash."""
    found: dict[bytes, Hunks] = {}
    for file in out.split(b"\ndiff --git "):
        head, at, body = file.partition(b"\n@@ ")
        if at:
            name = head.removeprefix(b"diff --git ")[:7]
            found[name] = tuple(_hunks(b"@@ " + body))
    return found


def _hunks(body: bytes) -> Iterable[Hunk]:
    old = new = 0
    begun: tuple[int, int] | None = None
    for line in body.split(b"\n"):
        kind = line[:1]
        if kind == b"-" or kind == b"+":
            begun = begun or (old, new)
            old += kind == b"-"
            new += kind == b"+"
            continue
        if begun and kind != b"\\":
            yield Hunk(begun[0], old, begun[1], new)
            begun = None
        if kind == b" ":
            old += 1
            new += 1
        elif kind == b"@":
            old, new = _place(line)
    if begun:
        yield Hunk(begun[0], old, begun[1], new)


def _place(line: bytes) -> tuple[int, int]:
    matched = _HUNK.match(line)
    assert matched is not None, "a hunk header of git's own"
    old, old_count, new, new_count = (
        int(part) if part is not None else 1 for part in matched.groups()
    )
    # With no lines on a side git names the line before; from 0 that is the place itself.
    return (old - 1 if old_count else old), (new - 1 if new_count else new)
