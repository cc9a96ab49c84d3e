"""Rounds of a task: an agent that was done is asked again, for what was said of its work since.

    tasks.<name>.rounds = [{time, inputs, origins, before, attempts}]    one each time it was asked

Promises: what waited is marked as given in the same step that opens the task again, so after
`kill -9` at any moment it either waits still or stands in a round that is not done. A round
begins only when the task is done: before that there is something else to finish.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from gitcoord.coordination.inputs import GIVEN, Input, list_inputs, put_given, read_inputs
from gitcoord.errors import Contended, Problem
from gitcoord.git.repository import Repository
from gitcoord.records import between, now
from gitcoord.runs.roles import find_role
from gitcoord.runs.run import DONE, KIND, RUNNING, WAITING, Run, task_of
from gitcoord.runs.workflow import Task
from gitcoord.state.journal import Journal
from gitcoord.state.store import Store

_SECONDS = 10.0
_LONGEST = 100_000
# What was true of the time before: kept with the round, and open again for this one.
_ENDED = ("started", "ended", "since", "problem", "hint", "incidents")


def asked_again(repo: Repository, run: Run) -> Task | None:
    """The task whose agent hears what is said of the work: the last that changes code, else the
    last that has an agent; None where only analysers were at work."""
    agents = [
        task_of(name, task)
        for name, task in run.tasks.items()
        if task.get("runner", "") not in ("", "local")
    ]
    writing = [task for task in agents if _writes(repo, task)]
    return next(reversed(writing or agents), None)


def begin_round(repo: Repository, run_id: str, name: str) -> Run:
    """Open a task that is done for what waits for its agent, oldest first, 100,000 characters of
    it at most. The run as it was where nothing waits. Raises Contended after 10 s."""
    store, until = Store(repo), time.monotonic() + _SECONDS
    while True:
        run = Run(store.read(KIND, run_id))
        task = run.tasks[name]
        waiting = _fitting(list_inputs(repo, run.worktree_id, bad=[]))
        if not waiting or task["state"] != DONE:
            return run
        body = {**run.record.body, "state": RUNNING, "changed": now()}
        tasks = {**run.tasks, name: _open_again(task, waiting)}
        try:
            with store.transaction(f"ask {name} of {run_id} again") as change:
                record = change.put(run.record, body, tasks=tasks)
                put_given(change, waiting, run=run_id, task=name)
        except Contended:
            if time.monotonic() > until:
                raise
            time.sleep(between(0.001, 0.02))
        else:
            Journal(repo.own_dir).append(
                "input", run=run_id, worktree=run.worktree_id, task=name, state=GIVEN,
                origins=[one.origin for one in waiting],
            )  # fmt: skip
            return Run(record)


def round_of(task: Mapping[str, Any]) -> int:
    """1 for the first time a task is asked, 2 when it was asked again, and so on."""
    return 1 + len(task.get("rounds", ()))


def inputs_of(repo: Repository, task: Mapping[str, Any]) -> list[Input]:
    """What the round is for that a task is in; nothing in the first."""
    rounds = task.get("rounds", ())
    return read_inputs(repo, rounds[-1]["inputs"]) if rounds else []


def _writes(repo: Repository, task: Task) -> bool:
    with suppress(Problem):  # a role that is gone is said where it is to be asked
        return find_role(repo, task.role).writes
    return False


def _fitting(waiting: Sequence[Input]) -> list[Input]:
    """As many as an agent can be told at once; what is left waits on."""
    taken: list[Input] = []
    size = 0
    for one in waiting:
        size += len(one.text)
        if taken and size > _LONGEST:
            break
        taken.append(one)
    return taken


def _open_again(task: Mapping[str, Any], inputs: Sequence[Input]) -> dict[str, Any]:
    begun = {
        "time": now(), "inputs": [one.id for one in inputs],
        "origins": [one.origin for one in inputs],
        "before": {key: task[key] for key in _ENDED if key in task},
    }  # fmt: skip
    kept = {key: value for key, value in task.items() if key not in _ENDED}
    return {**kept, "state": WAITING, "rounds": [*task.get("rounds", ()), begun]}
