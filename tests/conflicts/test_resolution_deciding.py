"""What strategies make of random histories, compared with git's own merge."""

from __future__ import annotations

import random
from collections.abc import Sequence

from gitcoord.conflicts.explain import Conflict
from gitcoord.conflicts.merging import Merged
from gitcoord.conflicts.resolution import SPLIT, TEXTUAL, UNION, Side, Step
from gitcoord.conflicts.resolution_deciding import Deciding, decide
from gitcoord.conflicts.resolution_merge import Table
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from tests.conflicts.histories import History, base_files, changed
from tests.conftest import Sandbox

PAIRS = 60
Tree = dict[str, tuple[str, str]]


def entries(repo: Repository, tree: str) -> Tree:
    listed = repo.run("ls-tree", "-r", "-z", "--full-tree", tree).fields()
    heads = {path: head.split(" ") for head, _, path in (one.partition("\t") for one in listed)}
    return {path: (mode, oid) for path, (mode, _, oid) in heads.items()}


def lines(repo: Repository, entry: tuple[str, str] | None) -> set[bytes]:
    return set(repo.run("cat-file", "blob", entry[1]).out.splitlines()) if entry else set()


def check(
    repo: Repository, commits: tuple[str, str, str], merged: Merged, tree: str,
    conflicts: Sequence[Conflict], steps: Sequence[Step],
) -> None:  # fmt: skip
    """Outside of what conflicts all is as git merged it; inside, nobody's work went unsaid."""
    base, left, right = (entries(repo, commit) for commit in commits)
    made, plain = entries(repo, tree), entries(repo, merged.tree)
    paths = {path for one in conflicts for path in one.paths}
    assert {k: v for k, v in made.items() if k not in paths} == {
        k: v for k, v in plain.items() if k not in paths
    }
    for step in steps:
        entry = made.get(step.path)
        assert b"<<<<<<<" not in b"".join(lines(repo, entry))
        if step.kind not in TEXTUAL:
            assert entry in (left.get(step.path), right.get(step.path))
            assert step.to in ("left", "right")
        elif step.strategy == UNION:
            new = lines(repo, left.get(step.path)) | lines(repo, right.get(step.path))
            assert new - lines(repo, base.get(step.path)) <= lines(repo, entry)


def test_random_histories(sandbox: Sandbox) -> None:
    repo, rng = Repository.find(sandbox.path), random.Random(7)
    history = History(repo)
    chains = []
    for _ in range(PAIRS):
        files = base_files(rng)
        base = history.commit(files)
        chains.append((base, *(history.commit(changed(rng, files), base) for _ in "lr")))
    history.write()
    outcomes = []
    with quarantine(repo.seen_from(repo.common_dir)) as aside:
        for base, left, right in chains:
            table = Table.lay(aside, base, (left, right))
            merged, conflicts = table.merge()
            first, second = (Side(name, "", tip, tip, "/") for name, tip in zip(
                ("left", "right"), (left, right), strict=True))  # fmt: skip
            on = Deciding(repo, table, first, second, merged, "", {})
            for strategy in (SPLIT, UNION) if conflicts else ():
                tree, steps = decide(on, [(one, strategy) for one in conflicts])
                assert len(steps) == len(conflicts)
                assert bool(tree) == all(step.done for step in steps)
                outcomes.append((strategy, bool(tree)))
                if tree:
                    check(aside, (base, left, right), merged, tree, conflicts, steps)
    assert {*outcomes} == {(one, done) for one in (SPLIT, UNION) for done in (True, False)}
