"""The host of a run: one process that drives it from wherever it is to its end.

Promises: a task's findings are committed before the task counts as done, so after a crash
at any point driving the run again repeats at most the task that was running, and repeats it
to the same files. Two hosts of one run exclude each other by a lease.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

from gitcoord.analysis.finding import Finding, describe, recreate
from gitcoord.errors import Parked, Problem
from gitcoord.git.repository import Repository
from gitcoord.process import cores, hold
from gitcoord.records import now
from gitcoord.redaction import redact
from gitcoord.runs.run import (
    RUNNING,
    WAITING,
    Moment,
    Run,
    begin_task,
    close,
    end_task,
    park_task,
    read_run,
    reopen,
)
from gitcoord.runs.workflow import Task
from gitcoord.runtime.runners import stop_all
from gitcoord.state.journal import Journal
from gitcoord.state.store import Store
from gitcoord.worktrees.findings import Written, commit_files, list_findings, render
from gitcoord.worktrees.worktree import Worktree

_LAST_SECONDS = 15.0


@dataclass(frozen=True)
class Product:
    """What a task gives. files: more to commit beside the findings, by name.

    decision: for the log of decisions, fit for TOML; None when nothing was decided.
    problem: what part of the task could not be done, "" when all of it was. said: what came of
    it in a line, "" for the number of findings. commit: where it is committed already.
    """

    findings: Sequence[Finding]
    files: Mapping[str, bytes]
    decision: Mapping[str, Any] | None = None
    problem: str = ""
    said: str = ""
    commit: str = ""


Runner = Callable[[Task, Sequence[Finding], Callable[[str], None]], Product]
"""What an agent runs on: called with its task, what was found before, and a way to say in a line
what it does now; in a thread when several tasks run at once."""


def drive(
    repo: Repository,
    run: Run,
    worktree: Worktree,
    runner: Runner,
    *,
    author: str,
    progress: Callable[[Moment], None],
    workers: int = 0,
    stop: Callable[[], None] = stop_all,
    first: Callable[[], None] | None = None,
) -> Run:
    """Advance the run until nothing can run any more. Returns it closed.

    workers: tasks at once, 0 for the number of cores. stop: has all agents at work end. first:
    done under the lease, before anything. A task that raises a Problem fails and the rest goes
    on; anything else stops the run and is raised.
    """
    journal = Journal(repo.own_dir)
    pool = ThreadPoolExecutor(workers or cores())
    with hold(repo.own_dir, run.id):
        if first:
            first()
        run = _taken_up(repo, run.id)
        journal.append("run", run=run.id, worktree=worktree.id, state="running")
        at_work: dict[Future[Product], Task] = {}
        try:
            while True:
                run = _dispatch(repo, run, worktree, runner, pool, at_work, progress)
                if not at_work:
                    break
                ended, _ = wait(at_work, return_when=FIRST_COMPLETED)
                for future in ended:
                    task = at_work.pop(future)
                    run = _take_in(repo, run, worktree, task, future, author, progress)
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            # While they end nobody else may take the run up: the lease is ours until then.
            wait(at_work, timeout=_LAST_SECONDS)
            run = close(repo, run.id, stopped=True)
            journal.append("run", run=run.id, worktree=worktree.id, state=run.state)
            raise
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        run = close(repo, run.id)
        journal.append("run", run=run.id, worktree=worktree.id, state=run.state)
        journal.seal(repo)
    return run


def _taken_up(repo: Repository, run_id: str) -> Run:
    """The run as it is now, under our lease: before that, a task that runs may be another's."""
    run = read_run(repo, run_id)
    begun = run.state != RUNNING or any(task["state"] != WAITING for task in run.tasks.values())
    return reopen(repo, run_id) if begun else run


def earlier_findings(repo: Repository, worktree: Worktree) -> list[Finding]:
    """What has been committed in the worktree so far, as findings again."""
    written = list_findings(repo, worktree.id, worktree.branch)
    return [one for one in map(as_finding, written) if one is not None]


def as_finding(written: Written) -> Finding | None:
    """None where it is for people only: written by hand, or by a model that says no confidence."""
    try:
        return recreate(written.front, written.body)
    except (KeyError, TypeError, ValueError):
        return None


def _dispatch(
    repo: Repository, run: Run, worktree: Worktree, runner: Runner, pool: ThreadPoolExecutor,
    at_work: dict[Future[Product], Task], progress: Callable[[Moment], None],
) -> Run:  # fmt: skip
    ready = run.ready()
    alone = len(ready) == 1 and not at_work
    for task in ready:
        earlier = earlier_findings(repo, worktree)
        run = begin_task(repo, run.id, task.name)
        progress(Moment(task.name, task.role, task.does, "running"))

        def say(text: str, task: Task = task) -> None:
            progress(Moment(task.name, task.role, text, "running"))

        if alone:
            at_work[_done_here(partial(runner, task, earlier, say))] = task
        else:
            at_work[pool.submit(runner, task, earlier, say)] = task
    return run


def _done_here(work: Callable[[], Product]) -> Future[Product]:
    """A task alone runs in this thread, so that Ctrl-C reaches what it is at."""
    future: Future[Product] = Future()
    try:
        future.set_result(work())
    except Problem as problem:
        future.set_exception(problem)
    return future


def _take_in(
    repo: Repository, run: Run, worktree: Worktree, task: Task, future: Future[Product],
    author: str, progress: Callable[[Moment], None],
) -> Run:  # fmt: skip
    journal = Journal(repo.own_dir)
    try:
        product = future.result()
    except Parked as parked:
        waits = redact(parked.message)
        progress(Moment(task.name, task.role, waits, "parked"))
        journal.append(
            "task", run=run.id, task=task.name, state="parked", waits=waits, until=parked.until
        )
        return park_task(repo, run.id, task.name, waits=waits, until=parked.until, hint=parked.hint)
    except Problem as problem:
        error = redact(problem.message)
        progress(Moment(task.name, task.role, error, "failed"))
        journal.append("task", run=run.id, task=task.name, state="failed", error=error)
        return end_task(repo, run.id, task.name, error=error, hint=problem.hint)
    count = len(product.findings)
    counted = f"{count} finding{'' if count == 1 else 's'}"
    message = (
        f"{task.role.capitalize()}: {counted}\n\n"
        f"Gitcoord-Worktree: {worktree.id}\nGitcoord-Run: {run.id}\n"
        f"Gitcoord-Task: {task.name}\nGitcoord-Role: {task.role}\nGitcoord-Runner: local"
    )
    files = _files(task, product)
    commit = product.commit
    if files:
        commit = commit_files(repo, worktree, files, message, author=author)
    if product.decision is not None:
        _log_decision(repo, run, worktree, task, product.decision)
    journal.append("task", run=run.id, task=task.name, state="done", commit=commit, findings=count)
    said = "; ".join(part for part in (product.said or counted, product.problem) if part)
    progress(Moment(task.name, task.role, said, "done"))
    return end_task(repo, run.id, task.name, problem=redact(product.problem))


def _log_decision(
    repo: Repository, run: Run, worktree: Worktree, task: Task, decision: Mapping[str, Any]
) -> None:
    """One record for each task that decides; doing the task again replaces it."""
    store, record_id = Store(repo), f"{run.id}-{task.name}"
    body = {**decision, "run": run.id, "worktree": worktree.id, "by": task.role, "time": now()}
    if store.find("decisions", record_id) is None:
        store.create("decisions", record_id, body)
    else:
        store.change("decisions", record_id, lambda _: body)


def _files(task: Task, product: Product) -> dict[str, bytes]:
    """The same task gives the same names, so doing it again replaces instead of adding."""
    named = {
        f"findings/{task.name}-{number}.md": render(describe(finding), finding.body)
        for number, finding in enumerate(product.findings, 1)
    }
    return {**named, **product.files}
