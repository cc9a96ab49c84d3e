"""resume, and the part of start that sets agents to work: what drives a run on a terminal.

Apart from start.py because it imports every analyser, which a worktree alone does not need.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIG_DFL, SIGHUP, SIGTERM, getsignal, signal
from typing import Annotated

import typer

from gitcoord.commands.approvals import person
from gitcoord.commands.asking import (
    NO,
    AsJson,
    Asked,
    DryRun,
    WorktreeId,
    asked_of,
    examples,
    family,
)
from gitcoord.commands.seeing import find
from gitcoord.errors import BadInput, NoSuch
from gitcoord.git.repository import Repository
from gitcoord.runs.budget import raise_budget, read_caps
from gitcoord.runs.run import DONE, Moment, Run, list_stopped
from gitcoord.runs.workflow import Task, read_workflow
from gitcoord.runtime.local import Bisection, Brief
from gitcoord.runtime.work import (
    begin,
    check_brief,
    find_stopped,
    go_on,
    say_done,
    staff,
    tasks_left,
)
from gitcoord.view import worktrees as view
from gitcoord.view.run import Board, outcome_json, show_outcome
from gitcoord.worktrees.findings import list_findings
from gitcoord.worktrees.start import Plan, author_of
from gitcoord.worktrees.worktree import Worktree

app = family()


@dataclass(frozen=True)
class Agents:
    """What the user said of what agents run on; empty where nothing was."""

    runner: str
    model: str
    command: str
    budget: tuple[str, ...]


@app.command(
    epilog=examples(
        "gitcoord resume login-fails",
        "gitcoord resume login-fails --dry-run",
        "gitcoord resume login-fails --budget 5",
        'gitcoord resume login-fails --done "took the lock before the read"',
    )
)
def resume(
    ctx: typer.Context,
    part: WorktreeId = "",
    *,
    done: Annotated[
        str,
        typer.Option(metavar="SUMMARY", help="The part that waits for a person is done: how."),
    ] = "",
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AMOUNT", help="The most the run may use in all from now; as start has it."
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Go on with a run that stopped, where it was: the only one there is, if none is named."""
    asked = asked_of(ctx)
    worktree = find(asked, part or _only_stopped(asked.repository))
    run = find_stopped(asked.repository, worktree.id)
    if done:
        say_done(asked.repository, run, done, dry_run=dry_run)
    if budget:
        read_caps(budget)
        person(asked)
        run = run if dry_run else raise_budget(asked.repository, run.id, budget)
    if dry_run:
        _show_tasks(asked, tasks_left(run), as_json=as_json)
        return None
    return work(asked, run, worktree, author=author_of(asked.repository), as_json=as_json)


def _only_stopped(repo: Repository) -> str:
    """The worktree of the one run that stopped. Raises NoSuch where there is none, or more."""
    found = [run.worktree_id for run in list_stopped(repo)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise NoSuch("no run has stopped", hint="see what there is: gitcoord list")
    listed = ", ".join(found[:8])
    raise NoSuch(
        f"{len(found)} runs have stopped: {listed}", hint=f"name one: gitcoord resume {found[0]}"
    )


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
    agents: Agents,
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
        runner=agents.runner or asked.config.agents.runner,
        model=agents.model or asked.config.agents.model,
        argv=_argv(agents, asked.config.agents.command),
        budget=agents.budget,
    )  # fmt: skip
    read_caps(brief.budget)
    workflow = staff(repo, workflow, brief, asked.config)
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
            with _interrupted_by_signals():
                run = go_on(
                    repo, run, worktree, author=author, config=asked.config, progress=happened
                )
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


@contextmanager
def _interrupted_by_signals() -> Iterator[None]:
    """Told to end, or with its terminal closed, a host ends its agents first, as after Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    told = [one for one in (SIGTERM, SIGHUP) if getsignal(one) == SIG_DFL]
    for one in told:
        signal(one, interrupt)
    try:
        yield
    finally:
        for one in told:
            signal(one, SIG_DFL)


def _argv(agents: Agents, configured: tuple[str, ...]) -> tuple[str, ...]:
    """Raises BadInput where quotes do not end."""
    try:
        return tuple(shlex.split(agents.command)) or configured
    except ValueError as error:
        raise BadInput(
            f"--command cannot be read: {error}", hint="quote it as a shell would read it"
        ) from error


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
        asked.screen.answer("\n".join([*view.plan_lines(plan), *map(_then, tasks)]))


def _show_tasks(asked: Asked, tasks: Sequence[Task], *, as_json: bool) -> None:
    if as_json:
        asked.screen.answer_json({"tasks": [vars(task) for task in tasks]})
    else:
        asked.screen.answer("\n".join(map(_then, tasks)))


def _then(task: Task) -> str:
    return f"  then      {task.role} on {task.runner or 'local'}: {task.does}"
