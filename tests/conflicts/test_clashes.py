"""Paths and commitment are each side's own: what it has, or had, and whether it committed that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.calling import gitcoord
from tests.conftest import Sandbox

LONG = "".join(f"line {number}\n" for number in range(20))
DIRECT = pytest.mark.parametrize("words", [[], ["--direct"]], ids=["landed", "direct"])


def two_worktrees(sandbox: Sandbox) -> tuple[Path, Path]:
    sandbox.commit("More", {"old.txt": LONG, "place/a.txt": LONG, "place/b.txt": f"{LONG}b\n"})
    paths = []
    for name in ("left", "right"):
        path = sandbox.path.parent / name
        sandbox.git("worktree", "add", "-q", "-b", name, str(path))
        paths.append(path)
    return paths[0], paths[1]


def the_conflict(sandbox: Sandbox, *words: str) -> dict[str, Any]:
    said = gitcoord("conflicts", "--json", *words, at=sandbox.path)
    [one] = [pair for pair in said.json["pairs"] if pair["grade"] == "conflict"]
    assert isinstance(one, dict)
    return one


def sides(one: dict[str, Any]) -> tuple[tuple[str, bool], tuple[str, bool]]:
    return (one["a_path"], one["a_committed"]), (one["b_path"], one["b_committed"])


@DIRECT
@pytest.mark.parametrize("swapped", [False, True])
def test_who_deleted_a_renamed_file_had_the_old_name(
    sandbox: Sandbox, words: list[str], *, swapped: bool
) -> None:
    renamer, deleter = two_worktrees(sandbox)[:: -1 if swapped else 1]
    sandbox.git("mv", "old.txt", "new.txt", at=renamer)
    sandbox.commit("Rename it", {}, renamer)
    (deleter / "old.txt").unlink()
    one = the_conflict(sandbox, *words)
    assert (one["kind"], one["path"]) == ("rename/delete", "new.txt")
    expected = [("new.txt", True), ("old.txt", False)]
    assert sides(one) == tuple(expected[:: -1 if swapped else 1])
    sandbox.commit("Delete it", {}, deleter)
    assert the_conflict(sandbox, *words)["b_committed"]
    assert the_conflict(sandbox, *words)["a_committed"]


@DIRECT
def test_a_rename_that_is_not_committed(sandbox: Sandbox, words: list[str]) -> None:
    left, right = two_worktrees(sandbox)
    (left / "old.txt").rename(left / "new.txt")
    (right / "old.txt").unlink()
    sandbox.commit("Delete it", {}, right)
    assert sides(the_conflict(sandbox, *words)) == (("new.txt", False), ("old.txt", True))


@DIRECT
def test_a_folder_is_committed_when_all_below_it_is(sandbox: Sandbox, words: list[str]) -> None:
    left, right = two_worktrees(sandbox)
    sandbox.commit("A file", {"thing": "a file\n"}, left)
    sandbox.write("thing/inner.txt", "in a folder\n", right)
    one = the_conflict(sandbox, *words)
    assert (one["kind"], one["path"]) == ("file/directory", "thing")
    assert sides(one) == (("thing", True), ("thing", False))
    sandbox.commit("Commit it", {}, right)
    assert sides(the_conflict(sandbox, *words)) == (("thing", True), ("thing", True))


def test_who_renamed_a_folder_has_the_folder(sandbox: Sandbox) -> None:
    left, right = two_worktrees(sandbox)
    (left / "place").rename(left / "other")
    sandbox.commit("Add to it", {"place/c.txt": "c\n"}, right)
    one = the_conflict(sandbox)
    assert (one["kind"], one["path"]) == ("directory rename", "other/c.txt")
    assert sides(one) == (("other", False), ("place/c.txt", True))
