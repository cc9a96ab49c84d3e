"""What a pattern covers, and whether two patterns cover a path in common.

A pattern is a path from the top of the repository, with `*` and `?` and `[abc]` within a
folder's name and `**` for any number of folders. It covers what it names and all below that.
A name that has such signs in it, as `app/[id]/page.tsx`, is also covered as it stands.

Promises: time grows with the product of two lengths at most, whatever the patterns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

LONGEST = 500  # characters
_SIGNS = re.compile(r"[*?\[]")
_PARTS = re.compile(r"\*+|\[!?\]?[^\]]*\]|.", re.DOTALL)
_ANY_DEPTH, _ANY_TEXT, _ANY_CHARACTER = "**", "*", "?"


def is_glob(pattern: str) -> bool:
    return bool(_SIGNS.search(pattern))


def covers(pattern: str, path: str) -> bool:
    """Whether a path, from the top of the repository, is what a pattern names or below it."""
    plain = pattern.rstrip("/")
    if path == plain or path.startswith(f"{plain}/"):
        return True
    head = _head(plain)
    if head == plain or not path.startswith(head):
        return False
    return _meet(_names(plain), path.split("/"), _ANY_DEPTH, _alike)


def meet(one: str, other: str) -> bool:
    """Whether there can be a path that both cover. A class `[abc]` counts as any character."""
    if covers(one, other.rstrip("/")) or covers(other, one.rstrip("/")):
        return True
    return _meet(_names(one.rstrip("/")), _names(other.rstrip("/")), _ANY_DEPTH, _alike)


@lru_cache(maxsize=1024)
def _head(pattern: str) -> str:
    """What every name it covers begins with: up to the first sign, and for `a/**/b` only `a`,
    as there may be no folder between."""
    found = _SIGNS.search(pattern)
    return pattern[: found.start()].rstrip("/") if found else pattern


@lru_cache(maxsize=1024)
def _names(pattern: str) -> tuple[str, ...]:
    return (*pattern.split("/"), _ANY_DEPTH)


@lru_cache(maxsize=4096)
def _alike(one: str, other: str) -> bool:
    """Whether two patterns of one name, or a pattern and a name, can mean the same name."""
    if not is_glob(one):
        return one == other or (is_glob(other) and fnmatchcase(one, other))
    if not is_glob(other):
        return fnmatchcase(other, one)
    return _meet(_PARTS.findall(one), _PARTS.findall(other), _ANY_TEXT, _same)


def _same(one: str, other: str) -> bool:
    return one == other or any(part == _ANY_CHARACTER or len(part) > 1 for part in (one, other))


def _meet(
    one: Sequence[str], other: Sequence[str], star: str, alike: Callable[[str, str], bool]
) -> bool:
    """Whether two sequences, in which a star is any number of parts, can be the same one.

    Row by row from the end, so that no pattern takes longer than one length times the other.
    """
    below: list[bool] = []
    for i in range(len(one), -1, -1):
        row = [False] * (len(other) + 1)
        for j in range(len(other), -1, -1):
            left, right = one[i : i + 1], other[j : j + 1]
            if not left and not right:
                row[j] = True
            elif _is_star(left, star):
                row[j] = below[j] or (bool(right) and row[j + 1])
            elif _is_star(right, star):
                row[j] = row[j + 1] or (bool(left) and below[j])
            elif left and right:
                row[j] = below[j + 1] and alike(left[0], right[0])
        below = row
    return below[0]


def _is_star(part: Sequence[str], star: str) -> bool:
    return bool(part) and part[0].startswith(star) and not part[0].strip(_ANY_TEXT)
