"""doctor: what is out of step between records, git and the disk, and its mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from gitcoord.commands.asking import NO, AsJson, asked_of, examples, family
from gitcoord.view import worktrees as view
from gitcoord.worktrees.ailment import Ailment
from gitcoord.worktrees.doctor import examine, mend_all

app = family()


@app.command(epilog=examples("gitcoord doctor", "gitcoord doctor --fix"))
def doctor(
    ctx: typer.Context,
    *,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended safely.")] = False,
    as_json: AsJson = False,
) -> int | None:
    """Find what is half-made, moved, stale or without an owner. Exit 1 when something is left."""
    asked = asked_of(ctx)
    repo, days = asked.repository, asked.config.trash.days
    outcomes: Sequence[tuple[Ailment, str | None]]
    if fix:
        outcomes = mend_all(repo, trash_days=days)
    else:
        outcomes = [(one, None) for one in examine(repo, trash_days=days)]
    if as_json:
        asked.screen.answer_json([view.ailment_json(one, said) for one, said in outcomes])
    else:
        for one, said in outcomes:
            asked.screen.answer("\n".join(view.ailment_lines(one, said)))
        if not outcomes:
            asked.screen.say("all is in step")
    return NO if any(said != "" for _, said in outcomes) else None
