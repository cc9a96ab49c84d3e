"""trash list, restore, empty: what was removed, for as long as it is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import AsJson, DryRun, asked_of, examples, family
from gitcoord.errors import BadInput, Problem
from gitcoord.view import worktrees as view
from gitcoord.worktrees.trash import Trashed, empty, find_trashed, list_trash, restore

app = family(summary="What was removed: list it, bring it back, or let it go.", alone=True)


@app.callback()
def alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        list_removed(ctx)


@app.command("list", epilog=examples("gitcoord trash list --json"))
def list_removed(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """What can be brought back, newest first."""
    asked = asked_of(ctx)
    bad: list[Problem] = []
    trash = list_trash(asked.repository, bad)
    if as_json:
        asked.screen.answer_json([view.trash_json(one) for one in trash])
    else:
        asked.screen.table(view.TRASH_COLUMNS, [view.trash_cells(one) for one in trash])
        if not trash:
            asked.screen.say("the trash is empty")
    for problem in bad:
        asked.screen.warn(problem.message)


@app.command("restore", epilog=examples("gitcoord trash restore login-fails"))
def bring_back(
    ctx: typer.Context,
    part: Annotated[str, typer.Argument(metavar="TRASH-ID", help="Any part of its id.")],
    *,
    place: Annotated[Path | None, typer.Option("--path", help="Another place for it.")] = None,
) -> None:
    """Bring one back; the same as gitcoord undo TRASH-ID."""
    asked = asked_of(ctx)
    trashed = find_trashed(asked.repository, part)
    back = restore(asked.repository, trashed, path=asked.file(place) if place else None)
    asked.screen.answer(f"brought back {back.id} at {back.path}")


@app.command(
    "empty",
    epilog=examples("gitcoord trash empty", "gitcoord trash empty --all --yes"),
)
def let_go(
    ctx: typer.Context,
    parts: Annotated[list[str] | None, typer.Argument(metavar="[TRASH-ID…]")] = None,
    *,
    older_than: Annotated[
        float | None,
        typer.Option(metavar="DAYS", help="Only what is older than that."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of it, however young.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Delete recovery copies for good. Without ids: those older than trash.days."""
    asked = asked_of(ctx)
    repo = asked.repository
    if parts:
        chosen = [find_trashed(repo, part) for part in parts]
    else:
        days = asked.config.trash.days if older_than is None else older_than
        chosen = [one for one in list_trash(repo) if everything or one.older_than(days)]
    for one in chosen:
        asked.screen.answer(
            f"{'would delete' if dry_run else 'delete'} {one.id}, removed {one.kept}"
        )
    if not chosen:
        asked.screen.say("nothing in the trash is that old; see: gitcoord trash list")
    elif not dry_run and (yes or _agreed(chosen)):
        empty(repo, chosen)
        asked.screen.say(f"{len(chosen)} recovery copies are gone for good")


def _agreed(chosen: list[Trashed]) -> bool:
    if not sys.stdin.isatty():
        raise BadInput(
            f"{len(chosen)} recovery copies would be gone for good, and there is nobody to ask",
            hint="say so: gitcoord trash empty --yes",
        )
    return typer.confirm(f"Delete {len(chosen)} recovery copies for good?", err=True)
