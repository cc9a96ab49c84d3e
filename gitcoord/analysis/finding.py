"""What an analyser returns: findings with evidence and a confidence.

Promises: every piece of evidence names where it is and the command that shows it.
Refuses: a confidence outside 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

FACT, HYPOTHESIS, MEMORY, PLAN, LEAD = "fact", "hypothesis", "memory", "plan", "lead"
# Below it nobody should be told that something is a fact.
LEAST_FACT = 0.15


@dataclass(frozen=True)
class Evidence:
    """One fact somebody else can check.

    command: a shell command, run in the worktree, that shows it. note: what to see there.
    lines: first and last line, counted from 1, both included, as of `commit`.
    """

    command: str
    note: str
    commit: str | None = None
    path: str | None = None
    lines: tuple[int, int] | None = None


@dataclass(frozen=True)
class Suspect:
    """A file or a commit the evidence points at. name: a path, or a full commit id.

    score: 0 to 1, comparable within one list only. reasons: short, strongest first.
    """

    name: str
    score: float
    reasons: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that was found out.

    role: who found it. title: one line. confidence: 0 to 1, from `factors` by the formula
    that the analyser documents. body: Markdown below the front matter. kind: a fact, a lead
    (where to look first, a guess by rank), a hypothesis made of facts, a memory of another
    worktree's finding, or a plan.
    """

    role: str
    title: str
    confidence: float
    evidence: tuple[Evidence, ...] = ()
    body: str = ""
    factors: Mapping[str, float] = field(default_factory=dict)
    files: tuple[Suspect, ...] = ()
    commits: tuple[Suspect, ...] = ()
    kind: str = FACT

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence {self.confidence} is not within 0 to 1")


def tellable(findings: Iterable[Finding]) -> list[Finding]:
    """Those worth telling: a fact of less than LEAST_FACT is none."""
    return [one for one in findings if one.kind != FACT or one.confidence >= LEAST_FACT]


def describe(finding: Finding) -> dict[str, Any]:
    """A finding as TOML front matter: everything but the body; empty parts are left out."""
    front: dict[str, Any] = {
        "role": finding.role,
        "title": finding.title,
        "kind": finding.kind,
        "confidence": round(finding.confidence, 4),
        "factors": {name: round(float(value), 4) for name, value in finding.factors.items()},
        "evidence": [_without_none(asdict(one)) for one in finding.evidence],
        "files": [_suspect(one) for one in finding.files],
        "commits": [_suspect(one) for one in finding.commits],
    }
    return {key: value for key, value in front.items() if value not in ({}, [])}


def recreate(front: Mapping[str, Any], body: str) -> Finding:
    """The finding `describe` described. Raises KeyError, TypeError or ValueError on another's."""
    return Finding(
        role=str(front["role"]),
        title=str(front["title"]),
        confidence=float(front["confidence"]),
        evidence=tuple(_evidence(one) for one in front.get("evidence", ())),
        body=body,
        factors=dict(front.get("factors", {})),
        files=tuple(_recreate_suspect(one) for one in front.get("files", ())),
        commits=tuple(_recreate_suspect(one) for one in front.get("commits", ())),
        kind=str(front.get("kind", FACT)),
    )


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _suspect(one: Suspect) -> dict[str, Any]:
    return {
        "name": one.name,
        "score": round(one.score, 4),
        "reasons": list(one.reasons),
        "title": one.title,
    }


def _recreate_suspect(one: Mapping[str, Any]) -> Suspect:
    return Suspect(str(one["name"]), float(one["score"]), tuple(one["reasons"]), str(one["title"]))


def _evidence(one: Mapping[str, Any]) -> Evidence:
    lines = one.get("lines")
    return Evidence(
        command=str(one["command"]),
        note=str(one["note"]),
        commit=one.get("commit"),
        path=one.get("path"),
        lines=(int(lines[0]), int(lines[1])) if lines else None,
    )
