"""From verdicts to clashes: which path, which lines, of whom, committed or not."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from gitcoord.conflicts.deltas import Changed, PairOf
from gitcoord.conflicts.engine import Comparison, Engine
from gitcoord.conflicts.explain import Conflict, explain_all, name_before
from gitcoord.conflicts.hunks import BlobPair, Hunks, meeting
from gitcoord.conflicts.merging import landed, merge_all
from gitcoord.conflicts.recall import bring, known_hunks, make_merges
from gitcoord.conflicts.scan import CONFLICT, NEAR, TOUCHING, Clash, Lines, Seen

HunksOf = Mapping[BlobPair, Hunks | None]
Files = Mapping[str, Changed]

_FOLDER_KINDS = ("file/directory", "directory rename")


def list_clashes(engine: Engine, known: Sequence[Seen], found: Comparison) -> list[Clash]:
    """Every pair that was compared, on every path both change, gravest grade of each."""
    explained = _explain(engine, found, found.conflicts)
    light: dict[PairOf, list[str]] = {}
    for path, sides in found.holders.items():
        for pair in found.pairs_of(sides):
            light.setdefault(pair, []).append(path)
    hunks = _hunks(engine, found, light, explained)
    clashes: list[Clash] = []
    for pair in sorted({*explained, *light}):
        taken: set[str] = set()
        hard: dict[tuple[str, str], Clash] = {}
        for conflict in explained.get(pair, ()):
            taken.update(map(name_before, conflict.paths))
            clash = _hard(known, found, pair, conflict, hunks)
            hard.setdefault((clash.kind, clash.path), clash)
        clashes += hard.values()
        for path in sorted({*light.get(pair, ())} - taken):
            clashes.append(_light(known, found, pair, path, hunks))
    return clashes


def list_direct(
    engine: Engine, known: Sequence[Seen], wanted: set[str]
) -> tuple[list[Clash], set[PairOf]]:
    """The conflicts of the tips as they are, by asking git about each pair; and the pairs it
    gave no answer for."""
    pairs = [
        pair
        for pair in combinations(range(len(known)), 2)
        if not wanted or {known[pair[0]].id, known[pair[1]].id} & wanted
    ]
    commits = [(known[one].tree, known[other].tree) for one, other in pairs]
    answers = dict(zip(pairs, merge_all(engine.bench, commits), strict=True))
    hard = [pair for pair, merged in answers.items() if merged and not merged.clean]
    tips = [(known[one].tree, known[other].tree) for one, other in hard]
    clashes: list[Clash] = []
    for pair, conflicts in zip(hard, explain_all(engine.bench, tips, engine.cache), strict=True):
        told: dict[tuple[str, str], Clash] = {}
        for conflict in conflicts:
            clash = _direct(known[pair[0]], known[pair[1]], conflict)
            told.setdefault((clash.kind, clash.path), clash)
        clashes += told.values()
    return clashes, {pair for pair, merged in answers.items() if merged is None}


def _direct(a: Seen, b: Seen, conflict: Conflict) -> Clash:
    a_path, b_path = (_own_path({}, conflict, stage) for stage in (2, 3))
    return Clash(
        a.id, b.id, CONFLICT, conflict.kind, name_before(conflict.path), a_path, b_path,
        a_committed=_is_committed(a, a_path, conflict.kind),
        b_committed=_is_committed(b, b_path, conflict.kind),
    )  # fmt: skip


def _explain(
    engine: Engine, found: Comparison, pairs: Iterable[PairOf]
) -> dict[PairOf, list[Conflict]]:
    """Conflicts of edits are known by path; only the others are asked for."""
    explained: dict[PairOf, list[Conflict]] = {}
    whole = []
    for pair in sorted(pairs):
        if pair in found.by_content:
            explained[pair] = [_edits(found, pair, path) for path in found.by_content[pair]]
        else:
            whole.append(pair)
    return explained | dict(zip(whole, _explain_whole(engine, found, whole), strict=True))


def _explain_whole(
    engine: Engine, found: Comparison, pairs: Sequence[PairOf]
) -> list[list[Conflict]]:
    trees = {index: found.trees[index] for pair in pairs for index in pair}
    commits = landed(engine.aside, engine.target, trees)

    def have_trees(places: Sequence[int]) -> None:
        bring(engine, [found.trees[index] for place in places for index in pairs[place]])

    asked = [(commits[one], commits[other]) for one, other in pairs]
    return explain_all(engine.bench, asked, engine.cache, have_trees)


def _edits(found: Comparison, pair: PairOf, path: str) -> Conflict:
    one, other = (found.deltas[index].files[path] for index in pair)
    stages = {
        1: (one.old_mode, one.old),
        2: (one.new_mode, one.new),
        3: (other.new_mode, other.new),
    }
    return Conflict("content", (path,), stages)


def _hunks(
    engine: Engine,
    found: Comparison,
    light: Mapping[PairOf, Sequence[str]],
    explained: Mapping[PairOf, Sequence[Conflict]],
) -> HunksOf:
    """The hunks needed to say lines: of paths both changed, and of conflicted contents."""
    wanted = set()
    for pair, paths in light.items():
        for path in paths:
            for index in pair:
                change = found.deltas[index].files[path]
                if change.is_edit:
                    wanted.add((change.old, change.new))
    for conflicts in explained.values():
        for conflict in conflicts:
            if conflict.stages.keys() >= {1, 2, 3} and conflict.kind == "content":
                wanted |= {(conflict.stages[1][1], conflict.stages[side][1]) for side in (2, 3)}
    missing = {pair for pair in wanted if pair not in found.hunks and pair[0] != pair[1]}
    if missing and engine.absent:
        _have_stages(engine, found, explained)
    return {**found.hunks, **known_hunks(engine, missing, found.owners)}


def _have_stages(
    engine: Engine, found: Comparison, explained: Mapping[PairOf, Sequence[Conflict]]
) -> None:
    """Have the blobs a cached explanation names: git merges some before it finds the conflict,
    as where both sides renamed a file and edited it."""
    whole = [pair for pair in explained if pair not in found.by_content]
    make_merges(engine, [(found.trees[one], found.trees[other]) for one, other in whole])


def _hard(
    known: Sequence[Seen], found: Comparison, pair: PairOf, conflict: Conflict,
    hunks: HunksOf,
) -> Clash:  # fmt: skip
    a, b = known[pair[0]], known[pair[1]]
    stages = conflict.stages
    a_path = _own_path(found.deltas[pair[0]].files, conflict, 2)
    b_path = _own_path(found.deltas[pair[1]].files, conflict, 3)
    a_lines: Lines = ()
    b_lines: Lines = ()
    kind = conflict.kind
    if stages.keys() >= {1, 2, 3} and kind == "content":
        one = hunks.get((stages[1][1], stages[2][1]))
        other = hunks.get((stages[1][1], stages[3][1]))
        kind = "binary" if one is None or other is None else kind
        a_lines, b_lines = _lines(one, other)
    return Clash(
        a.id, b.id, CONFLICT, kind, name_before(conflict.path), a_path, b_path, a_lines, b_lines,
        a_committed=_is_committed(a, a_path, kind), b_committed=_is_committed(b, b_path, kind),
        untracked=a_path in a.untracked and b_path in b.untracked,
    )  # fmt: skip


def _light(
    known: Sequence[Seen], found: Comparison, pair: PairOf, path: str,
    hunks: HunksOf,
) -> Clash:  # fmt: skip
    a, b = known[pair[0]], known[pair[1]]
    first, second = (found.deltas[index].files[path] for index in pair)
    same = (first.new, first.new_mode) == (second.new, second.new_mode)
    one = hunks.get((first.old, first.new)) if first.is_edit else None
    other = hunks.get((second.old, second.new)) if second.is_edit else None
    a_lines, b_lines = _lines(one, other)
    return Clash(
        a.id, b.id, TOUCHING if same or a_lines else NEAR, "same change" if same else "edit",
        path, path, path, a_lines, b_lines,
        a_committed=path not in a.uncommitted, b_committed=path not in b.uncommitted,
        untracked=path in a.untracked and path in b.untracked,
    )  # fmt: skip


def _own_path(files: Files, conflict: Conflict, stage: int) -> str:
    """What the file of a stage is, or was, called on its own side: a rename is on one side only.
    files: what that side changes."""
    if len(conflict.paths) == 3:
        return name_before(conflict.paths[stage - 1])
    if stage not in conflict.stages:
        return _lost_path(conflict)
    oid = conflict.stages[stage][1]
    if conflict.path in files and files[conflict.path].new == oid:
        return conflict.path
    own = (path for path, change in files.items() if change.new == oid)
    return next(own, name_before(conflict.path))


def _lost_path(conflict: Conflict) -> str:
    """Of the side that has no such file: git names the new path first, then the old one. Who
    renamed a folder has that."""
    if conflict.kind == "rename/delete":
        return name_before(conflict.paths[-1])
    path = name_before(conflict.path)
    renamed = conflict.kind == "directory rename" and conflict.stages
    return posixpath.dirname(path) if renamed else path


def _is_committed(seen: Seen, path: str, kind: str) -> bool:
    """A folder is committed when all below it is."""
    if path in seen.uncommitted:
        return False
    below = f"{path}/"
    return kind not in _FOLDER_KINDS or not any(one.startswith(below) for one in seen.uncommitted)


def _lines(one: Hunks | None, other: Hunks | None) -> tuple[Lines, Lines]:
    met = meeting(one or (), other or ())
    first = sorted({(mine.new + 1, mine.new_end) for mine, _ in met})
    second = sorted({(theirs.new + 1, theirs.new_end) for _, theirs in met})
    return tuple(first), tuple(second)
