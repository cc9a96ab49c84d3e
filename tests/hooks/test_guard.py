"""The guard, through real git and the shims as they are installed."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitcoord.config import Config
from gitcoord.git.repository import Repository
from gitcoord.hooks.guard import Move, list_objections, parse_moves
from gitcoord.hooks.install import install
from gitcoord.worktrees.kinds import Kind
from gitcoord.worktrees.start import Wish, plan_start, start
from gitcoord.worktrees.worktree import Worktree
from tests.conftest import Sandbox

NONE = "0" * 40
KIND = Kind("development", "", (), (), writes=True, source=Path("development.toml"))


@dataclass(frozen=True)
class Place:
    """Two worktrees of ours beside the main one, with hooks installed."""

    sandbox: Sandbox
    one: Worktree
    two: Worktree

    def git(self, *argv: str, at: Path | None = None) -> tuple[int, str]:
        done = subprocess.run(
            ["git", *argv], cwd=at or self.one.path, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return done.returncode, done.stderr

    def passes(self, *argv: str, at: Path | None = None) -> None:
        code, said = self.git(*argv, at=at)
        assert (code, "hook" in said) == (0, False), said

    def refuses(self, *argv: str, hint: str) -> None:
        before = self.refs()
        code, said = self.git(*argv)
        assert code != 0 and hint in said, said
        assert self.refs() == before

    def refs(self) -> str:
        return self.sandbox.git("for-each-ref")


@pytest.fixture
def place(sandbox: Sandbox) -> Place:
    settings = sandbox.path / ".git/agentcoord/config.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text('[hooks]\nvalidate = "off"\n')
    repo = Repository.find(sandbox.path)
    one, two = (
        start(repo, plan_start(repo, Wish(KIND, task), Config()))
        for task in ("one thing", "another thing")
    )
    install(repo, here=False)
    return Place(sandbox, one, two)


def test_the_stash_is_refused_with_park_and_keeps_the_work(place: Place) -> None:
    file = place.one.path / "README.md"
    file.write_text("mine\n")
    place.refuses("stash", hint="gitcoord park")
    assert file.read_text() == "mine\n"


def test_somebody_elses_stash_is_not_dropped(place: Place) -> None:
    place.sandbox.write("README.md", "theirs\n")
    place.sandbox.git("stash")
    place.refuses("stash", "drop", hint="gitcoord park")
    place.refuses("stash", "clear", hint="gitcoord park")


@pytest.mark.parametrize("by", [("rebase", "-q", "--autostash"), ("merge", "-q", "--autostash")])
def test_what_autostash_cannot_put_back_still_goes_to_the_stash(
    place: Place, by: tuple[str, ...]
) -> None:
    place.sandbox.commit("theirs", {"README.md": "theirs\n"})
    (place.one.path / "README.md").write_text("mine\n")
    place.git(*by, "main")
    assert "mine" in place.sandbox.git("show", "refs/stash:README.md")


def test_the_target_is_moved_by_a_review(place: Place) -> None:
    place.sandbox.git("checkout", "-q", "--detach")
    (place.one.path / "new.py").write_text("x = 1\n")
    place.passes("add", "-A")
    place.passes("commit", "-q", "-m", "x")
    for argv in (
        ("branch", "-f", "main", "HEAD"),
        ("update-ref", "refs/heads/main", "HEAD"),
        ("fetch", "-q", ".", "HEAD:main"),
        ("push", "-q", ".", "HEAD:main"),
        ("branch", "-D", "main"),
        ("branch", "-m", "main", "elsewhere"),
        ("update-ref", "-d", "refs/heads/main"),
    ):
        place.refuses(*argv, hint="gitcoord review open")


def test_other_agents_branches_and_those_checked_out_elsewhere_are_refused(place: Place) -> None:
    place.sandbox.git("checkout", "-q", "-b", "users-own")
    theirs = str(place.two.branch)
    head = place.sandbox.git("commit-tree", "-m", "x", "HEAD^{tree}")
    for branch in (theirs, "users-own"):
        place.refuses("update-ref", f"refs/heads/{branch}", head, hint="your own branch")
    place.refuses("update-ref", "-d", f"refs/heads/{theirs}", hint="your own branch")


def test_records_are_not_changed_by_hand(place: Place) -> None:
    ref = f"refs/agentcoord/worktrees/{place.two.id}"
    place.refuses("update-ref", "-d", ref, hint="gitcoord list")
    place.refuses("update-ref", ref, "HEAD", hint="gitcoord list")


def test_what_is_its_own_passes(place: Place) -> None:
    (place.one.path / "new.py").write_text("x = 1\n")
    place.passes("add", "-A")
    for argv in (
        ("commit", "-q", "-m", "x"),
        ("commit", "-q", "--amend", "-m", "y"),
        ("rebase", "-q", "-f", "HEAD~1"),
        ("reset", "-q", "--hard", "HEAD~1"),
        ("checkout", "-q", "-b", "try"),
        ("checkout", "-q", "-"),
        ("branch", "-D", "-q", "try"),
        ("tag", "v1"),
        ("tag", "-d", "v1"),
        ("update-ref", "refs/remotes/origin/main", "HEAD"),
        ("merge", "-q", "main"),
        ("bisect", "start", "HEAD", "HEAD~1"),
        ("bisect", "reset"),
        ("branch", "-m", "renamed"),
    ):
        place.passes(*argv)


def test_upkeep_passes_whatever_it_packs(place: Place) -> None:
    place.sandbox.write("README.md", "theirs\n")
    place.sandbox.git("stash")
    before = place.refs()
    place.passes("pack-refs", "--all", "--prune")
    place.passes("gc", "-q")
    place.sandbox.git("update-ref", "refs/heads/main", "HEAD~1")
    place.sandbox.git("update-ref", "refs/heads/main", "HEAD@{1}")
    place.passes("pack-refs", "--all", "--prune")
    assert place.refs() == before


def test_in_the_main_worktree_everything_passes(place: Place) -> None:
    main, head = place.sandbox.path, place.sandbox.git("rev-parse", "HEAD")
    place.sandbox.write("README.md", "mine\n")
    for argv in (
        ("stash",),
        ("stash", "pop"),
        ("checkout", "-q", "-f"),
        ("update-ref", f"refs/heads/{place.two.branch}", head),
        ("checkout", "-q", "-b", "try"),
        ("branch", "-f", "main", "HEAD~1"),
        ("update-ref", "refs/agentcoord/x", "HEAD"),
        ("update-ref", "-d", "refs/agentcoord/x"),
        ("gc", "-q"),
    ):
        place.passes(*argv, at=main)


def test_in_a_worktree_that_is_not_ours_everything_passes(place: Place) -> None:
    place.sandbox.git("worktree", "add", "-q", "--detach", "../foreign")
    foreign = place.sandbox.path.parent / "foreign"
    (foreign / "README.md").write_text("mine\n")
    place.passes("stash", at=foreign)
    place.passes("stash", "pop", at=foreign)


@pytest.mark.parametrize("level", ["warn", "off"])
def test_a_level_below_block_stops_nothing(place: Place, level: str) -> None:
    settings = place.sandbox.path / ".git/agentcoord/config.toml"
    settings.write_text(f'[hooks]\nvalidate = "off"\nguard = "{level}"\n')
    (place.one.path / "README.md").write_text("mine\n")
    code, said = place.git("stash")
    assert code == 0
    assert ("gitcoord park" in said) == (level == "warn")


def test_a_move_to_where_it_is_already_is_none(place: Place) -> None:
    repo = Repository.find(place.one.path)
    head = place.sandbox.git("rev-parse", "main")
    config = Config.load(repo.own_dir)
    assert list_objections(repo, config, [Move("refs/heads/main", NONE, head)]) == []
    assert list_objections(repo, config, [Move("refs/heads/none", NONE, NONE)]) == []


def test_lines_of_another_shape_are_left_out() -> None:
    assert parse_moves("a b refs/heads/x\n\nnonsense\na b\n") == [Move("refs/heads/x", "a", "b")]


def test_a_name_with_what_unicode_calls_the_end_of_a_line() -> None:
    said = "a b refs/heads/x\u2028y\nc d refs/heads/\x85\n"
    assert [one.ref for one in parse_moves(said)] == ["refs/heads/x\u2028y", "refs/heads/\x85"]
