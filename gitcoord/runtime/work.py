"""Setting agents to work: a run made for a worktree, or taken up where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gitcoord.analysis.finding import HYPOTHESIS
from gitcoord.analysis.logfiles import check_log
from gitcoord.errors import Corrupt, NoSuch
from gitcoord.git.repository import Repository
from gitcoord.runs.run import DONE, Moment, Run, create_run, list_runs, reopen
from gitcoord.runs.workflow import Workflow
from gitcoord.runtime.host import drive
from gitcoord.runtime.local import Bisection, Brief, Local, check_roles
from gitcoord.worktrees.findings import list_all_findings
from gitcoord.worktrees.worktree import Worktree


def begin(repo: Repository, worktree: Worktree, workflow: Workflow, brief: Brief) -> Run:
    """Write down a new run; nothing has been done of it. Raises BadInput on a role that needs
    a model."""
    check_roles(workflow.tasks)
    return create_run(repo, worktree.id, workflow, brief.as_document())


def check_brief(repo: Repository, workflow: Workflow, brief: Brief) -> None:
    """Raise a Problem for what would fail later, before anything was changed: a role without
    an analyser, a question nobody can read, a log that is none, an end of a bisection."""
    check_roles(workflow.tasks)
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
    progress: Callable[[Moment], None],
) -> Run:
    """Drive a run to its end, from its beginning or from where it stopped."""
    brief = _brief(run.question)
    memory = [
        one
        for one in list_all_findings(repo)
        if one.worktree_id != worktree.id and one.kind == HYPOTHESIS
    ]
    runner = Local(repo, brief, worktree, memory)
    workers = brief.workers
    return drive(repo, run, worktree, runner, author=author, progress=progress, workers=workers)


def find_stopped(repo: Repository, worktree_id: str) -> Run:
    """The last run of a worktree, ready to go on. Raises NoSuch when there is nothing to do."""
    runs = [run for run in list_runs(repo) if run.worktree_id == worktree_id]
    if not runs:
        raise NoSuch(f"{worktree_id} has had no run", hint=f"see: gitcoord show {worktree_id}")
    if runs[-1].state == DONE:
        raise NoSuch(
            f"the run of {worktree_id} is done", hint=f"read it: gitcoord report {worktree_id}"
        )
    return reopen(repo, runs[-1].id)


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
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(
            f"the run's question cannot be read: {error}", hint="gitcoord doctor"
        ) from error
