"""Worktrees made by others, made ours where they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.calling import PROGRAM, gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import begin, look, refused


def others(sandbox: Sandbox, name: str = "hotfix", *words: str) -> Path:
    place = sandbox.path.parent / name
    sandbox.git("worktree", "add", "-q", *words, str(place))
    return place


def rows(sandbox: Sandbox) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = gitcoord("list", "--json", at=sandbox.path).json
    return listed


def test_case_60_it_is_listed_shown_and_not_moved_or_committed_to(sandbox: Sandbox) -> None:
    place = others(sandbox)
    sandbox.commit("Work", {"a.txt": "a"}, at=place)
    sandbox.write("b.txt", "b", at=place)
    before = look(sandbox)
    said = gitcoord("adopt", place, "--task", "mend the login", "--json", at=sandbox.path)
    assert said.code == 0, said.err
    made = said.json
    assert (made["path"], made["branch"], made["base"]) == (str(place), "hotfix", "main")
    assert made["id"].startswith("development-mend-login-")
    after = look(sandbox)
    assert (after.listed, after.status, after.folders) == (
        before.listed, before.status, before.folders,
    )  # fmt: skip
    assert set(after.files) - set(before.files) <= {
        *(name for name in after.files if "/agentcoord" in name or "refs/agentcoord" in name)
    }
    (row,) = rows(sandbox)
    assert (row["state"], row["ahead"], row["behind"], row["dirty"], row["adopted"]) == (
        "live", 1, 0, True, True,
    )  # fmt: skip
    assert gitcoord("path", made["id"], at=sandbox.path).out == f"{place}\n"


def test_in_the_folder_other_tools_use(sandbox: Sandbox) -> None:
    place = sandbox.path / ".claude" / "worktrees" / "fix"
    sandbox.git("worktree", "add", "-q", "-b", "fix", str(place))
    assert gitcoord("adopt", ".claude/worktrees/fix", at=sandbox.path).code == 0
    assert rows(sandbox)[0]["task"] == "fix"


@pytest.mark.parametrize("way", ["dot", "link", "from inside"])
def test_by_any_name_of_its_folder(sandbox: Sandbox, tmp_path: Path, way: str) -> None:
    place = others(sandbox)
    (tmp_path / "link").symlink_to(place)
    named = {"dot": "../shop/../hotfix", "link": str(tmp_path / "link"), "from inside": "."}[way]
    said = gitcoord("adopt", named, at=place if way == "from inside" else sandbox.path)
    assert said.code == 0, said.err


def test_detached_and_locked(sandbox: Sandbox) -> None:
    place = others(sandbox, "spike", "--detach")
    sandbox.git("worktree", "lock", "--reason", "mine", str(place))
    assert gitcoord("adopt", place, at=sandbox.path).code == 0
    (row,) = rows(sandbox)
    assert (row["branch"], row["task"]) == (None, "spike")
    assert "locked mine" in sandbox.git("worktree", "list", "--porcelain")


def test_against_another_base(sandbox: Sandbox) -> None:
    place = others(sandbox)
    assert gitcoord("adopt", place, "--base", "HEAD~2", at=sandbox.path).code == 0
    assert rows(sandbox)[0]["ahead"] == 2
    refused(gitcoord("adopt", others(sandbox, "x"), "--base", "no", at=sandbox.path), "'no'")


def test_case_02_the_main_worktree_is_detached(sandbox: Sandbox) -> None:
    sandbox.git("checkout", "-q", "--detach")
    assert gitcoord("adopt", others(sandbox), at=sandbox.path).code == 0


def test_case_12_and_37_names_in_any_bytes(sandbox: Sandbox) -> None:
    branch = b"f\xc3\xa9\xff".decode("utf-8", "surrogateescape")
    place = others(sandbox, os.fsdecode(b"new\nline \xff"), "-b", branch)
    said = gitcoord("adopt", place, "--task", "x", "--json", at=sandbox.path)
    assert said.code == 0, said.err
    assert (rows(sandbox)[0]["branch"], rows(sandbox)[0]["path"]) == (branch, str(place))


class TestFoundAgain:
    def test_case_60_a_lost_record_from_what_is_committed(self, sandbox: Sandbox) -> None:
        made = begin("--from", "HEAD~1", at=sandbox.path, task="why does login fail")
        sandbox.git("update-ref", "-d", f"refs/agentcoord/worktrees/{made['id']}")
        assert rows(sandbox) == []
        would = gitcoord("adopt", "-n", made["path"], "--json", at=sandbox.path).json
        assert (would["id"], would["dry_run"]) == (made["id"], True)
        assert rows(sandbox) == []
        assert gitcoord("adopt", ".", at=Path(made["path"])).code == 0
        (row,) = rows(sandbox)
        kept = ("id", "kind", "task", "branch", "path", "base_sha")
        assert {key: row[key] for key in kept} == {key: made[key] for key in kept}
        assert (row["adopted"], row["ahead"], row["state"]) == (False, 1, "live")

    def test_without_our_mark_its_branch_stays_its_makers(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        sandbox.git("update-ref", "-d", f"refs/agentcoord/worktrees/{made['id']}")
        sandbox.git("worktree", "remove", made["path"])
        sandbox.git("worktree", "add", "-q", "../again", made["branch"])
        assert gitcoord("adopt", "../again", at=sandbox.path).code == 0
        assert [(row["id"], row["adopted"]) for row in rows(sandbox)] == [(made["id"], True)]

    def test_an_id_that_is_taken_is_not_taken_twice(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        assert gitcoord("remove", "--force", made["id"], at=sandbox.path).code == 0
        trashed = sandbox.git("for-each-ref", "--format=%(refname)", "refs/agentcoord/trash")
        tip = sandbox.git("rev-parse", f"{trashed}^1")
        sandbox.git("branch", made["branch"], tip)
        sandbox.git("worktree", "add", "-q", "../again", made["branch"])
        assert gitcoord("adopt", "../again", at=sandbox.path).code == 0
        (row,) = rows(sandbox)
        assert row["id"] != made["id"] and row["task"] == made["task"]

    @pytest.mark.parametrize(
        "content",
        [
            b"\xff", b"schema = 99", b"kind = 3\ntask = []\nbranch = 'hotfix'\nroles = [1]",
            b"kind = '../x'\nbranch = 'hotfix'", b"branch = 'another'\ntask = 'not this'",
            b"branch = 'hotfix'\n[base]\nid = '--all'\nref = '-x'",
        ],
    )  # fmt: skip
    def test_a_context_that_is_not_to_be_believed(self, sandbox: Sandbox, content: bytes) -> None:
        place = others(sandbox)
        files: dict[str, str | bytes] = {".agentcoord/x-1234/context.toml": content}
        sandbox.commit("Context", files, at=place)
        assert gitcoord("adopt", place, at=sandbox.path).code == 0
        (row,) = rows(sandbox)
        assert (row["kind"], row["task"], row["base"]) == ("development", "hotfix", "main")
        assert row["ahead"] == 1

    def test_case_61_a_moved_folder_is_ours_still(self, sandbox: Sandbox, tmp_path: Path) -> None:
        made = begin(at=sandbox.path)
        new = tmp_path / "deep" / "down" / "moved"
        new.parent.mkdir(parents=True)
        Path(made["path"]).rename(new)
        sandbox.write("mine.txt", "x", at=new)
        assert rows(sandbox)[0]["state"] == "missing"
        assert "would find" in gitcoord("adopt", "-n", ".", at=new).out
        assert rows(sandbox)[0]["state"] == "missing"
        assert gitcoord("adopt", ".", at=new).code == 0
        (row,) = rows(sandbox)
        assert (row["id"], row["path"], row["state"], row["dirty"]) == (
            made["id"], str(new), "live", True,
        )  # fmt: skip
        assert f"worktree {new}\n" in sandbox.git("worktree", "list", "--porcelain")

    def test_a_copy_does_not_take_its_place(self, sandbox: Sandbox, tmp_path: Path) -> None:
        made = begin(at=sandbox.path)
        shutil.copytree(made["path"], tmp_path / "copy")
        refused(gitcoord("adopt", tmp_path / "copy", at=sandbox.path), "is a copy of", made["id"])

    def test_one_of_others_that_was_moved(self, sandbox: Sandbox, tmp_path: Path) -> None:
        others(sandbox).rename(tmp_path / "moved")
        said = gitcoord("adopt", tmp_path / "moved", at=sandbox.path)
        refused(said, "was moved there", "git worktree repair", "gitcoord adopt")


class TestRefused:
    def test_one_that_is_ours(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        refused(gitcoord("adopt", made["path"], at=sandbox.path), "ours already", made["id"])
        place = others(sandbox)
        assert gitcoord("adopt", place, at=sandbox.path).code == 0
        refused(gitcoord("adopt", place, at=sandbox.path), "ours already", "gitcoord show")

    def test_the_main_one(self, sandbox: Sandbox) -> None:
        refused(gitcoord("adopt", ".", at=sandbox.path), "main worktree is yours")

    @pytest.mark.parametrize("name", ["src", "../nowhere", ".git", "README.md"])
    def test_what_is_none(self, sandbox: Sandbox, name: str) -> None:
        refused(gitcoord("adopt", name, at=sandbox.path), "no worktree", "git worktree list")

    def test_one_of_another_repository(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("clone", "-q", str(sandbox.path), str(tmp_path / "clone"))
        refused(gitcoord("adopt", tmp_path / "clone", at=sandbox.path), "no worktree of this")

    def test_one_whose_folder_is_gone(self, sandbox: Sandbox) -> None:
        place = others(sandbox)
        shutil.rmtree(place)
        refused(gitcoord("adopt", place, at=sandbox.path), "is gone", "git worktree repair")

    def test_one_without_commits(self, sandbox: Sandbox) -> None:
        place = others(sandbox)
        sandbox.git("checkout", "-q", "--orphan", "fresh", at=place)
        refused(gitcoord("adopt", place, at=sandbox.path), "without commits")

    @pytest.mark.parametrize("task", ["\x1b[31m", "x" * 200_000])
    def test_a_bad_task(self, sandbox: Sandbox, task: str) -> None:
        place = others(sandbox)
        refused(gitcoord("adopt", place, "--task", task, at=sandbox.path), "the task has")
        assert rows(sandbox) == []


def test_an_unknown_kind(sandbox: Sandbox) -> None:
    refused(gitcoord("adopt", others(sandbox), "--kind", "devlopment", at=sandbox.path), "no kind")
    assert rows(sandbox) == []


def test_case_55_several_at_once_are_one(sandbox: Sandbox) -> None:
    place = others(sandbox)
    running = [
        subprocess.Popen(
            [PROGRAM, "adopt", place], cwd=sandbox.path,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for _ in range(4)
    ]  # fmt: skip
    codes = sorted(one.wait() for one in running)
    assert codes == [0, 2, 2, 2]
    assert len(rows(sandbox)) == 1
