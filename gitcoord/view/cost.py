"""Costs in a table and JSON. Reads no git, decides nothing.

cost --json   {rows, total, unpriced_models}; rows [{run, task, role, model, day, calls, turns,
              tokens {input, output, cache_read, cache_write, total}, dollars, unpriced_tokens,
              seconds}], total the same without its names. A name is "" in a row that is over all
              of them. dollars is null where nothing is priced; unpriced_tokens are not in it.
              seconds: agents were at work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gitcoord.runs.sums import Row, Sum, grand_total
from gitcoord.view.plain import one_line

_NAMES = ("run", "task", "role", "model", "day")
_TOKENS = ("input", "output", "cache_read", "cache_write")
_COUNTS = ("calls", "input", "output", "cache read", "cache write", "time", "dollars")
_SHOWN = {"task": ("run", "task", "role")}
FREE = ("task", "role", "model")


def cost_json(rows: Sequence[Row], unpriced: Sequence[str]) -> dict[str, Any]:
    """unpriced: models that have calls without a price."""
    return {
        "rows": [
            {**{name: getattr(row, name) for name in _NAMES}, **_sum_json(row.sum)} for row in rows
        ],
        "total": _sum_json(grand_total(rows)),
        "unpriced_models": list(unpriced),
    }


def columns(by: str) -> tuple[str, ...]:
    return (*_SHOWN.get(by, (by,)), *_COUNTS)


def cells(rows: Sequence[Row], by: str) -> list[tuple[str, ...]]:
    """A line for each row, and one for the total."""
    names = _SHOWN.get(by, (by,))
    lines = [(*(one_line(getattr(row, name)) for name in names), *_counts(row.sum)) for row in rows]
    return [*lines, ("total", *[""] * (len(names) - 1), *_counts(grand_total(rows)))]


def unpriced_line(models: Sequence[str], total: Sum, file: str) -> str:
    """Why dollars are not all, and where a price goes."""
    named = ", ".join(one_line(model) or "a model without a name" for model in models)
    return f"unpriced: {total.unpriced:,} tokens of {named}; a price for it goes into {file}"


def _counts(one: Sum) -> tuple[str, ...]:
    tokens = (f"{getattr(one.usage, kind):,}" for kind in _TOKENS)
    minutes, seconds = divmod(round(one.seconds), 60)
    return (f"{one.calls:,}", *tokens, f"{minutes}:{seconds:02}", _dollars(one))


def _dollars(one: Sum) -> str:
    if not one.unpriced:
        return f"{one.dollars:.4f}"
    if _is_unpriced(one):
        return "unpriced"
    return f"{one.dollars:.4f} + {one.unpriced:,} tokens unpriced"


def _is_unpriced(one: Sum) -> bool:
    return 0 < one.unpriced == one.usage.total and not one.dollars


def _sum_json(one: Sum) -> dict[str, Any]:
    tokens = {kind: getattr(one.usage, kind) for kind in _TOKENS}
    return {
        "calls": one.calls,
        "turns": one.turns,
        "tokens": {**tokens, "total": one.usage.total},
        "dollars": None if _is_unpriced(one) else round(one.dollars, 9),
        "unpriced_tokens": one.unpriced,
        "seconds": round(one.seconds, 3),
    }
