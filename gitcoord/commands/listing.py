"""list, show, path: what worktrees there are.

`list` is what people and prompts ask most: this file imports nothing that it does not need.
"""

from __future__ import annotations

import typer

from gitcoord.commands.asking import AsJson, WorktreeId, asked_of, examples, family
from gitcoord.commands.rows import print_rows
from gitcoord.commands.seeing import find
from gitcoord.errors import Problem
from gitcoord.view import worktrees as view
from gitcoord.worktrees.listing import list_rows

app = family()


@app.command("list", epilog=examples("gitcoord list", "gitcoord list --json | jq '.[].path'"))
def list_worktrees(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """All worktrees of ours: state, distance from their base, uncommitted changes, task."""
    print_rows(asked_of(ctx), as_json=as_json)


@app.command(epilog=examples("gitcoord show login-fails", "gitcoord show 7q3f --json"))
def show(ctx: typer.Context, part: WorktreeId, *, as_json: AsJson = False) -> None:
    """Everything about one worktree, its parked work, its findings, what its agent is to hear."""
    from gitcoord.coordination.inputs import list_inputs
    from gitcoord.view.inputs import input_json, input_lines
    from gitcoord.worktrees.findings import list_findings
    from gitcoord.worktrees.parking import list_parked

    asked = asked_of(ctx)
    worktree = find(asked, part)
    row = next(row for row in list_rows(asked.repository)[1] if row.worktree.id == worktree.id)
    parked = list_parked(asked.repository, worktree.id)
    titles = [finding.title for finding in list_findings(asked.repository, worktree.id)]
    bad: list[Problem] = []
    inputs = list_inputs(asked.repository, worktree.id, bad=bad)
    for problem in bad:
        asked.screen.warn(f"{problem.message}; {problem.hint}")
    if as_json:
        waiting = [input_json(one) for one in inputs]
        extra = {"parked": [vars(one) for one in parked], "findings": titles, "inputs": waiting}
        asked.screen.answer_json({**view.row_json(row), **extra})
    else:
        lines = [*view.show_lines(row, parked, titles), *input_lines(worktree.id, inputs)]
        asked.screen.answer("\n".join(lines))


@app.command(epilog=examples('cd "$(gitcoord path login-fails)"'))
def path(ctx: typer.Context, part: WorktreeId) -> None:
    """The folder of a worktree, for a shell to use."""
    asked = asked_of(ctx)
    asked.screen.answer_path(find(asked, part).path)
