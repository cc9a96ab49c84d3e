"""Findings, hypotheses and suspects in words, tables and JSON. Reads no git, decides nothing.

findings --json   [{worktree, id, role, title, confidence, evidence, body}]
start --json      {worktree, run {id, state, workflow, tasks}, findings [{id, role, title,
                   confidence, evidence}], suspects {files, commits} each
                   [{name, score, reasons, title}], report, next}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gitcoord.analysis.finding import HYPOTHESIS, PLAN
from gitcoord.runs.run import Run
from gitcoord.view.plain import one_line
from gitcoord.worktrees.findings import Written

_TASK_KEYS = (
    "state", "role", "runner", "error", "problem", "incidents", "waits", "until", "hint",
    "rounds",
)  # fmt: skip
COLUMNS = ("id", "confidence", "title")
CONCLUSIONS = (HYPOTHESIS, PLAN)


def finding_json(finding: Written) -> dict[str, Any]:
    return {
        "id": finding.id,
        "role": finding.role,
        "kind": finding.kind,
        "title": finding.title,
        "confidence": finding.confidence,
        "evidence": list(finding.evidence),
    }


def finding_whole_json(finding: Written) -> dict[str, Any]:
    return {"worktree": finding.worktree_id, **finding_json(finding), "body": finding.body}


def finding_cells(finding: Written) -> tuple[str, ...]:
    return (finding.id, _percent(finding.confidence), one_line(finding.title, 100))


def finding_text(finding: Written) -> str:
    """One finding for a person to read: its claim, its text, and how to check it."""
    about = (_percent(finding.confidence), finding.role, finding.id)
    lines = [f"{finding.title}  [{', '.join(filter(None, about))}]"]
    lines += [f"  {line}" for line in finding.body.split("\n")] if finding.body else []
    for one in finding.evidence:
        lines.append(f"  - {one_line(str(one.get('note', '')), 160)}")
        lines.append(f"      {one_line(str(one.get('command', '')), 200)}")
    return "\n".join(lines)


def run_json(run: Run) -> dict[str, Any]:
    tasks = {
        name: {key: task[key] for key in _TASK_KEYS if task.get(key)}
        for name, task in run.tasks.items()
    }
    workflow = run.record.body.get("workflow", "")
    return {"id": run.id, "state": run.state, "workflow": workflow, "tasks": tasks}


def suspects(findings: Sequence[Written], key: str) -> list[Mapping[str, Any]]:
    """The suspects of one sort (`files` or `commits`), best first: as the analyst weighed them,
    else as the first finding that has any. Scores of different findings are no common scale."""
    weighed = [one for one in findings if one.kind in CONCLUSIONS]
    for finding in (*weighed, *findings):
        listed = [one for one in finding.front.get(key, ()) if _is_suspect(one)]
        if listed:
            return sorted(listed, key=lambda one: (-one["score"], str(one["name"])))
    return []


def _is_suspect(one: object) -> bool:
    return (
        isinstance(one, Mapping)
        and isinstance(one.get("score"), int | float)
        and isinstance(one.get("reasons"), list)
        and "name" in one
    )


def suspect_cells(suspect: Mapping[str, Any]) -> tuple[str, ...]:
    name, title = str(suspect["name"]), str(suspect.get("title", ""))
    shown = f"{name[:9]} {title}" if title else name
    reasons = "; ".join(map(str, suspect["reasons"][:3]))
    return (f"{suspect['score']:.2f}", one_line(shown, 60), one_line(reasons, 90))


def _percent(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.0%}"
