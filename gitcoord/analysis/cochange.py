"""Which files change together, from history.

Promises: support, confidence and lift as association rules define them (Zimmermann et al.,
"Mining version histories to guide software changes", 2004). Refuses: to learn from commits
that changed more than BULK files, which say nothing about two of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from gitcoord.analysis.past import Past

BULK = 30


@dataclass(frozen=True)
class Companion:
    """support: commits that changed both. confidence: of the commits that changed the first
    file, the share that changed this one. lift: how many times more often than by chance."""

    path: str
    support: int
    confidence: float
    lift: float


def companions(
    past: Past, path: str, *, among: Collection[str], least: int = 2, most: int = 10
) -> list[Companion]:
    """The files of `among` that change with `path`, the most faithful first.

    Ordered by confidence · support / (support + 2): three of three says less than 30 of 33.
    At least `least` common commits, confidence 0.1 and lift 1.5.
    """
    whole = [commit for commit in past.commits if 0 < len(commit.paths) <= BULK]
    mine = [commit for commit in past.by_path.get(path, []) if len(commit.paths) <= BULK]
    if len(mine) < least:
        return []
    together = Counter(other for commit in mine for other in commit.paths if other != path)
    found = []
    for other, support in together.items():
        if support < least or other not in among:
            continue
        alone = sum(len(commit.paths) <= BULK for commit in past.by_path[other])
        confidence = support / len(mine)
        lift = confidence * len(whole) / alone
        if confidence >= 0.1 and lift >= 1.5:
            found.append(Companion(other, support, confidence, lift))
    found.sort(key=lambda one: (-one.confidence * one.support / (one.support + 2), one.path))
    return found[:most]
