"""No verdict ever differs from git's own for every pair: the filters against brute force."""

from __future__ import annotations

import random
from itertools import combinations
from typing import Any

import pytest

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.engine import compare, prepare
from gitcoord.conflicts.merging import landed, merge_all
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from tests.conflicts.histories import History, base_files, changed
from tests.conftest import Sandbox


def brute_force(repo: Repository, target: str, sides: list[str]) -> tuple[set[int], set[object]]:
    """Sides and pairs that conflict, by asking git about each, with nothing left out."""
    landings = merge_all(repo, [(target, side) for side in sides])
    trees = {index: one.tree for index, one in enumerate(landings) if one and one.clean}
    commits = landed(repo, target, trees)
    pairs = list(combinations(sorted(trees), 2))
    merged = merge_all(repo, [(commits[one], commits[other]) for one, other in pairs])
    return {*range(len(sides))} - trees.keys(), {
        pair for pair, one in zip(pairs, merged, strict=True) if one is None or not one.clean
    }


def fast(
    repo: Repository, target: str, sides: list[str], cache: Cache | None = None
) -> tuple[set[int], set[object]]:
    found = compare(prepare(repo, target, cache or Cache()), sides)
    return {*found.stale, *found.unmerged}, {*found.conflicts, *found.unknown}


@pytest.mark.parametrize("seed", range(8))
def test_no_verdict_differs_from_brute_force_on_random_histories(
    sandbox: Sandbox, seed: int
) -> None:
    rng = random.Random(seed)
    repo = Repository.find(sandbox.path)
    with quarantine(repo) as aside:
        history = History(aside)
        files = base_files(rng)
        base = history.commit(files)
        target = history.commit(changed(rng, files), base)
        sides = [history.commit(changed(rng, files), base) for _ in range(20)]
        history.write()
        assert fast(aside, target, sides) == brute_force(aside, target, sides)


ATTRIBUTES = (
    "*.txt binary\n",
    "*.txt merge=union\n",
    "*.txt -diff\n",
    "a.txt merge=binary\n[0-9]* merge=union\nsrc/** -merge\n",
    "* text=auto eol=crlf\nb.txt merge=ours\n",
)
SETTINGS = (
    ("merge.renames", "false"),
    ("diff.renames", "copies"),
    ("merge.directoryRenames", "true"),
    ("merge.directoryRenames", "false"),
    ("merge.renormalize", "true"),
    ("merge.default", "union"),
    ("diff.algorithm", "patience"),
    ("merge.conflictStyle", "zdiff3"),
    ("merge.renameLimit", "1"),
)


def check(sandbox: Sandbox, seed: object, attributes: str, count: int, edits: int = 1) -> None:
    """No verdict differs, for `count` random sides; .gitattributes are the target's."""
    rng = random.Random(str(seed))
    repo = Repository.find(sandbox.path)
    with quarantine(repo) as aside:
        history = History(aside)
        files = {**base_files(rng), ".gitattributes": ("100644", attributes.encode())}
        base = history.commit(files)
        moved = dict(files)
        for _ in range(edits - 1):
            moved = changed(rng, moved)
        target = history.commit({**moved, ".gitattributes": files[".gitattributes"]}, base)
        sides = [history.commit(changed(rng, files), base) for _ in range(count)]
        history.write()
        assert fast(aside, target, sides) == brute_force(aside, target, sides), seed


@pytest.mark.parametrize("attributes", ATTRIBUTES)
def test_attributes_do_not_fool_the_filter(sandbox: Sandbox, attributes: str) -> None:
    sandbox.commit("Set attributes", {".gitattributes": attributes})
    check(sandbox, attributes, attributes, 14)


@pytest.mark.parametrize("attributes", ATTRIBUTES[:3])
def test_attributes_of_this_clone_only(sandbox: Sandbox, attributes: str) -> None:
    sandbox.write(".git/info/attributes", attributes)
    check(sandbox, attributes, "", 12)


@pytest.mark.parametrize(("name", "value"), SETTINGS)
def test_settings_do_not_fool_the_filter(sandbox: Sandbox, name: str, value: str) -> None:
    sandbox.git("config", name, value)
    check(sandbox, (name, value), "", 12, 2)


def test_a_driver_of_the_users_decides(sandbox: Sandbox) -> None:
    sandbox.commit("Set attributes", {".gitattributes": "*.txt merge=text\n"})
    sandbox.git("config", "merge.text.driver", "exit 1")
    check(sandbox, "driver", "*.txt merge=text\n", 10)


def test_a_change_among_equal_lines_is_found_where_the_merge_finds_it(sandbox: Sandbox) -> None:
    """With -U0 git trims the common end before it compares: 1 KB of it at a time."""
    body = b"top\n" + b"x\n" * 2000
    versions = [
        b"top\n" + b"x\n" * 2001,
        b"top\n" + b"x\n" * 1999,
        b"top\n" + b"x\n" * 2000 + b"end\n",
        b"top\n" + b"x\n" * 1999 + b"end\n",
        b"TOP\n" + b"x\n" * 2000,
        b"top\n" + b"x\n" * 1000 + b"y\n" + b"x\n" * 1000,
    ]
    repo = Repository.find(sandbox.path)
    with quarantine(repo) as aside:
        history = History(aside)
        base = history.commit({"file": ("100644", body)})
        sides = [history.commit({"file": ("100644", one)}, base) for one in versions]
        history.write()
        assert fast(aside, base, sides) == brute_force(aside, base, sides)


def test_a_warm_cache_gives_the_same_answers_and_asks_git_for_no_merge(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(3)
    repo = Repository.find(sandbox.path)
    with quarantine(repo) as aside:
        history = History(aside)
        files = base_files(rng)
        base = history.commit(files)
        sides = [history.commit(changed(rng, files), base) for _ in range(15)]
        history.write()
        cache = Cache.load(repo)
        found = compare(prepare(aside, base, cache), sides)
        cold = {*found.stale, *found.unmerged}, {*found.conflicts, *found.unknown}
        assert not found.unmerged and not found.unknown
        cache.save()
        warm = Cache.load(repo)
        asked: list[str] = []
        run = Repository.run

        def listening(self: Repository, *argv: str, **options: Any) -> Any:
            asked.append(next(word for word in argv if word[0].isalpha() and "." not in word))
            return run(self, *argv, **options)

        monkeypatch.setattr(Repository, "run", listening)
        assert fast(aside, base, sides, warm) == cold
        assert set(asked) <= {"config"}
        assert not warm.changed
    (repo.own_dir / "cache" / "radar.json").write_bytes(b"00000000\n{")
    assert Cache.load(repo).tables["landings"] == {}


def test_criss_cross_histories_and_unrelated_ones(sandbox: Sandbox) -> None:
    rng = random.Random(5)
    repo = Repository.find(sandbox.path)
    with quarantine(repo) as aside:
        history = History(aside)
        files = base_files(rng)
        base = history.commit(files)
        one_files, other_files = changed(rng, files), changed(rng, files)
        one, other = history.commit(one_files, base), history.commit(other_files, base)
        crossed = [history.commit(one_files, one, other), history.commit(other_files, other, one)]
        sides = [history.commit(changed(rng, files), tip) for tip in crossed for _ in range(4)]
        sides += [history.commit(changed(rng, files))]
        history.write()
        assert fast(aside, one, sides) == brute_force(aside, one, sides)


def test_nothing_is_written_to_the_repository(sandbox: Sandbox) -> None:
    before = sandbox.git("count-objects", "-v")
    repo = Repository.find(sandbox.path)
    with quarantine(repo) as aside:
        history = History(aside)
        rng = random.Random(1)
        files = base_files(rng)
        base = history.commit(files)
        sides = [history.commit(changed(rng, files), base) for _ in range(6)]
        history.write()
        compare(prepare(aside, base, Cache()), sides)
    assert sandbox.git("count-objects", "-v") == before
