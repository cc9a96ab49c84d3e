"""Sums of what calls came to, and the documents and events they are read from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitcoord.errors import BadInput
from gitcoord.runs.usage import Usage
from gitcoord.state.events import Event

Key = tuple[str, str, str, str, str]
"""run, task, role, model, day"""
TOKENS = ("input", "output", "cache_read", "cache_write")


@dataclass(frozen=True, slots=True)
class Sum:
    """What calls came to. dollars: of those that are priced. unpriced: tokens of the others.
    seconds: an agent was at work."""

    calls: int = 0
    turns: int = 0
    usage: Usage = field(default_factory=Usage)
    dollars: float = 0.0
    unpriced: int = 0
    seconds: float = 0.0

    def __add__(self, other: Sum) -> Sum:
        return Sum(
            self.calls + other.calls, self.turns + other.turns, self.usage + other.usage,
            self.dollars + other.dollars, self.unpriced + other.unpriced,
            self.seconds + other.seconds,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A sum, and what it is the sum of; "" where it is over all of them. day: UTC."""

    run: str = ""
    task: str = ""
    role: str = ""
    model: str = ""
    day: str = ""
    sum: Sum = field(default_factory=Sum)


def grand_total(rows: Iterable[Row]) -> Sum:
    """The sum of all rows."""
    return sum((row.sum for row in rows), Sum())


def only(row: Row, by: str) -> Row:
    match by:
        case "run":
            return Row(run=row.run)
        case "task":
            return Row(run=row.run, task=row.task, role=row.role)
        case "role":
            return Row(role=row.role)
        case "model":
            return Row(model=row.model)
        case "day":
            return Row(day=row.day)
    raise BadInput(
        f"costs cannot be summed by {by[:60]!r}",
        hint="run, task, role, model or day: gitcoord cost --by model",
    )


def rows_in(run_id: str, body: Mapping[str, Any]) -> dict[Key, Sum]:
    """The sums of a run's record. Raises KeyError, TypeError or ValueError on a damaged one."""
    return {
        (run_id, row["task"], row["role"], row["model"], row["day"]): _sum_document(row)
        for row in body["rows"]
    }


def row_document(key: Sequence[str], one: Sum) -> dict[str, Any]:
    _, task, role, model, day = key
    tokens = {kind: getattr(one.usage, kind) for kind in TOKENS}
    return {
        "task": task, "role": role, "model": model, "day": day, "calls": one.calls,
        "turns": one.turns, **tokens, "dollars": one.dollars, "unpriced": one.unpriced,
        "seconds": one.seconds,
    }  # fmt: skip


def _sum_document(row: Mapping[str, Any]) -> Sum:
    usage = Usage(*(int(row[kind]) for kind in TOKENS))
    dollars, seconds = float(row["dollars"]), float(row["seconds"])
    return Sum(int(row["calls"]), int(row["turns"]), usage, dollars, int(row["unpriced"]), seconds)


def key_of(event: Event) -> Key:
    run_id, task, role, model = (
        str(event.fields.get(name, "")) for name in ("run", "task", "role", "model")
    )
    return run_id, task, role, model, event.time[:10]


def sum_of(fields: Mapping[str, Any]) -> Sum:
    """Of one entry. Everything was checked when it was written."""
    usage = Usage(*(int(fields.get(kind, 0)) for kind in TOKENS))
    dollars = fields.get("dollars")
    unpriced = usage.total if dollars is None else 0
    turns, seconds = int(fields.get("turns", 1)), float(fields.get("seconds", 0))
    calls = 1 if turns or usage.total or dollars else 0
    return Sum(calls, turns, usage, float(dollars or 0), unpriced, seconds)
