"""Weighing: the formula, the alternatives, honesty where there is nothing."""

from __future__ import annotations

import math

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.analysis.finding import Evidence, Finding, Suspect
from gitcoord.analysis.history import research
from gitcoord.analysis.hypotheses import WEIGHTS, kind, weigh
from gitcoord.analysis.question import parse_question
from gitcoord.analysis.structure import examine
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

ASKED = parse_question("why does the token expire early?")


def code(*scores: tuple[str, float], confidence: float = 0.6) -> Finding:
    return Finding(
        "detective", "The question points there", confidence,
        files=tuple(Suspect(path, score, ("says token",)) for path, score in scores),
        factors={"lead": 0.4},
    )  # fmt: skip


def trace(path: str) -> Finding:
    return Finding(
        "detective", "The stack trace ends there", 0.9,
        evidence=(Evidence("sed -n 12p a.py", "frame 1", path=path, lines=(12, 12)),),
        files=(Suspect(path, 1.0, ("frame 1 of the stack trace",)),),
        factors={"foreign_frames_below": 0.0},
    )  # fmt: skip


def test_confidence_follows_the_formula() -> None:
    analysis = weigh(ASKED, [code(("a.py", 0.5), ("b.py", 0.4)), trace("b.py")])
    first = analysis.hypotheses[0]
    assert first.path == "b.py"
    assert first.factors == {"code": 0.32, "trace": 0.95}
    wanted = 1 - (1 - WEIGHTS["code"] * 0.32) * (1 - WEIGHTS["trace"] * 0.95)
    assert first.confidence == pytest.approx(wanted)
    assert "b.py:12" in first.statement


def test_one_kind_counts_once() -> None:
    once = weigh(ASKED, [code(("a.py", 0.5))]).hypotheses[0].confidence
    assert weigh(ASKED, [code(("a.py", 0.5))] * 5).hypotheses[0].confidence == once
    assert once < WEIGHTS["code"]


def test_alternatives_say_why_they_rank_lower() -> None:
    decision = weigh(ASKED, [code(("a.py", 0.9), ("b.py", 0.5)), trace("a.py")]).decision
    other, elsewhere = decision.alternatives
    assert other.title == "b.py" and "no stack trace names it" in other.why
    assert "its code matches less" in other.why
    assert elsewhere.title.startswith("none of these") and 0 < elsewhere.confidence < 1
    assert tomli_w.dumps(decision.record())


def test_words_alone_are_called_words_alone() -> None:
    (first,) = weigh(ASKED, [code(("a.py", 0.9))]).hypotheses
    assert any("only words speak for it" in fact for fact in first.contra)
    assert first.confidence <= WEIGHTS["code"]


@pytest.mark.parametrize(
    "findings",
    [
        [],
        [Finding("researcher", "Ada knows this code best", 0.9, factors={"people": 1.0})],
        [Finding("detective", "The log says x", 0.4, factors={"severity": 0.9})],
    ],
)
def test_without_evidence_nothing_is_accused(findings: list[Finding]) -> None:
    analysis = weigh(ASKED, findings)
    (only,) = analysis.hypotheses
    assert only.statement.startswith("Nothing that was looked at")
    assert only.path is None and only.commit is None and only.confidence <= 0.05
    assert analysis.files == () and analysis.findings()[0].confidence == only.confidence
    assert "--log" in analysis.findings()[0].body


def test_kinds_are_told_by_their_factors() -> None:
    assert kind(code()) == "code"
    assert kind(trace("a")) == "trace"
    assert kind(Finding("x", "t", 0.1)) == "other"


def test_the_whole_way_in_a_real_repository(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    files = (("src/auth.py", 0.7), ("src/cart.py", 0.1))
    suspects = [Suspect(path, score) for path, score in files]
    found = [code(*files)]
    found += research(repo, ASKED, suspects, at="HEAD")
    found += examine(repo, ASKED, suspects, at="HEAD")
    analysis = weigh(ASKED, found)
    first = analysis.hypotheses[0]
    assert first.path == "src/auth.py" and {"code", "history", "smell"} <= first.factors.keys()
    assert first.commit in {sandbox.git("rev-parse", name) for name in ("HEAD~1", "HEAD~2")}
    assert "time.time()" in first.statement and first.statement.startswith("src/auth.py:")
    assert analysis.commits[0].score == 1.0
    finding = analysis.findings()[0]
    assert finding.role == "analyst" and finding.evidence
    assert "Considered as well:" in finding.body and "src/cart.py" in finding.body


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(-1, 2), st.floats(0, 1), st.sampled_from(
            ["lead", "severity", "smell", "places", "unknown", "people"])),
        max_size=8,
    )
)  # fmt: skip
def test_any_findings_give_confidences_in_order(
    facts: list[tuple[str, float, float, str]],
) -> None:
    findings = [
        Finding("r", "t: x", sure, files=(Suspect(path, score),), factors={sign: 1.0})
        for path, score, sure, sign in facts
    ]
    analysis = weigh(ASKED, findings)
    confidences = [one.confidence for one in analysis.hypotheses]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 <= one <= 0.95 and math.isfinite(one) for one in confidences)
    assert all(one.title for one in analysis.findings())


def test_a_bisection_that_names_one_commit_is_one_hypothesis() -> None:
    found = Finding(
        role="detective",
        title="abc is the first bad commit",
        confidence=0.98,
        factors={"agreement": 1.0},
        files=(Suspect("src/a.py", 0.98), Suspect("src/b.py", 0.98)),
        commits=(Suspect("a" * 40, 0.98, (), "Break it"),),
    )
    analysis = weigh(parse_question("why does it break?"), [found])
    assert [one.statement for one in analysis.hypotheses] == ["abc is the first bad commit"]
    assert {one.name for one in analysis.files} == {"src/a.py", "src/b.py"}


def smell(line: int, theme: float = 1.0, **more: float) -> Finding:
    return Finding(
        "analyst", f"a.py:{line}, in f: the error of a call is thrown away", 0.5,
        evidence=(Evidence("git show", "x", path="a.py", lines=(line, line)),),
        files=(Suspect("a.py", 1.0, ("thrown away",)),),
        factors={"smell": 1.0, "theme": theme, **more},
    )  # fmt: skip


def named(*smells: Finding) -> str:
    at = Finding(
        "detective", "The question points there", 0.6,
        evidence=(Evidence("git show", "x", path="a.py", lines=(709, 711)),),
        files=(Suspect("a.py", 0.9),), factors={"lead": 0.4},
    )  # fmt: skip
    return weigh(ASKED, [at, *smells]).hypotheses[0].statement


def test_a_smell_is_said_to_be_there_only_when_it_is_there() -> None:
    assert "there, the error of a call is thrown away" in named(smell(712))
    assert "there, the error" in named(smell(315), smell(705))
    for other in (smell(315), smell(712, 0.5), smell(712, note=1.0)):
        assert named(other).startswith("a.py:709-711 ") and "there," not in named(other)


def accused(*reasons: str) -> str:
    commit = "a" * 40
    history = Finding(
        "researcher", "C is the first commit to look at", 0.6,
        files=(Suspect("a.py", 0.5, (f"last touched by {commit[:10]} “C”",)),),
        commits=(Suspect(commit, 1.0, reasons, "C"),), factors={"places": 0.3},
    )  # fmt: skip
    return weigh(ASKED, [code(("a.py", 0.9)), history]).hypotheses[0].statement


@pytest.mark.parametrize(
    ("part", "claim"),
    [
        (", 100 % of what matters there", "wrote all of what matters there"),
        (", 62 % of what matters there", "wrote 62 % of what matters there"),
        (", 6 % of what matters there", "is the first commit to look at, with 6 % of what"),
        ("", "is the first commit to look at, with under 1 % of what"),
    ],
)
def test_a_commit_is_not_said_to_have_written_more_than_it_did(part: str, claim: str) -> None:
    assert claim in accused(f"last touched a.py:3 (f){part}")
    other = accused(f"last touched b.py:3 (f){part}")
    assert other.endswith("is the first commit to look at")


def test_tests_come_after_code_unless_asked_about_or_observed() -> None:
    path = "tests/test_auth.py"
    assert weigh(ASKED, [code((path, 0.9), ("src/a.py", 0.5))]).files[0].name == "src/a.py"
    flaky = parse_question("why is the token test flaky?")
    assert weigh(flaky, [code((path, 0.9), ("src/a.py", 0.5))]).files[0].name == path
    assert weigh(ASKED, [code(("src/a.py", 0.5)), trace(path)]).files[0].name == path


def test_that_nothing_was_found_says_what_was_looked_at() -> None:
    people = Finding("researcher", "Ada knows this", 0.9, factors={"people": 1.0})
    assert weigh(ASKED, [people]).hypotheses[0].pro == ("looked at: the history",)
