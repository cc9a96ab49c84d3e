"""The plan skeleton of a change: files, tests, dependents, people, complexity."""

from __future__ import annotations

from gitcoord.analysis.finding import Suspect
from gitcoord.analysis.impact import plan_change
from gitcoord.analysis.question import parse_question
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

ASKED = parse_question("let issue_token take a lifetime")


def test_a_plan_names_files_tests_dependents_and_people(sandbox: Sandbox) -> None:
    plan = plan_change(Repository.find(sandbox.path), ASKED, at="HEAD")
    assert plan.touched[0].path == "src/auth.py" and plan.touched[0].likely == 1.0
    assert plan.touched[0].symbol == "issue_token"
    assert [test.path for test in plan.tests] == ["tests/test_auth.py"]
    assert plan.command == "python -m pytest tests/test_auth.py"
    assert plan.people[0].name == "Ada Tester"
    assert plan.at == sandbox.git("rev-parse", "HEAD") and plan.unseen == ()
    others = {one.path for one in plan.touched} | plan.dependents.keys()
    assert "src/cart.py" in others


def test_complexity_is_the_weighted_sum_of_its_factors(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    suspects = [Suspect("src/auth.py", 0.9)]
    plan = plan_change(repo, ASKED, at="HEAD", suspects=suspects)
    weights = {
        "files": 0.25, "dependents": 0.2, "untested": 0.2, "churn": 0.15, "size": 0.1,
        "mended": 0.1,
    }  # fmt: skip
    assert plan.factors.keys() == weights.keys()
    assert plan.complexity == sum(weights[name] * value for name, value in plan.factors.items())
    assert plan.factors["files"] == 1 / 8 and plan.factors["untested"] == 0.0
    assert plan.size == "small"
    sandbox.git("rm", "-q", "-r", "tests")
    sandbox.git("commit", "-q", "-m", "no tests")
    harder = plan_change(repo, ASKED, at="HEAD", suspects=suspects)
    assert harder.factors["untested"] == 1.0 and harder.complexity > plan.complexity
    assert "write one first" in harder.markdown()


def test_files_that_always_change_along_are_likely_touched(sandbox: Sandbox) -> None:
    for number in range(4):
        files: dict[str, str | bytes] = {"src/auth.py": f"TTL = {number}\n"}
        sandbox.commit(f"ttl {number}", files | {"docs/auth.md": f"{number}\n"})
    for number in range(4):
        sandbox.commit(f"other {number}", {f"{number}.txt": "1"})
    repo = Repository.find(sandbox.path)
    plan = plan_change(repo, ASKED, at="HEAD", suspects=[Suspect("src/auth.py", 0.9)])
    assert [one.path for one in plan.touched] == ["src/auth.py", "docs/auth.md"]
    assert "changed with src/auth.py in 4 commits" in plan.touched[1].why[0]


def test_the_plan_as_markdown_and_as_a_finding(sandbox: Sandbox) -> None:
    question = parse_question("let `issue_token` take a *lifetime*\n# and more")
    plan = plan_change(Repository.find(sandbox.path), question, at="HEAD")
    text = plan.markdown()
    assert text.startswith("# Plan: ") and "\n# and more" not in text
    assert "## Files to touch" in text and "`src/auth.py`" in text and "```sh" in text
    finding = plan.finding()
    assert finding.role == "strategist" and finding.files[0].name == "src/auth.py"
    assert 0 < finding.confidence <= 0.6


def test_the_finding_sums_the_plan_up_and_factors_say_what_was_counted(sandbox: Sandbox) -> None:
    plan = plan_change(Repository.find(sandbox.path), ASKED, at="HEAD")
    text, body = plan.markdown(), plan.finding().body
    assert body != text and len(body.splitlines()) <= 5 and "plan.md" in body
    assert "1 file to touch" in body or "2 files to touch" in body
    assert "0.25 · 0.25" not in text and "without a test" in text and "for a fix" in text
    assert "in the last 90 days" in text


def test_a_task_that_nothing_matches_gets_a_plan_of_nothing(sandbox: Sandbox) -> None:
    asked = parse_question("zzqq blorf frobnicate wibble")
    plan = plan_change(Repository.find(sandbox.path), asked, at="HEAD")
    assert plan.touched == () and plan.finding().title == "No file was found for this change"


def test_nothing_found_is_said(sandbox: Sandbox) -> None:
    plan = plan_change(Repository.find(sandbox.path), ASKED, at="HEAD", suspects=[])
    assert plan.touched == () and plan.complexity == 0.0
    assert "None was found for these words." in plan.markdown()
    assert plan.finding().confidence == 0.05
