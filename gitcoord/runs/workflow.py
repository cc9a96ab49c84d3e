"""A workflow: tasks, who does them, and what each needs first.

Refuses: a need that is no task, a circle, a task that is there twice.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from gitcoord.errors import BadInput


@dataclass(frozen=True)
class Task:
    """needs: names of tasks that must be done first. does: in words, for people and agents.

    runner: the one it always runs on; "" for the one the run is started with. model: there is
    no such task in a run without a model.
    """

    name: str
    role: str
    needs: tuple[str, ...]
    does: str
    runner: str = ""
    model: bool = False


@dataclass(frozen=True)
class Workflow:
    """Tasks in an order in which each comes after what it needs."""

    name: str
    tasks: tuple[Task, ...]


def read_workflow(file: Path) -> Workflow:
    """The `[[task]]` tables of a template. Raises BadInput naming the file and the task."""
    try:
        template = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _bad(file, f"cannot be read: {error}") from error
    listed = template.get("task", [])
    if not isinstance(listed, list):
        raise _bad(file, "tasks are written as [[task]]")
    tasks = [_task(file, one) for one in listed]
    return Workflow(file.stem, tuple(_in_order(file, tasks)))


def without_model(workflow: Workflow) -> Workflow:
    """The workflow as it runs where no model is at hand."""
    return Workflow(workflow.name, tuple(task for task in workflow.tasks if not task.model))


def _task(file: Path, table: Mapping[str, Any]) -> Task:
    texts = {key: table.get(key, "") for key in ("name", "role", "does", "runner")}
    needs, model = table.get("needs", []), table.get("model", False)
    right = all(isinstance(value, str) for value in texts.values()) and isinstance(needs, list)
    if not right or not texts["name"] or not texts["role"]:
        raise _bad(file, f"a task needs a name and a role: {dict(table)!r:.80}")
    if not isinstance(model, bool):
        raise _bad(file, f"task {texts['name']!r}: model is true or false")
    return Task(
        texts["name"], texts["role"], tuple(map(str, needs)), texts["does"], texts["runner"], model
    )


def _in_order(file: Path, tasks: list[Task]) -> list[Task]:
    by_name = {task.name: task for task in tasks}
    if len(by_name) != len(tasks):
        raise _bad(file, "two tasks have the same name")
    for task in tasks:
        for need in task.needs:
            if need not in by_name:
                raise _bad(file, f"task {task.name!r} needs {need!r}, which is no task")
            if by_name[need].model and not task.model:
                raise _bad(file, f"task {task.name!r} needs {need!r}, which needs a model")
    try:
        order = TopologicalSorter({task.name: task.needs for task in tasks}).static_order()
        return [by_name[name] for name in order]
    except CycleError as error:
        raise _bad(
            file, f"tasks need each other in a circle: {' -> '.join(error.args[1])}"
        ) from error


def _bad(file: Path, what: str) -> BadInput:
    return BadInput(f"workflow {file}: {what}", hint=f"mend it: $EDITOR '{file}'")
