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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations

from gitcoord.conflicts.cache import Cache, stages_json
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
from gitcoord.conflicts.hunks import (
    BlobPair,
    Hunk,
    Hunks,
    find_touching,
    lines_may_decide,
    read_hunks,
)
from gitcoord.conflicts.merging import (
    Merged,
    Triple,
    landed,
    merge_all,
    merge_contents,
    sorted_blobs,
)
from gitcoord.git.objects import Reader
from gitcoord.git.quarantine import checkout_of
from gitcoord.git.repository import Repository

_LINES, _UNION, _OTHER = "lines", "union", "other"


@dataclass
class Comparison:
    """What is known of all sides and pairs, by index into the sides that were asked.

    base: the target's tree. trees: of the sides that land on it. stale: sides that conflict
    with the target. unmerged: sides git gave no answer for. holders: path -> sides that
    change it. contents: whether contents of which lines touch merge clean. merges: pairs that
    were merged whole (None: no answer). A pair that neither holds a conflict of is clean.
    """

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

    @property
    def unknown(self) -> set[PairOf]:
        """The pairs git gave no answer for."""
        return {pair for pair, merged in self.merges.items() if merged is None}


@dataclass(frozen=True)
class Engine:
    """Where the pipeline works. aside: in a quarantine. bench: the same objects, seen from a
    worktree with the target's attributes. cache: what is known already."""

    aside: Repository
    bench: Repository
    target: str
    cache: Cache


def compare(engine: Engine, sides: Sequence[str]) -> Comparison:
    """Compare commits (ids) with the target commit and, as they would land on it, with each
    other."""
    found = Comparison()
    _land(engine, sides, found)
    _read_deltas(engine, found)
    found.holders = find_holders(found.deltas)
    whole = find_structural(found.deltas)
    whole |= _by_lines(engine, found)
    _merge_whole(engine, found, whole)
    return found


def prepare(aside: Repository, target: str, cache: Cache) -> Engine:
    """An engine for one target, a commit id. aside: in a quarantine."""
    said = cache.find("attributes", target)
    if said is False:
        said = _attributes(aside, target)
        cache.keep("attributes", target, said)
    files = {path: os.fsencode(content) for path, content in said.items()}
    return Engine(aside, checkout_of(aside, files), target, cache)


def merge_landed(
    engine: Engine, base: str, pairs: Sequence[tuple[str, str]]
) -> list[Merged | None]:
    """The merge of two trees that both land on the target, for each pair. base: its tree."""
    cache, context = engine.cache, engine.cache.context
    keys = [f"{context}:{base}:{min(pair)}:{max(pair)}" for pair in pairs]
    answers = [_known(cache, "merges", key) for key in keys]
    missing = [place for place, answer in enumerate(answers) if answer is None]
    trees = sorted({tree for place in missing for tree in pairs[place]})
    commits = landed(engine.aside, engine.target, dict(enumerate(trees)))
    of_tree = {tree: commits[index] for index, tree in enumerate(trees)}
    asked = [(of_tree[pairs[place][0]], of_tree[pairs[place][1]]) for place in missing]
    for place, merged in zip(missing, merge_all(engine.bench, asked), strict=True):
        answers[place] = merged
        if merged:
            _keep(cache, "merges", keys[place], merged)
    return answers


def _attributes(aside: Repository, target: str) -> dict[str, str]:
    """Path -> content of each `.gitattributes` of the target."""
    listed = aside.run("ls-tree", "-r", "-z", "--full-tree", target).out.split(b"\0")
    found = {
        os.fsdecode(line.partition(b"\t")[2]): line.split(b" ", 2)[2][:64].partition(b"\t")[0]
        for line in listed
        if line.endswith((b"\t.gitattributes", b"/.gitattributes")) and line.startswith(b"100")
    }
    if not found:
        return {}
    with Reader(aside) as reader:
        bodies = reader.find_all(oid.decode() for oid in found.values())
        return {
            path: os.fsdecode(body[2]) if body else ""
            for path, body in zip(found, bodies, strict=True)
        }


def _land(engine: Engine, sides: Sequence[str], found: Comparison) -> None:
    """Merge each side with the target. The target with itself tells its tree."""
    cache, target = engine.cache, engine.target
    asked = [target, *sides]
    keys = [f"{cache.context}:{target}:{side}" for side in asked]
    answers = [_known(cache, "landings", key) for key in keys]
    missing = [place for place, answer in enumerate(answers) if answer is None]
    fresh = merge_all(engine.bench, [(target, asked[place]) for place in missing])
    for place, merged in zip(missing, fresh, strict=True):
        answers[place] = merged
        if merged:
            _keep(cache, "landings", keys[place], merged)
    assert answers[0] is not None, "a commit merges with itself"
    found.base = answers[0].tree
    for index, merged in enumerate(answers[1:]):
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
    edited = {
        path: {i for i in sides if found.deltas[i].files[path].is_edit}
        for path, sides in found.holders.items()
    }
    if not lines_may_decide(engine.bench.settings):
        edited = {}
    lines = [path for path, sides in edited.items() if len(sides) > 1]
    wanted = {
        (change.old, change.new)
        for path in lines
        for change in (found.deltas[index].files[path] for index in edited[path])
    }
    with ThreadPoolExecutor(1) as pool:
        ways = pool.submit(_ways_to_merge, engine, lines)
        found.hunks = known_hunks(engine.aside, wanted, engine.cache)
        way = ways.result()
    whole: set[PairOf] = set()
    asked: dict[Triple, list[tuple[str, PairOf]]] = {}
    for path, sides in found.holders.items():
        can = edited.get(path, set()) if way.get(path, _OTHER) != _OTHER else set()
        whole |= _undecided(found, path, sides, can)
        texts = _texts(found, path, can)
        if way.get(path) != _UNION:
            for triple, pair in _touching(path, found, texts):
                asked.setdefault(triple, []).append((path, pair))
        whole |= _binary(found, path, can, texts)
    return whole | _merge_contents(engine, found, asked, whole)


def known_hunks(
    aside: Repository, wanted: Iterable[BlobPair], cache: Cache
) -> dict[BlobPair, Hunks | None]:
    """Hunks by pair of blobs, out of the cache or by one more process. aside: in a quarantine."""
    found: dict[BlobPair, Hunks | None] = {}
    missing = []
    for pair in wanted:
        said = cache.find("hunks", f"{cache.context}:{pair[0]}:{pair[1]}")
        if said is False:
            missing.append(pair)
        else:
            found[pair] = None if said is None else tuple(Hunk(*hunk) for hunk in said)
    for pair, hunks in read_hunks(aside, missing).items():
        found[pair] = hunks
        cache.keep("hunks", f"{cache.context}:{pair[0]}:{pair[1]}", hunks)
    return found


def _undecided(found: Comparison, path: str, sides: Sequence[int], can: set[int]) -> set[PairOf]:
    """Pairs on a path that differ, of which one or both cannot be decided by contents."""
    if len(can) == len(sides):
        return set()
    changes = {index: found.deltas[index].files[path] for index in sides}
    return {
        (one, other)
        for one, other in combinations(sides, 2)
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
    found.merges = dict(zip(listed, merge_landed(engine, found.base, trees), strict=True))
    for pair in listed:
        if found.merges[pair] is not None:
            found.by_content.pop(pair, None)


def _ways_to_merge(engine: Engine, paths: Sequence[str]) -> dict[str, str]:
    """How git merges the lines of each path, by its `merge` attribute."""
    if not paths:
        return {}
    asked = os.fsencode("".join(f"{path}\0" for path in paths))
    said = engine.bench.run("check-attr", "-z", "--stdin", "merge", input=asked).fields()
    ways = {"unspecified": _LINES, "set": _LINES, "text": _LINES, "union": _UNION}
    for name in ("text", "union"):
        if f"merge.{name}.driver" in engine.bench.settings:
            del ways[name]
    return {
        path: ways.get(value, _OTHER) for path, value in zip(said[::3], said[2::3], strict=True)
    }


def _known(cache: Cache, table: str, key: str) -> Merged | None:
    said = cache.find(table, key)
    if said is False:
        return None
    clean, tree, stages = said
    return Merged(clean, tree, {
        path: {int(stage): (mode, oid) for stage, (mode, oid) in found.items()}
        for path, found in stages.items()
    })  # fmt: skip


def _keep(cache: Cache, table: str, key: str, merged: Merged) -> None:
    cache.keep(table, key, [merged.clean, merged.tree, stages_json(merged.stages)])
