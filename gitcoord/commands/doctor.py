"""doctor: what is out of step between records, git and the disk, and its mend."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.asking import NO, AsJson, Asked, asked_of, examples, family
from gitcoord.config import Trash
from gitcoord.errors import BadInput
from gitcoord.hooks.condition import ailments as hook_ailments
from gitcoord.reviews.landing.landing import unfinished_landings
from gitcoord.view import worktrees as view
from gitcoord.worktrees.ailment import Ailment
from gitcoord.worktrees.doctor import examine, mend, mend_all

app = family()


@app.command(epilog=examples("gitcoord doctor", "gitcoord doctor --fix"))
def doctor(
    ctx: typer.Context,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended safely.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only look, as without --fix.")
    ] = False,
    as_json: AsJson = False,
) -> int | None:
    """Find what is half-made, moved, stale or without an owner. Exit 1 when something is left."""
    asked = asked_of(ctx)
    repo, screen = asked.repository, asked.bare_screen
    days, broken = _settings(asked)
    outcomes: list[tuple[Ailment, str | None]] = [(one, None) for one in broken]
    if fix and not dry_run:
        # First: what dead landings locked and kept would look like something left behind.
        outcomes += mend(unfinished_landings(repo))
        outcomes += [*mend_all(repo, trash_days=days), *mend(hook_ailments(repo))]
    else:
        found = [*examine(repo, trash_days=days), *hook_ailments(repo)]
        outcomes += [(one, None) for one in (*unfinished_landings(repo), *found)]
    if as_json:
        screen.answer_json([view.ailment_json(one, said) for one, said in outcomes])
    else:
        for one, said in outcomes:
            screen.answer("\n".join(view.ailment_lines(one, said)))
        if not outcomes:
            screen.say("all is in step")
    return NO if any(said != "" for _, said in outcomes) else None


def _settings(asked: Asked) -> tuple[float, list[Ailment]]:
    """How long the trash is kept, and what is wrong with the settings that would say so."""
    try:
        return asked.config.trash.days, []
    except BadInput as problem:
        return Trash({}).days, [Ailment("config", "settings:", problem.message, problem.hint)]
