"""The recovery commit: all in one object, readable by plain git, and kept by it."""

from __future__ import annotations

import os

import pytest

from gitcoord.errors import Corrupt, NewerSchema
from gitcoord.git.objects import Batch, Entry
from gitcoord.git.repository import Repository
from gitcoord.worktrees import recovery
from tests.conftest import Sandbox
from tests.worktrees.holding import make, take_away


def _ref(worktree_id: str) -> str:
    return f"{recovery.PREFIX}{worktree_id}"


def test_plain_git_can_read_it(sandbox: Sandbox) -> None:
    """Whoever has no gitcoord any more gets at the work with `git show`."""
    worktree = make(sandbox)
    tip = sandbox.commit("work", {"x": "1"}, at=worktree.path)
    sandbox.write("new", "untracked", worktree.path)
    take_away(sandbox, worktree.id)
    ref = _ref(worktree.id)
    assert sandbox.git("show", f"{ref}:files/new") == "untracked"
    assert sandbox.git("rev-parse", f"{ref}^1") == tip
    assert f'id = "{worktree.id}"' in sandbox.git("show", f"{ref}:trash.toml")


def test_case_68_its_parents_keep_what_only_the_worktree_named(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    lost = [
        sandbox.commit(f"lost {number}", {"x": f"{number}"}, at=worktree.path) for number in (1, 2)
    ]
    sandbox.git("reset", "-q", "--hard", "HEAD~2", at=worktree.path)
    take_away(sandbox, worktree.id)
    parents = sandbox.git("rev-list", "--parents", "-1", _ref(worktree.id)).split()[1:]
    assert (len(parents), lost[1] in parents) == (2, True), "the last of a line keeps all of it"


def test_a_reflog_of_commits_that_were_pruned_is_no_obstacle(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.commit("one", {"x": "1"}, at=worktree.path)
    two = sandbox.commit("two", {"x": "2"}, at=worktree.path)
    one = sandbox.git("rev-parse", f"{two}^")
    sandbox.git("reset", "-q", "--hard", "HEAD~2", at=worktree.path)
    loose = sandbox.path / ".git" / "objects" / one[:2] / one[2:]
    loose.unlink()
    take_away(sandbox, worktree.id)
    parents = sandbox.git("rev-list", "--parents", "-1", _ref(worktree.id)).split()[1:]
    assert two not in parents


def test_case_37_places_in_any_bytes(sandbox: Sandbox) -> None:
    name = os.fsdecode(b"caf\xe9")
    worktree = make(sandbox, path=sandbox.path.parent / name)
    sandbox.write(f"{name}.log", "x", worktree.path)
    take_away(sandbox, worktree.id)
    kept = recovery.read_kept(Repository.find(sandbox.path), _ref(worktree.id))
    assert kept.about["path"] == str(worktree.path)
    assert kept.outside == (f"{name}.log",)


def test_what_is_no_recovery_commit(sandbox: Sandbox) -> None:
    with pytest.raises(Corrupt):
        recovery.read_kept(Repository.find(sandbox.path), "HEAD")


def test_case_70_one_of_a_newer_gitcoord(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    batch = Batch(repo)
    toml = Entry("100644", batch.blob(b"schema = 99\n"))
    tree = batch.tree({b"trash.toml": toml, b"files": Entry("40000", batch.tree({}))})
    commit = batch.commit(tree, [], "newer", author="a <a> 1 +0000")
    batch.write()
    with pytest.raises(NewerSchema):
        recovery.read_kept(repo, commit)
