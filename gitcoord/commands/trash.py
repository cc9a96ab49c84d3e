"""trash list, restore, empty: what was removed, for as long as it is kept."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import AsJson, DryRun, asked_of, examples, family
from gitcoord.errors import BadInput, Problem
from gitcoord.records import counted
from gitcoord.view import worktrees as view
from gitcoord.worktrees.trash import empty, find_trashed, list_trash

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
        cells = [view.trash_cells(one) for one in trash]
        asked.screen.table(view.TRASH_COLUMNS, cells, free=view.TRASH_FREE)
        if not trash:
            asked.screen.say("the trash is empty")
    for problem in bad:
        asked.screen.warn(problem.message)


@app.command("restore", epilog=examples("gitcoord trash restore login-fails"))
def put_back(
    ctx: typer.Context,
    part: Annotated[str, typer.Argument(metavar="TRASH-ID", help="Any part of its id.")],
    *,
    place: Annotated[Path | None, typer.Option("--path", help="Another place for it.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Bring one back; the same as gitcoord undo TRASH-ID."""
    from gitcoord.commands.worktrees import bring_back

    asked = asked_of(ctx)
    trashed = find_trashed(asked.repository, part)
    bring_back(asked, trashed, place, dry_run=dry_run, as_json=as_json)


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
    as_json: AsJson = False,
) -> None:
    """Delete recovery copies for good. Without ids: those older than trash.days."""
    asked = asked_of(ctx)
    repo = asked.repository
    if parts:
        chosen = [find_trashed(repo, part) for part in dict.fromkeys(parts)]
    else:
        days = asked.config.trash.days if older_than is None else older_than
        chosen = [one for one in list_trash(repo) if everything or one.older_than(days)]
    would = "would delete" if dry_run else "delete"
    for one in () if as_json else chosen:
        asked.screen.answer(f"{would} {one.id}, removed {one.kept}")
    copies = counted(len(chosen), "recovery copy")
    emptied = (
        bool(chosen)
        and not dry_run
        and (yes or _agreed(copies, _again(parts, older_than, everything)))
    )
    if emptied:
        empty(repo, chosen)
        asked.screen.say(f"{copies} gone for good")
    if as_json:
        described = [view.trash_json(one) for one in chosen]
        asked.screen.answer_json({"emptied": emptied, "dry_run": dry_run, "trash": described})
    elif not chosen:
        asked.screen.say("nothing in the trash is that old; see: gitcoord trash list")


def _again(parts: Sequence[str] | None, older_than: float | None, everything: bool) -> str:
    """The words of this command line once more, with --yes."""
    words = ["gitcoord trash empty", *map(shlex.quote, parts or ())]
    words += ["--all"] if everything else []
    words += [f"--older-than {older_than:g}"] if older_than is not None else []
    return " ".join([*words, "--yes"])


def _agreed(copies: str, again: str) -> bool:
    if not sys.stdin.isatty():
        raise BadInput(
            f"{copies} would be gone for good, and there is nobody to ask", hint=f"say so: {again}"
        )
    return typer.confirm(f"Delete {copies} for good?", err=True)
