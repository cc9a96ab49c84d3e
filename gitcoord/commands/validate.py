"""validate: whether a commit is good, asked of all that have a say in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gitcoord.commands.asking import (
    NO,
    AsJson,
    Asked,
    DryRun,
    asked_of,
    complete_ids,
    examples,
    family,
)
from gitcoord.commands.stopping import interrupted_by_signals
from gitcoord.reviews.verdicts.checking import subject_of
from gitcoord.reviews.verdicts.validator import Validator
from gitcoord.reviews.verdicts.verdict import (
    UNKNOWN,
    Subject,
    Verdict,
    find_verdicts,
    stale_verdicts,
)
from gitcoord.runtime.validating import Wish, chosen, run_validators
from gitcoord.view import verdicts as view

app = family()

Runner = Annotated[
    str, typer.Option("--with", metavar="RUNNER", help="What validators that are roles run on.")
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="Only this validator (may be repeated)."),
]
Again = Annotated[bool, typer.Option("--again", help="Also what has a verdict that holds.")]


@app.command(
    epilog=examples(
        "gitcoord validate",
        "gitcoord validate login-fails --with claude",
        "gitcoord validate HEAD~2 --only secrets --only 'pytest -q'",
        "gitcoord validate --dry-run",
    )
)
def validate(
    ctx: typer.Context,
    part: Annotated[
        str,
        typer.Argument(
            metavar="[ID|REV]", help="None: what is checked out here.", autocompletion=complete_ids
        ),
    ] = "",
    *,
    runner: Runner = "",
    only: Only = None,
    base: Annotated[
        str, typer.Option(metavar="REV", help="What it is compared with; else where it was cut.")
    ] = "",
    again: Again = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Ask the validators about a commit: checks, commands and, with a runner, agents.

    Verdicts are kept, and hold until the tree, its base or the validator's settings move. They
    run in scratch worktrees without your ignored files: what a command needs, it has to install.
    One that is out of time refuses; one that cannot be run, or gives no verdict, is unknown.
    Exit 1 when one refused or could not say; conditions count as approved.
    """
    asked = asked_of(ctx)
    repo = asked.repository
    wish = Wish(tuple(only or ()), runner, again)
    subject = subject_of(repo, part, base=base)
    validators = chosen(repo, asked.config, wish)
    if dry_run:
        plan = plan_of(asked, subject, validators, again=again, shown=not as_json)
        if as_json:
            asked.screen.answer_json(plan)
        return None
    verdicts = watched(asked, subject, validators, again=again)
    if as_json:
        asked.screen.answer_json(view.validation_json(subject, verdicts))
    else:
        show_verdicts(asked, verdicts)
        asked.screen.say(view.summary_line(subject, verdicts))
    return code_of(verdicts)


def watched(
    asked: Asked, subject: Subject, validators: Sequence[Validator], *, again: bool
) -> list[Verdict]:
    """The verdicts, with live progress on a terminal."""
    board = view.Board(validators)
    with interrupted_by_signals(), asked.screen.progress() as progress:

        def say(name: str, line: str) -> None:
            board.take(name, line)
            progress.show(board.lines())

        return run_validators(
            asked.repository, asked.config, subject, validators, say=say, again=again
        )


def show_verdicts(asked: Asked, verdicts: Sequence[Verdict]) -> None:
    """A row each, then what they have to say."""
    asked.screen.table(view.COLUMNS, [view.verdict_cells(one) for one in verdicts], free=view.FREE)
    for one in verdicts:
        for line in view.verdict_lines(one):
            asked.screen.answer(line)


def code_of(verdicts: Sequence[Verdict]) -> int | None:
    return None if all(one.passes for one in verdicts) else NO


def plan_of(
    asked: Asked, subject: Subject, validators: Sequence[Validator], *, again: bool, shown: bool
) -> dict[str, Any]:
    """What would run, as JSON; shown: as a table as well."""
    found = {} if again else find_verdicts(asked.repository, subject, validators)
    there = {name: one for name, one in found.items() if one.state != UNKNOWN}
    stale = stale_verdicts(asked.repository, subject, validators)
    if shown:
        cells = [view.plan_cells(one, subject, there, stale) for one in validators]
        asked.screen.table(view.PLAN_COLUMNS, cells)
    return view.plan_json(subject, validators, there, stale)
