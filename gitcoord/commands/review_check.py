"""review check: the validators, asked about what is under review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gitcoord.commands.asking import AsJson, Asked, DryRun, asked_of, examples
from gitcoord.commands.validate import Again, Only, Runner, code_of, plan_of, show_verdicts, watched
from gitcoord.errors import BadInput
from gitcoord.reviews.review import Review, find_review, list_reviews, refresh, refresh_all, short
from gitcoord.reviews.verdicts.subjects import branch_here
from gitcoord.reviews.verdicts.telling import subject_under, tell_review
from gitcoord.reviews.verdicts.validator import Validator
from gitcoord.view import verdicts as view

EXAMPLES = (
    "gitcoord review check login-fails",
    "gitcoord review check --all",
    "gitcoord review check 7q3f --with claude --only reviewer",
)


def register(app: typer.Typer) -> None:
    """Make the command part of the family."""
    app.command(epilog=examples(*EXAMPLES))(check)


def check(
    ctx: typer.Context,
    part: Annotated[
        str, typer.Argument(metavar="[REVIEW]", help="None: that of the branch you are on.")
    ] = "",
    *,
    everything: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    runner: Runner = "",
    only: Only = None,
    again: Again = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Ask the validators about a review's latest version, and note in it what they say.

    Verdicts that hold are not worked out again. Exit 1 when one refused or could not say.
    """
    from gitcoord.runtime.validating import Wish, chosen

    asked = asked_of(ctx)
    reviews = _chosen(asked, part, everything=everything)
    validators = chosen(asked.repository, asked.config, Wish(tuple(only or ()), runner, again))
    answers, codes = [], []
    for review in reviews:
        if not as_json and len(reviews) > 1:
            asked.screen.answer(f"{review.id}:")
        if dry_run:
            answers.append(_planned(asked, review, validators, again=again, as_json=as_json))
            continue
        answer, code = _checked(asked, review, validators, again=again, as_json=as_json)
        answers.append(answer)
        codes.append(code)
    if as_json:
        asked.screen.answer_json(answers if everything else answers[0])
    elif not reviews:
        asked.screen.say("no review is open")
    return max((code for code in codes if code is not None), default=None)


def _chosen(asked: Asked, part: str, *, everything: bool) -> list[Review]:
    """As they are now. Raises BadInput for both or none of a part and all, NoSuch."""
    repo = asked.repository
    if everything and part:
        raise BadInput(
            "both a review and --all are named", hint="leave one out: gitcoord review check --all"
        )
    if everything:
        return refresh_all(repo, list_reviews(repo))
    part = part or short(branch_here(repo))
    if not part:
        raise BadInput(
            "no branch is checked out here, so no review is meant",
            hint="name one: gitcoord review list",
        )
    return [refresh(repo, find_review(repo, part))]


def _checked(
    asked: Asked, review: Review, validators: Sequence[Validator], *, again: bool, as_json: bool
) -> tuple[dict[str, Any], int | None]:
    subject = subject_under(review)
    verdicts = watched(asked, subject, validators, again=again)
    tell_review(asked.repository, review, verdicts)
    if not as_json:
        show_verdicts(asked, verdicts)
        asked.screen.say(view.summary_line(subject, verdicts))
    return {"review": review.id, **view.validation_json(subject, verdicts)}, code_of(verdicts)


def _planned(
    asked: Asked, review: Review, validators: Sequence[Validator], *, again: bool, as_json: bool
) -> dict[str, Any]:
    plan = plan_of(asked, subject_under(review), validators, again=again, shown=not as_json)
    return {"review": review.id, **plan}
