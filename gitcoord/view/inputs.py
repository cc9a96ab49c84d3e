"""What waits for an agent, in lines and JSON. Reads no git, decides nothing.

input   {id, worktree, origin, by, created, state, run, task, text}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gitcoord.coordination.inputs import Input
from gitcoord.coordination.waiting import for_agent, waits
from gitcoord.view.plain import one_line, plain

_KEYS = ("id", "worktree", "origin", "by", "created", "state", "run", "task", "text")


def input_json(one: Input) -> dict[str, Any]:
    return {key: getattr(one, key) for key in _KEYS}


def input_lines(worktree_id: str, inputs: Sequence[Input]) -> list[str]:
    """What waits, with its texts; nothing where nothing does."""
    if not inputs:
        return []
    lines = [f"  waits     {for_agent(worktree_id, len(inputs))}"]
    for one in inputs:
        by = f", by {one_line(one.by)}" if one.by else ""
        lines.append(f"    {one_line(one.origin)}{by}, {one.created}")
        lines += [f"    │ {line}" for line in plain(one.text, multiline=True).split("\n")]
    return lines


def brief_lines(inputs: Sequence[Input], task: str) -> list[str]:
    """What a resume would tell an agent, a line each. task: which it is asked again."""
    about = f"{task} is asked again" if task else "for whoever works there"
    lines = [f"  waits     {waits(len(inputs))}: {about}"] if inputs else []
    return lines + [f"    {one_line(one.origin)}: {one_line(one.text, 100)}" for one in inputs]
