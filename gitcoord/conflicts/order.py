"""In what order to merge, so that the fewest conflict; and threes that conflict though each
two of them are clean.

The order is found by simulation: every step is git's own merge with what landed before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.deltas import PairOf, find_structural
from gitcoord.conflicts.engine import Comparison, Engine, compare, merge_landed
from gitcoord.conflicts.merging import landed, merge_all
from gitcoord.conflicts.radar import open_radar
from gitcoord.conflicts.recall import bring, find_verdicts, prepare
from gitcoord.conflicts.scan import Asked
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository

# Components of the conflict graph up to this size are searched through; larger ones greedily.
_SEARCHED = 16
# All threes of 13 worktrees are tried (858 merges, a second once); of more, the likely ones.
_ALL_TRIPLES = 286
_MOST_TRIPLES = 1_000


@dataclass(frozen=True)
class Step:
    """One merge of the simulation. conflicts_with: of those before it, by pairs; may be empty
    although it conflicts, when it is all of them together that it meets."""

    id: str
    clean: bool
    conflicts_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """target: its name. steps: first to last; those that conflict come last. stale: ids that
    conflict with the target alone. triples: ids. complete: whether all triples were tried."""

    target: str
    steps: tuple[Step, ...]
    stale: tuple[str, ...]
    triples: tuple[tuple[str, str, str], ...]
    complete: bool = True

    @property
    def conflicts(self) -> int:
        return sum(not step.clean for step in self.steps)


def find_order(
    repo: Repository, *, ids: Sequence[str] = (), against: str = "", committed_only: bool = False
) -> Order:
    """The merge order with the fewest conflicts. The arguments are those of `radar.scan`."""
    with open_radar(repo, Asked(ids, against, "", committed_only)) as radar:
        view = radar.look()
        engine = radar.engine(view.target_id)
        known = [one for one in view.worktrees if not one.problem]
        chosen = {one for clash in view.pairs for one in (clash.a, clash.b)} if ids else set()
        known = [one for one in known if not ids or one.id in chosen]
        found = compare(engine, [one.tree for one in known])
        names = {index: known[index].id for index in range(len(known))}
        lasting = _most_that_are_clean(sorted(found.trees), found.conflicts)
        done, waiting = _simulate(engine, found, lasting)
        asked = _threes(found, done, waiting)
        triples = _conflicting(engine, found, asked[:_MOST_TRIPLES])
        radar.cache.save()
    return Order(
        view.target,
        tuple(_steps(found, names, done, waiting)),
        tuple(names[index] for index in sorted({*found.stale, *found.unmerged})),
        tuple((names[a], names[b], names[c]) for a, b, c in triples),
        comb(len(found.trees), 3) <= _ALL_TRIPLES,
    )


def order_commits(
    repo: Repository, target: str, commits: Sequence[str]
) -> tuple[list[int], dict[int, list[int]]]:
    """In what order these commits (ids) are best merged into the commit `target`, by index; of
    those that could as well, the first of them.

    The second: those that conflict when it is their turn, which come last, each with those before
    it that it conflicts with two by two; none where it is the target, or all of them together.
    """
    with quarantine(repo) as aside:
        engine = prepare(aside, target, Cache())
        found = compare(engine, commits)
        # Of two that could stay, `_most_that_are_clean` keeps the one with the higher number.
        last = len(commits) - 1
        mirrored = {_pair(last - one, last - other) for one, other in found.conflicts}
        kept = _most_that_are_clean([last - side for side in sorted(found.trees)], mirrored)
        done, waiting = _simulate(engine, found, sorted(last - side for side in kept))
    left = [*waiting, *sorted({*found.stale, *found.unmerged})]
    met = {one: [other for other in done if _pair(one, other) in found.conflicts] for one in left}
    return [*done, *left], met


def _simulate(
    engine: Engine, found: Comparison, clean_first: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Merge one after the other: those that landed, and those that conflict when it is their
    turn."""
    bring(engine, found.trees.values())
    later = [index for index in sorted(found.trees) if index not in set(clean_first)]
    tip = engine.target
    done: list[int] = []
    waiting: list[int] = []
    for index in [*clean_first, *later]:
        side = landed(engine.aside, engine.target, {index: found.trees[index]})[index]
        merged = merge_all(engine.bench, [(tip, side)])[0]
        if merged is None or not merged.clean:
            waiting.append(index)
            continue
        done.append(index)
        tip = landed(engine.aside, engine.target, {0: merged.tree})[0]
    return done, waiting


def _steps(
    found: Comparison, names: Mapping[int, str], done: Sequence[int], waiting: Sequence[int]
) -> Iterator[Step]:
    for index in done:
        yield Step(names[index], True)
    for index in waiting:
        met = [one for one in done if _pair(one, index) in found.conflicts]
        yield Step(names[index], False, tuple(names[one] for one in met))


def _most_that_are_clean(sides: Sequence[int], conflicts: set[PairOf]) -> list[int]:
    """As many sides as possible of which no two conflict: exact in small components."""
    near: dict[int, set[int]] = {side: set() for side in sides}
    for one, other in conflicts:
        near[one].add(other)
        near[other].add(one)
    kept: list[int] = []
    left = set(sides)
    while left:
        part = _component(next(iter(sorted(left))), near)
        left -= part
        kept += _exact(part, near) if len(part) <= _SEARCHED else _greedy(part, near)
    return sorted(kept)


def _component(start: int, near: Mapping[int, set[int]]) -> set[int]:
    found, left = {start}, [start]
    while left:
        fresh = near[left.pop()] - found
        found |= fresh
        left += fresh
    return found


def _exact(part: set[int], near: Mapping[int, set[int]]) -> list[int]:
    """The largest independent set, by taking or leaving the side with the most neighbours."""
    if not part:
        return []
    busiest = max(sorted(part), key=lambda side: len(near[side] & part))
    if not near[busiest] & part:
        return sorted(part)
    with_it = [busiest, *_exact(part - {busiest} - near[busiest], near)]
    without = _exact(part - {busiest}, near)
    return without if len(without) >= len(with_it) else with_it


def _greedy(part: set[int], near: Mapping[int, set[int]]) -> list[int]:
    kept = []
    left = set(part)
    while left:
        freest = min(sorted(left), key=lambda side: len(near[side] & left))
        kept.append(freest)
        left -= near[freest] | {freest}
    return kept


def _threes(
    found: Comparison, done: Sequence[int], waiting: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Threes of which all pairs are clean. Of many worktrees only those with one that conflicted
    with all that landed together, and those of which two pairs have to do with each other."""
    bad = found.conflicts | found.unknown
    if comb(len(found.trees), 3) <= _ALL_TRIPLES:
        every = combinations(sorted(found.trees), 3)
        return [three for three in every if not bad & {*combinations(three, 2)}]
    asked = []
    for last in waiting:
        if not any(_pair(one, last) in bad for one in done):
            asked += [(one, other, last) for one, other in combinations(done, 2)]
    near: dict[int, set[int]] = {}
    related = find_structural(found.deltas)
    for sides in found.holders.values():
        related |= set(combinations(sides, 2))
    for one, other in related - bad:
        near.setdefault(one, set()).add(other)
        near.setdefault(other, set()).add(one)
    for middle in sorted(near):
        for one, other in combinations(sorted(near[middle]), 2):
            if _pair(one, other) not in bad:
                asked.append((one, middle, other))
    in_order = ((min(three), sum(three) - min(three) - max(three), max(three)) for three in asked)
    return list(dict.fromkeys(in_order))


def _conflicting(
    engine: Engine, found: Comparison, threes: Sequence[tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    """Those that conflict with one of the three coming last: it can depend on which."""
    turns = [(three, last) for three in threes for last in three]
    firsts = [tuple(one for one in three if one != last) for three, last in turns]
    pairs = sorted({(pair[0], pair[1]) for pair in firsts})
    merged = merge_landed(
        engine, found.base, [(found.trees[one], found.trees[other]) for one, other in pairs]
    )
    both = {pair: one.tree for pair, one in zip(pairs, merged, strict=True) if one and one.clean}
    answers = find_verdicts(
        engine, found.base,
        [(both[pair[0], pair[1]], found.trees[last])
         for pair, (_, last) in zip(firsts, turns, strict=True)],
    )  # fmt: skip
    met = [three for (three, _), one in zip(turns, answers, strict=True) if one and not one.clean]
    return sorted(dict.fromkeys(met))


def _pair(one: int, other: int) -> PairOf:
    return (min(one, other), max(one, other))
