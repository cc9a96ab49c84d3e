"""Where reviews stand: with their target, with each other, with live worktrees, with checks."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.git.repository import Repository
from gitcoord.reviews.review import Review, list_reviews, open_review, refresh_all
from gitcoord.reviews.showing import list_missing, show
from gitcoord.reviews.standing import Conflict, Standing, standing
from gitcoord.reviews.verdicts.validator import Validator
from gitcoord.reviews.verdicts.verdict import Subject, Verdict, verdict_id, write_verdict
from tests.conftest import FILES, Sandbox

MAIN = "refs/heads/main"
AUTH = "src/auth.py"


def branch(sandbox: Sandbox, name: str, files: dict[str, str | bytes]) -> str:
    sandbox.git("switch", "-qc", name, "main")
    sandbox.commit(f"Work on {name}", files)
    sandbox.git("switch", "-q", "main")
    return f"refs/heads/{name}"


def opened(sandbox: Sandbox, name: str, files: dict[str, str | bytes]) -> Review:
    ref = branch(sandbox, name, files)
    return open_review(repo_of(sandbox), branch=ref, target=MAIN, title=name, by="ada")


def repo_of(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def now(sandbox: Sandbox, review: Review, *, uncommitted: bool = False) -> Standing:
    return standing(repo_of(sandbox), [review], uncommitted=uncommitted)[review.id]


def ttl(seconds: int) -> dict[str, str | bytes]:
    return {AUTH: FILES[AUTH].replace("3600", str(seconds))}


class TestConflicts:
    def test_reviews_that_have_nothing_to_do_with_each_other(self, sandbox: Sandbox) -> None:
        one, other = opened(sandbox, "one", {"a": "1\n"}), opened(sandbox, "two", {"b": "1\n"})
        found = standing(repo_of(sandbox), [one, other])
        assert [(at.ahead, at.behind, at.conflicts) for at in found.values()] == [(1, 0, ())] * 2

    def test_two_that_collide_are_told_both_ways(self, sandbox: Sandbox) -> None:
        one, other = opened(sandbox, "one", ttl(10)), opened(sandbox, "two", ttl(20))
        found = standing(repo_of(sandbox), [one, other])
        assert found[one.id].conflicts == (Conflict(other.id, "review", (AUTH,)),)
        assert found[other.id].conflicts == (Conflict(one.id, "review", (AUTH,)),)
        assert standing(repo_of(sandbox), [one])[one.id] == found[one.id]

    def test_what_merges_as_text_and_breaks_in_meaning(self, sandbox: Sandbox) -> None:
        sandbox.commit("Prices", {"prices.py": "def total(of):\n    return sum(of)\n"})
        renamed = opened(sandbox, "one", {"prices.py": "def whole(of):\n    return sum(of)\n"})
        uses = "from prices import total\n\nprint(total([1]))\n"
        user = opened(sandbox, "two", {"bill.py": uses})
        assert now(sandbox, user).conflicts == ()
        (found,) = standing(repo_of(sandbox), [user], meaning=True)[user.id].conflicts
        assert (found.id, found.grade, found.paths) == (renamed.id, "semantic", ("bill.py",))
        assert "total became whole" in found.notes[0]

    def test_a_target_that_moved(self, sandbox: Sandbox) -> None:
        review = opened(sandbox, "one", ttl(10))
        sandbox.commit("Meanwhile", ttl(20))
        at = now(sandbox, review)
        assert (at.ahead, at.behind, at.conflicts_target) == (1, 1, (AUTH,))
        assert at.conflicts == (Conflict("main", "target", (AUTH,)),)

    def test_a_live_worktree_committed_or_not(self, sandbox: Sandbox, tmp_path: Path) -> None:
        review = opened(sandbox, "one", ttl(10))
        place = tmp_path / "elsewhere"
        sandbox.git("worktree", "add", "-q", str(place), "-b", "other", "main")
        for name, content in ttl(20).items():
            sandbox.write(name, content, at=place)
        assert now(sandbox, review).conflicts == ()
        collides = (Conflict("elsewhere", "worktree", (AUTH,)),)
        assert now(sandbox, review, uncommitted=True).conflicts == collides
        sandbox.git("commit", "-qam", "other", at=place)
        assert now(sandbox, review).conflicts == collides

    def test_a_review_does_not_collide_with_its_own_worktree(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        review = opened(sandbox, "one", ttl(10))
        place = tmp_path / "own"
        sandbox.git("worktree", "add", "-q", str(place), "one")
        for name, content in ttl(20).items():
            sandbox.write(name, content, at=place)
        assert now(sandbox, review, uncommitted=True).conflicts == ()

    def test_the_users_own_uncommitted_work_counts(self, sandbox: Sandbox) -> None:
        review = opened(sandbox, "one", ttl(10))
        for name, content in ttl(20).items():
            sandbox.write(name, content)
        found = now(sandbox, review, uncommitted=True)
        assert found.conflicts == (Conflict("main", "worktree", (AUTH,)),)

    def test_closed_reviews_collide_with_nobody(self, sandbox: Sandbox) -> None:
        from gitcoord.reviews.saying import close

        one, other = opened(sandbox, "one", ttl(10)), opened(sandbox, "two", ttl(20))
        close(repo_of(sandbox), other, by="ada")
        assert now(sandbox, one).conflicts == ()


class TestLanded:
    def test_what_landed_otherwise_is_said(self, sandbox: Sandbox) -> None:
        review = opened(sandbox, "one", {"a": "1\n"})
        sandbox.git("merge", "-q", "one")
        shown = show(repo_of(sandbox), review, approvals=1)
        assert [one.what for one in shown.missing] == ["main has all of it already"]
        assert shown.commits == []

    def test_what_the_target_took_in_is_no_commit_of_a_stacked_review(
        self, sandbox: Sandbox
    ) -> None:
        opened(sandbox, "one", {"a": "1\n"})
        sandbox.git("switch", "-qc", "two", "one")
        sandbox.commit("On top", {"b": "1\n"})
        sandbox.git("switch", "-q", "main")
        stacked = open_review(repo_of(sandbox), branch="refs/heads/two", target=MAIN, by="ada")
        assert len(show(repo_of(sandbox), stacked, approvals=1).commits) == 2
        sandbox.git("merge", "-q", "one")
        shown = show(repo_of(sandbox), stacked, approvals=1)
        assert [one.subject for one in shown.commits] == ["On top"]


class TestUnknown:
    def test_a_target_that_is_gone_is_said(self, sandbox: Sandbox) -> None:
        sandbox.git("branch", "release", "main")
        ref = branch(sandbox, "one", {"a": "1\n"})
        review = open_review(repo_of(sandbox), branch=ref, target="refs/heads/release", by="ada")
        sandbox.git("branch", "-qD", "release")
        at = now(sandbox, review)
        assert (at.ahead, at.target) == (None, "")
        assert at.unknown == ("its target release is gone",)

    def test_a_commit_that_is_not_in_this_clone_hides_no_other(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        opened(sandbox, "one", {"a": "1\n"})
        other = tmp_path / "clone"
        url = f"file://{sandbox.path}"
        sandbox.git("clone", "-q", "--single-branch", url, str(other))
        sandbox.git("fetch", "-q", url, "+refs/agentcoord/*:refs/agentcoord/*",
                    at=other)  # fmt: skip
        repo = Repository.find(other)
        sandbox.git("switch", "-qc", "two", at=other)
        sandbox.commit("Two", {"b": "1\n"}, at=other)
        made = open_review(repo, branch="refs/heads/two", target=MAIN, by="bob")
        reviews = refresh_all(repo, list_reviews(repo))
        found = standing(repo, reviews)
        assert found[made.id].ahead == 1 and found[made.id].unknown == ()
        [lost] = [one for one in reviews if one.id != made.id]
        assert "not in this clone" in found[lost.id].unknown[0]

    def test_a_history_of_its_own_is_not_called_clean(self, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "-q", "--orphan", "alone")
        sandbox.commit("Alone", {"x": "1\n"})
        sandbox.git("switch", "-q", "main")
        review = open_review(repo_of(sandbox), branch="refs/heads/alone", target=MAIN, by="ada")
        assert now(sandbox, review).unknown != ()


class TestChecks:
    @pytest.fixture
    def validator(self) -> Validator:
        return Validator("tests", "command", command="true")

    def verdict(self, sandbox: Sandbox, review: Review, validator: Validator, state: str) -> None:
        subject = Subject(review.head, review.tree, review.base)
        made = Verdict(
            verdict_id(subject, validator), state, validator.name, validator.kind,
            validator.digest, review.head, review.tree, review.base, said="2 failed",
        )  # fmt: skip
        write_verdict(repo_of(sandbox), made)

    def test_what_was_not_checked_is_missing(self, sandbox: Sandbox, validator: Validator) -> None:
        review = opened(sandbox, "one", {"a": "1\n"})
        shown = show(repo_of(sandbox), review, approvals=1, validators=[validator])
        assert [one.what for one in shown.missing] == [
            "0 of 1 approvals", "not checked as it is: tests",
        ]  # fmt: skip
        assert shown.missing[1].command == f"gitcoord review check {review.id}"

    def test_a_verdict_is_fresh_until_the_tree_moves(
        self, sandbox: Sandbox, validator: Validator
    ) -> None:
        review = opened(sandbox, "one", {"a": "1\n"})
        self.verdict(sandbox, review, validator, "refused")
        at = standing(repo_of(sandbox), [review], validators=[validator])[review.id]
        assert [(one.verdict.state, one.fresh) for one in at.checks] == [("refused", True)]
        assert list_missing(review, at, approvals=0)[0].what == "tests says refused: 2 failed"
        assert list_missing(review, at, approvals=0, asked={"lint"}) == []
        sandbox.git("switch", "-q", "one")
        sandbox.commit("More", {"b": "1\n"})
        shown = show(repo_of(sandbox), review, approvals=0, validators=[validator])
        assert [one.fresh for one in shown.standing.checks] == [False]
        assert shown.standing.missing == ("tests",)

    def test_another_command_of_that_name_has_not_judged_it(
        self, sandbox: Sandbox, validator: Validator
    ) -> None:
        review = opened(sandbox, "one", {"a": "1\n"})
        self.verdict(sandbox, review, validator, "approved")
        other = Validator("tests", "command", command="false")
        at = standing(repo_of(sandbox), [review], validators=[other])[review.id]
        assert at.missing == ("tests",)
