"""resume, and the part of start that sets agents to work: what drives a run on a terminal.

Apart from start.py because it imports every analyser, which a worktree alone does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from gitcoord.commands.asking import NO, AsJson, Asked, WorktreeId, asked_of, examples, family
from gitcoord.commands.seeing import find
from gitcoord.errors import BadInput
from gitcoord.runs.run import DONE, Moment, Run
from gitcoord.runs.workflow import Task, read_workflow
from gitcoord.runtime.local import Bisection, Brief
from gitcoord.runtime.work import begin, check_brief, find_stopped, go_on
from gitcoord.view import worktrees as view
from gitcoord.view.run import Board, outcome_json, show_outcome
from gitcoord.worktrees.findings import list_findings
from gitcoord.worktrees.start import Plan, author_of
from gitcoord.worktrees.worktree import Worktree

app = family()


@app.command(epilog=examples("gitcoord resume login-fails"))
def resume(ctx: typer.Context, part: WorktreeId, *, as_json: AsJson = False) -> int | None:
    """Go on with a run that stopped, where it was."""
    asked = asked_of(ctx)
    worktree = find(asked, part)
    run = find_stopped(asked.repository, worktree.id)
    return work(asked, run, worktree, author=author_of(asked.repository), as_json=as_json)


def run_new(
    asked: Asked,
    plan: Plan,
    make: Callable[[], Worktree],
    *,
    logs: Sequence[Path],
    since: str | None,
    until: str | None,
    within: Sequence[str],
    bisect: str | None,
    good: Sequence[str],
    bad: str | None,
    bisect_timeout: float | None,
    dry_run: bool,
    as_json: bool,
) -> int | None:
    """Check what the agents are asked, have the worktree made, and drive the run in it."""
    repo = asked.repository
    workflow = read_workflow(plan.kind.source)
    brief = Brief(
        plan.task, plan.base.id,
        logs=tuple(asked.file(log) for log in logs),
        since=since, until=until, within=tuple(within),
        bisection=_bisection(plan, bisect, good, bad, bisect_timeout),
        workers=asked.config.run.workers,
    )  # fmt: skip
    check_brief(repo, workflow, brief)
    if dry_run:
        _show_plan(asked, plan, workflow.tasks, as_json=as_json)
        return None
    made = make()
    run = begin(repo, made, workflow, brief)
    return work(asked, run, made, author=plan.author, as_json=as_json)


def work(asked: Asked, run: Run, worktree: Worktree, *, author: str, as_json: bool) -> int | None:
    """Drive a run with live progress, then show what it found. A failed task is exit code 1."""
    repo = asked.repository
    board = Board(run)
    with asked.screen.progress() as progress:

        def happened(moment: Moment) -> None:
            line = board.take(moment)
            progress.show(board.lines())
            if line:
                progress.say(line)

        try:
            run = go_on(repo, run, worktree, author=author, progress=happened)
        except KeyboardInterrupt:
            progress.say(f"stopped; go on with: gitcoord resume {worktree.id}")
            raise
    found = list_findings(repo, worktree.id, worktree.branch)
    if as_json:
        asked.screen.answer_json(outcome_json(worktree, run, found))
    else:
        show_outcome(asked.screen, worktree, run, found)
    in_part = any("problem" in task for task in run.tasks.values())
    return None if run.state == DONE and not in_part else NO


def _bisection(
    plan: Plan, command: str | None, good: Sequence[str], bad: str | None, timeout: float | None
) -> Bisection | None:
    if command is None:
        if good or bad:
            raise BadInput(
                "--good and --bad are the ends of a bisection, which needs a command",
                hint='say how a commit is tested: --bisect "CMD"',
            )
        return None
    if not good:
        raise BadInput(
            "a bisection needs to know where the command succeeded",
            hint="name a commit, tag or branch: --good REF",
        )
    return Bisection(command, tuple(good), bad or plan.base.id, timeout)


def _show_plan(asked: Asked, plan: Plan, tasks: Sequence[Task], *, as_json: bool) -> None:
    if as_json:
        asked.screen.answer_json({**view.plan_json(plan), "tasks": [vars(task) for task in tasks]})
    else:
        lines = [f"  then      {task.role}: {task.does}" for task in tasks]
        asked.screen.answer("\n".join([*view.plan_lines(plan), *lines]))
