"""Semantic clashes of a scan: from what an engine compared to what people are told.

Promises: what was said of the same trees on the same target is not worked out again; with
nothing new no git starts and nothing is parsed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import astuple, replace

from gitcoord.conflicts.deltas import PairOf
from gitcoord.conflicts.engine import Comparison, Engine
from gitcoord.conflicts.scan import SEMANTIC, Clash, Seen
from gitcoord.conflicts.semantic.meaning import RULES, Meaning, meaning_of

_TABLE = "semantic"


def list_semantic(
    engine: Engine, known: Sequence[Seen], found: Comparison, wanted: set[str]
) -> list[Clash]:
    """Pairs that merge clean and break in meaning. wanted: ids, empty is all."""
    indices = {index for index in found.trees if not wanted or known[index].id in wanted}
    clashes = []
    for pair, meanings in sorted(_meanings(engine, found, indices).items()):
        if indices.intersection(pair):
            a, b = known[pair[0]], known[pair[1]]
            clashes += [_clash(a, b, meaning) for meaning in meanings]
    return clashes


def _meanings(engine: Engine, found: Comparison, indices: set[int]) -> dict[PairOf, list[Meaning]]:
    """By pairs of worktrees. Several can have one tree, and are looked at as one side."""
    holders: dict[str, list[int]] = {}
    for index, tree in found.trees.items():
        if tree != found.base:
            holders.setdefault(tree, []).append(index)
    trees = sorted(holders)
    said: dict[PairOf, list[Meaning]] = {}
    for meaning in _of_trees(engine, found, trees, {found.trees[index] for index in indices}):
        for one in holders[trees[meaning.a]]:
            for other in holders[trees[meaning.b]]:
                numbered = _numbered(meaning, one, other)
                said.setdefault((numbered.a, numbered.b), []).append(numbered)
    return said


def _numbered(meaning: Meaning, one: int, other: int) -> Meaning:
    if one < other:
        return replace(meaning, a=one, b=other)
    return replace(
        meaning, a=other, b=one, a_path=meaning.b_path, b_path=meaning.a_path,
        a_lines=meaning.b_lines, b_lines=meaning.a_lines,
    )  # fmt: skip


def _of_trees(
    engine: Engine, found: Comparison, trees: Sequence[str], wanted: set[str]
) -> list[Meaning]:
    """Numbered by their places in `trees`, which are sorted: their order is part of the key."""
    mine = [tree for tree in trees if tree in wanted]
    if len(trees) < 2 or not mine:
        return []
    cache = engine.cache
    context = f"{RULES}:{cache.context}:{found.base}"
    asked = " ".join([*trees, "of", *mine]).encode()
    digest = hashlib.blake2b(asked, digest_size=16).hexdigest()
    key = f"{context}:{digest}"
    known = cache.find(_TABLE, key)
    if known is not False:
        return [meaning_of(row) for row in known]

    from gitcoord.conflicts.semantic.kept import Kept
    from gitcoord.conflicts.semantic.search import Sides, find_among

    deltas = {found.trees[index]: delta for index, delta in found.deltas.items()}
    conflicts = {frozenset((found.trees[a], found.trees[b])) for a, b in found.conflicts}

    def is_left_out(pair: PairOf) -> bool:
        both = {trees[pair[0]], trees[pair[1]]}
        return both in conflicts or wanted.isdisjoint(both)

    kept = Kept(cache.file.parent if cache.file else None, context)
    numbered = dict(enumerate(trees))
    sides = Sides(found.base, numbered, {one: deltas[tree] for one, tree in numbered.items()})
    said = find_among(engine, sides, kept, skip=is_left_out)
    kept.save()
    if said.is_whole:
        cache.keep(_TABLE, key, [astuple(one) for one in said.meanings])
    else:
        engine.doubts.add("semantic")
    return said.meanings


def _clash(a: Seen, b: Seen, meaning: Meaning) -> Clash:
    return Clash(
        a.id, b.id, SEMANTIC, meaning.kind, meaning.a_path, meaning.a_path, meaning.b_path,
        (meaning.a_lines,), (meaning.b_lines,),
        meaning.a_path not in a.uncommitted, meaning.b_path not in b.uncommitted,
        confidence=meaning.confidence, note=meaning.note,
    )  # fmt: skip
