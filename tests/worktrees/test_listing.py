"""`list`: every worktree with its state, its distance and its dirt."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.git.repository import Repository
from gitcoord.git.run import Several
from gitcoord.worktrees.listing import list_rows
from tests.calling import Said, gitcoord, installed
from tests.conftest import Sandbox
from tests.worktrees.looking import begin, look, refused

KEYS = {
    *("id", "kind", "task", "branch", "path", "state", "base", "base_sha", "ahead", "behind"),
    *("dirty", "changes", "operation", "created", "adopted", "inputs"),
}


def rows(sandbox: Sandbox, *, at: Path | None = None) -> list[dict[str, Any]]:
    said = gitcoord("list", "--json", at=at or sandbox.path)
    assert said.code == 0, said.err
    found: list[dict[str, Any]] = said.json
    return found


def only(sandbox: Sandbox) -> dict[str, Any]:
    (row,) = rows(sandbox)
    return row


class TestHowMany:
    def test_none(self, sandbox: Sandbox) -> None:
        assert rows(sandbox) == []
        said = gitcoord("list", at=sandbox.path)
        assert (said.code, said.out) == (0, "")
        assert "no worktrees yet: gitcoord start" in said.err

    def test_one(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        row = only(sandbox)
        assert set(row) == KEYS
        assert {key: row[key] for key in ("id", "kind", "task", "branch", "path", "base_sha")} == {
            key: made[key] for key in ("id", "kind", "task", "branch", "path", "base_sha")
        }
        assert (row["state"], row["ahead"], row["behind"], row["dirty"]) == ("live", 1, 0, False)

    def test_many_oldest_first_and_the_same_from_everywhere(self, sandbox: Sandbox) -> None:
        made = [begin(at=sandbox.path, task=f"task {number}") for number in range(12)]
        assert [row["id"] for row in rows(sandbox)] == [one["id"] for one in made]
        assert rows(sandbox, at=Path(made[3]["path"])) == rows(sandbox)
        assert rows(sandbox, at=sandbox.path / ".git") == rows(sandbox)

    def test_it_changes_nothing(self, sandbox: Sandbox) -> None:
        sandbox.write("README.md", "changed", at=Path(begin(at=sandbox.path)["path"]))
        before = look(sandbox)
        gitcoord("list", at=sandbox.path)
        assert look(sandbox) == before

    def test_worktrees_of_others_are_only_pointed_at(self, sandbox: Sandbox) -> None:
        sandbox.git("worktree", "add", "-q", "../theirs")
        assert rows(sandbox) == []
        said = gitcoord("list", at=sandbox.path)
        assert f"1 worktree made by others: gitcoord adopt {sandbox.path.parent}/theirs" in (
            said.err
        )

    @pytest.mark.parametrize("form", [(), ("--json",)])
    def test_through_the_installed_program(self, sandbox: Sandbox, form: tuple[str, ...]) -> None:
        """It asks for the statuses before it has read its command line."""
        path = Path(begin(at=sandbox.path)["path"])
        sandbox.write("README.md", "changed", at=path)
        here: Said = gitcoord("list", *form, at=sandbox.path)
        there = installed("list", *form, at=path / "src")
        assert (there.code, there.out) == (0, here.out)

    def test_outside_of_a_repository(self, tmp_path: Path) -> None:
        said = installed("list", at=tmp_path)
        assert said.code == 2
        assert "is not in a git repository" in said.err


class TestState:
    def test_changes_by_where(self, sandbox: Sandbox) -> None:
        path = Path(begin(at=sandbox.path)["path"])
        sandbox.write("README.md", "staged", at=path)
        sandbox.git("add", "README.md", at=path)
        sandbox.write("src/cart.py", "changed", at=path)
        sandbox.write("new", "untracked", at=path)
        row = only(sandbox)
        assert row["dirty"] is True
        assert row["changes"] == {"staged": 1, "unstaged": 1, "untracked": 1, "unmerged": 0}
        assert "1 staged, 1 unstaged, 1 untracked" in gitcoord("list", at=sandbox.path).out

    def test_a_status_that_fails_is_unknown_and_not_clean(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        name = Path(made["path"]).name
        sandbox.write(f".git/worktrees/{name}/index", "no index")
        row = only(sandbox)
        assert (row["state"], row["dirty"], row["changes"]) == ("live", None, None)
        assert "unknown" in gitcoord("list", at=sandbox.path).out

    def test_case_60_the_folder_is_gone(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        shutil.rmtree(made["path"])
        row = only(sandbox)
        assert (row["state"], row["dirty"], row["path"]) == ("missing", None, made["path"])
        assert row["ahead"] == 1

    def test_case_60_git_removed_it(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        sandbox.git("worktree", "remove", made["path"])
        row = only(sandbox)
        assert (row["state"], row["dirty"]) == ("missing", None)

    def test_case_61_moved_by_git(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        moved = sandbox.path.parent / "moved"
        sandbox.git("worktree", "move", made["path"], str(moved))
        sandbox.write("new", "x", at=moved)
        row = only(sandbox)
        assert (row["id"], row["path"], row["state"], row["dirty"]) == (
            made["id"], str(moved), "live", True,
        )  # fmt: skip

    def test_case_53_its_branch_was_renamed_or_left(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        sandbox.git("branch", "-m", made["branch"], "renamed")
        assert (only(sandbox)["branch"], only(sandbox)["state"]) == ("renamed", "live")
        sandbox.git("checkout", "-q", "--detach", at=Path(made["path"]))
        row = only(sandbox)
        assert (row["id"], row["branch"], row["ahead"]) == (made["id"], None, 1)

    def test_locked_by_others(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        sandbox.git("worktree", "lock", made["path"])
        assert (only(sandbox)["state"], only(sandbox)["dirty"]) == ("live", False)

    def test_in_the_middle_of_a_merge(self, sandbox: Sandbox) -> None:
        path = Path(begin(at=sandbox.path)["path"])
        sandbox.commit("Theirs", {"README.md": "theirs\n"})
        sandbox.commit("Ours", {"README.md": "ours\n"}, at=path)
        sandbox.git("merge", "-q", "main", at=path, ok=False)
        row = only(sandbox)
        assert (row["operation"], row["changes"]["unmerged"]) == ("merge", 1)
        assert "live, merge" in gitcoord("list", at=sandbox.path).out

    def test_an_unborn_branch(self, sandbox: Sandbox) -> None:
        path = Path(begin(at=sandbox.path)["path"])
        sandbox.git("checkout", "-q", "--orphan", "fresh", at=path)
        row = only(sandbox)
        assert (row["branch"], row["ahead"], row["behind"]) == ("fresh", None, None)

    def test_case_70_ours_with_a_newer_record_is_nobody_elses(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        newer = sandbox.write("../newer.toml", "schema = 99\n")
        tree = tree_of(sandbox, sandbox.git("hash-object", "-w", str(newer)))
        sandbox.git("update-ref", f"refs/agentcoord/worktrees/{made['id']}", tree)
        before = look(sandbox)
        said = gitcoord("list", at=sandbox.path)
        assert said.code == 0
        assert made["id"] in said.out and "unreadable" in said.out
        assert "adopt" not in said.err
        assert "pip install --upgrade gitcoord" in said.err
        (row,) = rows(sandbox)
        assert (row["id"], row["path"], row["dirty"]) == (made["id"], made["path"], None)
        for words in (
            ("adopt", made["path"]), ("remove", made["id"]), ("remove", "--force", made["path"]),
            ("show", made["id"][-4:]), ("path", "."),
        ):  # fmt: skip
            at = Path(made["path"]) if words[-1] == "." else sandbox.path
            refused(gitcoord(*words, at=at), "written by a newer gitcoord", "pip install")
        assert look(sandbox) == before

    def test_case_70_a_record_of_a_newer_gitcoord_hides_no_other(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path)
        newer = sandbox.write("../newer.toml", "schema = 99\n")
        blob = sandbox.git("hash-object", "-w", str(newer))
        tree = tree_of(sandbox, blob)
        sandbox.git("update-ref", "refs/agentcoord/worktrees/from-tomorrow", tree)
        said = gitcoord("list", "--json", at=sandbox.path)
        assert [(row["id"], row["state"]) for row in said.json] == [
            (made["id"], "live"), ("from-tomorrow", "unreadable"),
        ]  # fmt: skip
        assert all(set(row) == KEYS for row in said.json)
        assert "newer gitcoord" in said.err


class TestDistance:
    def test_the_base_moves_on(self, sandbox: Sandbox) -> None:
        path = Path(begin(at=sandbox.path)["path"])
        for number in range(3):
            sandbox.commit(f"Main {number}", {"main.txt": str(number)})
        sandbox.commit("Here", {"here.txt": "x"}, at=path)
        assert (only(sandbox)["ahead"], only(sandbox)["behind"]) == (2, 3)
        assert "+2 -3" in gitcoord("list", at=sandbox.path).out

    def test_the_base_is_gone(self, sandbox: Sandbox) -> None:
        sandbox.git("branch", "feature")
        begin("--from", "feature", at=sandbox.path)
        sandbox.git("branch", "-D", "feature")
        assert (only(sandbox)["ahead"], only(sandbox)["behind"]) == (1, 0)

    def test_the_base_was_rewritten(self, sandbox: Sandbox) -> None:
        begin(at=sandbox.path)
        sandbox.git("commit", "-q", "--amend", "-m", "Rewritten")
        assert (only(sandbox)["ahead"], only(sandbox)["behind"]) == (2, 1)

    @settings(
        max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(moves=st.lists(st.sampled_from(["main", "tree", "merge", "rebase"]), max_size=5))
    def test_as_git_counts(self, sandbox: Sandbox, moves: list[str]) -> None:
        made = begin(at=sandbox.path)
        path, branch = Path(made["path"]), made["branch"]
        for number, move in enumerate(moves):
            if move in ("main", "tree"):
                file = {f"{move}-{branch}-{number}": "x"}
                sandbox.commit(move, dict(file), at=path if move == "tree" else sandbox.path)
            else:
                words = ["merge", "-q", "--no-edit"] if move == "merge" else ["rebase", "-q"]
                sandbox.git(*words, "main", at=path)
        said = sandbox.git("rev-list", "--left-right", "--count", f"main...{branch}").split()
        row = next(row for row in rows(sandbox) if row["id"] == made["id"])
        assert [row["behind"], row["ahead"]] == [int(count) for count in said]


def test_statuses_are_of_our_worktrees_only(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of others nothing is shown, so nothing is asked."""
    sandbox.git("worktree", "add", "-q", "../theirs")
    sandbox.write("README.md", "changed", at=sandbox.path.parent / "theirs")
    begin(at=sandbox.path)
    asked: list[Path] = []

    def remember(several: Several, most: int) -> None:
        asked.extend(several._waiting)
        several._waiting.clear()

    monkeypatch.setattr(Several, "_start", remember)
    list_rows(Repository.find(sandbox.path))
    assert {path.parent.name for path in asked} == {"shop.worktrees"}


def tree_of(sandbox: Sandbox, blob: str) -> str:
    done = subprocess.run(
        ["git", "mktree"], cwd=sandbox.path, check=True, capture_output=True, text=True,
        input=f"100644 blob {blob}\trecord.toml\n",
    )  # fmt: skip
    return done.stdout.strip()
