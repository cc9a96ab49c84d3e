"""resume, and the part of start that sets agents to work: what drives a run on a terminal.

Apart from start.py because it imports every analyser, which a worktree alone does not need.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
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
from gitcoord.commands.stopping import interrupted_by_signals
from gitcoord.coordination.inputs import Input, list_inputs, mark_given
from gitcoord.coordination.waiting import for_agent
from gitcoord.errors import BadInput, NoSuch, Problem
from gitcoord.git.repository import Repository
from gitcoord.runs.budget import raise_budget, read_caps
from gitcoord.runs.rounds import asked_again
from gitcoord.runs.run import DONE, Moment, Run, list_stopped
from gitcoord.runs.workflow import Task, read_workflow
from gitcoord.runtime.local import Bisection, Brief
from gitcoord.runtime.rework import find_unfinished, find_waiting, finish, nobody_to_tell
from gitcoord.runtime.work import (
    begin,
    check_brief,
    go_on,
    say_done,
    staff,
    tasks_left,
)
from gitcoord.view import worktrees as view
from gitcoord.view.inputs import brief_lines, input_json
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
        "gitcoord show login-fails && gitcoord resume login-fails  # for what waits for its agent",
    )
)
def resume(
    ctx: typer.Context,
    part: WorktreeId = "",
    *,
    done: Annotated[
        str,
        typer.Option(metavar="SUMMARY", help="What waits for a person is done: how."),
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
    """Go on with a run that stopped, where it was: the only one there is, if none is named.

    An agent that was done is asked again, in the same conversation, for what waits for it: what
    a review asks for, a validator refuses, or the train saw fail.
    """
    asked = asked_of(ctx)
    repo = asked.repository
    worktree = find(asked, part or _only_stopped(repo))
    bad: list[Problem] = []
    inputs = list_inputs(repo, worktree.id, bad=bad)
    for problem in bad:
        asked.screen.warn(f"{problem.message}; {problem.hint}")
    run = find_unfinished(repo, worktree.id, inputs)
    if done and inputs and (run is None or run.state == DONE):
        _see_to(asked, inputs, done, dry_run=dry_run, as_json=as_json)
        return None
    if done and run:
        say_done(repo, run, done, dry_run=dry_run)
    if budget and run:
        read_caps(budget)
        person(asked)
        run = run if dry_run else raise_budget(repo, run.id, budget)
    if dry_run:
        _show_left(asked, run, inputs, as_json=as_json)
        return None
    if run is None:
        raise nobody_to_tell(worktree.id, inputs)
    return work(asked, run, worktree, author=author_of(repo), as_json=as_json, go_on=finish)


def _see_to(
    asked: Asked, inputs: Sequence[Input], how: str, *, dry_run: bool, as_json: bool
) -> None:
    """A person, or an agent that is not ours, did what was asked."""
    if not dry_run:
        mark_given(asked.repository, inputs, run="", task="", said=how)
    if as_json:
        shown = [input_json(one) for one in inputs]
        asked.screen.answer_json({"seen_to": shown, "dry_run": dry_run})
        return
    word = "would note" if dry_run else "noted"
    asked.screen.answer(f"{word} as seen to: {', '.join(one.origin for one in inputs)}")


def _only_stopped(repo: Repository) -> str:
    """The worktree of the one run that stopped, or whose agent is to hear something. Raises NoSuch
    where there is none, or more."""
    found = [run.worktree_id for run in list_stopped(repo)]
    found += [one for one in find_waiting(repo) if one not in found]
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


def work(
    asked: Asked, run: Run, worktree: Worktree, *, author: str, as_json: bool,
    go_on: Callable[..., Run] = go_on,
) -> int | None:  # fmt: skip
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
            with interrupted_by_signals():
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
    if left := len(list_inputs(repo, worktree.id, bad=[])):
        asked.screen.say(for_agent(worktree.id, left))
    in_part = any("problem" in task for task in run.tasks.values())
    return None if run.state == DONE and not in_part else NO


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


def _show_left(asked: Asked, run: Run | None, inputs: Sequence[Input], *, as_json: bool) -> None:
    """What taking a run up again would do, and tell its agent."""
    tasks = tasks_left(run) if run else []
    again = asked_again(asked.repository, run) if run and inputs else None
    name = again.name if again else ""
    if as_json:
        waiting = [input_json(one) for one in inputs]
        shown = [vars(task) for task in tasks]
        asked.screen.answer_json({"tasks": shown, "inputs": waiting, "again": name or None})
    else:
        asked.screen.answer("\n".join([*map(_then, tasks), *brief_lines(inputs, name)]))


def _then(task: Task) -> str:
    return f"  then      {task.role} on {task.runner or 'local'}: {task.does}"
