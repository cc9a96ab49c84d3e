"""findings, report: what agents found, also after their worktree is gone."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.asking import AsJson, Asked, asked_of, complete_ids, examples, family
from gitcoord.runs.run import list_stopped
from gitcoord.view import findings as view
from gitcoord.worktrees import findings as written

app = family()

MaybeId = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="Part of an id.", autocompletion=complete_ids),
]


@app.command(epilog=examples("gitcoord findings", "gitcoord findings login-fails --json"))
def findings(ctx: typer.Context, part: MaybeId = None, *, as_json: AsJson = False) -> None:
    """What was found: all of it as a table, or one worktree's in full."""
    asked = asked_of(ctx)
    if part is None:
        found = written.list_all_findings(asked.repository)
    else:
        found = written.list_findings(
            asked.repository, *written.find_holder(asked.repository, part)
        )
    if as_json:
        asked.screen.answer_json([view.finding_whole_json(one) for one in found])
    elif part is None:
        rows = [(one.worktree_id, *view.finding_cells(one)) for one in found]
        asked.screen.table(("worktree", *view.COLUMNS), rows)
    else:
        asked.screen.answer("\n\n".join(view.finding_text(one) for one in found))
    if not found:
        asked.screen.say("nothing was found yet")
    say_stopped(asked)


def say_stopped(asked: Asked) -> None:
    """Name the runs that stopped half-way, and how they go on."""
    for run in list_stopped(asked.repository):
        asked.screen.say(f"a run stopped half-way; go on with: gitcoord resume {run.worktree_id}")


@app.command(epilog=examples("gitcoord report login-fails", "gitcoord report 7q3f > why.md"))
def report(
    ctx: typer.Context,
    part: Annotated[
        str, typer.Argument(metavar="ID", help="Part of an id.", autocompletion=complete_ids)
    ],
) -> None:
    """The report of an investigation, in Markdown."""
    asked = asked_of(ctx)
    asked.screen.answer(
        written.read_report(asked.repository, *written.find_holder(asked.repository, part))
    )
