"""A run in words: live lines while it works, a short answer when it is done.

Reads no git, decides nothing: a frame is a function of what has happened so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gitcoord.analysis.finding import PLAN
from gitcoord.runs.run import DONE, Moment, Run
from gitcoord.view.findings import CONCLUSIONS, finding_json, run_json, suspect_cells, suspects
from gitcoord.view.plain import one_line
from gitcoord.view.screen import Screen
from gitcoord.view.worktrees import worktree_json
from gitcoord.worktrees.findings import Written
from gitcoord.worktrees.worktree import Worktree

_MARKS = {
    "waiting": " ", "running": ">", "done": "+", "failed": "!", "skipped": "-", "parked": "=",
}  # fmt: skip
_HYPOTHESES, _SUSPECTS = 3, 5
SUMMARY = "summary"


class Board:
    """What every task of a run is at."""

    def __init__(self, run: Run) -> None:
        self._said = {name: str(task.get("does", "")) for name, task in run.tasks.items()}
        self._states = {name: str(task["state"]) for name, task in run.tasks.items()}
        self._roles = {name: str(task["role"]) for name, task in run.tasks.items()}

    def take(self, moment: Moment) -> str:
        """Note what happened; a line when a task ended, "" otherwise."""
        self._said[moment.task], self._states[moment.task] = moment.text, moment.state
        if moment.state in ("done", "failed", "parked"):
            return f"{_MARKS[moment.state]} {moment.role}: {moment.text}"
        return ""

    def lines(self) -> list[str]:
        """A line for each task that is at work or waiting."""
        return [
            f"{_MARKS[state]} {self._roles[name]}: {self._said[name]}"
            for name, state in self._states.items()
            if state in ("running", "waiting")
        ]


def outcome_json(worktree: Worktree, run: Run, found: Sequence[Written]) -> dict[str, Any]:
    return {
        "worktree": worktree_json(worktree),
        "run": run_json(run),
        "findings": [finding_json(one) for one in found],
        "suspects": {key: suspects(found, key) for key in ("files", "commits")},
        "report": _report(worktree, found),
        "next": next_commands(worktree, run, found),
    }


def show_outcome(screen: Screen, worktree: Worktree, run: Run, found: Sequence[Written]) -> None:
    """Hypotheses, suspect files and commits, where things are, and what to do next."""
    concluded = [one for one in found if one.kind in CONCLUSIONS]
    concluded.sort(key=lambda one: -(one.confidence or 0))
    rows = [(f"{one.confidence or 0:.0%}", one.title) for one in concluded]
    for one in found:
        if one.kind == SUMMARY:
            screen.answer(f"{one.role}: {one_line(one.title, 160)}")
    is_plan = _is_plan(found)
    screen.table(("confidence", "plan" if is_plan else "hypothesis"), rows[:_HYPOTHESES])
    file = "file to touch" if is_plan else "suspect file"
    for key, title in (("files", file), ("commits", "suspect commit")):
        listed = [suspect_cells(one) for one in suspects(found, key)[:_SUSPECTS]]
        if listed:
            screen.answer("")
            screen.table(("score", title, "why"), listed)
    for name, task in run.tasks.items():
        for line in _troubles(name, task):
            screen.warn(line)
    screen.answer("")
    count = "1 finding" if len(found) == 1 else f"{len(found)} findings"
    screen.answer(f"{count}, committed on {worktree.branch}" if found else "nothing was found")
    if _report(worktree, found):
        screen.answer(f"  {'plan  ' if is_plan else 'report'}  {_report(worktree, found)}")
    for command in next_commands(worktree, run, found):
        screen.answer(f"  next    {command}")


def _troubles(name: str, task: Mapping[str, Any]) -> Iterator[str]:
    """What a person has to know of a task; nothing when all is well."""
    why = task.get("error") or task.get("problem") or task.get("waits") or ""
    if why or task["state"] in ("failed", "skipped", "parked"):
        yield f"{name} {task['state']}{f': {why}' if why else ''}"
    yield from (f"  {one}" for one in task.get("incidents", ()) if one not in why)
    if task.get("hint"):
        yield f"  {task['hint']}"


def _is_plan(found: Sequence[Written]) -> bool:
    return any(one.kind == PLAN for one in found)


def _report(worktree: Worktree, found: Sequence[Written]) -> Path | None:
    """None when no task got as far as writing one."""
    if not any(one.kind in (*CONCLUSIONS, SUMMARY) for one in found):
        return None
    return worktree.path / worktree.folder / ("plan.md" if _is_plan(found) else "report.md")


def next_commands(worktree: Worktree, run: Run, found: Sequence[Written]) -> list[str]:
    """What there is to do now; nothing that would find nothing."""
    commands = [] if run.state == DONE else [f"gitcoord resume {worktree.id}"]
    commands += [f"gitcoord report {worktree.id}"] if _report(worktree, found) else []
    commands += [f"gitcoord findings {worktree.id}"] if found else []
    return [
        *commands,
        f'cd "$(gitcoord path {worktree.id})"',
        f"gitcoord remove {worktree.id}",
    ]
