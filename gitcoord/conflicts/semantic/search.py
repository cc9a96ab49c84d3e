"""All pairs of sides that share a mark: what one takes away, who newly counts on it.

Promises: the work grows with what sides changed and with candidates, not with pairs; what is
known of a side or a pair is not worked out again; each blob is read and parsed once; a pair git
does not merge clean, or gives no answer for, is left to whoever reports conflicts of text. What
is said stands in git's own merge of the two.
"""

from __future__ import annotations

import gc
import posixpath
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.deltas import Delta, PairOf, read_deltas
from gitcoord.conflicts.recall import Engine, bring, merge_landed, prepare
from gitcoord.conflicts.semantic import claiming, texts
from gitcoord.conflicts.semantic.apart import in_two
from gitcoord.conflicts.semantic.change import MOST_FILES, Change, is_read, module_name, read_change
from gitcoord.conflicts.semantic.joining import join
from gitcoord.conflicts.semantic.kept import Kept
from gitcoord.conflicts.semantic.meaning import Candidate, Meaning
from gitcoord.conflicts.semantic.shelf import Merge, Shelf
from gitcoord.conflicts.semantic.words import Asking, Words
from gitcoord.git.objects import Reader
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository

# More of one pair says no more than that the two do not fit.
_MOST_OF_A_PAIR = 20
# Above, half of what is to be parsed goes to another core: a fork costs 5 to 10 ms.
_MANY_FILES = 100


@dataclass(frozen=True)
class Sides:
    """base: the target's tree. trees: of each side, as it would land. deltas: base to each."""

    base: str
    trees: Mapping[int, str]
    deltas: Mapping[int, Delta]


@dataclass(frozen=True)
class Said:
    """is_whole: every side could be read, and every pair had an answer of git's."""

    meanings: list[Meaning]
    is_whole: bool


def find_semantic(repo: Repository, base: str, a: str, b: str) -> list[Meaning]:
    """What two sides break together. base: a commit id; a, b: commits or trees made from it.

    Empty as well when the two do not merge clean as text.
    """
    with quarantine(repo) as aside:
        return find_all_semantic(aside, base, {0: a, 1: b}).get((0, 1), [])


def find_all_semantic(
    aside: Repository, target: str, sides: Mapping[int, str], *, skip: Collection[PairOf] = ()
) -> dict[PairOf, list[Meaning]]:
    """Pairs that merge clean and break in meaning, by the numbers of their sides, lower first.

    aside: a repository in a quarantine. target: a commit id. sides: number -> commit or tree,
    as it would land on the target. skip: pairs that conflict as text.
    """
    with Reader(aside) as reader:
        base = reader.read(f"{target}^{{tree}}")[0]
        trees = {number: reader.read(f"{name}^{{tree}}")[0] for number, name in sides.items()}
    deltas = read_deltas(aside, [(base, tree) for tree in trees.values()])
    engine = prepare(aside, target, Cache())
    all_sides = Sides(base, trees, dict(zip(trees, deltas, strict=True)))
    found: dict[PairOf, list[Meaning]] = {}
    for one in find_among(
        engine, all_sides, Kept(None, ""), skip=lambda pair: pair in skip
    ).meanings:
        found.setdefault((one.a, one.b), []).append(one)
    return found


def find_among(engine: Engine, sides: Sides, kept: Kept, *, skip: Callable[[PairOf], bool]) -> Said:
    """What pairs of landed sides break together. kept: takes in what is found out; of two
    pairs of the same trees, both have them in the same order."""
    with Shelf(engine.aside) as shelf:
        marks = {number: kept.marks(tree) for number, tree in sides.trees.items()}
        unread = [number for number, known in marks.items() if known is None]
        _read_changes(engine, shelf, sides, kept, unread)
        pairs = join({number: kept.marks(tree) or {} for number, tree in sides.trees.items()})
        said: list[Meaning] = []
        fresh = []
        for pair in sorted(pairs):
            known = kept.pair(*(sides.trees[number] for number in pair))
            if skip(pair):
                continue
            if known is None:
                fresh.append(pair)
            else:
                said += [replace(one, a=pair[0], b=pair[1]) for one in known]
        answers = _answers(engine, shelf, sides, kept, fresh)
        for pair, answer in answers.items():
            if answer is not None:
                kept.keep_pair(sides.trees[pair[0]], sides.trees[pair[1]], answer)
                said += answer
        answered = all(answer is not None for answer in answers.values())
        return Said(said, answered and not kept.passing)


def _read_changes(
    engine: Engine, shelf: Shelf, sides: Sides, kept: Kept, unread: Sequence[int]
) -> None:
    known = {number: kept.files(sides.deltas[number]) for number in unread}
    left = {
        number: [
            path
            for path, entry in sides.deltas[number].files.items()
            if path not in known[number] and is_read(path, entry)
        ]
        for number in unread
    }
    bring(engine, [sides.trees[number] for number, paths in left.items() if paths])
    shelf.fetch((sides.deltas[number], paths) for number, paths in left.items())

    def read(number: int) -> Change:
        return read_change(sides.deltas[number], shelf.outline, shelf.lines, known[number])

    with _without_collector():
        counts = [len(paths) for paths in left.values()]
        # With more of one side than was fetched, git would have to be asked again.
        apart = sum(counts) > _MANY_FILES and max(counts) <= MOST_FILES
        changes = in_two(read, unread) if apart else map(read, unread)
        for number, change in zip(unread, changes, strict=True):
            delta = sides.deltas[number]
            kept.keep_side(sides.trees[number], delta, change, whole=not shelf.lacks(delta))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Syntax trees have no cycles, and looking for some among all that is kept takes longer
    than making them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _answers(
    engine: Engine, shelf: Shelf, sides: Sides, kept: Kept, pairs: Sequence[PairOf]
) -> dict[PairOf, list[Meaning] | None]:
    """For each pair; None where git gave no answer."""
    numbers = {number for pair in pairs for number in pair}
    changes = {number: kept.change(sides.trees[number]) for number in numbers}
    found = {
        pair: list(islice(_candidates(shelf, sides.base, pair, changes), 10 * _MOST_OF_A_PAIR))
        for pair in pairs
    }
    asked = [pair for pair in pairs if found[pair]]
    trees = [(sides.trees[one], sides.trees[other]) for one, other in asked]
    merges = dict(zip(asked, merge_landed(engine, sides.base, trees), strict=True))
    clean = {
        pair: Merge(shelf, merged.tree)
        for pair, merged in merges.items()
        if merged is not None and merged.clean
    }
    confirmed = _confirmed(shelf, sides, {pair: found[pair] for pair in clean}, clean)
    return {
        pair: None if found[pair] and merges[pair] is None else _distinct(confirmed.get(pair, ()))
        for pair in pairs
    }


def _candidates(
    shelf: Shelf, base: str, pair: PairOf, changes: Mapping[int, Change]
) -> Iterator[Candidate]:
    from gitcoord.conflicts.semantic import rules

    for sides in (pair, pair[::-1]):
        one, other = changes[sides[0]], changes[sides[1]]
        for name in _shared(one.offers, other.by_name):
            yield from rules.by_name(sides, one, other, name)
        for name in one.owners:
            yield from rules.overridden(sides, one, other, name)
        for path in one.gone if other.imports else ():
            imports = other.imports.get(posixpath.basename(module_name(path)), ())
            yield from rules.modules(sides, one, path, imports)
    yield from texts.candidates({number: changes[number] for number in pair})
    first, second = changes[pair[0]], changes[pair[1]]
    for key in sorted({*claiming.keys(first)} & {*claiming.keys(second)}):
        taken = {key[1]: shelf.names_in(base, key[1])} if key[0] == "numbered" else {}
        yield from claiming.clashes(pair, first, second, key, taken)


def _shared(one: Collection[str], other: Collection[str]) -> Iterator[str]:
    fewer, more = sorted((one, other), key=len)
    return (name for name in fewer if name in more)


def _confirmed(
    shelf: Shelf,
    sides: Sides,
    found: Mapping[PairOf, list[Candidate]],
    merges: Mapping[PairOf, Merge],
) -> dict[PairOf, list[Candidate]]:
    """Those that stand in the merge. Code is searched for words only where all else is so."""
    asked: dict[int, Asking] = defaultdict(Asking)
    likely = {
        pair: [one for one in some if one.confirm(merges[pair], asked[one.one])]
        for pair, some in found.items()
    }
    words = Words(shelf, sides.base, {word for one in asked.values() for word in one.words})
    words.fetch(sides.deltas[number] for number, one in asked.items() if one.words)
    names = {
        number: words.of_side(sides.deltas[number], one.words) for number, one in asked.items()
    }
    return {
        pair: [one for one in some if one.confirm(merges[pair], names[one.one])]
        for pair, some in likely.items()
    }


def _distinct(sure: Iterable[Candidate]) -> list[Meaning]:
    """One for each kind, name and pair of files, and one for each place that counts on it; the
    surest first."""
    best: dict[tuple[object, ...], Meaning] = {}
    places: set[tuple[object, ...]] = set()
    for candidate in sorted(sure, key=lambda one: -one.confidence):
        found = candidate.meaning()
        files = sorted((found.a_path, found.b_path))
        where = (candidate.other, candidate.other_path, candidate.other_lines)
        place = (found.kind, found.name, *where)
        if place not in places:
            best.setdefault((found.kind, found.name, *files), found)
        places.add(place)
    return list(best.values())[:_MOST_OF_A_PAIR]
