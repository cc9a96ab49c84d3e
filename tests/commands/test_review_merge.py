"""gitcoord review merge, as a person calls it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitcoord.git.repository import Repository
from gitcoord.reviews.landing.landing import land
from gitcoord.reviews.landing.merge import Wish, merge
from gitcoord.reviews.review import find_review
from gitcoord.reviews.verdicts.telling import subject_under
from gitcoord.reviews.verdicts.validator import ROLE, Validator
from gitcoord.reviews.verdicts.verdict import REFUSED, Verdict, verdict_id, write_verdict
from tests.calling import Said, gitcoord
from tests.conftest import Sandbox


@pytest.fixture(autouse=True)
def a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests: they are not an agent, whatever started them."""
    monkeypatch.setattr("gitcoord.coordination.approvals.inherited", lambda _: "")


def _review(sandbox: Sandbox, files: dict[str, str], *, name: str = "work") -> str:
    """A review of a branch with these files; main stays checked out."""
    sandbox.git("checkout", "-qb", name, "main")
    sandbox.commit(f"work on {name}", {**files})
    sandbox.git("checkout", "-q", "main")
    said = gitcoord("review", "open", name, "--into", "main", "--json", at=sandbox.path)
    assert said.code == 0, said.err
    return str(said.json["id"])


def _call(sandbox: Sandbox, *words: str) -> Said:
    return gitcoord("review", *words, at=sandbox.path)


def test_an_approved_review_lands_and_says_so(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    assert _call(sandbox, "approve", review).code == 0
    sandbox.write("README.md", "mine\n")
    planned = _call(sandbox, "merge", review, "--dry-run")
    assert planned.code == 0, planned.err
    assert f"would land {review} on main (merge)" in planned.out
    assert "would move along: 1 file" in planned.out
    assert not (sandbox.path / "new.py").exists()
    said = _call(sandbox, "merge", review)
    assert said.code == 0, said.err
    assert f"landed {review} on main as " in said.out
    assert (sandbox.path / "new.py").exists()
    assert sandbox.git("status", "--porcelain") == " M README.md"
    after = _call(sandbox, "show", review, "--json").json
    assert after["state"] == "merged"
    assert f"gitcoord review merge {review} (merge)" in sandbox.git("reflog", "-1", "main")


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_the_ways_to_land(sandbox: Sandbox, method: str) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    sandbox.commit("meanwhile", {"other.py": "1\n"})
    said = _call(sandbox, "merge", review, f"--{method}", "--force", "--json")
    assert said.code == 0, said.err
    assert said.json["merged"] and said.json["method"] == method
    assert sandbox.git("rev-parse", "main") == said.json["commit"]
    parents = sandbox.git("log", "-1", "--format=%P", "main").split()
    assert len(parents) == (2 if method == "merge" else 1)
    assert sandbox.git("status", "--porcelain") == ""


def test_without_approvals_it_is_refused_and_force_is_for_them_alone(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    said = _call(sandbox, "merge", review)
    assert said.code == 2
    assert "0 of 1 approvals" in said.err
    assert f"gitcoord review approve {review}" in said.err
    assert _call(sandbox, "merge", review, "-n").code == 1
    _call(sandbox, "request-changes", review, "-m", "no")
    said = _call(sandbox, "merge", review, "--force")
    assert said.code == 2
    assert "changes are requested" in said.err


def test_conflicts_are_named_with_the_way_out_and_never_forced(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"README.md": "mine\n"})
    sandbox.commit("meanwhile", {"README.md": "theirs\n"})
    said = _call(sandbox, "merge", review, "--force")
    assert said.code == 2
    assert "conflicts with main in README.md" in said.err
    assert "git switch work && git merge main" in said.err


def test_case_90_what_no_hook_checked_is_checked_now(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"new.py": "<<<<<<< a\nx = 1\n=======\nx = 2\n>>>>>>> b\n"})
    said = _call(sandbox, "merge", review, "--force")
    assert said.code == 2
    assert "conflict-markers says refused" in said.err
    assert said.err.rstrip().endswith(f"gitcoord review show {review}")
    assert "    new.py:1: a conflict marker" in _call(sandbox, "show", review).out


def test_a_validator_nobody_asked_is_asked_for(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    gitcoord("config", "set", "validate.commands", "true", at=sandbox.path)
    said = _call(sandbox, "merge", review, "--force")
    assert said.code == 2
    assert "not checked as it is: " in said.err
    assert f"gitcoord review check {review}" in said.err


def test_what_an_agent_refused_that_was_asked_once_stands_in_the_way(sandbox: Sandbox) -> None:
    repo, review = Repository.find(sandbox.path), _review(sandbox, {"new.py": "new = 1\n"})
    about = subject_under(find_review(repo, review))
    judge = Validator("reviewer", ROLE, "", "reviewer", "api", 10)
    write_verdict(
        repo,
        Verdict(
            verdict_id(about, judge), REFUSED, judge.name, ROLE, judge.digest, about.commit,
            about.tree, about.base, said="it loses carts", time="2026-01-02T03:04:05Z",
        ),
    )  # fmt: skip
    said = _call(sandbox, "merge", review, "--force")
    assert said.code == 2
    assert "reviewer says refused: it loses carts" in said.err


def test_a_secret_that_a_later_commit_took_out_lands_with_no_history(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"new.py": f"TOKEN = 'ghp_{'a1B2c3D4e5' * 4}'\n"})
    sandbox.git("checkout", "-q", "work")
    sandbox.commit("take it out", {"new.py": "TOKEN = ''\n"})
    sandbox.git("checkout", "-q", "main")
    said = _call(sandbox, "merge", review, "--force")
    assert said.code == 2
    assert "has what looks like a secret: new.py:1" in said.err
    assert said.err.rstrip().endswith(f"gitcoord review merge {review} --squash")
    assert _call(sandbox, "merge", review, "--force", "--squash").code == 0


def test_case_98_a_commit_after_the_approval_is_not_merged(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    _call(sandbox, "approve", review)
    sandbox.git("checkout", "-q", "work")
    sandbox.commit("sneaked in", {"new.py": "new = 2\n"})
    sandbox.git("checkout", "-q", "main")
    said = _call(sandbox, "merge", review)
    assert said.code == 2
    assert "0 of 1 approvals" in said.err


def test_case_98_a_branch_that_moves_while_it_is_merged_is_looked_at_again(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    _call(sandbox, "approve", review)
    newer = sandbox.git("commit-tree", "-p", "work", "-m", "late", "work^{tree}")
    _meanwhile(monkeypatch, lambda: sandbox.git("update-ref", "refs/heads/work", newer))
    said = _call(sandbox, "merge", review)
    # The same tree on the same base: what was approved. The commit is the new one.
    assert said.code == 0, said.err
    assert sandbox.git("rev-parse", "main^2") == newer


def test_case_95_a_target_that_moves_meanwhile_is_composed_for_again(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    _meanwhile(monkeypatch, lambda: sandbox.commit("by the user", {"users.py": "1\n"}))
    said = _call(sandbox, "merge", review, "--force")
    assert said.code == 0, said.err
    assert sandbox.git("log", "-1", "--format=%s", "main^1") == "by the user"
    assert (sandbox.path / "new.py").exists() and (sandbox.path / "users.py").exists()
    assert sandbox.git("status", "--porcelain") == ""


def test_case_98_a_no_that_comes_meanwhile_counts(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    _call(sandbox, "approve", review)
    _meanwhile(monkeypatch, lambda: _call(sandbox, "request-changes", review, "-m", "no"))
    said = _call(sandbox, "merge", review)
    assert said.code == 2
    assert "changes are requested" in said.err
    assert not (sandbox.path / "new.py").exists()


def _meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Between the plan and the landing, once."""
    done: list[bool] = []

    def after_that(*args: Any, **more: Any) -> None:
        if not done:
            done.append(True)
            act()
        land(*args, **more)

    monkeypatch.setattr("gitcoord.reviews.landing.merge.land", after_that)


def test_case_94_a_dirty_checkout_is_refused_with_the_file_and_the_way(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"README.md": "theirs\n"})
    sandbox.write("README.md", "mine\n")
    said = _call(sandbox, "merge", review, "--force")
    assert said.code == 2
    assert "README.md has uncommitted changes" in said.err
    assert "status --ignored" in said.err
    assert (sandbox.path / "README.md").read_text() == "mine\n"


def test_case_97_an_agent_does_not_merge(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    monkeypatch.setenv("GITCOORD_AGENT", "run/task")
    said = _call(sandbox, "merge", review, "--force")
    assert said.code == 2
    assert sandbox.git("log", "-1", "--format=%s", "main") == "Say what it is"


def test_a_dot_is_the_review_of_the_branch_one_is_on(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    sandbox.git("checkout", "-q", "work")
    assert _call(sandbox, "merge", ".", "--force", "--json").json["id"] == review


def test_two_ways_at_once_are_refused(sandbox: Sandbox) -> None:
    assert "two ways" in _call(sandbox, "merge", "x", "--squash", "--rebase").err


def test_a_merged_worktree_can_be_removed(sandbox: Sandbox) -> None:
    said = gitcoord("start", "development", "add a cart", "--no-run", "--json", at=sandbox.path)
    worktree, path = said.json["worktree"]["id"], Path(said.json["worktree"]["path"])
    sandbox.commit("add a cart", {"src/new_cart.py": "cart = []\n"}, at=path)
    opened = _call(sandbox, "open", worktree, "--into", "main", "--json")
    assert opened.code == 0, opened.err
    merged = _call(sandbox, "merge", opened.json["id"], "--squash", "--force")
    assert merged.code == 0, merged.err
    assert f"gitcoord remove {worktree}" in merged.err
    assert sandbox.git("ls-files", ".agentcoord") == ""
    removed = gitcoord("remove", worktree, at=sandbox.path)
    assert removed.code == 0, removed.err


def test_the_target_may_be_checked_out_in_a_linked_worktree(sandbox: Sandbox) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    linked = sandbox.path.parent / "linked"
    sandbox.git("checkout", "-q", "--detach")
    sandbox.git("worktree", "add", "-q", str(linked), "main")
    sandbox.write("mine", "mine\n", linked)
    repo = Repository.find(sandbox.path)
    merge(repo, find_review(repo, review), Wish(force=True), by="ada")
    assert (linked / "new.py").exists() and (linked / "mine").exists()
    assert not (sandbox.path / "new.py").exists()
    assert sandbox.git("status", "--porcelain", at=linked) == "?? mine"


@pytest.mark.parametrize(
    "words",
    [("list",), ("doctor", "--fix"), ("review", "list"), ("review", "show", "work"),
     ("train", "status")],
)  # fmt: skip
def test_the_next_command_settles_a_landing_that_died(
    sandbox: Sandbox, words: tuple[str, ...]
) -> None:
    review = _review(sandbox, {"new.py": "new = 1\n"})
    sandbox.write("README.md", "mine\n")
    die = (
        "import os, signal, sys; from gitcoord.reviews import review; "
        "from gitcoord.reviews.landing import intent, merge; "
        "from gitcoord.git.repository import Repository; repo = Repository.find(sys.argv[1]); "
        "intent._move_refs = lambda *_: os.kill(os.getpid(), signal.SIGKILL); "
        "merge.merge(repo, review.find_review(repo, sys.argv[2]), merge.Wish(force=True), by='a')"
    )
    died = subprocess.run([sys.executable, "-c", die, sandbox.path, review], check=False)
    assert died.returncode == -signal.SIGKILL
    assert (sandbox.path / "new.py").exists()
    assert gitcoord("doctor", at=sandbox.path).code == 1
    said = gitcoord(*words, at=sandbox.path)
    assert said.code == 0, said.out + said.err
    assert "took back a landing on main" in said.err or "unfinished landing" in said.out
    assert sandbox.git("status", "--porcelain") == " M README.md"
    assert gitcoord("doctor", "--fix", at=sandbox.path).code == 0
    assert _call(sandbox, "merge", review, "--force").code == 0
    assert sandbox.git("status", "--porcelain") == " M README.md"
