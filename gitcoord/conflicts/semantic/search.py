"""All pairs of sides, by an inverted index: what one takes away, who newly counts on it.

Promises: the work grows with what sides changed and with candidates, not with pairs; each blob
is read and parsed once; a pair git does not merge clean, or gives no answer for, is left to
whoever reports conflicts of text. What is said stands in git's own merge of the two.
"""

from __future__ import annotations

import gc
import posixpath
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.deltas import Delta, read_deltas
from gitcoord.conflicts.engine import prepare
from gitcoord.conflicts.merging import Merged, landed, merge_all
from gitcoord.conflicts.semantic import claiming, rules, texts
from gitcoord.conflicts.semantic.change import Change, module_name, read_change
from gitcoord.conflicts.semantic.meaning import Candidate, Meaning
from gitcoord.conflicts.semantic.shelf import Merge, Shelf
from gitcoord.conflicts.semantic.words import SideWords, Words
from gitcoord.git.objects import Reader
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository

PairOf = tuple[int, int]
Merger = Callable[[Sequence[PairOf]], Sequence[Merged | None]]

# More of one pair says no more than that the two do not fit.
_MOST_OF_A_PAIR = 20


def find_semantic(repo: Repository, base: str, a: str, b: str) -> list[Meaning]:
    """What two sides break together. base: a commit id; a, b: commits or trees made from it.

    Empty as well when the two do not merge clean as text.
    """
    with quarantine(repo) as aside:
        return find_all_semantic(aside, base, {0: a, 1: b}).get((0, 1), [])


def find_all_semantic(
    aside: Repository,
    target: str,
    sides: Mapping[int, str],
    *,
    deltas: Mapping[int, Delta] | None = None,
    merge: Merger | None = None,
    skip: Collection[PairOf] = (),
) -> dict[PairOf, list[Meaning]]:
    """Pairs that merge clean and break in meaning, by the numbers of their sides, lower first.

    aside: a repository in a quarantine. target: a commit id. sides: number -> commit or tree,
    as it would land on the target. deltas: of each against the target, when they are known.
    merge: merges pairs of sides, when that is known better. skip: pairs that conflict as text.
    """
    with Reader(aside) as reader:
        trees = {number: reader.read(f"{name}^{{tree}}")[0] for number, name in sides.items()}
        if deltas is None:
            base = reader.read(f"{target}^{{tree}}")[0]
            order = sorted(trees)
            read = read_deltas(aside, [(base, trees[number]) for number in order])
            deltas = dict(zip(order, read, strict=True))
        shelf = Shelf(aside, reader)
        shelf.fetch(deltas.values())
        with _without_collector():
            changes = {
                number: read_change(delta, shelf.outline, shelf.lines)
                for number, delta in deltas.items()
            }
        found = _candidates(reader, target, changes)
        found = {pair: some for pair, some in found.items() if pair not in skip}
        merges = _merges(aside, target, trees, merge, sorted(found))
        return _confirmed(shelf, target, deltas, found, merges)


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


def _candidates(
    reader: Reader, target: str, changes: Mapping[int, Change]
) -> dict[PairOf, list[Candidate]]:
    found: dict[PairOf, list[Candidate]] = defaultdict(list)
    for candidate in _all_candidates(reader, target, changes):
        pair = (min(candidate.one, candidate.other), max(candidate.one, candidate.other))
        if len(found[pair]) < 10 * _MOST_OF_A_PAIR:
            found[pair].append(candidate)
    return found


def _all_candidates(
    reader: Reader, target: str, changes: Mapping[int, Change]
) -> Iterator[Candidate]:
    users = _sides_by(changes, lambda change: change.by_name)
    heirs = _sides_by(changes, _bases)
    importers = _sides_by(changes, lambda change: change.imports)
    for number, change in changes.items():
        for name in change.offers:
            for other in users.get(name, set()) - {number}:
                yield from rules.by_name((number, other), change, changes[other], name)
        for name in change.owners:
            for other in heirs.get(name, set()) - {number}:
                yield from rules.overridden((number, other), change, changes[other], name)
        for path in change.gone:
            name = posixpath.basename(module_name(path))
            for other in importers.get(name, set()) - {number}:
                imports = changes[other].imports[name]
                yield from rules.modules((number, other), change, path, imports)
    yield from texts.candidates(changes)
    yield from _taken_twice(reader, target, changes)


def _sides_by(
    changes: Mapping[int, Change], names: Callable[[Change], Iterable[str]]
) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for number, change in changes.items():
        for name in names(change):
            found[name].add(number)
    return found


def _bases(change: Change) -> Iterator[str]:
    """Classes that a new class of this side is made from."""
    for file in change.files.values():
        for added in file.added:
            yield from added.bases


def _taken_twice(reader: Reader, target: str, changes: Mapping[int, Change]) -> Iterator[Candidate]:
    takers: dict[claiming.Key, list[int]] = defaultdict(list)
    for number, change in changes.items():
        for key in set(claiming.keys(change)):
            takers[key].append(number)
    shared = {key: numbers for key, numbers in takers.items() if len(numbers) > 1}
    folders = {key[1] for key in shared if key[0] == "numbered"}
    taken = {folder: _names_in(reader, target, folder) for folder in folders}
    for key, numbers in shared.items():
        for place, one in enumerate(numbers):
            for other in numbers[place + 1 :]:
                yield from claiming.clashes((one, other), changes[one], changes[other], key, taken)


def _names_in(reader: Reader, target: str, folder: str) -> list[str]:
    name = f"{target}:{folder}"
    said = None if "\n" in folder else reader.find(name)
    if said is None or said[1] != "tree":
        return []
    return [entry.decode("utf-8", "surrogateescape") for entry in reader.tree(name)]


def _merges(
    aside: Repository,
    target: str,
    trees: Mapping[int, str],
    merge: Merger | None,
    pairs: Sequence[PairOf],
) -> dict[PairOf, Merged | None]:
    if not pairs:
        return {}
    if merge is None:
        numbers = sorted({number for pair in pairs for number in pair})
        commits = landed(aside, target, {number: trees[number] for number in numbers})
        bench = prepare(aside, target, Cache()).bench
        answers: Sequence[Merged | None] = merge_all(
            bench, [(commits[one], commits[other]) for one, other in pairs]
        )
    else:
        answers = merge(pairs)
    return dict(zip(pairs, answers, strict=True))


def _confirmed(
    shelf: Shelf,
    target: str,
    deltas: Mapping[int, Delta],
    found: Mapping[PairOf, list[Candidate]],
    merges: Mapping[PairOf, Merged | None],
) -> dict[PairOf, list[Meaning]]:
    clean = {pair: merged for pair, merged in merges.items() if merged and merged.clean}
    wanted: dict[int, set[str]] = defaultdict(set)
    for pair in clean:
        for one in found[pair]:
            if one.word:
                wanted[one.one].add(one.word)
    words = Words(shelf, target, {word for some in wanted.values() for word in some})
    names = {side: words.of_side(deltas[side], some) for side, some in wanted.items()}
    nobody = SideWords({})
    answers = {}
    for pair, merged in clean.items():
        result = Merge(shelf, merged.tree)
        sure = [one for one in found[pair] if one.confirm(result, names.get(one.one, nobody))]
        if sure:
            answers[pair] = _distinct(sure)
    return answers


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
