"""git's own verdict on merges, for any number of pairs by one process for each core.

Promises: a pair git gave no answer for is None, never clean. Refuses: `--quiet`, which
calls real conflicts clean (git 2.50 to 2.55), and messages in a batch, which submodules
break the framing of (git 2.39).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitcoord.conflicts.hunks import BlobPair
from gitcoord.git.objects import FILE, Batch, Entry
from gitcoord.git.quarantine import WHO as WHO
from gitcoord.git.quarantine import bare_of, put_objects
from gitcoord.git.repository import Repository, git_version
from gitcoord.git.run import Output
from gitcoord.process import at_once, cores

Pair = tuple[str, str]
Stages = dict[str, dict[int, tuple[str, str]]]
Triple = tuple[str, str, str]

# One answer of a batch; more lie between two points where a dying git can be halved to.
_FILES_AT_ONCE = 64
_BATCH_SINCE = (2, 39)


@dataclass(frozen=True, slots=True)
class Merged:
    """One merge. tree: the result, with conflict markers where it is not clean.

    stages: path -> stage (1 base, 2 first side, 3 second) -> (mode, object id); can be
    empty for a conflict.
    """

    clean: bool
    tree: str
    stages: Stages


def merge_all(repo: Repository, pairs: Sequence[Pair]) -> list[Merged | None]:
    """The merge of each pair of commit ids, in the order asked; None where git gave none."""
    workers = min(cores(), 1 + len(pairs) // 8)
    if workers < 2:
        return _merge(repo, pairs)
    # Dealt out in turns: neighbours in the list cost alike, halves of it do not.
    shares = [pairs[worker::workers] for worker in range(workers)]
    answers: list[Merged | None] = [None] * len(pairs)
    for worker, share in enumerate(at_once(lambda part: _merge(repo, part), shares)):
        answers[worker::workers] = share
    return answers


def merge_contents(aside: Repository, triples: Sequence[Triple]) -> dict[Triple, bool | None]:
    """Whether git merges the contents (base blob, one side's, the other's) without conflict.

    Many files by one merge of made-up trees, since what it says of a file that all three
    have does not depend on the others. None where git gave no answer. Text without a `merge`
    attribute is meant; no other is asked about. aside: in a quarantine.
    """
    groups = [triples[at : at + _FILES_AT_ONCE] for at in range(0, len(triples), _FILES_AT_ONCE)]
    batch = Batch(aside)
    pairs = []
    for group in groups:
        base, one, other = (
            batch.tree({b"%07d" % place: Entry(FILE, triple[side])
                        for place, triple in enumerate(group)})
            for side in range(3)
        )  # fmt: skip
        root = batch.commit(base, [], "base", author=WHO)
        pairs.append((
            batch.commit(one, [root], "one", author=WHO),
            batch.commit(other, [root], "other", author=WHO),
        ))  # fmt: skip
    put_objects(aside, batch)
    answers: dict[Triple, bool | None] = {}
    for group, merged in zip(groups, merge_all(bare_of(aside), pairs), strict=True):
        for place, triple in enumerate(group):
            answers[triple] = None if merged is None else f"{place:07d}" not in merged.stages
        if merged and not merged.clean and not merged.stages:
            answers |= dict.fromkeys(group)
    return answers


def landed(aside: Repository, target: str, trees: Mapping[int, str]) -> dict[int, str]:
    """A commit on the target for each tree. aside: in a quarantine."""
    batch = Batch(aside)
    commits = {
        index: batch.commit(tree, [target], "landed", author=WHO) for index, tree in trees.items()
    }
    put_objects(aside, batch)
    return commits


def sorted_blobs(base: str, pair: BlobPair) -> Triple:
    """Verdicts are symmetric (17,000 pairs tried): one question for both orders."""
    return (base, min(pair), max(pair))


def _merge(repo: Repository, pairs: Sequence[Pair]) -> list[Merged | None]:
    """One process; when it dies, the pair it died on is found by halving what is left."""
    if not pairs:
        return []
    if git_version() < _BATCH_SINCE:
        return [_merge_one(repo, pair) for pair in pairs]
    script = "".join(f"{one} {other}\n" for one, other in pairs).encode()
    said = repo.run(
        "-c", "core.looseCompression=0",
        "merge-tree", "--write-tree", "--stdin", "-z", "--no-messages",
        input=script, ok=range(-64, 256),
    )  # fmt: skip
    answered = list(_parse(said))[: len(pairs)]
    if said.code in (0, 1) and len(answered) == len(pairs):
        return [*answered]
    left = pairs[len(answered) :]
    if len(left) <= 1:
        return [*answered[: len(pairs) - 1], None]
    half = (len(left) + 1) // 2
    return [*answered, *_merge(repo, left[:half]), *_merge(repo, left[half:])]


def _merge_one(repo: Repository, pair: Pair) -> Merged | None:
    """git 2.38 knows no batches."""
    said = repo.run("merge-tree", "--write-tree", "-z", "--no-messages", *pair, ok=range(-64, 256))
    if said.code not in (0, 1):
        return None
    status = b"1" if said.code == 0 else b"0"
    whole = Output(said.code, status + b"\0" + said.out.rstrip(b"\0") + b"\0\0", b"")
    return next(_parse(whole), None)


def _parse(said: Output) -> Iterator[Merged]:
    """Each answer: `0` or `1`, the tree, a line per conflicted stage, an empty field."""
    fields = iter(os.fsdecode(said.out).split("\0")[:-1])
    for status in fields:
        tree = next(fields, "")
        stages: Stages = {}
        for line in fields:
            if not line:
                yield Merged(status == "1", tree, stages)
                break
            head, _, path = line.partition("\t")
            mode, oid, stage = head.split(" ")
            stages.setdefault(path, {})[int(stage)] = (mode, oid)
