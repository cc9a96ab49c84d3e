"""Three worktrees, some work uncommitted, one conflict of each kind: exactly those are listed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.calling import gitcoord
from tests.conftest import Sandbox

BASE: dict[str, str | bytes] = {
    "content.txt": "".join(f"line {n}\n" for n in range(20)),
    "gone.txt": "".join(f"gone {n}\n" for n in range(20)),
    "moved.txt": "".join(f"moved {n}\n" for n in range(20)),
    "twice.txt": "".join(f"twice {n}\n" for n in range(20)),
    "run.sh": "#!/bin/sh\necho run\n",
    "picture.bin": b"\0\1\2\3" * 50,
    "quiet.txt": "".join(f"quiet {n}\n" for n in range(20)),
}
KINDS = {
    ("content", "content.txt"),
    ("add/add", "new.txt"),
    ("modify/delete", "gone.txt"),
    ("rename/delete", "moved-by-left.txt"),
    ("rename/rename", "twice.txt"),
    ("file/directory", "place"),
    ("mode", "tool"),
    ("binary", "picture.bin"),
    ("submodule", "sub"),
}


def gitlink(sandbox: Sandbox, at: Path, commit: str) -> None:
    sandbox.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub", at=at)


def three_worktrees(sandbox: Sandbox) -> tuple[Path, Path, Path]:
    """left commits half of its work, right commits all, bystander edits far away."""
    sandbox.commit("Lay the base", dict(BASE))
    made = [sandbox.git("rev-parse", f"HEAD~{back}") for back in range(3)]
    gitlink(sandbox, sandbox.path, made[0])
    sandbox.git("commit", "-q", "-m", "Add a submodule")
    (sandbox.path / "sub").mkdir()
    paths = []
    for name in ("left", "right", "bystander"):
        path = sandbox.path.parent / name
        sandbox.git("worktree", "add", "-q", "-b", name, str(path))
        paths.append(path)
    left, right, bystander = paths
    work_left(sandbox, left, made[1])
    work_right(sandbox, right, made[2])
    sandbox.write("quiet.txt", f"{BASE['quiet.txt']!s}more\n", bystander)
    return left, right, bystander


def work_left(sandbox: Sandbox, at: Path, link: str) -> None:
    sandbox.git("mv", "moved.txt", "moved-by-left.txt", at=at)
    sandbox.git("mv", "twice.txt", "left-name.txt", at=at)
    sandbox.write("place", "a file\n", at)
    (at / "tool").symlink_to("content.txt")
    gitlink(sandbox, at, link)
    sandbox.git("add", "place", "tool", at=at)
    sandbox.git("commit", "-q", "-m", "Half of it", at=at)
    sandbox.write("content.txt", str(BASE["content.txt"]).replace("line 5\n", "left 5\n"), at)
    sandbox.write("gone.txt", str(BASE["gone.txt"]).replace("gone 5\n", "left 5\n"), at)
    sandbox.write("new.txt", "of left\n", at)
    sandbox.write("picture.bin", b"\0left" * 50, at)


def work_right(sandbox: Sandbox, at: Path, link: str) -> None:
    sandbox.write("content.txt", str(BASE["content.txt"]).replace("line 5\n", "right 5\n"), at)
    sandbox.write("new.txt", "of right\n", at)
    sandbox.write("picture.bin", b"\0right" * 50, at)
    sandbox.write("place/inside.txt", "in a folder\n", at)
    sandbox.write("tool", "#!/bin/sh\n", at)
    sandbox.git("rm", "-q", "gone.txt", "moved.txt", at=at)
    sandbox.git("mv", "twice.txt", "right-name.txt", at=at)
    gitlink(sandbox, at, link)
    sandbox.git("add", "content.txt", "new.txt", "picture.bin", "place", "tool", at=at)
    sandbox.git("commit", "-q", "-m", "All of it", at=at)


def traces(sandbox: Sandbox, *paths: Path) -> list[Any]:
    found: list[Any] = [sandbox.git("count-objects", "-v"), sandbox.git("stash", "list")]
    for path in (sandbox.path, *paths):
        index = Path(
            sandbox.git("rev-parse", "--path-format=absolute", "--git-path", "index", at=path)
        )
        found += [index.stat().st_mtime_ns, index.read_bytes()]
        found.append(sandbox.git("--no-optional-locks", "status", "--porcelain=v2", at=path))
        found += sorted(os.listdir(path))
    return found


def test_every_kind_is_listed_once_and_nothing_is_touched(sandbox: Sandbox) -> None:
    paths = three_worktrees(sandbox)
    before = traces(sandbox, *paths)
    said = gitcoord("conflicts", "--json", at=sandbox.path)
    assert said.code == 1, said.err
    hard = [one for one in said.json["pairs"] if one["grade"] == "conflict"]
    assert {(one["a"], one["b"]) for one in hard} == {("left", "right")}
    assert sorted((one["kind"], one["path"]) for one in hard) == sorted(KINDS)
    assert traces(sandbox, *paths) == before


def test_sides_lines_and_commitment_of_a_conflict(sandbox: Sandbox) -> None:
    three_worktrees(sandbox)
    pairs = gitcoord("conflicts", "--json", "--path", "content.txt", at=sandbox.path).json["pairs"]
    [one] = pairs
    assert (one["a_path"], one["b_path"]) == ("content.txt", "content.txt")
    assert (one["a_lines"], one["b_lines"]) == ([[6, 6]], [[6, 6]])
    assert (one["a_committed"], one["b_committed"]) == (False, True)
    assert one["next"] == "gitcoord conflicts resolve left right"
    renamed = gitcoord("conflicts", "--json", "--path", "twice.txt", at=sandbox.path).json["pairs"]
    assert (renamed[0]["a_path"], renamed[0]["b_path"]) == ("left-name.txt", "right-name.txt")


def test_show_prints_the_merged_file_with_the_two_ids(sandbox: Sandbox) -> None:
    three_worktrees(sandbox)
    said = gitcoord("conflicts", "show", "left", "right", at=sandbox.path)
    assert said.code == 1, said.err
    assert "<<<<<<< left\nleft 5\n=======\nright 5\n>>>>>>> right\n" in said.out
    assert "== picture.bin (binary)" in said.out


def test_show_of_two_that_merge_clean(sandbox: Sandbox) -> None:
    three_worktrees(sandbox)
    said = gitcoord("conflicts", "show", "left", "bystander", at=sandbox.path)
    assert (said.code, said.out) == (0, "")


def test_order_puts_those_last_that_conflict(sandbox: Sandbox) -> None:
    three_worktrees(sandbox)
    said = gitcoord("conflicts", "order", "--json", at=sandbox.path)
    assert said.code == 1, said.err
    steps = said.json["steps"]
    assert [step["clean"] for step in steps] == [True, True, False]
    assert {steps[2]["id"], *steps[2]["conflicts_with"]} == {"left", "right"}


def test_committed_only_sees_less(sandbox: Sandbox) -> None:
    three_worktrees(sandbox)
    said = gitcoord("conflicts", "--json", "--committed-only", at=sandbox.path)
    kinds = {one["kind"] for one in said.json["pairs"] if one["grade"] == "conflict"}
    assert kinds == {"rename/delete", "rename/rename", "file/directory", "mode", "submodule"}


@pytest.mark.parametrize("word", ["", "--direct"])
def test_words_for_people_say_what_to_do(sandbox: Sandbox, word: str) -> None:
    three_worktrees(sandbox)
    said = gitcoord("conflicts", *filter(None, [word]), at=sandbox.path)
    assert said.code == 1, said.err
    assert "conflict  content.txt (content): left and right" in said.out
    assert "next: gitcoord conflicts resolve left right" in said.out


def test_near_tells_who_else_is_in_a_file_without_git(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, *_ = three_worktrees(sandbox)
    assert gitcoord("conflicts", "near", str(left / "content.txt")).code == 2
    gitcoord("conflicts", at=sandbox.path)
    monkeypatch.setenv("PATH", "")
    there = gitcoord("conflicts", "near", str(left / "content.txt"), "--json")
    assert there.code == 1, there.err
    assert [(one["id"], one["lines"]) for one in there.json["edits"]] == [("right", [[6, 6]])]
    assert gitcoord("conflicts", "near", str(left / "content.txt"), "--lines", "5").code == 1
    assert gitcoord("conflicts", "near", str(left / "content.txt"), "--lines", "9-12").code == 0
