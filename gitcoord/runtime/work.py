"""Setting agents to work: a run made for a worktree, or taken up where it stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitcoord.analysis.finding import HYPOTHESIS, Finding
from gitcoord.analysis.logfiles import check_log
from gitcoord.config import Config
from gitcoord.errors import Corrupt, NoSuch
from gitcoord.git.repository import Repository
from gitcoord.runs.run import (
    DONE,
    PARKED,
    Moment,
    Run,
    create_run,
    list_runs,
    log_of,
    task_of,
)
from gitcoord.runs.workflow import Task, Workflow, without_model
from gitcoord.runtime.host import Product, Runner, drive
from gitcoord.runtime.local import COMMAND, HUMAN, LOCAL, Bisection, Brief, Local, check_roles
from gitcoord.runtime.runners import stop_all
from gitcoord.worktrees.findings import list_all_findings
from gitcoord.worktrees.worktree import Worktree


def staff(repo: Repository, workflow: Workflow, brief: Brief, config: Config) -> Workflow:
    """The workflow with a runner for each task: its own, else the one the brief names.

    Without a model (`local`) tasks that need one are left out. Raises BadInput on a runner
    that is none or is not installed, and on a role it cannot do.
    """
    if brief.runner in ("", LOCAL):
        workflow = without_model(workflow)
    tasks = tuple(
        replace(task, runner=task.runner or _runner_for(repo, task, brief, config))
        for task in workflow.tasks
    )
    return replace(workflow, tasks=tasks)


def _runner_for(repo: Repository, task: Task, brief: Brief, config: Config) -> str:
    if brief.runner in ("", LOCAL):
        return LOCAL
    from gitcoord.runs.roles import find_role
    from gitcoord.runtime.runners import choose

    if brief.runner == COMMAND and brief.argv:
        return COMMAND
    return choose(brief.runner, find_role(repo, task.role), config)


def begin(repo: Repository, worktree: Worktree, workflow: Workflow, brief: Brief) -> Run:
    """Write down a new run; nothing has been done of it. workflow: staffed."""
    return create_run(repo, worktree.id, workflow, brief.as_document())


def check_brief(repo: Repository, workflow: Workflow, brief: Brief) -> None:
    """Raise a Problem for what would fail later, before anything was changed: a role without
    an analyser, a question nobody can read, a log that is none, an end of a bisection."""
    check_roles([task for task in workflow.tasks if task.runner == LOCAL])
    brief.question()
    for log in brief.logs:
        check_log(log)
    if brief.bisection:
        for name in (*brief.bisection.good, brief.bisection.bad):
            repo.commit(name)


def go_on(
    repo: Repository,
    run: Run,
    worktree: Worktree,
    *,
    author: str,
    config: Config,
    progress: Callable[[Moment], None],
    first: Callable[[], None] | None = None,
) -> Run:
    """Drive a run to its end, from its beginning or from where it stopped. first: as in `drive`."""
    brief = _brief(run.question)
    memory = [
        one
        for one in list_all_findings(repo)
        if one.worktree_id != worktree.id and one.kind == HYPOTHESIS
    ]
    local = Local(repo, brief, worktree, memory)
    runners: dict[bool, Runner] = {True: local}
    stopped = threading.Event()
    if any(not _is_local(task) for task in run.tasks.values()):
        from gitcoord.runtime.atwork import AtWork

        runners[False] = AtWork(repo, worktree, run.id, brief, config, author, stopped)

    def runner(task: Task, earlier: Sequence[Finding], say: Callable[[str], None]) -> Product:
        return runners[_is_local({"runner": task.runner})](task, earlier, say)

    def stop() -> None:
        stopped.set()
        stop_all()

    return drive(
        repo, run, worktree, runner,
        author=author, progress=progress, workers=brief.workers, stop=stop, first=first,
    )  # fmt: skip


def _is_local(task: Mapping[str, Any]) -> bool:
    """A task of a run made before runs named runners has none."""
    return task.get("runner", "") in ("", LOCAL)


def find_stopped(repo: Repository, worktree_id: str) -> Run:
    """The last run of a worktree, as it stopped. Raises NoSuch when there is nothing to do."""
    runs = [run for run in list_runs(repo) if run.worktree_id == worktree_id]
    if not runs:
        raise NoSuch(f"{worktree_id} has had no run", hint=f"see: gitcoord show {worktree_id}")
    if runs[-1].state == DONE:
        raise NoSuch(
            f"the run of {worktree_id} is done", hint=f"read it: gitcoord report {worktree_id}"
        )
    return runs[-1]


def say_done(repo: Repository, run: Run, summary: str, *, dry_run: bool = False) -> None:
    """Note that a person did the task that waits for one. Raises NoSuch when none does."""
    waiting = [
        name
        for name, task in run.tasks.items()
        if task["state"] == PARKED and task.get("runner") == HUMAN
    ]
    if not waiting:
        raise NoSuch(
            f"no task of {run.worktree_id} waits for a person to do it",
            hint=f"see what is left: gitcoord resume {run.worktree_id} --dry-run",
        )
    for name in () if dry_run else waiting:
        log_of(repo, run.id, name).with_suffix(".done").write_text(f"{summary}\n", "utf-8")


def tasks_left(run: Run) -> list[Task]:
    """What taking the run up again would do."""
    return [task_of(name, task) for name, task in run.tasks.items() if task["state"] != DONE]


def _brief(question: Mapping[str, Any]) -> Brief:
    """The brief `as_document` wrote. Raises Corrupt."""
    try:
        bisection = question.get("bisection")
        wanted = {**bisection, "good": tuple(bisection["good"])} if bisection else None
        return Brief(
            text=question["text"],
            at=question["at"],
            logs=tuple(Path(log) for log in question["logs"]),
            since=question.get("since"),
            until=question.get("until"),
            within=tuple(question["within"]),
            bisection=Bisection(**wanted) if wanted else None,
            workers=int(question.get("workers", 0)),
            runner=str(question.get("runner", "")),
            model=str(question.get("model", "")),
            argv=tuple(map(str, question.get("argv", ()))),
            budget=tuple(map(str, question.get("budget", ()))),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(
            f"the run's question cannot be read: {error}", hint="gitcoord doctor"
        ) from error
