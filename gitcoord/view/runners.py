"""Runners in a table and in JSON.

agents runners --json  [{name, does, works, wrong, warning, path, version, proved, how}]

works: nothing is known to be in the way. proved: the version whose check was passed, "" for none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

COLUMNS = ("runner", "works", "version", "what it is", "note")
FREE = ("what it is", "note")


class _Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def does(self) -> str: ...
    @property
    def get(self) -> str: ...


class _Program(Protocol):
    @property
    def path(self) -> Path: ...
    @property
    def version(self) -> str: ...
    @property
    def proved(self) -> str: ...
    @property
    def failed(self) -> str: ...


class Standing(Protocol):
    """What is shown of a runner; runtime/runners.py has it."""

    @property
    def runner(self) -> _Named: ...
    @property
    def wrong(self) -> str: ...
    @property
    def warning(self) -> str: ...
    @property
    def installed(self) -> _Program | None: ...


def runner_json(one: Standing) -> dict[str, Any]:
    program = one.installed
    return {
        "name": one.runner.name,
        "does": one.runner.does,
        "works": works(one),
        "wrong": one.wrong,
        "warning": one.warning,
        "path": str(program.path) if program else "",
        "version": program.version if program else "",
        "proved": program.proved if program else "",
        "how": one.runner.get,
    }


def works(one: Standing) -> bool:
    """Whether nothing is known to be in the way."""
    return not one.wrong and not (one.installed and one.installed.failed)


def runner_cells(one: Standing) -> tuple[str, ...]:
    program = one.installed
    note = one.warning or (f"{one.wrong}; {one.runner.get}" if one.wrong else "")
    if program and program.proved:
        note = note or "checked"
    return (
        one.runner.name,
        "yes" if works(one) else "no",
        program.version if program else "",
        one.runner.does,
        note,
    )
