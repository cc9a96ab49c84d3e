"""Approvals in a table, in full and in JSON. Reads no git, decides nothing.

approvals --json   [{id, state, run, task, role, worktree, tool, input, why, asked, expires, by,
                    how, decided, reason}]; input is JSON as a text, without secrets; times are
                    RFC 3339; "" where there is nothing yet
"""

from __future__ import annotations

from typing import Any

from gitcoord.coordination.approvals import WAITING, Approval
from gitcoord.view.plain import one_line

COLUMNS = ("id", "state", "asked", "worktree", "role", "call")
FREE = ("call",)
_PARTS = (
    *("run", "task", "role", "worktree", "tool", "input", "why", "asked", "expires"),
    *("by", "how", "decided", "reason"),
)
_LONGEST_CALL = 120


def approval_json(one: Approval) -> dict[str, Any]:
    return {"id": one.id, "state": one.state, **{name: one.text(name) for name in _PARTS}}


def approval_cells(one: Approval) -> tuple[str, ...]:
    call = one_line(f"{one.text('tool')} {one.text('input')}", _LONGEST_CALL)
    asked = one.text("asked")[:16].replace("T", " ")
    return (one.id, one.state, asked, one.text("worktree"), one.text("role"), call)


def approval_text(one: Approval) -> str:
    """All of one approval: every line of what an agent wrote is marked as such, so that it
    cannot pass for one of ours."""
    lines = [
        f"{one.id}  [{one.state}]",
        f"  asked    {one.text('asked')}, expires {one.text('expires')}",
        f"  by       {one_line(one.text('role'))}, task {one_line(one.text('task'))}"
        f" of {one.text('run')}, in {one.text('worktree')}",
        f"  call     {one_line(one.text('tool'))}",
        *_quoted(one.text("input")),
    ]
    if one.text("why"):
        lines += ["  why, as the agent says", *_quoted(one.text("why"))]
    if one.text("by"):
        lines.append(f"  decided  {one.text('decided')} by {one.text('by')}, {one.text('how')}")
    if one.text("reason"):
        lines += ["  reason", *_quoted(one.text("reason"))]
    if one.state == WAITING:
        lines.append(f"  next     gitcoord approve {one.id}")
        lines.append(f"           gitcoord deny {one.id} --reason TEXT")
    return "\n".join(lines)


def decided_lines(one: Approval) -> list[str]:
    """What was decided, and how the run goes on."""
    return [
        f"{one.id} is {one.state}, by {one.text('by')}",
        f"  next    gitcoord resume {one.text('worktree')}",
    ]


def _quoted(text: str) -> list[str]:
    return [f"    │ {line}" for line in text.splitlines()]
