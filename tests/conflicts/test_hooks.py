"""A function call for hooks: the pairs of the worktree one is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.conflicts.hooks import clashes_of
from gitcoord.conflicts.radar import scan
from gitcoord.errors import NoSuch, NotARepository
from gitcoord.git.repository import Repository
from tests.conflicts.pairs import make_pair, putting
from tests.conftest import Sandbox


def test_only_the_pairs_of_the_worktree_one_is_in(sandbox: Sandbox) -> None:
    pair = make_pair(sandbox, putting("list.txt", "left\n"), putting("list.txt", "right\n"))
    third = sandbox.path.parent / "third"
    sandbox.git("worktree", "add", "-q", "-b", "third", str(third))
    (third / "list.txt").write_text("third\n")
    sandbox.git("commit", "-q", "-am", "Third", at=third)
    everything = scan(Repository.find(sandbox.path), committed_only=True)
    for folder in (pair.left, pair.right / ".", third):
        found = clashes_of(folder)
        own = [one for one in everything.pairs if folder.name in (one.a, one.b)]
        assert list(found.pairs) == own and len(own) == 2
    (pair.left / "more.txt").write_text("more\n")
    assert clashes_of(pair.left, text_only=False).has_conflict


def test_a_target_that_is_none_and_a_folder_outside_are_said(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with pytest.raises(NoSuch):
        clashes_of(sandbox.path, against="no-such")
    outside = tmp_path / "outside"
    outside.mkdir()
    with pytest.raises(NotARepository):
        clashes_of(outside)
    with pytest.raises(NoSuch):
        clashes_of(sandbox.path / ".git")
