from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitcoord.config import Config
from gitcoord.git.repository import Repository
from gitcoord.hooks.install import install
from gitcoord.hooks.objection import Objection
from gitcoord.hooks.staged import changed_by_commit, list_objections
from tests.conftest import FILES, Sandbox

TOKEN = "ghp_Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6"
CONFLICT = "<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> topic\n"


@pytest.fixture
def other(sandbox: Sandbox) -> Path:
    sandbox.git("worktree", "add", "-q", "-b", "other", "../other")
    return sandbox.path.parent / "other"


def said(sandbox: Sandbox, at: Path | None = None, merged: tuple[str, ...] = ()) -> list[Objection]:
    sandbox.git("add", "-A", at=at)
    repo = Repository.find(at or sandbox.path)
    return list_objections(repo, Config.load(repo.own_dir), merged=merged)


def short(objections: list[Objection]) -> list[tuple[str, str, str]]:
    return [(one.setting, one.level, one.place) for one in objections]


def test_each_check_has_its_level(sandbox: Sandbox) -> None:
    sandbox.write("a.py", f"x = (\n# {TOKEN}\n{CONFLICT}")
    sandbox.write("b.bin", b"\0" * 5_000_001)
    assert short(said(sandbox)) == [
        ("conflict_markers", "block", "a.py:3"),
        ("secrets", "block", "a.py:2"),
        ("syntax", "warn", "a.py:1"),
        ("large_files", "warn", "b.bin"),
    ]


def test_what_is_off_says_nothing(sandbox: Sandbox) -> None:
    settings = sandbox.path / ".git/agentcoord/config.toml"
    settings.parent.mkdir()
    settings.write_text('[hooks]\nsecrets = "off"\nconflict_markers = "warn"\nsyntax = "off"\n')
    sandbox.write("a.py", f"x = (\n# {TOKEN}\n{CONFLICT}")
    assert short(said(sandbox)) == [("conflict_markers", "warn", "a.py:3")]


def test_nothing_staged_nothing_said(sandbox: Sandbox) -> None:
    assert said(sandbox) == []


def test_the_same_lines_edited_elsewhere_are_named(sandbox: Sandbox, other: Path) -> None:
    theirs = FILES["src/auth.py"].replace("3600", "70")
    sandbox.write("src/auth.py", theirs, at=other)
    sandbox.write("src/auth.py", FILES["src/auth.py"].replace("3600", "80"))
    (one,) = said(sandbox)
    assert (one.setting, one.level, one.place) == ("overlap", "warn", "src/auth.py:3")
    assert one.text == "line 3 is being edited in other now, and would conflict"
    sandbox.git("commit", "-q", "-a", "-m", "x", at=other)
    (one,) = said(sandbox)
    assert one.text == "line 3 is committed in other, and would conflict"


def test_other_lines_of_the_file_are_nobodys_business(sandbox: Sandbox, other: Path) -> None:
    sandbox.write("src/auth.py", f"{FILES['src/auth.py'].replace('3600', '60')}\n\nx = 1\n", other)
    sandbox.write("src/auth.py", FILES["src/auth.py"].replace("3600", "80"))
    assert said(sandbox) == []


def test_only_staged_files_are_asked_about(sandbox: Sandbox, other: Path) -> None:
    sandbox.write("src/auth.py", "x = 1\n", at=other)
    sandbox.write("src/auth.py", "x = 2\n")
    sandbox.write("new.py", "x = 2\n")
    sandbox.git("add", "new.py")
    repo = Repository.find(sandbox.path)
    assert list_objections(repo, Config.load(repo.own_dir)) == []


def test_two_that_add_one_file_meet(sandbox: Sandbox, other: Path) -> None:
    sandbox.write("new.py", "x = 1\n", at=other)
    sandbox.write("new.py", "x = 2\n")
    assert [one.setting for one in said(sandbox)] == ["overlap"]


def test_removing_what_another_edits_is_said(sandbox: Sandbox, other: Path) -> None:
    sandbox.write("src/auth.py", "x = 1\n", at=other)
    sandbox.git("rm", "-q", "src/auth.py")
    assert [(one.setting, one.place) for one in said(sandbox)] == [("overlap", "src/auth.py")]


def test_a_branch_that_grew_from_ours_does_not_edit_what_we_wrote(
    sandbox: Sandbox, other: Path
) -> None:
    sandbox.commit("ours", {"src/auth.py": "TTL = 1\n"}, at=other)
    sandbox.git("worktree", "add", "-q", "-b", "stacked", "../stacked", "other")
    sandbox.write("src/auth.py", "TTL = 2\n", at=other)
    assert said(sandbox, other) == []


def test_claims_of_others_are_named_and_own_ones_are_not(sandbox: Sandbox, other: Path) -> None:
    from gitcoord.conflicts.claims import create_claim

    repo = Repository.find(sandbox.path)
    create_claim(repo, "main", ["src/"], why="moving it")
    sandbox.write("src/cart.py", "x = 1\n", at=other)
    (one,) = said(sandbox, other)
    assert (one.setting, one.level, one.place) == ("claims", "warn", "src/cart.py")
    assert one.text.startswith("main claims it until ") and one.text.endswith(": moving it")
    sandbox.write("src/cart.py", "x = 2\n")
    assert not [one for one in said(sandbox) if one.setting == "claims"]


def test_of_a_merge_only_what_neither_side_has(sandbox: Sandbox) -> None:
    sandbox.git("checkout", "-q", "-b", "topic")
    sandbox.commit("theirs", {"theirs.txt": f"{TOKEN}\n", "both.txt": f"{TOKEN}\na\n"})
    sandbox.git("checkout", "-q", "main")
    sandbox.commit("ours", {"both.txt": f"b\n{TOKEN[::-1]}\n"})
    sandbox.git("merge", "-q", "--no-commit", "topic", ok=False)
    sandbox.write("both.txt", f"{TOKEN}\nb\n<<<<<<< HEAD\na\n=======\nc\n>>>>>>> topic\n")
    assert short(said(sandbox, merged=("topic",))) == [("conflict_markers", "block", "both.txt:3")]
    sandbox.write("both.txt", f"{TOKEN}\na\n")
    assert said(sandbox, merged=("topic",)) == []
    files, _ = changed_by_commit(Repository.find(sandbox.path), merged=("topic",))
    assert files == []


def commit(sandbox: Sandbox, *argv: str, at: Path | None = None) -> tuple[int, str]:
    """Through git and the shims, as installed."""
    done = subprocess.run(
        ["git", *argv], cwd=at or sandbox.path, stdin=subprocess.DEVNULL, capture_output=True,
        check=False,
    )  # fmt: skip
    return done.returncode, os.fsdecode(done.stderr)


@pytest.fixture
def hooked(sandbox: Sandbox) -> Sandbox:
    install(Repository.find(sandbox.path), here=False)
    return sandbox


def test_git_commit_is_stopped_with_the_place_and_the_ways_on(hooked: Sandbox) -> None:
    head = hooked.git("rev-parse", "HEAD")
    hooked.write("a.py", f"x = 1\ny = '{TOKEN}'\n")
    hooked.git("add", "-A")
    code, said = commit(hooked, "commit", "-m", "x")
    assert code == 1 and hooked.git("rev-parse", "HEAD") == head
    assert said.splitlines() == [
        "error: a.py:2: this looks like a secret: github token",
        "hint: when it is meant to be so: git commit --no-verify",
        "hint: to be warned only: gitcoord config set hooks.secrets warn",
    ]
    assert commit(hooked, "commit", "--no-verify", "-q", "-m", "x") == (0, "")


def test_git_commit_goes_on_after_a_warning_and_says_nothing_of_what_is_clean(
    hooked: Sandbox,
) -> None:
    hooked.write("a.py", "x = (\n")
    hooked.git("add", "-A")
    code, said = commit(hooked, "commit", "-q", "-m", "x")
    assert code == 0 and said.startswith("warning: a.py:1: does not parse as Python")
    hooked.write("a.py", "x = 1\n")
    assert commit(hooked, "commit", "-q", "-m", "x", "-a") == (0, "")


def test_only_what_is_committed_counts_in_a_partial_commit(hooked: Sandbox) -> None:
    hooked.commit("two", {"a.py": "x = 1\n", "b.py": "x = 1\n"})
    hooked.write("a.py", f"x = '{TOKEN}'\n")
    hooked.git("add", "a.py")
    hooked.write("b.py", "x = 2\n")
    assert commit(hooked, "commit", "-q", "-m", "x", "b.py") == (0, "")
    assert commit(hooked, "commit", "-q", "-m", "x", "a.py")[0] == 1


def test_a_secret_in_the_message_stops_it_and_the_message_is_not_repeated(hooked: Sandbox) -> None:
    code, said = commit(hooked, "commit", "--allow-empty", "-m", f"use {TOKEN}")
    assert code == 1 and "the message:1" in said and TOKEN not in said


def test_a_merge_is_looked_at_for_what_neither_side_had(hooked: Sandbox) -> None:
    hooked.git("checkout", "-q", "-b", "topic")
    hooked.write("theirs.txt", f"{TOKEN}\n")
    hooked.git("add", "-A")
    hooked.git("commit", "-q", "--no-verify", "-m", "theirs")
    hooked.git("checkout", "-q", "main")
    hooked.commit("ours", {"ours.txt": "x\n"})
    assert commit(hooked, "merge", "-q", "--no-edit", "topic") == (0, "")


def test_the_first_commit_of_all(tmp_path: Path) -> None:
    fresh = Sandbox(tmp_path / "fresh")
    fresh.path.mkdir()
    fresh.git("init", "-q")
    install(Repository.find(fresh.path), here=False)
    fresh.write("a.txt", f"{TOKEN}\n")
    fresh.git("add", "-A")
    assert commit(fresh, "commit", "-q", "-m", "x")[0] == 1
    fresh.write("a.txt", "x\n")
    assert commit(fresh, "commit", "-q", "-a", "-m", "x") == (0, "")


def test_another_worktrees_uncommitted_lines_are_named_at_git_commit(
    hooked: Sandbox, other: Path
) -> None:
    hooked.write("src/auth.py", FILES["src/auth.py"].replace("3600", "70"), at=other)
    hooked.write("src/auth.py", FILES["src/auth.py"].replace("3600", "80"))
    code, said = commit(hooked, "commit", "-q", "-a", "-m", "x")
    assert code == 0
    assert "warning: src/auth.py:3: line 3 is being edited in other now" in said
