"""cost: what was spent, as the ledger has it."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.asking import AsJson, asked_of, examples, family
from gitcoord.errors import Problem
from gitcoord.runs import prices
from gitcoord.runs.ledger import Ledger, find_runs, settle_dead
from gitcoord.runs.sums import grand_total
from gitcoord.view import cost as view

app = family()


@app.command(
    epilog=examples(
        "gitcoord cost",
        "gitcoord cost login-fails --by model",
        "gitcoord cost --by day --json | jq .total.dollars",
    )
)
def cost(
    ctx: typer.Context,
    part: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Part of a run's or a worktree's id.")
    ] = None,
    *,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT", help="run, task, role, model or day (UTC); task where a RUN is named."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What runs cost: tokens of four kinds, and dollars of the models that have a price.

    A model without a price counts in tokens and is called unpriced. Prices are kept in
    prices.toml, in your settings folder or in .git/agentcoord, per model.
    """
    asked = asked_of(ctx)
    repo = asked.repository
    runs = find_runs(repo, part) if part else []
    settle_dead(repo)
    bad: list[Problem] = []
    ledger = Ledger(repo, bad)
    wanted = by or ("task" if part else "run")
    rows = ledger.totals(runs=runs, by=wanted)
    unpriced = [row.model for row in ledger.totals(runs=runs, by="model") if row.sum.unpriced]
    if as_json:
        asked.screen.answer_json(view.cost_json(rows, unpriced))
    elif rows:
        asked.screen.table(view.columns(wanted), view.cells(rows, wanted), free=view.FREE)
    else:
        asked.screen.say("nothing was spent yet")
    if unpriced:
        file = str(prices.files(None)[-1])
        asked.screen.say(view.unpriced_line(unpriced, grand_total(rows), file))
    for problem in bad:
        asked.screen.warn(f"{problem.message}; {problem.hint}")
