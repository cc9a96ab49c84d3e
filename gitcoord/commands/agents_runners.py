"""`gitcoord agents runners`: what agents can run on here."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.asking import NO, AsJson, asked_of, examples
from gitcoord.view import runners as view

EXAMPLES = examples("gitcoord agents runners", "gitcoord agents runners --probe")

Probe = Annotated[
    bool,
    typer.Option(
        "--probe",
        help="Try each installed program at a scripted model on this machine; no key is needed.",
    ),
]


def runners(ctx: typer.Context, *, probe: Probe = False, as_json: AsJson = False) -> int | None:
    """What agents can run on: what is installed, its version, and what was found to work."""
    from gitcoord.runtime.runners import proved, standings

    asked = asked_of(ctx)
    found = standings(asked.config)
    if probe:
        for at, one in enumerate(found):
            if one.installed:
                asked.screen.say(f"trying {one.runner.name} {one.installed.version}")
                found[at] = proved(one)
    if as_json:
        asked.screen.answer_json([view.runner_json(one) for one in found])
    else:
        asked.screen.table(view.COLUMNS, [view.runner_cells(one) for one in found], free=view.FREE)
    return NO if probe and any(one.installed and one.installed.failed for one in found) else None
