"""Semantic clashes of a scan: from what an engine compared to what people are told.

Promises: what was said of the same trees on the same target is not worked out again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any

from gitcoord.conflicts.deltas import PairOf
from gitcoord.conflicts.engine import Comparison, Engine, merge_landed
from gitcoord.conflicts.merging import Merged
from gitcoord.conflicts.scan import SEMANTIC, Clash, Seen
from gitcoord.conflicts.semantic.meaning import Meaning

_TABLE = "semantic"
# Raised when other rules would say something else of the same trees.
_RULES = 1


def list_semantic(
    engine: Engine, known: Sequence[Seen], found: Comparison, wanted: set[str]
) -> list[Clash]:
    """Pairs that merge clean and break in meaning. wanted: ids, empty is all."""
    clashes = []
    for pair, meanings in sorted(_meanings(engine, found).items()):
        a, b = known[pair[0]], known[pair[1]]
        if not wanted or {a.id, b.id} & wanted:
            clashes += [_clash(a, b, meaning) for meaning in meanings]
    return clashes


def _meanings(engine: Engine, found: Comparison) -> dict[PairOf, list[Meaning]]:
    rows = engine.cache.tables.get(_TABLE)
    key = _key(engine, found)
    if rows is not None and key in rows:
        return _recreated(rows[key])

    from gitcoord.conflicts.semantic.search import find_all_semantic

    def merge(pairs: Sequence[PairOf]) -> Sequence[Merged | None]:
        trees = [(found.trees[one], found.trees[other]) for one, other in pairs]
        return merge_landed(engine, found.base, trees)

    said = find_all_semantic(
        engine.aside, engine.target, found.trees,
        deltas=found.deltas, merge=merge, skip=found.conflicts,
    )  # fmt: skip
    if rows is not None:
        engine.cache.keep(_TABLE, key, [astuple(one) for some in said.values() for one in some])
    return said


def _key(engine: Engine, found: Comparison) -> str:
    """Of all sides in their order: their numbers are part of what is kept."""
    trees = " ".join(f"{number}:{found.trees[number]}" for number in sorted(found.trees))
    digest = hashlib.blake2b(trees.encode(), digest_size=16).hexdigest()
    return f"{_RULES}:{engine.cache.context}:{engine.target}:{digest}"


def _recreated(rows: Iterable[Sequence[Any]]) -> dict[PairOf, list[Meaning]]:
    found: dict[PairOf, list[Meaning]] = {}
    for row in rows:
        a, b, kind, name, a_path, b_path, a_lines, b_lines, confidence, note = row
        meaning = Meaning(
            int(a), int(b), kind, name, a_path, b_path, (a_lines[0], a_lines[1]),
            (b_lines[0], b_lines[1]), confidence, note,
        )  # fmt: skip
        found.setdefault((meaning.a, meaning.b), []).append(meaning)
    return found


def _clash(a: Seen, b: Seen, meaning: Meaning) -> Clash:
    return Clash(
        a.id, b.id, SEMANTIC, meaning.kind, meaning.a_path, meaning.a_path, meaning.b_path,
        (meaning.a_lines,), (meaning.b_lines,),
        meaning.a_path not in a.uncommitted, meaning.b_path not in b.uncommitted,
        confidence=meaning.confidence, note=meaning.note,
    )  # fmt: skip
