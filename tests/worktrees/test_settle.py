"""What a dead process left is completed or taken back, and whoever worked there loses nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.process import hold
from gitcoord.state.store import Store
from gitcoord.worktrees import parking, trash
from gitcoord.worktrees import removal as removing
from gitcoord.worktrees.aside import delete_folder
from gitcoord.worktrees.parking import list_parked, park
from gitcoord.worktrees.settle import find_unfinished, settle
from gitcoord.worktrees.trash import list_trash
from gitcoord.worktrees.worktree import LIVE, MAKING, Worktree, view_worktrees
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.holding import bring, held, make, seen, take_away


class Killed(BaseException):
    """Ends a step as SIGKILL would: nobody catches it."""


def unmade(sandbox: Sandbox, task: str = "a task") -> Worktree:
    """A worktree whose start died just before its last step."""
    worktree = make(sandbox, task)
    repo = Repository.find(sandbox.path)
    with Store(repo).transaction("die") as change:
        change.put(worktree.record, {**worktree.record.body, "state": MAKING})
    return worktree


def settled(sandbox: Sandbox) -> str:
    return "\n".join(settle(Repository.find(sandbox.path)))


def test_a_start_nobody_worked_in_is_taken_back_without_a_trace(sandbox: Sandbox) -> None:
    before = sandbox.git("for-each-ref", "refs/heads")
    worktree = unmade(sandbox)
    (worktree.path / "README.md").unlink()
    assert "took back the start" in settled(sandbox)
    assert sandbox.git("for-each-ref", "refs/heads") == before
    assert os.listdir(worktree.path.parent.parent) == ["shop", "home"] or not (
        worktree.path.parent.exists()
    )
    assert list_trash(Repository.find(sandbox.path)) == []


@pytest.mark.parametrize("what", ["file", "edit", "commit", "detached", "nested"])
def test_work_in_a_half_made_worktree_goes_to_the_trash(sandbox: Sandbox, what: str) -> None:
    worktree = unmade(sandbox)
    if what == "file":
        sandbox.write("new", "x", worktree.path)
    elif what == "edit":
        sandbox.write("README.md", "x", worktree.path)
    elif what == "nested":
        (worktree.path / "nested").mkdir()
        sandbox.git("init", "-q", at=worktree.path / "nested")
        sandbox.write("nested/file", "x", worktree.path)
    else:
        if what == "detached":
            sandbox.git("checkout", "-q", "--detach", at=worktree.path)
        sandbox.commit("work", {"new": "x"}, at=worktree.path)
    before = held(sandbox, worktree.path)
    assert f"gitcoord undo {worktree.id}" in settled(sandbox)
    assert not worktree.path.exists()
    assert gitcoord("undo", at=sandbox.path).code == 0
    assert held(sandbox, worktree.path) == before
    assert gitcoord("doctor", at=sandbox.path).code == 0


def test_case_107_a_start_that_found_its_place_taken_leaves_it_alone(sandbox: Sandbox) -> None:
    """Two starts at one place: the one that lost must not take the other's away."""
    first = make(sandbox, "first")
    repo = Repository.find(sandbox.path)
    body = {
        **first.record.body,
        "state": MAKING,
        "branch": "second",
        "tip": first.record.body["tip"],
    }
    Store(repo).create("worktrees", "development-second-2222", body)
    sandbox.write("work", "x", first.path)
    settled(sandbox)
    assert (first.path / "work").read_text() == "x"
    assert seen(sandbox, first.id).state == LIVE
    assert [one.id for one in view_worktrees(repo).mine] == [first.id]


def test_a_folder_that_is_not_ours_stays_at_a_half_made_place(sandbox: Sandbox) -> None:
    worktree = unmade(sandbox)
    sandbox.git("worktree", "remove", "--force", str(worktree.path))
    sandbox.write("theirs", "x", worktree.path)
    settled(sandbox)
    assert (worktree.path / "theirs").read_text() == "x"


def _die_in(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    monkeypatch.setattr(module, name, die)


def test_a_removal_that_died_before_the_rename_is_taken_back(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    _die_in(monkeypatch, removing, "lock_worktree")
    with pytest.raises(Killed):
        take_away(sandbox, worktree.id)
    monkeypatch.undo()
    sandbox.write("new", "written since", worktree.path)
    said = gitcoord("list", at=sandbox.path)
    assert f"took back the removal of {worktree.id}" in said.err
    assert (worktree.path / "new").read_text() == "written since"
    sandbox.write("new", "x", worktree.path)
    assert held(sandbox, worktree.path) == before
    assert list_trash(Repository.find(sandbox.path)) == []


def test_a_removal_that_died_after_the_rename_is_completed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where somebody makes a folder anew at the old place, which is no worktree."""
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    _die_in(monkeypatch, removing, "finish_removal")
    with pytest.raises(Killed):
        take_away(sandbox, worktree.id)
    monkeypatch.undo()
    sandbox.write("log", "of an agent", worktree.path)
    said = gitcoord("list", at=sandbox.path)
    assert f"completed the removal of {worktree.id}" in said.err
    assert (worktree.path / "log").read_text() == "of an agent"
    (worktree.path / "log").unlink()
    bring(sandbox)
    assert held(sandbox, worktree.path) == before


def test_case_108_pruned_and_killed_all_at_once_keeps_the_folder(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody unlocks and prunes while the folder is renamed: then nobody can say what it
    holds, and it is kept whole beside the copy."""
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    _die_in(monkeypatch, removing, "finish_removal")
    with pytest.raises(Killed):
        take_away(sandbox, worktree.id)
    monkeypatch.undo()
    sandbox.git("worktree", "unlock", str(worktree.path))
    sandbox.git("worktree", "prune", "--expire=now")
    assert "completed the removal" in settled(sandbox)
    kept = list((Repository.find(sandbox.path).own_dir / "trash" / worktree.id / "found").iterdir())
    assert (kept[0] / "new").read_text() == "x"
    bring(sandbox)
    assert (worktree.path / "new").read_text() == "x"


def test_an_undo_that_died_is_completed(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    sandbox.write(".env", "y", worktree.path)
    before = held(sandbox, worktree.path)
    take_away(sandbox, worktree.id)
    for step in ("restore_files", "_move_in", "repair_worktree", "unlock_worktree", "_conclude"):
        _die_in(monkeypatch, trash, step)
        with pytest.raises(Killed):
            bring(sandbox) if step == "restore_files" else settled(sandbox)
        monkeypatch.undo()
    assert "completed the undo" in settled(sandbox)
    assert held(sandbox, worktree.path) == before
    assert gitcoord("doctor", "--fix", at=sandbox.path).code == 0


def test_a_park_that_died_in_a_folder_worked_in_since_is_left_alone(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree = make(sandbox)
    sandbox.write("README.md", "parked", worktree.path)
    _die_in(monkeypatch, parking, "_set_index")
    with pytest.raises(Killed):
        park(Repository.find(sandbox.path), worktree)
    monkeypatch.undo()
    sandbox.write("README.md", "written since", worktree.path)
    said = gitcoord("list", at=sandbox.path)
    assert "nothing there was touched, and piece 1 is still parked" in said.err
    assert (worktree.path / "README.md").read_text() == "written since"
    assert len(list_parked(Repository.find(sandbox.path), worktree.id)) == 1


def test_what_somebody_holds_is_not_settled(sandbox: Sandbox) -> None:
    worktree = unmade(sandbox)
    repo = Repository.find(sandbox.path)
    with hold(repo.own_dir, worktree.id):
        assert find_unfinished(repo, view_worktrees(repo)) == []
        assert settle(repo) == []
    assert worktree.path.is_dir()


def test_one_that_cannot_be_settled_does_not_keep_the_others(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = unmade(sandbox, "first"), unmade(sandbox, "second")

    def full(folder: Path) -> None:
        if first.id in folder.name:
            raise OSError(30, "Read-only file system", str(folder))
        delete_folder(folder)

    monkeypatch.setattr("gitcoord.worktrees.settle.delete_folder", full)
    with pytest.raises(Problem, match="Read-only"):
        settled(sandbox)
    monkeypatch.undo()
    assert not second.path.exists()
    said = gitcoord("list", at=sandbox.path)
    assert (said.code, f"took back the start of {first.id}" in said.err) == (0, True)
