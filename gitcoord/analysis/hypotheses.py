"""The analyst's judgement: findings weighed into hypotheses, with what speaks for and against.

Promises: a confidence that anybody can compute again from the factors; alternatives named with
the reason they rank lower; the decision as a value that can be logged.
Refuses: to invent. Without evidence there is one hypothesis, that nothing was found, and it
says what was looked at.

    confidence(file) = min(0.95, 1 - product over kinds of (1 - weight · strength))

A kind of evidence counts once, by its strongest finding, because two findings of one kind rest
on the same facts. strength = score of the file in that finding · (1 + its confidence) / 2; for
code times `matched`, the part of the question that the code has; for a test file times TESTS,
unless tests were asked about, in all kinds but RUN, what was observed at run time.
WEIGHTS says how far each kind alone can go.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gitcoord.analysis.evidence import LOOKED_AT, RUN, TESTS, WEIGHTS, kind
from gitcoord.analysis.finding import HYPOTHESIS, Evidence, Finding, Suspect
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.pleading import (
    commit_of,
    commit_said,
    find_place,
    is_there,
    kinds_said,
    proofs_of,
    speaks_against,
    speaks_for,
    why_lower,
)
from gitcoord.analysis.question import Question
from gitcoord.analysis.redaction import shown
from gitcoord.analysis.wording import asks_for

__all__ = ["WEIGHTS", "Alternative", "Analysis", "Decision", "Hypothesis", "kind", "weigh"]

ROLE = "analyst"
MOST = 3
_ALTERNATIVES = 5
_CAP = 0.95
_NOTHING = 0.05
_LEAST = 0.01  # below it a file was only listed, not accused


@dataclass(frozen=True)
class Hypothesis:
    """One explanation. path, commit: what it accuses, None where it accuses nothing.

    pro, contra: facts for and against, strongest first. factors: kind of evidence -> strength.
    """

    statement: str
    confidence: float
    path: str | None = None
    commit: str | None = None
    pro: tuple[str, ...] = ()
    contra: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    factors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Alternative:
    """What was considered and ranks lower. why: in one line."""

    title: str
    confidence: float
    why: str


@dataclass(frozen=True)
class Decision:
    """What the analyst decided, for the log: the choice, and what it was chosen over."""

    question: str
    chosen: str
    confidence: float
    reasons: tuple[str, ...]
    alternatives: tuple[Alternative, ...]

    def record(self) -> dict[str, object]:
        """As TOML can hold it."""
        return {
            "question": self.question,
            "chosen": self.chosen,
            "confidence": round(self.confidence, 4),
            "reasons": list(self.reasons),
            "alternatives": [
                {"title": one.title, "confidence": round(one.confidence, 4), "why": one.why}
                for one in self.alternatives
            ],
        }


@dataclass(frozen=True)
class Analysis:
    """hypotheses: best first, at least one. files, commits: all suspects with their weight."""

    hypotheses: tuple[Hypothesis, ...]
    decision: Decision
    files: tuple[Suspect, ...]
    commits: tuple[Suspect, ...]

    def findings(self) -> list[Finding]:
        """The hypotheses as findings, the first with the suspects and the alternatives."""
        found = []
        for number, one in enumerate(self.hypotheses):
            first = number == 0
            found.append(
                Finding(
                    role=ROLE,
                    title=one.statement,
                    confidence=round(one.confidence, 4),
                    evidence=one.evidence,
                    body=_body(one, self.decision.alternatives if first else ()),
                    factors=one.factors,
                    files=self.files if first else (),
                    commits=self.commits if first else (),
                    kind=HYPOTHESIS,
                )
            )
        return found


def weigh(question: Question, findings: Sequence[Finding]) -> Analysis:
    """Weigh findings of all roles into hypotheses and a decision."""
    strengths = _strengths(findings, tests=asks_for(question, Kind.TEST))
    commits = _commits(findings)
    rated = sorted(
        (
            (sure, path)
            for path, found in strengths.items()
            if (sure := _confidence(found)) >= _LEAST
        ),
        key=lambda each: (-each[0], each[1]),
    )
    if not rated:
        return _nothing(question, findings, commits)
    hypotheses = [
        _hypothesis(path, sure, strengths[path], findings, commits)
        for sure, path in rated[:MOST]
        if sure >= 0.4 * rated[0][0]
    ]
    found_out = next((one for one in findings if _names_one_commit(one)), None)
    if found_out is not None:
        # Its files are one explanation, not one each.
        hypotheses = [replace(hypotheses[0], statement=found_out.title)]
    first = hypotheses[0]
    return Analysis(
        hypotheses=tuple(hypotheses),
        decision=Decision(
            question=shown(question.text, 300),
            chosen=first.statement,
            confidence=first.confidence,
            reasons=first.pro,
            alternatives=_alternatives(rated, strengths),
        ),
        files=tuple(
            Suspect(path, sure / rated[0][0], kinds_said(strengths[path]))
            for sure, path in rated[:10]
        ),
        commits=tuple(commits[:10]),
    )


def _alternatives(
    rated: Sequence[tuple[float, str]], strengths: Mapping[str, Mapping[str, float]]
) -> tuple[Alternative, ...]:
    """The files that rank lower, and that it is none of them."""
    named = rated[: _ALTERNATIVES + 1]
    first = strengths[named[0][1]]
    others = [
        Alternative(shown(path, 120), sure, why_lower(first, strengths[path]))
        for sure, path in named[1:]
    ]
    elsewhere = Alternative(
        "none of these files: configuration, data or a dependency",
        math.prod(1 - sure for sure, _ in named),
        "what is left when all files named are wrong",
    )
    return (*others, elsewhere)


def _names_one_commit(finding: Finding) -> bool:
    return kind(finding) == "bisection" and len(finding.commits) == 1


def _strengths(findings: Sequence[Finding], *, tests: bool) -> dict[str, dict[str, float]]:
    """Path -> kind -> strength, for the kinds that accuse. tests: they may be what is meant."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for finding in findings:
        sort = kind(finding)
        if sort not in WEIGHTS:
            continue
        for one in finding.files:
            strength = max(0.0, min(1.0, one.score)) * (1 + finding.confidence) / 2
            strength *= finding.factors.get("matched", 1.0) if sort == "code" else 1.0
            if not tests and sort not in RUN and kind_of(one.name) is Kind.TEST:
                strength *= TESTS
            if strength > found.get(one.name, {}).get(sort, 0.0):
                found[one.name][sort] = strength
    return dict(found)


def _confidence(strengths: Mapping[str, float]) -> float:
    doubt = math.prod(1 - WEIGHTS[sort] * strength for sort, strength in strengths.items())
    return min(_CAP, 1 - doubt)


def _commits(findings: Sequence[Finding]) -> list[Suspect]:
    """The suspect commits of all findings, each once, best first: the score is the suspect's
    times the finding's confidence, of the first one over all."""
    best: dict[str, Suspect] = {}
    for finding in findings:
        for one in finding.commits:
            score = one.score * finding.confidence
            known = best.get(one.name)
            reasons = tuple(dict.fromkeys((*(known.reasons if known else ()), *one.reasons)))
            if known is None or score > known.score:
                best[one.name] = Suspect(one.name, score, reasons, one.title)
            else:
                best[one.name] = Suspect(one.name, known.score, reasons, known.title)
    ranked = sorted(best.values(), key=lambda one: (-one.score, one.name))
    top = ranked[0].score if ranked else 0.0
    return [Suspect(one.name, one.score / top, one.reasons, one.title) for one in ranked if top]


def _hypothesis(
    path: str,
    sure: float,
    strengths: Mapping[str, float],
    findings: Sequence[Finding],
    commits: Sequence[Suspect],
) -> Hypothesis:
    naming = [one for one in findings if kind(one) in WEIGHTS and _names(one, path)]
    commit = commit_of(path, naming, commits)
    place, lines = find_place(path, naming)
    statement = f"{shown(place, 120)} is the likeliest place"
    if commit:
        statement += f"; {commit_said(path, commit)}"
    smell = next((one for one in naming if kind(one) == "smell" and is_there(one, lines)), None)
    if smell:
        statement += f"; there, {smell.title.partition(': ')[2] or smell.title}"
    return Hypothesis(
        statement=statement,
        confidence=sure,
        path=path,
        commit=commit.name if commit else None,
        pro=speaks_for(path, strengths, naming),
        contra=speaks_against(strengths, commit),
        evidence=proofs_of(path, naming, commit),
        factors={sort: round(strength, 4) for sort, strength in sorted(strengths.items())},
    )


def _names(finding: Finding, path: str) -> bool:
    return any(one.name == path for one in finding.files)


def _nothing(
    question: Question, findings: Sequence[Finding], commits: Sequence[Suspect]
) -> Analysis:
    looked = sorted({LOOKED_AT[sort] for one in findings if (sort := kind(one)) in LOOKED_AT})
    statement = "Nothing that was looked at points at a place in the code"
    one = Hypothesis(
        statement=statement,
        confidence=_NOTHING,
        contra=(
            "no file's names, code or history match the words of the question",
            "a name from the code, a quoted message, a stack trace or --log FILE would give more",
        ),
        pro=(f"looked at: {', '.join(looked)}",) if looked else (),
    )
    return Analysis(
        hypotheses=(one,),
        decision=Decision(shown(question.text, 300), statement, _NOTHING, one.contra, ()),
        files=(),
        commits=tuple(commits[:10]),
    )


def _body(one: Hypothesis, alternatives: Sequence[Alternative]) -> str:
    parts = []
    if one.pro:
        parts += ["For it:", "", *(f"- {fact}" for fact in one.pro), ""]
    if one.contra:
        parts += ["Against it:", "", *(f"- {fact}" for fact in one.contra), ""]
    if alternatives:
        parts += ["Considered as well:", ""]
        parts += [
            f"- {each.title} ({round(100 * each.confidence)} %): {each.why}"
            for each in alternatives
        ]
        parts.append("")
    parts.append(
        "Confidence is 1 minus the product, over the kinds of evidence, of "
        "(1 - weight · strength), at most 0.95."
    )
    return "\n".join(parts) + "\n"
