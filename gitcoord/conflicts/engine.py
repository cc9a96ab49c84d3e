"""The pipeline over commits: against the target, then pair by pair, normalised to it.

    1. each side is merged with the target; what is clean becomes a tree with base = target
    2. what each tree changes against the target is read (deltas)
    3. pairs that provably cannot conflict are left out, by paths, then by lines
    4. files that both sides only edited are merged by git, each triple of contents once
    5. pairs in which a file was added, removed, renamed, … are merged whole

Six to nine git processes whatever the number of sides; the work grows with changed paths
and with conflicts, not with pairs. Everything is written to a quarantine, and what was found
out is kept by content in a cache.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from gitcoord.conflicts.deltas import (
    Changed,
    Delta,
    Holders,
    PairOf,
    find_holders,
    find_structural,
    is_same_edit,
    parse_delta,
    read_deltas,
)
from gitcoord.conflicts.hunks import BlobPair, Hunks, find_touching, lines_may_decide
from gitcoord.conflicts.merging import Merged, Triple, merge_contents, sorted_blobs
from gitcoord.conflicts.recall import Engine as Engine
from gitcoord.conflicts.recall import bring, find_verdicts, known_hunks, land
from gitcoord.conflicts.recall import merge_landed as merge_landed
from gitcoord.conflicts.recall import prepare as prepare

_LINES, _UNION, _OTHER = "lines", "union", "other"


@dataclass
class Comparison:
    """What is known of all sides and pairs, by index into the sides that were asked.

    only: the sides whose pairs were looked at, None is all. base: the target's tree. trees: of
    the sides that land on it. stale: sides that conflict with the target. unmerged: sides git
    gave no answer for. holders: path -> sides that change it. contents: whether contents of
    which lines touch merge clean. merges: pairs that were merged whole (None: no answer). A
    pair that neither holds a conflict of is clean.
    """

    only: set[int] | None = None
    base: str = ""
    trees: dict[int, str] = field(default_factory=dict)
    stale: dict[int, Merged] = field(default_factory=dict)
    unmerged: set[int] = field(default_factory=set)
    deltas: dict[int, Delta] = field(default_factory=dict)
    holders: Holders = field(default_factory=dict)
    hunks: dict[BlobPair, Hunks | None] = field(default_factory=dict)
    contents: dict[Triple, bool | None] = field(default_factory=dict)
    by_content: dict[PairOf, list[str]] = field(default_factory=dict)
    merges: dict[PairOf, Merged | None] = field(default_factory=dict)

    @property
    def conflicts(self) -> set[PairOf]:
        """The pairs that do not merge clean."""
        whole = {pair for pair, merged in self.merges.items() if merged and not merged.clean}
        return whole | self.by_content.keys()

    def asked(self, pairs: set[PairOf]) -> set[PairOf]:
        """Those of these pairs that were to be looked at."""
        if self.only is None:
            return pairs
        return {pair for pair in pairs if pair[0] in self.only or pair[1] in self.only}

    def pairs_of(self, sides: Sequence[int]) -> Iterable[PairOf]:
        """The pairs of these sides, lesser first, that were to be looked at."""
        if self.only is None:
            return combinations(sides, 2)
        mine = self.only.intersection(sides)
        pairs = ((min(one, other), max(one, other)) for one in mine for other in sides)
        return dict.fromkeys(pair for pair in pairs if pair[0] != pair[1])

    def owners(self, blobs: set[str]) -> set[str]:
        """The trees with a change to one of these blobs."""
        return {
            self.trees[index]
            for index, delta in self.deltas.items()
            if any(change.new in blobs for change in delta.files.values())
        }

    @property
    def unknown(self) -> set[PairOf]:
        """The pairs git gave no answer for."""
        return {pair for pair, merged in self.merges.items() if merged is None}


def compare(engine: Engine, sides: Sequence[str], only: set[int] | None = None) -> Comparison:
    """Compare commits (ids) with the target commit and, as they would land on it, with each
    other. only: of the pairs, those that one of these is part of."""
    found = Comparison(only=only)
    _land(engine, sides, found)
    _read_deltas(engine, found)
    found.holders = find_holders(found.deltas)
    whole = found.asked(find_structural(found.deltas))
    whole |= _by_lines(engine, found)
    _merge_whole(engine, found, whole)
    return found


def _land(engine: Engine, sides: Sequence[str], found: Comparison) -> None:
    """Merge each side with the target. The target with itself tells its tree."""
    itself, *answers = land(engine, [engine.target, *sides])
    assert itself is not None, "a commit merges with itself"
    found.base = itself.tree
    for index, merged in enumerate(answers):
        if merged is None:
            found.unmerged.add(index)
        elif merged.clean:
            found.trees[index] = merged.tree
        else:
            found.stale[index] = merged


def _read_deltas(engine: Engine, found: Comparison) -> None:
    cache, base = engine.cache, found.base
    raw = {tree: cache.find("deltas", f"{base}:{tree}") for tree in set(found.trees.values())}
    missing = [tree for tree, lines in raw.items() if lines is False]
    bring(engine, missing)
    fresh = read_deltas(engine.bench, [(base, tree) for tree in missing])
    known = {tree: parse_delta(lines) for tree, lines in raw.items() if lines is not False}
    for tree, delta in zip(missing, fresh, strict=True):
        known[tree] = delta
        cache.keep("deltas", f"{base}:{tree}", delta.raw)
    found.deltas = {index: known[tree] for index, tree in found.trees.items()}


def _by_lines(engine: Engine, found: Comparison) -> set[PairOf]:
    """Decide what contents can; the pairs they cannot decide.

    Contents decide where both sides edited the same regular file and git merges it line by
    line; a `union` merge takes both sides' lines and never conflicts.
    """
    held = found.holders
    if found.only is not None:
        held = {path: sides for path, sides in held.items() if found.only.intersection(sides)}
    edited = {
        path: {i for i in sides if found.deltas[i].files[path].is_edit}
        for path, sides in held.items()
    }
    if not lines_may_decide(engine.bench.settings):
        edited = {}
    lines = [path for path, sides in edited.items() if len(sides) > 1]
    wanted = {
        (change.old, change.new)
        for path in lines
        for change in (found.deltas[index].files[path] for index in edited[path])
    }
    way = _ways_to_merge(engine, lines)
    found.hunks = known_hunks(engine, wanted, found.owners)
    whole: set[PairOf] = set()
    asked: dict[Triple, list[tuple[str, PairOf]]] = {}
    for path, sides in held.items():
        can = edited.get(path, set()) if way.get(path, _OTHER) != _OTHER else set()
        whole |= _undecided(found, path, sides, can)
        texts = _texts(found, path, can)
        if way.get(path) != _UNION:
            for triple, pair in _touching(path, found, texts):
                if found.only is None or not found.only.isdisjoint(pair):
                    asked.setdefault(triple, []).append((path, pair))
        whole |= found.asked(_binary(found, path, can, texts))
    return whole | _merge_contents(engine, found, asked, whole)


def _undecided(found: Comparison, path: str, sides: Sequence[int], can: set[int]) -> set[PairOf]:
    """Pairs on a path that differ, of which one or both cannot be decided by contents."""
    if len(can) == len(sides):
        return set()
    changes = {index: found.deltas[index].files[path] for index in sides}
    return {
        (one, other)
        for one, other in found.pairs_of(sides)
        if not (one in can and other in can) and not is_same_edit(changes[one], changes[other])
    }


def _texts(found: Comparison, path: str, can: set[int]) -> dict[str, list[int]]:
    """Blob -> the sides that have it, of edits git compares by line."""
    texts: dict[str, list[int]] = {}
    for index in sorted(can):
        change = found.deltas[index].files[path]
        if found.hunks.get((change.old, change.new)) is not None:
            texts.setdefault(change.new, []).append(index)
    return texts


def _binary(
    found: Comparison, path: str, can: set[int], texts: Mapping[str, list[int]]
) -> set[PairOf]:
    """Pairs of edits of which one is not compared by line."""
    by_line = {index for sides in texts.values() for index in sides}
    odd = can - by_line
    changes = {index: found.deltas[index].files[path] for index in can} if odd else {}
    return {
        (min(one, other), max(one, other))
        for one in odd
        for other in can - {one}
        if not is_same_edit(changes[one], changes[other])
    }


def _touching(
    path: str, found: Comparison, texts: Mapping[str, list[int]]
) -> Iterator[tuple[Triple, PairOf]]:
    if len(texts) < 2:
        return
    base = _change(found, path, texts).old
    for pair in find_touching({blob: found.hunks[base, blob] for blob in texts}):
        for one in texts[pair[0]]:
            for other in texts[pair[1]]:
                yield sorted_blobs(base, pair), (min(one, other), max(one, other))


def _change(found: Comparison, path: str, texts: Mapping[str, list[int]]) -> Changed:
    return found.deltas[next(iter(texts.values()))[0]].files[path]


def _merge_contents(
    engine: Engine,
    found: Comparison,
    asked: Mapping[Triple, list[tuple[str, PairOf]]],
    whole: set[PairOf],
) -> set[PairOf]:
    """Ask git about contents of which lines touch; pairs it gave no answer for."""
    cache = engine.cache
    needed = [triple for triple, at in asked.items() if any(pair not in whole for _, pair in at)]
    keys = {triple: f"{cache.context}:{':'.join(triple)}" for triple in needed}
    found.contents = {triple: cache.find("contents", key) for triple, key in keys.items()}
    missing = sorted(triple for triple in needed if found.contents[triple] is False)
    return _answered(engine, found, asked, whole, missing)


def _answered(
    engine: Engine,
    found: Comparison,
    asked: Mapping[Triple, list[tuple[str, PairOf]]],
    whole: set[PairOf],
    missing: Sequence[Triple],
) -> set[PairOf]:
    if missing and engine.absent:
        bring(engine, found.owners({blob for triple in missing for blob in triple}))
    for triple, clean in merge_contents(engine.aside, missing).items():
        found.contents[triple] = clean
        if clean is not None:
            key = f"{engine.cache.context}:{':'.join(triple)}"
            engine.cache.keep("contents", key, int(clean))
    undecided: set[PairOf] = set()
    for triple, clean in found.contents.items():
        for path, pair in asked[triple]:
            if clean is None:
                undecided.add(pair)
            elif not clean and pair not in whole:
                found.by_content.setdefault(pair, []).append(path)
    return undecided


def _merge_whole(engine: Engine, found: Comparison, pairs: set[PairOf]) -> None:
    listed = sorted(pairs)
    trees = [(found.trees[one], found.trees[other]) for one, other in listed]
    found.merges = dict(zip(listed, find_verdicts(engine, found.base, trees), strict=True))
    for pair in listed:
        if found.merges[pair] is not None:
            found.by_content.pop(pair, None)


def _ways_to_merge(engine: Engine, paths: Sequence[str]) -> dict[str, str]:
    """How git merges the lines of each path, by its `merge` attribute."""
    cache, key = engine.cache, f"{engine.cache.context}:{engine.target}"
    known: dict[str, str] = cache.find("ways", key) or {}
    missing = [path for path in paths if path not in known]
    if missing:
        asked = os.fsencode("".join(f"{path}\0" for path in missing))
        said = engine.bench.run("check-attr", "-z", "--stdin", "merge", input=asked).fields()
        known = {**known, **dict(zip(said[::3], said[2::3], strict=True))}
        cache.keep("ways", key, known)
    ways = {"unspecified": _LINES, "set": _LINES, "text": _LINES, "union": _UNION}
    for name in ("text", "union"):
        if f"merge.{name}.driver" in engine.bench.settings:
            del ways[name]
    return {path: ways.get(known[path], _OTHER) for path in paths}
