"""A record joined with what git says, and found again by any part of its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.errors import NoSuch
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import add_worktree
from gitcoord.state.store import Store
from gitcoord.worktrees.mark import read_mark, write_mark
from gitcoord.worktrees.worktree import KIND, MAKING, View, lock_of, view_worktrees
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import begin, refused


def view(sandbox: Sandbox) -> View:
    return view_worktrees(Repository.find(sandbox.path))


class TestView:
    def test_mine_others_and_the_main_one(self, sandbox: Sandbox) -> None:
        sandbox.git("worktree", "add", "-q", "../theirs")
        made = begin(at=sandbox.path)
        seen = view(sandbox)
        assert [one.id for one in seen.mine] == [made["id"]]
        assert [one.path.name for one in seen.others] == ["shop", "theirs"]
        assert seen.main.path == sandbox.path
        assert {one.path for one in seen.listed} == {
            sandbox.path, sandbox.path.parent / "theirs", Path(made["path"]),
        }  # fmt: skip
        (mine,) = seen.mine
        assert (mine.kind, mine.task, mine.branch) == (
            "investigation", "why is it slow", made["branch"],
        )  # fmt: skip
        assert mine.folder == f".agentcoord/{mine.id}"

    def test_the_mark_counts_and_not_the_place(self, sandbox: Sandbox) -> None:
        """git removed ours, and somebody made another worktree at its place."""
        made = begin(at=sandbox.path)
        sandbox.git("worktree", "remove", made["path"])
        sandbox.git("branch", "-m", made["branch"], "kept")
        sandbox.git("worktree", "add", "-q", made["path"], "-b", "theirs")
        other = begin(at=sandbox.path)
        admin = Path(sandbox.git("rev-parse", "--git-dir", at=Path(made["path"])))
        write_mark(admin, other["id"] + "x")
        (first, _) = view(sandbox).mine
        assert (first.id, first.linked, first.state) == (made["id"], None, "missing")

    def test_while_two_are_being_made_at_one_place(self, sandbox: Sandbox) -> None:
        """Before the mark is written, the lock that git writes first tells whose it is."""
        repo = Repository.find(sandbox.path)
        place = sandbox.path.parent / "one"
        for name in ("first-aaaa", "second-bbbb"):
            sandbox.git("branch", name)
            body = {"state": MAKING, "path": str(place), "branch": name, "tip": "", "created": ""}
            Store(repo).create(KIND, name, body)
        add_worktree(repo, place, "second-bbbb", lock=lock_of("second-bbbb"))
        found = {one.id: one.linked for one in view(sandbox).mine}
        assert found["first-aaaa"] is None
        assert found["second-bbbb"] is not None

    def test_a_mark_in_bad_bytes_is_none(self, tmp_path: Path) -> None:
        assert read_mark(tmp_path) is None
        (tmp_path / "agentcoord-id").write_bytes(b"\xff\xfe")
        assert read_mark(tmp_path) is None
        (tmp_path / "agentcoord-id").write_bytes(b"\n")
        assert read_mark(tmp_path) is None
        write_mark(tmp_path, "x-1234")
        assert read_mark(tmp_path) == "x-1234"


class TestFind:
    def test_by_id_a_part_and_the_folder(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path, task="login fails")
        other = begin(at=sandbox.path, task="cart empties")
        inside = Path(made["path"]) / "src"
        for part in (made["id"], "login", made["id"][-4:], made["path"], str(inside)):
            assert gitcoord("path", part, at=sandbox.path).out == made["path"] + "\n"
        assert gitcoord("path", ".", at=inside).out == made["path"] + "\n"
        assert gitcoord("path", "..", at=inside).out == made["path"] + "\n"
        refused(gitcoord("path", "investigation", at=sandbox.path), made["id"], other["id"])
        refused(gitcoord("path", "nothing", at=sandbox.path), "nothing here is called", "list")
        refused(gitcoord("path", ".", at=sandbox.path), "no worktree of ours at", "list")
        for verb in ("path", "show", "remove"):
            refused(gitcoord(verb, ".", at=sandbox.path), "the main worktree is yours")
        sandbox.git("worktree", "add", "-q", "../theirs")
        said = gitcoord("remove", "../theirs", at=sandbox.path)
        refused(said, "others made it", f"gitcoord adopt {sandbox.path.parent / 'theirs'}")
        refused(gitcoord("path", "", at=sandbox.path), "empty id", "gitcoord list")

    def test_the_innermost_of_nested_ones(self, sandbox: Sandbox) -> None:
        outer = begin(at=sandbox.path)
        sandbox.write(".git/info/exclude", "/within/\n")
        inner = begin("--path", "within/one", at=Path(outer["path"]))
        said = gitcoord("path", ".", at=Path(inner["path"]) / "src")
        assert said.out == inner["path"] + "\n"

    def test_when_there_are_none(self, sandbox: Sandbox) -> None:
        with pytest.raises(NoSuch, match="there are none yet"):
            view(sandbox).find("x")


class TestShow:
    def test_all_about_one(self, sandbox: Sandbox) -> None:
        made = begin(at=sandbox.path, task="login fails")
        said = gitcoord("show", "login", at=sandbox.path)
        for part in (made["id"], "login fails", made["path"], made["branch"], "main", "clean"):
            assert part in said.out
        shown = gitcoord("show", "login", "--json", at=sandbox.path).json
        assert (shown["id"], shown["parked"], shown["findings"]) == (made["id"], [], [])

    def test_a_task_that_would_paint_the_terminal(self, sandbox: Sandbox) -> None:
        begin(at=sandbox.path, task="see \u202etxt.exe and \u009b0m"[:16])
        assert "\u202e" not in gitcoord("show", "see", at=sandbox.path).out
        assert "\u202e" not in gitcoord("list", at=sandbox.path).out
