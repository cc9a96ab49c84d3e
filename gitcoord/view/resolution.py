"""Resolutions in words and JSON. Reads no git, decides nothing.

    resolve --json         {id, state, first {id, branch, head, commit}, second {the same},
                            why_first, target, strategies, branch, worktree, commit,
                            conflicts [{path, kind, strategy, outcome, why, to}], next,
                            check {good, said, tail}, made, note, created, ended}
    resolve --list --json  [the same]

state: resolved (on `branch`), queued, open (left to somebody), failed (the check), closed,
undone. outcome: done or left. Of a plan (--dry-run) `made` is false, and `check`, `note`,
`created` and `ended` are not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gitcoord.conflicts.resolution import STRATEGIES, Resolution, Side, Step
from gitcoord.view.plain import plain

COLUMNS = ("id", "state", "first", "second", "strategy", "paths", "branch")


def plan_json(plan: Resolution) -> dict[str, Any]:
    return {
        "id": plan.id,
        "state": plan.state,
        "first": _side(plan.first),
        "second": _side(plan.second),
        "why_first": plan.why_first,
        "target": plan.target,
        "strategies": plan.strategies,
        "branch": plan.branch or (plan.place.branch if plan.place else ""),
        "worktree": plan.place.id if plan.place else "",
        "commit": plan.commit,
        "conflicts": [_step_json(step) for step in plan.steps],
        "next": plan.next,
        "made": False,
    }


def record_json(id: str, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: A002
    kept = ("path", "kind", "strategy", "outcome", "why", "to")
    return {
        "id": id,
        "state": body.get("state", ""),
        "first": body.get("first", {}),
        "second": body.get("second", {}),
        "why_first": body.get("why_first", ""),
        "target": body.get("target", ""),
        "strategies": body.get("strategies", []),
        "branch": body.get("branch", ""),
        "worktree": body.get("worktree", ""),
        "commit": body.get("commit", ""),
        "conflicts": [
            {key: step.get(key, "") for key in kept} for step in body.get("conflicts", ())
        ],
        "next": body.get("next", []),
        "check": body.get("check"),
        "made": body.get("state") != "failed",
        "note": body.get("note", ""),
        "created": body.get("created", ""),
        "ended": body.get("ended", ""),
    }


def plan_lines(plan: Resolution) -> list[str]:
    lines = [
        f"first     {plan.first.id}: {plan.why_first}",
        f"second    {plan.second.id}",
    ]
    for strategy in plan.strategies:
        if strategy in STRATEGIES:
            lines.append(f"{strategy:<9} {STRATEGIES[strategy]}")
    for step in plan.steps:
        mark = "decided" if step.done else "left"
        lines.append(f"{mark:<9} {plain(step.path) or '(no path)'} ({step.kind}), {step.strategy}")
        whom = f"{step.to}: " if step.to and step.to not in step.why else ""
        lines.append(f"            {plain(whom + step.why)}")
    if plan.branch:
        lines.append(f"branch    {plan.branch} at {plan.commit[:12]}")
    if plan.place:
        lines.append(f"worktree  {plan.place.path} on {plan.place.branch}")
    return [*lines, *(f"next      {line}" for line in plan.next)]


def cells(id: str, body: Mapping[str, Any]) -> tuple[object, ...]:  # noqa: A002
    paths = [str(step.get("path", "")) for step in body.get("conflicts", ())]
    return (
        id, body.get("state", ""), body.get("first", {}).get("id", ""),
        body.get("second", {}).get("id", ""), ", ".join(body.get("strategies", ())),
        ", ".join(paths[:3]) + (" …" if len(paths) > 3 else ""), body.get("branch", ""),
    )  # fmt: skip


def _side(side: Side) -> dict[str, str]:
    return {"id": side.id, "branch": side.branch, "head": side.head, "commit": side.commit}


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "path": step.path, "kind": step.kind, "strategy": step.strategy,
        "outcome": "done" if step.done else "left", "why": step.why, "to": step.to,
    }  # fmt: skip
