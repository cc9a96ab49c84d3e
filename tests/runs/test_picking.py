from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import NoSuch
from gitcoord.git.repository import Repository
from gitcoord.runs.capabilities import CAPABILITIES, asked_for, named_in
from gitcoord.runs.picking import Past, pick, pick_roles, read_past, search
from gitcoord.runs.role import Role
from gitcoord.runs.roles import SHIPPED, Listed, Roles, read_roles
from gitcoord.runs.run import begin_task, create_run, end_task
from gitcoord.runs.workflow import Task, Workflow
from tests.conftest import Sandbox


def listed(*roles: tuple[str, str, str]) -> list[Listed]:
    """Of (name, description, capabilities)."""
    return [
        Listed(Role(name, says, "p", capabilities=tuple(can.split())), SHIPPED)
        for name, says, can in roles
    ]


def best(task: str, *capabilities: str) -> str:
    return pick_roles(None, task, capabilities)[0].role.name


class TestShipped:
    @pytest.mark.parametrize(
        ("task", "who"),
        [
            ("the orders query is slow, add an index?", {"database-optimizer"}),
            ("audit the upload endpoint for vulnerabilities", {"security-auditor"}),
            ("fix the XSS in the comment form", {"frontend-security-coder"}),
            ("build a settings page component with keyboard support", {"frontend-developer"}),
            ("write a README and a guide for new users", {"docs-architect"}),
            ("set up a CI pipeline that builds the container image", {"deployment-engineer"}),
            ("production incident: requests fail since the last deployment",
             {"devops-troubleshooter"}),
            ("design the interfaces of the new payment service", {"backend-architect"}),
            ("who changed the token's life and when, in which commit", {"researcher"}),
            ("write integration tests for the cart", {"test-automator"}),
            ("measure where the time and memory go in the importer", {"performance-engineer"}),
            ("cut our AWS cost, redesign the network", {"cloud-architect"}),
            ("fix SQL injection and access control in the server", {"backend-security-coder"}),
        ],
    )  # fmt: skip
    def test_each_is_picked_for_what_it_is_for(
        self, sandbox: Sandbox, task: str, who: set[str]
    ) -> None:
        assert best(task) in who

    @pytest.mark.parametrize(
        ("task", "who"),
        [
            ("why does login fail intermittently?", "detective devops-troubleshooter"),
            ("the app crashes with a KeyError when the cart is empty", "detective"),
            ("find out which commit introduced the regression in parsing", "researcher"),
            ("weigh the three explanations and say which holds", "analyst"),
            ("plan the migration to the new billing module", "strategist backend-architect"),
            ("add an option to export invoices as CSV", "builder"),
            ("rename the User class and update all callers", "builder"),
            ("try the new search with odd input and tell what breaks", "tester"),
            ("review the branch before we merge it", "reviewer code-reviewer"),
            ("look at this diff line by line for bugs", "code-reviewer"),
            ("split the monolith into services with clear interfaces", "backend-architect"),
            ("migration locks the users table for minutes", "database-optimizer"),
            ("the dropdown cannot be reached with a screen reader", "frontend-developer"),
            ("cover the payment parser with tests", "test-automator"),
            ("can an attacker read other users' files?", "security-auditor"),
            ("tighten the content security policy", "frontend-security-coder"),
            ("passwords are hashed with md5, mend that", "backend-security-coder"),
            ("which regions and zones should we run in, and what does it cost", "cloud-architect"),
            ("page takes 4 seconds to load, profile it", "performance-engineer"),
            ("document the REST API with examples that run", "docs-architect"),
            ("roll back a bad release with one command", "deployment-engineer"),
            ("pods restart every hour, look at the logs", "devops-troubleshooter"),
            ("who wrote this code and why", "researcher"),
            ("implement password reset by mail", "builder backend-security-coder"),
            ("reproduce issue 42 in the CSV import", "tester detective"),
        ],
    )  # fmt: skip
    def test_who_would_be_right_is_among_the_first_three(
        self, sandbox: Sandbox, task: str, who: str
    ) -> None:
        first = [one.role.name for one in pick_roles(None, task, [])[:3]]
        assert {*first} & {*who.split()}

    def test_a_required_capability_comes_before_all_words(self, sandbox: Sandbox) -> None:
        picked = pick_roles(None, "the orders query is slow", ["review"])
        assert picked
        assert all("review" in one.role.capabilities for one in picked)
        assert picked[0].reasons[0] == "can do review"

    def test_several_are_all_required(self, sandbox: Sandbox) -> None:
        assert best("anything", "Security", "frontend") == "frontend-security-coder"
        with pytest.raises(NoSuch, match="at once"):
            pick_roles(None, "x", ["history", "frontend"])

    def test_one_that_nobody_has_is_named_with_the_nearest(self, sandbox: Sandbox) -> None:
        with pytest.raises(NoSuch) as caught:
            pick_roles(None, "x", ["securty"])
        assert "did you mean security" in caught.value.hint

    def test_nothing_speaks_for_anybody(self, sandbox: Sandbox) -> None:
        assert pick_roles(None, "zzz qqq", []) == []
        assert pick_roles(None, "", []) == []


class TestOrder:
    def test_past_success_decides_between_equals(self) -> None:
        roles = listed(("a", "Mends pumps.", ""), ("b", "Mends pumps.", ""))
        past = {"a": Past(1, 3), "b": Past(3, 1)}
        first, second = pick(roles, "mend the pump", [], past)
        assert first.role.name == "b"
        assert first.reasons[-1] == "3 of 4 of its tasks here were done"
        assert second.reasons[-1] == "1 of 4 of its tasks here were done"

    def test_past_success_does_not_beat_what_the_words_say(self) -> None:
        roles = listed(("plumber", "Mends pumps and pipes.", ""), ("baker", "Bakes. Pumps.", ""))
        past = {"plumber": Past(0, 2), "baker": Past(50, 0)}
        assert pick(roles, "mend the pipes", [], past)[0].role.name == "plumber"

    def test_an_untried_role_is_not_told_as_failing(self) -> None:
        [one] = pick(listed(("a", "Mends pumps.", "")), "pump", [], {})
        assert one.past == Past(0, 0)
        assert all("tasks" not in reason for reason in one.reasons)

    texts = st.text(st.sampled_from("abc pump query \x1b\u202e"), max_size=40)

    @given(
        task=st.text(max_size=80),
        says=st.lists(texts, min_size=1, max_size=5),
        done=st.integers(0, 9),
        failed=st.integers(0, 9),
    )
    def test_any_task_gives_one_order_with_reasons(
        self, task: str, says: list[str], done: int, failed: int
    ) -> None:
        roles = listed(*((f"r{at}", text or "x", "testing") for at, text in enumerate(says)))
        past: Mapping[str, Past] = {"r0": Past(done, failed)}
        picked = pick(roles, task, [], past)
        assert picked == pick(list(reversed(roles)), task, [], past)
        scores = [one.score for one in picked]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < one.score < 2.7 and one.reasons for one in picked)


class TestPast:
    def test_it_is_read_from_the_records_and_kept_until_they_change(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        repo = Repository.find(sandbox.path)
        assert read_past(repo) == {}
        tasks = (Task("t1", "builder", (), ""), Task("t2", "builder", (), ""))
        run = create_run(repo, "w", Workflow("w", tasks), {"text": "mend it"})
        assert read_past(repo) == {}
        begin_task(repo, run.id, "t1")
        end_task(repo, run.id, "t1")
        assert read_past(repo) == {"builder": Past(1, 0)}
        end_task(repo, run.id, "t2", error="no")
        assert read_past(repo) == {"builder": Past(1, 1)}

        def never(_: Repository) -> None:
            raise AssertionError("the runs were read again")

        monkeypatch.setattr("gitcoord.runs.run.list_runs", never)
        assert read_past(repo) == {"builder": Past(1, 1)}
        [builder] = [one for one in pick_roles(repo, "build it", []) if one.role.name == "builder"]
        assert builder.past == Past(1, 1)


class TestSearch:
    def test_words_in_name_capabilities_and_description(self, sandbox: Sandbox) -> None:
        roles = read_roles(None)
        assert search(roles, "databases")[0].role.name == "database-optimizer"
        assert search(roles, "keyboard")[0].role.name == "frontend-developer"
        assert search(roles, "nothing-like-it-xyzzy") == []

    def test_a_word_in_all_says_less_than_a_rare_one(self) -> None:
        roles = Roles(
            listed(("a", "code code code", ""), ("b", "code rust", ""), ("c", "code", ""))
        )
        assert search(roles, "rust code")[0].role.name == "b"


class TestVocabulary:
    def test_names_say_capabilities(self) -> None:
        assert named_in("backend-security-coder") == ("implementation", "security", "backend")
        assert named_in("error-detective") == ("investigation",)
        assert named_in("plumber") == ()

    def test_a_capability_is_asked_for_by_its_own_name(self) -> None:
        from gitcoord.analysis.tokens import stems

        for one in CAPABILITIES:
            assert one in asked_for(stems(one))
