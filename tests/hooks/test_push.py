from __future__ import annotations

import os
import subprocess
from pathlib import Path

from gitcoord.config import Config
from gitcoord.git.repository import Repository
from gitcoord.hooks.install import install
from gitcoord.hooks.push import Judged, Pushed, list_objections, parse_push
from gitcoord.reviews.verdicts.verdict import KIND as VERDICTS
from gitcoord.reviews.verdicts.verdict import REFUSED
from gitcoord.runtime.validating import validate_after_commit
from gitcoord.state.store import Store
from gitcoord.worktrees.kinds import Kind
from gitcoord.worktrees.start import Wish, plan_start, start
from tests.conftest import Sandbox

KIND = Kind("development", "", (), (), writes=True, source=Path("development.toml"))
ONE, TWO, NONE = "1" * 40, "2" * 40, "0" * 40
BRANCH = "refs/heads/topic"


def test_branches_count_and_tags_and_removals_do_not() -> None:
    said = (
        f"{BRANCH} {ONE} refs/heads/other {TWO}\nrefs/tags/v1 {ONE} refs/tags/v1 {NONE}\n"
        f"(delete) {NONE} refs/heads/gone {TWO}\nHEAD {TWO} refs/heads/new {NONE}\nnonsense\n\n"
    )
    assert parse_push(said) == [Pushed(BRANCH, ONE), Pushed("HEAD", TWO)]


def test_refused_commits_are_named_with_who_refused() -> None:
    judged = {ONE: Judged(("tests",), ("lint",))}
    (one,) = list_objections([Pushed(BRANCH, ONE)], judged, level="block", expected=())
    assert (one.level, one.place) == ("block", "topic")
    assert "refused by tests" in one.text


def test_unvalidated_commits_are_named_where_they_are_expected() -> None:
    pushed = [Pushed(BRANCH, ONE)]
    (one,) = list_objections(pushed, {}, level="warn", expected=pushed)
    assert "nobody validated" in one.text and "gitcoord validate" in one.hint
    assert list_objections(pushed, {}, level="warn", expected=()) == []
    approved = {ONE: Judged((), ("tests",))}
    assert list_objections(pushed, approved, level="warn", expected=pushed) == []


def test_off_says_nothing() -> None:
    pushed, judged = [Pushed(BRANCH, ONE)], {ONE: Judged(("tests",), ())}
    assert list_objections(pushed, judged, level="off", expected=pushed) == []


def push(at: Path, *argv: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        ["git", "push", "-q", *argv], cwd=at, stdin=subprocess.DEVNULL, capture_output=True,
        check=False,
    )  # fmt: skip
    return done.returncode, os.fsdecode(done.stderr).splitlines()


def test_git_push_of_an_agents_branch_until_it_is_validated(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    settings = repo.own_dir / "config.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text('[hooks]\nvalidate = "agents"\nquiet_seconds = 600\npush = "block"\n')
    tree = start(repo, plan_start(repo, Wish(KIND, "one thing"), Config()))
    sandbox.git("init", "-q", "--bare", "../remote.git")
    sandbox.git("remote", "add", "origin", str(sandbox.path.parent / "remote.git"))
    install(repo, here=False)
    assert push(sandbox.path, "origin", "main") == (0, [])
    code, said = push(tree.path, "origin", "HEAD")
    assert code == 1 and ": nobody validated commit " in said[0]
    validate_after_commit(repo, Config.load(repo.own_dir), tree.path)
    assert push(tree.path, "origin", "HEAD") == (0, [])
    store = Store(repo)
    record = store.all(VERDICTS, [])[0]
    store.change(VERDICTS, record.id, lambda body: {**body, "state": REFUSED})
    sandbox.git("push", "-q", "origin", f":{tree.branch}")
    code, said = push(tree.path, "origin", "HEAD")
    assert code == 1 and "was refused by" in said[0]
    assert said[-3:-1] == [
        "hint: when it is meant to be so: git push --no-verify",
        "hint: to be warned only: gitcoord config set hooks.push warn",
    ]


def test_a_name_with_what_unicode_calls_the_end_of_a_line() -> None:
    said = f"refs/heads/a\u2028b {ONE} refs/heads/a\u2028b {NONE}\n"
    assert parse_push(said) == [Pushed("refs/heads/a\u2028b", ONE)]
