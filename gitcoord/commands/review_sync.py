"""review sync: reviews between clones, through a remote."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.asking import NO, AsJson, DryRun, asked_of, examples
from gitcoord.coordination.approvals import refuse_agent


def sync(
    ctx: typer.Context,
    remote: Annotated[
        str, typer.Argument(metavar="[REMOTE]", help="origin, or the only one, if not said.")
    ] = "",
    *,
    reviews: Annotated[
        list[str] | None,
        typer.Option("--review", metavar="ID", help="Only this one; may be repeated."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Exchange reviews with another clone, through a remote; nothing of either is lost.

    What goes out: their records, verdicts on them, and the commits under review, as they are.
    With --dry-run it only fetches, and shows what would go. It trusts who can push there.
    """
    from gitcoord.reviews.exchange.sync import sync as exchange
    from gitcoord.view import review_sync as view

    asked = asked_of(ctx)
    if not dry_run:
        refuse_agent(asked.agent, "send reviews to another repository")
    done = exchange(asked.repository, remote, reviews or (), dry_run=dry_run, say=asked.screen.say)
    if as_json:
        asked.screen.answer_json(view.exchange_json(done, dry_run=dry_run))
    else:
        for line in view.exchange_lines(done, dry_run=dry_run):
            asked.screen.answer(line)
    for name in done.clashed:
        asked.screen.warn(f"{name} had two contents; both are kept")
    for line in done.passed_over:
        asked.screen.warn(line)
    return NO if done.passed_over else None


def register(app: typer.Typer) -> None:
    """Make it a verb of the family."""
    app.command(
        epilog=examples(
            "gitcoord review sync --dry-run",
            "gitcoord review sync origin --review login-fails",
        )
    )(sync)
