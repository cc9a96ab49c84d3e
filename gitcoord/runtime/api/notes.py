"""Findings that a model records: typed, checked, and written where analysers' findings are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitcoord.analysis.finding import (
    FACT,
    HYPOTHESIS,
    LEAD,
    PLAN,
    Evidence,
    Finding,
    Suspect,
    describe,
)
from gitcoord.errors import BadInput
from gitcoord.redaction import redact
from gitcoord.runtime.api.reach import OWN, Reach
from gitcoord.worktrees.findings import render

KINDS = (FACT, HYPOTHESIS, LEAD, PLAN)


def record_finding(
    reach: Reach, task: str, number: int, role: str, given: Mapping[str, Any]
) -> str:
    """Write the finding as the task's `number`-th; the same number again replaces it."""
    finding = finding_of(role, given)
    folder = reach.own or f"{OWN}/{task}"
    path = f"{folder}/findings/{task}-{number}.md"
    reach.write(tuple(path.split("/")), render(describe(finding), finding.body))
    return f"recorded as {path}"


def finding_of(role: str, given: Mapping[str, Any]) -> Finding:
    """The finding that the words of a model describe, secrets masked. Raises BadInput."""
    kind = str(given.get("kind", HYPOTHESIS))
    if kind not in KINDS:
        raise BadInput(f"kind is one of {', '.join(KINDS)}")
    title = " ".join(redact(str(given["title"])).split())
    try:
        return Finding(
            role=role,
            title=title[:300],
            confidence=float(given["confidence"]),
            evidence=tuple(_evidence(one) for one in given.get("evidence", ())),
            body=redact(str(given["body"])),
            files=tuple(_suspect(one) for one in given.get("files", ())),
            commits=tuple(_suspect(one) for one in given.get("commits", ())),
            kind=kind,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"the finding is not usable: {error}") from None


def _evidence(given: Mapping[str, Any]) -> Evidence:
    lines = given.get("lines")
    return Evidence(
        command=redact(str(given["command"])),
        note=redact(str(given.get("note", ""))),
        commit=given.get("commit") or None,
        path=given.get("path") or None,
        lines=(int(lines[0]), int(lines[1])) if lines else None,
    )


def _suspect(given: Mapping[str, Any]) -> Suspect:
    score = min(1.0, max(0.0, float(given.get("score", 0.5))))
    reasons = tuple(redact(str(one)) for one in given.get("reasons", ()))
    return Suspect(str(given["name"]), score, reasons, str(given.get("title", "")))
