"""Where the lines of a comment are in another version of their file.

Promises: a line is followed only to a line with the same text (but for its line end), and one
that is there once before and once after is always found, wherever it went. What was changed
or is gone is said to be. Refuses: binary files, which have no lines.

Matching is patience diff: what both sides begin and end with alike is paired, then lines that
each side has once, as far as they keep their order; between those pairs again. It takes
O(n log n) for n lines, so that no file is too long; what it leaves apart, as what was moved,
is looked for by text and the lines around.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

Lines = Sequence[bytes]

AROUND = 3
_BINARY_HEAD = 8000  # bytes git looks for a NUL in
_MOST_PLACES = 200


def split(content: bytes) -> list[bytes]:
    """The lines without their ends; the last end begins no line."""
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    return [line.removesuffix(b"\r") for line in lines]


def is_binary(content: bytes) -> bool:
    """As git tells it."""
    return b"\0" in content[:_BINARY_HEAD]


def follow(old: Lines, new: Lines, first: int, last: int) -> tuple[int, int] | None:
    """Where lines `first` to `last` of `old` are in `new`, from 1; None where they are not all
    there, one behind the other."""
    if not 1 <= first <= last <= len(old):
        return None
    paired = pair(old, new)
    there = [paired[line] for line in range(first - 1, last)]
    begin = there[0]
    whole = begin is not None and there == list(range(begin, begin + len(there)))
    return _best(old, new, first - 1, last, begin if whole else None)


def pair(old: Lines, new: Lines) -> list[int | None]:
    """For each line of `old` its line in `new`, from 0, or None: equal, and in order."""
    found: list[int | None] = [None] * len(old)
    todo = [(0, len(old), 0, len(new))]
    while todo:
        begin, end, new_begin, new_end = todo.pop()
        while begin < end and new_begin < new_end and old[begin] == new[new_begin]:
            found[begin] = new_begin
            begin, new_begin = begin + 1, new_begin + 1
        while begin < end and new_begin < new_end and old[end - 1] == new[new_end - 1]:
            end, new_end = end - 1, new_end - 1
            found[end] = new_end
        chain = _in_order(_once_in_both(old, new, begin, end, new_begin, new_end))
        for one, other in chain:
            found[one] = other
        for one, other in [*chain, (end, new_end)] if chain else []:
            todo.append((begin, one, new_begin, other))
            begin, new_begin = one + 1, other + 1
    return found


def _once_in_both(
    old: Lines, new: Lines, begin: int, end: int, new_begin: int, new_end: int
) -> list[tuple[int, int]]:
    """Pairs of lines that each side has once there, in the order of `old`."""
    before = _once(old, begin, end)
    after = _once(new, new_begin, new_end)
    pairs = ((place, after.get(line, -1)) for line, place in before.items() if place >= 0)
    return [(one, other) for one, other in pairs if other >= 0]


def _once(lines: Lines, begin: int, end: int) -> dict[bytes, int]:
    """Line -> where it is, -1 when it is there more than once."""
    places: dict[bytes, int] = {}
    for place in range(begin, end):
        places[lines[place]] = -1 if lines[place] in places else place
    return places


def _in_order(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The most pairs of which both sides rise (longest increasing subsequence, by patience)."""
    tops: list[int] = []
    top_pairs: list[int] = []
    before: list[int] = []
    for number, (_, other) in enumerate(pairs):
        pile = bisect_left(tops, other)
        before.append(top_pairs[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [other]
        top_pairs[pile : pile + 1] = [number]
    chain: list[tuple[int, int]] = []
    at = top_pairs[-1] if top_pairs else -1
    while at >= 0:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _best(
    old: Lines, new: Lines, begin: int, end: int, paired: int | None
) -> tuple[int, int] | None:
    """Of all places with these lines the one that was paired, unless one only has surroundings
    that are more alike; without a pair the only place, or the one most alike."""
    block = list(old[begin:end])
    places = _places(new, block)
    found = paired
    if len(places) <= _MOST_PLACES and any(line.strip() for line in block):
        alone = len(places) == 1 and len(_places(old, block)) == 1
        scores = [_alike(old, begin, end, new, place) for place in places]
        best = max(scores, default=0)
        least = AROUND if paired is None else 1 + _alike(old, begin, end, new, paired)
        if alone or (best >= least and scores.count(best) == 1):
            found = places[scores.index(best)]
    return None if found is None else (found + 1, found + len(block))


def _places(lines: Lines, block: Lines) -> list[int]:
    found = []
    for place in range(len(lines) - len(block) + 1):
        if lines[place] == block[0] and list(lines[place : place + len(block)]) == list(block):
            found.append(place)
            if len(found) > _MOST_PLACES:
                break
    return found


def _alike(old: Lines, begin: int, end: int, new: Lines, place: int) -> int:
    """How many of the lines around are the same, at most 2 * AROUND."""
    size = end - begin
    above = [
        (begin - step, place - step)
        for step in range(1, AROUND + 1)
        if begin >= step and place >= step
    ]
    below = [
        (end + step, place + size + step)
        for step in range(AROUND)
        if end + step < len(old) and place + size + step < len(new)
    ]
    return sum(old[one] == new[other] for one, other in above + below)
