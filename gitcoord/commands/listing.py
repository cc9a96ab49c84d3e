"""list, show, path: what worktrees there are.

`list` is what people and prompts ask most: this file imports nothing that it does not need.
"""

from __future__ import annotations

import shlex

import typer

from gitcoord.commands.asking import AsJson, Asked, WorktreeId, asked_of, examples, family
from gitcoord.commands.seeing import find, settled
from gitcoord.records import counted
from gitcoord.view import worktrees as view
from gitcoord.worktrees.listing import Row, list_rows
from gitcoord.worktrees.worktree import View

app = family()


@app.command("list", epilog=examples("gitcoord list", "gitcoord list --json | jq '.[].path'"))
def list_worktrees(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """All worktrees of ours: state, distance from their base, uncommitted changes, task."""
    asked = asked_of(ctx)
    seen, rows = list_rows(asked.repository, asked.early[1] if asked.early else None)
    if settled(asked, seen):
        seen, rows = list_rows(asked.repository)
    if as_json:
        unreadable = [view.unreadable_json(one) for one in seen.unreadable]
        asked.screen.answer_json([*(view.row_json(row) for row in rows), *unreadable])
    else:
        cells = [view.list_cells(row) for row in rows]
        cells += [view.unreadable_cells(one) for one in seen.unreadable]
        asked.screen.table(view.LIST_COLUMNS, cells, free=view.LIST_FREE)
        _say_about_others(asked, seen, rows)
    for problem in seen.bad:
        asked.screen.warn(f"{problem.message}; {problem.hint}")


@app.command(epilog=examples("gitcoord show login-fails", "gitcoord show 7q3f --json"))
def show(ctx: typer.Context, part: WorktreeId, *, as_json: AsJson = False) -> None:
    """Everything about one worktree, its parked work and its findings."""
    from gitcoord.worktrees.findings import list_findings
    from gitcoord.worktrees.parking import list_parked

    asked = asked_of(ctx)
    worktree = find(asked, part)
    row = next(row for row in list_rows(asked.repository)[1] if row.worktree.id == worktree.id)
    parked = list_parked(asked.repository, worktree.id)
    titles = [finding.title for finding in list_findings(asked.repository, worktree.id)]
    if as_json:
        extra = {"parked": [vars(one) for one in parked], "findings": titles}
        asked.screen.answer_json({**view.row_json(row), **extra})
    else:
        asked.screen.answer("\n".join(view.show_lines(row, parked, titles)))


@app.command(epilog=examples('cd "$(gitcoord path login-fails)"'))
def path(ctx: typer.Context, part: WorktreeId) -> None:
    """The folder of a worktree, for a shell to use."""
    asked = asked_of(ctx)
    asked.screen.answer_path(find(asked, part).path)


def _say_about_others(asked: Asked, seen: View, rows: list[Row]) -> None:
    others = seen.adoptable
    if others:
        place = shlex.quote(str(others[0].path))
        asked.screen.say(
            f"{counted(len(others), 'worktree')} made by others: gitcoord adopt {place}"
        )
    if not rows and not others and not seen.bad:
        asked.screen.say('no worktrees yet: gitcoord start investigation "…"')
