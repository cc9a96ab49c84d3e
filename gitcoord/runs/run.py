"""One run: a workflow at work in a worktree, as a record that survives its process.

The record's documents: `record` (workflow, worktree, question, state, times) and `tasks`
(task -> state, role, needs, runner, times, error). States of a run: running, done, failed,
stopped, parked. Of a task: waiting, running, done, failed, skipped (something it needs failed),
parked (it waits for a person, or for a limit to end).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcoord.git.repository import Repository
from gitcoord.process import is_held
from gitcoord.records import new_id, now
from gitcoord.runs.workflow import Task, Workflow
from gitcoord.state.store import Record, Store

KIND = "runs"
WAITING, RUNNING, DONE, FAILED, SKIPPED, STOPPED, PARKED = (
    "waiting", "running", "done", "failed", "skipped", "stopped", "parked",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A run's record, read."""

    record: Record

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def state(self) -> str:
        return str(self.record.body["state"])

    @property
    def worktree_id(self) -> str:
        return str(self.record.body["worktree"])

    @property
    def question(self) -> Mapping[str, Any]:
        """What was asked, with its options, as `create_run` was given it."""
        asked: Mapping[str, Any] = self.record.body["question"]
        return asked

    @property
    def tasks(self) -> Mapping[str, Mapping[str, Any]]:
        """Task name -> state, role, needs, does, runner, started, ended, error; in workflow
        order. Of a task that had an agent also mark, attempt, since (the commit it began at) and
        incidents (what changed outside meanwhile, over all attempts); of one that was asked
        again, rounds (see rounds.py)."""
        return self.record.documents["tasks"]

    def ready(self) -> list[Task]:
        """Tasks that may start now: waiting, with all they need done."""
        return [
            task_of(name, task)
            for name, task in self.tasks.items()
            if task["state"] == WAITING
            and all(self.tasks[need]["state"] == DONE for need in task["needs"])
        ]


@dataclass(frozen=True)
class Moment:
    """Something that happened in a run: task is "" for the run itself."""

    task: str
    role: str
    text: str
    state: str


def create_run(
    repo: Repository, worktree_id: str, workflow: Workflow, question: Mapping[str, Any]
) -> Run:
    """Write the intent of a run; nothing has begun. question: must fit TOML."""
    tasks = {
        task.name: {
            "state": WAITING, "role": task.role, "needs": list(task.needs), "does": task.does,
            "runner": task.runner,
        }
        for task in workflow.tasks
    }  # fmt: skip
    body = {
        "worktree": worktree_id, "workflow": workflow.name, "state": RUNNING,
        "created": now(), "question": dict(question),
    }  # fmt: skip
    run_id = new_id("run", str(question.get("text", "")))
    return Run(Store(repo).create(KIND, run_id, body, tasks=tasks))


def read_run(repo: Repository, run_id: str) -> Run:
    """Raises NoSuch."""
    return Run(Store(repo).read(KIND, run_id))


def list_runs(repo: Repository) -> list[Run]:
    """All runs, oldest first."""
    runs = [Run(record) for record in Store(repo).all(KIND)]
    return sorted(runs, key=lambda run: str(run.record.body.get("created", "")))


def log_of(repo: Repository, run_id: str, task: str) -> Path:
    """Where the raw transcript of a task's agent is kept, on this machine only."""
    return repo.own_dir / "logs" / run_id / f"{task}.jsonl"


def is_hosted(repo: Repository, run_id: str) -> bool:
    """Whether a live process drives the run."""
    return is_held(repo.own_dir, run_id)


def list_stopped(repo: Repository) -> list[Run]:
    """Runs that are the last of their worktree, are not done, and that nobody drives."""
    last = {run.worktree_id: run for run in list_runs(repo)}
    return [run for run in last.values() if run.state != DONE and not is_hosted(repo, run.id)]


def begin_task(repo: Repository, run_id: str, name: str) -> Run:
    return _change_task(repo, run_id, name, state=RUNNING, started=now())


def note_task(repo: Repository, run_id: str, name: str, **noted: Any) -> Run:
    """Write down what an agent that is about to start will be known by."""
    return _change_task(repo, run_id, name, **noted)


def park_task(
    repo: Repository, run_id: str, name: str, *, waits: str, until: str = "", hint: str = ""
) -> Run:
    """Mark a task that waits. waits: for what, in words. until: a time, when it is known.
    hint: what to do about it."""
    said = {key: text for key, text in (("until", until), ("hint", hint)) if text}
    return _change_task(repo, run_id, name, state=PARKED, waits=waits, **said)


def end_task(
    repo: Repository, run_id: str, name: str, *, error: str = "", problem: str = "", hint: str = ""
) -> Run:
    """Mark a task done, or failed with `error`; then what needs it is skipped.

    problem: a part that could not be done, of a task that is done all the same. hint: what to
    do about either.
    """
    state = FAILED if error else DONE
    named = (("error", error), ("problem", problem), ("hint", hint))
    said = {key: text for key, text in named if text}
    return _change_task(repo, run_id, name, state=state, ended=now(), **said)


def reopen(repo: Repository, run_id: str) -> Run:
    """For a new host: what was running when the last one died is waiting again, as is what
    failed or was skipped."""

    def edit(tasks: dict[str, Any]) -> dict[str, Any]:
        for task in tasks.values():
            if task["state"] in (RUNNING, FAILED, SKIPPED, PARKED):
                task["state"] = WAITING
                for key in ("error", "waits", "until", "hint"):
                    task.pop(key, None)
        return tasks

    Store(repo).change(KIND, run_id, edit, document="tasks")
    return _set_state(repo, run_id, RUNNING)


def close(repo: Repository, run_id: str, *, stopped: bool = False) -> Run:
    """Set the run's own state from its tasks'."""
    run = read_run(repo, run_id)
    states = {task["state"] for task in run.tasks.values()}
    state = STOPPED if stopped else DONE if states <= {DONE} else FAILED
    if not stopped and PARKED in states and FAILED not in states:
        state = PARKED
    return _set_state(repo, run_id, state)


def _set_state(repo: Repository, run_id: str, state: str) -> Run:
    def edit(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "state": state, "changed": now()}

    return Run(Store(repo).change(KIND, run_id, edit))


def _change_task(repo: Repository, run_id: str, name: str, **changes: Any) -> Run:
    def edit(tasks: dict[str, Any]) -> dict[str, Any]:
        tasks[name] = {**tasks[name], **changes}
        return _skip_what_cannot_run(tasks)

    return Run(Store(repo).change(KIND, run_id, edit, document="tasks"))


def _skip_what_cannot_run(tasks: dict[str, Any]) -> dict[str, Any]:
    """In workflow order, so one pass reaches everything downstream."""
    for task in tasks.values():
        blocked = any(tasks[need]["state"] in (FAILED, SKIPPED) for need in task["needs"])
        if task["state"] == WAITING and blocked:
            task["state"] = SKIPPED
    return tasks


def task_of(name: str, task: Mapping[str, Any]) -> Task:
    """The task of a run's record."""
    does, runner = str(task.get("does", "")), str(task.get("runner", ""))
    return Task(name, str(task["role"]), tuple(task["needs"]), does, runner)
