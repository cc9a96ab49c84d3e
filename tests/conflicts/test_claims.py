from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.conflicts.claims import (
    Claim,
    claimant,
    covering,
    create_claim,
    find_claims,
    from_top,
    list_claims,
    plan_claim,
    release,
)
from gitcoord.conflicts.patterns import covers, meet
from gitcoord.errors import BadInput, NoSuch, Problem, Refused, Taken
from gitcoord.git.repository import Repository
from gitcoord.state.store import Store
from tests.conftest import Sandbox


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    sandbox.git("worktree", "add", "-q", "../one", "-b", "one")
    sandbox.git("worktree", "add", "-q", "../two", "-b", "two")
    return Repository.find(sandbox.path)


def past(repo: Repository, claim: Claim) -> None:
    """Its time is over."""
    until = "2020-01-01T00:00:00.000Z"
    Store(repo).change("claims", claim.id, lambda body: {**body, "until": until})


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "path", "expected"),
        [
            ("src/auth.py", "src/auth.py", True),
            ("src/auth.py", "src/auth.pyc", False),
            ("src/", "src/a/b.py", True),
            ("src", "srcs/a.py", False),
            ("src/*.py", "src/a.py", True),
            ("src/*.py", "src/a/b.py", False),
            ("src/*", "src/a/b.py", True),
            ("**/*.sql", "one.sql", True),
            ("**/*.sql", "a/b/one.sql", True),
            ("a/**/z", "a/z", True),
            ("a/**/z", "a/b/c/z/below", True),
            ("app/[id]/page.tsx", "app/[id]/page.tsx", True),
            ("app/[id]/page.tsx", "app/i/page.tsx", True),
            ("a?c", "abc", True),
            ("a?c", "a/c", False),
            ("**", "any/thing", True),
        ],
    )
    def test_what_a_pattern_covers(self, pattern: str, path: str, expected: bool) -> None:
        assert covers(pattern, path) is expected

    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ("src/", "src/auth.py", True),
            ("src/*.py", "src/*.md", False),
            ("src/*.py", "src/auth*", True),
            ("src/a*", "src/b*", False),
            ("**/*.py", "src/", True),
            ("docs/**/x", "docs/a/", True),
            ("docs/", "src/", False),
            ("a/?", "a/bc", False),
            ("[ab]x", "*y", False),
        ],
    )
    def test_whether_two_cover_a_path_in_common(self, one: str, other: str, expected: bool) -> None:
        assert meet(one, other) is expected
        assert meet(other, one) is expected

    @given(
        st.lists(st.sampled_from("ab*?/"), max_size=7).map("".join),
        st.lists(st.sampled_from("ab*?/"), max_size=7).map("".join),
        st.lists(st.sampled_from("ab/"), min_size=1, max_size=6).map("".join),
    )
    def test_what_both_cover_they_meet_in(self, one: str, other: str, path: str) -> None:
        if covers(one, path) and covers(other, path):
            assert meet(one, other)

    def test_a_pattern_made_to_take_for_ever_does_not(self) -> None:
        bad = "/".join(["**", "*a*a*a*a*a*a*a*b"] * 25)
        assert not covers(bad, "/".join(["a" * 40] * 40))
        assert meet(bad, bad)


class TestClaims:
    def test_where_there_are_none(self, repo: Repository) -> None:
        assert list_claims(repo) == []

    def test_a_claim_is_listed_and_covers(self, repo: Repository) -> None:
        made = create_claim(repo, "one", ["src/"], why="login moves", by="ada", hours=1)
        assert list_claims(repo) == [made]
        assert covering([made], "src/auth.py", "two") == made
        assert covering([made], "src/auth.py", "one") is None
        assert covering([made], "README.md", "two") is None
        assert made.until > made.since

    def test_what_another_claims_is_refused_and_named(self, repo: Repository) -> None:
        made = create_claim(repo, "one", ["src/"], why="login moves")
        with pytest.raises(Taken, match=f"claimed by one: src/ .login moves.*{made.id}"):
            create_claim(repo, "two", ["README.md", "src/*.py"])
        with pytest.raises(Taken):
            plan_claim(repo, "two", ["src/auth.py"])
        assert list_claims(repo) == [made]

    def test_it_is_made_all_the_same_when_forced(self, repo: Repository) -> None:
        create_claim(repo, "one", ["src/"])
        create_claim(repo, "two", ["src/auth.py"], force=True)
        assert [one.worktree for one in list_claims(repo)] == ["one", "two"]

    def test_the_same_claim_again_gets_a_new_end(self, repo: Repository) -> None:
        first = create_claim(repo, "one", ["a", "b"], hours=1)
        again = create_claim(repo, "one", ["b", "a"], hours=2)
        assert again.id == first.id
        assert again.since == first.since
        assert list_claims(repo) == [again]
        assert again.until > first.until

    def test_an_expired_claim_does_not_count_and_goes_with_the_next(self, repo: Repository) -> None:
        old = create_claim(repo, "one", ["src/"])
        past(repo, old)
        assert list_claims(repo) == []
        [kept] = list_claims(repo, expired=True)
        assert covering([kept], "src/auth.py", "two") is None
        new = create_claim(repo, "two", ["src/auth.py"])
        assert list_claims(repo, expired=True) == [new]

    def test_a_claim_of_a_worktree_that_is_gone_does_not_count(
        self, repo: Repository, sandbox: Sandbox
    ) -> None:
        create_claim(repo, "one", ["src/"])
        sandbox.git("worktree", "remove", "../one")
        assert list_claims(repo) == []
        [gone] = list_claims(repo, expired=True)
        assert gone.gone and covering([gone], "src/x", "two") is None
        create_claim(repo, "two", ["src/"])

    def test_no_claim_for_a_worktree_that_is_none(self, repo: Repository) -> None:
        with pytest.raises(NoSuch):
            create_claim(repo, "three", ["src/"])

    @pytest.mark.parametrize("hours", [0, -1, float("nan"), float("inf"), 10_000])
    def test_hours_that_are_no_time(self, repo: Repository, hours: float) -> None:
        with pytest.raises(BadInput, match="hours"):
            create_claim(repo, "one", ["src/"], hours=hours)

    def test_secrets_and_escapes_stay_out_of_the_why(self, repo: Repository) -> None:
        token = "ghp_" + "aZ3kQ9xW7mB2vN8cL5pR1tY6uD4gH0jF3sEq"
        made = create_claim(repo, "one", ["src/"], why=f"\x1b[31m use {token}")
        assert token not in made.why and "\x1b" not in made.why

    def test_case_37_names_in_any_bytes(self, repo: Repository) -> None:
        name = "src/caf\udce9\n.py"
        create_claim(repo, "one", [name])
        [read] = list_claims(repo)
        assert read.patterns == (name,)
        assert covering([read], name, "two")

    def test_one_that_cannot_be_read_does_not_hide_the_others(
        self, repo: Repository, sandbox: Sandbox
    ) -> None:
        made = create_claim(repo, "one", ["src/"])
        blob = sandbox.git("hash-object", "-w", "README.md")
        sandbox.git("update-ref", "refs/agentcoord/claims/bad", blob)
        bad: list[Problem] = []
        assert list_claims(repo, bad=bad) == [made]
        assert len(bad) == 1

    def test_two_at_once_cannot_both_have_a_file(self, repo: Repository) -> None:
        code = (
            "import sys; from gitcoord.git.repository import Repository;"
            "from gitcoord.conflicts.claims import create_claim;"
            "from gitcoord.errors import Taken\n"
            "try: create_claim(Repository.find(sys.argv[1]), sys.argv[2], ['src/'])\n"
            "except Taken: sys.exit(7)"
        )
        place = str(repo.top)
        running = [
            subprocess.Popen([sys.executable, "-c", code, place, who])
            for who in ("one", "two", "main")
        ]
        assert sorted(one.wait() for one in running) == [0, 7, 7]
        assert len(list_claims(repo)) == 1


class TestRelease:
    def test_by_id_by_path_and_all(self, repo: Repository) -> None:
        src = create_claim(repo, "one", ["src/"])
        docs = create_claim(repo, "one", ["docs/"])
        other = create_claim(repo, "two", ["README.md"])
        assert find_claims(repo, "one", ["src"]) == [src]
        assert find_claims(repo, "one", [other.id]) == [other]
        assert find_claims(repo, "one", []) == [src, docs]
        assert release(repo, [src, docs]) == [src, docs]
        assert release(repo, [src]) == []
        assert list_claims(repo) == [other]

    def test_a_path_means_ones_own_claim_first(self, repo: Repository) -> None:
        other = create_claim(repo, "two", ["README.md"])
        assert find_claims(repo, "one", ["README.md"]) == [other]
        with pytest.raises(NoSuch, match="no claims"):
            find_claims(repo, "one", [])
        with pytest.raises(NoSuch, match="nothing here"):
            find_claims(repo, "one", ["src/none.py"])


class TestPlaces:
    def test_who_claims_where(self, repo: Repository, sandbox: Sandbox) -> None:
        assert claimant(repo, sandbox.path / "src") == "main"
        there = Repository.find(sandbox.path.parent / "one")
        assert claimant(there, sandbox.path.parent / "one") == "one"

    def test_nobody_in_a_bare_repository(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
        with pytest.raises(Refused, match="no worktree"):
            claimant(Repository.find(tmp_path / "bare"), tmp_path / "bare")

    def test_paths_are_named_from_where_one_stands(
        self, repo: Repository, sandbox: Sandbox
    ) -> None:
        inside = sandbox.path / "src"
        assert from_top(repo, inside, "auth.py") == "src/auth.py"
        assert from_top(repo, inside, "../tests") == "tests/"
        assert from_top(repo, inside, "new/") == "src/new/"
        assert from_top(repo, inside, "*.py") == "src/*.py"
        assert from_top(repo, sandbox.path, ".") == "**"

    @pytest.mark.parametrize("word", ["", "../..", "/etc/passwd", "a\0b", "x" * 600])
    def test_what_is_no_path_here(self, repo: Repository, sandbox: Sandbox, word: str) -> None:
        with pytest.raises(BadInput):
            from_top(repo, sandbox.path, word)
