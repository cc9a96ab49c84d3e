"""What was found out before, and git asked for the rest.

A cache knows the id of a merged tree, not its objects: those went with the quarantine they
were made in. Promises: whoever reads objects of a tree asks for it with `bring` (or merges by
`merge_landed`), and exactly those merges are made again of which the objects are needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from gitcoord.conflicts.cache import Cache, stages_json
from gitcoord.conflicts.hunks import BlobPair, Hunk, Hunks, read_hunks
from gitcoord.conflicts.merging import Merged, landed, merge_all
from gitcoord.git.objects import Reader
from gitcoord.git.quarantine import checkout_of
from gitcoord.git.repository import Repository

Owners = Callable[[set[str]], Iterable[str]]


@dataclass(frozen=True)
class Engine:
    """Where the pipeline works. aside: in a quarantine. bench: the same objects, seen from a
    worktree with the target's attributes. cache: what is known already.

    absent: tree of a landing the cache told -> the side it is of; its objects are not there.
    present: trees that were made here. doubts: whose answer is not whole, as of what cannot be
    read here; then the answer as a whole is not kept.
    """

    aside: Repository
    bench: Repository
    target: str
    cache: Cache
    absent: dict[str, str] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    doubts: set[str] = field(default_factory=set)


def prepare(aside: Repository, target: str, cache: Cache) -> Engine:
    """An engine for one target, a commit id. aside: in a quarantine."""
    said = cache.find("attributes", target)
    if said is False:
        said = _attributes(aside, target)
        cache.keep("attributes", target, said)
    files = {path: os.fsencode(content) for path, content in said.items()}
    return Engine(aside, checkout_of(aside, files), target, cache)


def land(engine: Engine, sides: Sequence[str]) -> list[Merged | None]:
    """The merge of each commit with the target. Of what the cache told, objects are absent."""
    cache, target = engine.cache, engine.target
    keys = [f"{cache.context}:{target}:{side}" for side in sides]
    answers = [_known(cache, "landings", key) for key in keys]
    missing = [place for place, answer in enumerate(answers) if answer is None]
    for side, answer in zip(sides, answers, strict=True):
        if answer and answer.tree not in engine.present:
            engine.absent.setdefault(answer.tree, side)
    fresh = merge_all(engine.bench, [(target, sides[place]) for place in missing])
    for place, merged in zip(missing, fresh, strict=True):
        answers[place] = merged
        if merged:
            _made(engine, merged)
            _keep(cache, "landings", keys[place], merged)
    return answers


def bring(engine: Engine, trees: Iterable[str]) -> None:
    """Have the objects of trees that landed: those the cache told of are merged again."""
    wanted = [tree for tree in dict.fromkeys(trees) if tree in engine.absent]
    pairs = [(engine.target, engine.absent[tree]) for tree in wanted]
    for merged in merge_all(engine.bench, pairs):
        if merged:
            _made(engine, merged)


def find_verdicts(
    engine: Engine, base: str, pairs: Sequence[tuple[str, str]]
) -> list[Merged | None]:
    """The merge of two trees that both land on the target, for each pair. base: its tree.

    The objects of the result may be absent: see `merge_landed`.
    """
    cache, context = engine.cache, engine.cache.context
    keys = [f"{context}:{base}:{min(pair)}:{max(pair)}" for pair in pairs]
    answers = [_known(cache, "merges", key) for key in keys]
    missing = [place for place, answer in enumerate(answers) if answer is None]
    fresh = make_merges(engine, [pairs[place] for place in missing])
    for place, merged in zip(missing, fresh, strict=True):
        answers[place] = merged
        if merged:
            _keep(cache, "merges", keys[place], merged)
    return answers


def merge_landed(
    engine: Engine, base: str, pairs: Sequence[tuple[str, str]]
) -> list[Merged | None]:
    """As `find_verdicts`, and the objects of clean results are there to be read."""
    answers = find_verdicts(engine, base, pairs)
    again = [
        place
        for place, merged in enumerate(answers)
        if merged and merged.clean and merged.tree not in engine.present
    ]
    fresh = make_merges(engine, [pairs[place] for place in again])
    for place, merged in zip(again, fresh, strict=True):
        answers[place] = merged
    return answers


def make_merges(engine: Engine, pairs: Sequence[tuple[str, str]]) -> list[Merged | None]:
    """The merge of two trees that both land on the target, asked of git whatever is known."""
    trees = sorted({tree for pair in pairs for tree in pair})
    bring(engine, trees)
    commits = landed(engine.aside, engine.target, dict(enumerate(trees)))
    of_tree = {tree: commits[index] for index, tree in enumerate(trees)}
    answers = merge_all(engine.bench, [(of_tree[one], of_tree[other]) for one, other in pairs])
    for merged in answers:
        if merged:
            _made(engine, merged)
    return answers


def known_hunks(
    engine: Engine, wanted: Iterable[BlobPair], owners: Owners
) -> dict[BlobPair, Hunks | None]:
    """Hunks by pair of blobs, out of the cache or by one more process.

    owners: the trees that have a blob of a set.
    """
    cache = engine.cache
    found: dict[BlobPair, Hunks | None] = {}
    missing = []
    for pair in wanted:
        said = cache.find("hunks", f"{cache.context}:{pair[0]}:{pair[1]}")
        if said is False:
            missing.append(pair)
        else:
            found[pair] = None if said is None else tuple(Hunk(*hunk) for hunk in said)
    if missing and engine.absent:
        bring(engine, owners({blob for pair in missing for blob in pair}))
    read = read_hunks(engine.aside, missing)
    for pair in missing:
        found[pair] = read.get(pair)
    for pair, hunks in read.items():
        cache.keep("hunks", f"{cache.context}:{pair[0]}:{pair[1]}", hunks)
    return found


def _made(engine: Engine, merged: Merged) -> None:
    engine.present.add(merged.tree)
    engine.absent.pop(merged.tree, None)


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
