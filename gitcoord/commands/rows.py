"""What `gitcoord list` prints: asked most of all, by people and prompts, so without typer."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from gitcoord.commands.seeing import settled
from gitcoord.coordination.waiting import count_waiting, for_agent, waits
from gitcoord.records import counted
from gitcoord.view import worktrees as view
from gitcoord.worktrees.listing import Row, list_rows
from gitcoord.worktrees.worktree import View

if TYPE_CHECKING:
    from gitcoord.commands.asked import Asked
    from gitcoord.errors import Problem

_SAID = 3


def print_rows(asked: Asked, *, as_json: bool) -> None:
    """All worktrees of ours, after what a dead process left was settled."""
    seen, rows = list_rows(asked.repository, asked.early[1] if asked.early else None)
    if settled(asked, seen):
        seen, rows = list_rows(asked.repository)
    bad: list[Problem] = []
    waiting = count_waiting(asked.repository, bad)
    if as_json:
        unreadable = [view.unreadable_json(one) for one in seen.unreadable]
        shown = [view.row_json(row, waiting.get(row.worktree.id, 0)) for row in rows]
        asked.screen.answer_json([*shown, *unreadable])
    else:
        words = {one: waits(count) for one, count in waiting.items()}
        cells = [view.list_cells(row, words.get(row.worktree.id, "")) for row in rows]
        cells += [view.unreadable_cells(one) for one in seen.unreadable]
        asked.screen.table(view.LIST_COLUMNS, cells, free=view.LIST_FREE)
        _say_about_others(asked, seen, rows)
        _say_what_waits(asked, waiting, rows)
    for problem in (*seen.bad, *bad):
        asked.screen.warn(f"{problem.message}; {problem.hint}")


def _say_what_waits(asked: Asked, waiting: dict[str, int], rows: list[Row]) -> None:
    shown = [row.worktree.id for row in rows if row.worktree.id in waiting]
    for worktree_id in shown[:_SAID]:
        asked.screen.say(for_agent(worktree_id, waiting[worktree_id]))


def _say_about_others(asked: Asked, seen: View, rows: list[Row]) -> None:
    others = seen.adoptable
    if others:
        place = shlex.quote(str(others[0].path))
        asked.screen.say(
            f"{counted(len(others), 'worktree')} made by others: gitcoord adopt {place}"
        )
    if not rows and not others and not seen.bad:
        asked.screen.say('no worktrees yet: gitcoord start investigation "…"')
