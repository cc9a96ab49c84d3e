"""The order of merging with the fewest conflicts, and threes that conflict though no two do."""

from __future__ import annotations

from pathlib import Path

from gitcoord.conflicts.order import Order, find_order
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox


def add_worktree(sandbox: Sandbox, name: str, **files: str) -> Path:
    path = sandbox.path.parent / name
    sandbox.git("worktree", "add", "-q", "-b", name, str(path))
    sandbox.commit(f"Work of {name}", {f"{file}.txt": text for file, text in files.items()}, path)
    return path


def order_of(sandbox: Sandbox) -> Order:
    return find_order(Repository.find(sandbox.path))


def test_the_one_that_meets_all_others_goes_last(sandbox: Sandbox) -> None:
    add_worktree(sandbox, "a-hub", x="hub\n", y="hub\n", z="hub\n")
    for name, file in (("b", "x"), ("c", "y"), ("d", "z")):
        add_worktree(sandbox, name, **{file: f"{name}\n"})
    found = order_of(sandbox)
    assert [step.id for step in found.steps] == ["b", "c", "d", "a-hub"]
    assert found.steps[-1].conflicts_with == ("b", "c", "d")
    assert found.conflicts == 1


def test_case_77_three_conflict_though_each_two_are_clean(sandbox: Sandbox) -> None:
    """Two of them empty a folder together, into two others; the third adds a file to it."""
    sandbox.commit("Lay it out", {"old/1": "one\n" * 9, "old/2": "two\n" * 9})
    for name in ("left", "right", "adder"):
        sandbox.git("worktree", "add", "-q", "-b", name, str(sandbox.path.parent / name))
    for name, file in (("left", "1"), ("right", "2")):
        at = sandbox.path.parent / name
        (at / name).mkdir()
        sandbox.git("mv", f"old/{file}", f"{name}/{file}", at=at)
        sandbox.commit("Move it", {}, at)
    sandbox.commit("Add", {"old/3": "three\n"}, sandbox.path.parent / "adder")
    found = order_of(sandbox)
    assert found.conflicts == 0, "the one that adds can go first"
    assert [set(three) for three in found.triples] == [{"left", "right", "adder"}]


def test_no_worktrees_no_steps(sandbox: Sandbox) -> None:
    found = order_of(sandbox)
    assert (found.steps, found.triples, found.conflicts) == ((), (), 0)
