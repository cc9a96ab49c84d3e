"""A scan worked out: all compared, and every clash explained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from gitcoord.conflicts.clashes import list_clashes, list_direct
from gitcoord.conflicts.deltas import PairOf
from gitcoord.conflicts.engine import Comparison, compare
from gitcoord.conflicts.explain import explain_all, name_before
from gitcoord.conflicts.recall import Engine
from gitcoord.conflicts.scan import Asked, Clash, Scan, Seen, Stale, Target, Unknown


@dataclass(frozen=True)
class Answer:
    """scan: as told. known: worktrees that could be sampled. found: of these, in their order.

    complete: git answered everything.
    """

    scan: Scan
    known: list[Seen]
    found: Comparison
    complete: bool


def work_out(
    engine: Engine, target: Target, asked: Asked, seen: Sequence[Seen], wanted: set[str]
) -> Answer:
    """wanted: ids, empty is all: only pairs that one of these is part of are looked at."""
    engine.doubts.clear()
    known = [one for one in seen if not one.problem]
    sides = {index for index, one in enumerate(known) if one.id in wanted} if wanted else None
    found = compare(engine, [one.tree for one in known], sides)
    stale = _explain_stale(engine, known, found, wanted)
    if asked.direct:
        clashes, unanswered = list_direct(engine, known, wanted)
    else:
        clashes = list_clashes(engine, known, found)
        if not asked.text_only:
            from gitcoord.conflicts.semantic.clashes import list_semantic

            clashes += list_semantic(engine, known, found, wanted)
        unanswered = found.unknown
    unknown = [*_unsampled(seen), *_unanswered(engine, known, found, unanswered)]
    stale = {
        one: [each for each in conflicts if not asked.path or _is_below(each.path, asked.path)]
        for one, conflicts in stale.items()
    }
    worktrees = tuple(replace(one, stale=tuple(stale.get(one.id, ()))) for one in seen)
    kept = tuple(clash for clash in clashes if not asked.path or _is_within(clash, asked.path))
    scan = Scan(target.name, target.id, worktrees, kept, tuple(unknown))
    return Answer(scan, known, found, not (found.unmerged or unanswered or engine.doubts))


def _unsampled(seen: Sequence[Seen]) -> list[Unknown]:
    return [Unknown(one.id, "", one.problem) for one in seen if one.problem]


def _unanswered(
    engine: Engine, known: Sequence[Seen], found: Comparison, pairs: Iterable[PairOf]
) -> Iterator[Unknown]:
    for index in sorted(found.unmerged):
        yield Unknown(known[index].id, "", _why_unmerged(engine, known[index]))
    for one, other in sorted(pairs):
        yield Unknown(known[one].id, known[other].id, "git gave no answer")


def _why_unmerged(engine: Engine, seen: Seen) -> str:
    """merge-base: 1 where there is none, as where a shallow clone ends before it."""
    asked = ("merge-base", engine.target, seen.head)
    if engine.aside.run(*asked, ok=range(-64, 256)).code != 1:
        return "git could not merge it with the target"
    why = "it has no common history with the target"
    is_cut = (engine.aside.common_dir / "shallow").exists()
    return f"{why} in this shallow clone; see: git fetch --unshallow" if is_cut else why


def _explain_stale(
    engine: Engine, known: Sequence[Seen], found: Comparison, wanted: set[str]
) -> dict[str, list[Stale]]:
    indices = [one for one in sorted(found.stale) if not wanted or known[one].id in wanted]
    pairs = [(engine.target, known[index].tree) for index in indices]
    answers = explain_all(engine.bench, pairs, engine.cache)
    return {
        known[index].id: list(
            dict.fromkeys(Stale(name_before(one.path), one.kind) for one in conflicts)
        )
        for index, conflicts in zip(indices, answers, strict=True)
    }


def _is_within(clash: Clash, path: str) -> bool:
    return any(_is_below(one, path) for one in (clash.path, clash.a_path, clash.b_path))


def _is_below(one: str, path: str) -> bool:
    folder = path.rstrip("/")
    return one == folder or one.startswith(f"{folder}/")
