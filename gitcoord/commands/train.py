"""train: approved reviews stacked, checked together, and landed; culprits go back."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.approvals import person
from gitcoord.commands.asking import NO, AsJson, Asked, DryRun, asked_of, examples, family
from gitcoord.commands.review_asking import find
from gitcoord.commands.seeing import settle_landings
from gitcoord.errors import BadInput
from gitcoord.reviews.review import Review
from gitcoord.reviews.train import train as subject
from gitcoord.view import train as view

app = family(summary="The merge train: what is approved lands, tested on what it lands on.")

Into = Annotated[
    str, typer.Option(metavar="TARGET", help="The branch it is about; needed where there are more.")
]


@app.command(
    epilog=examples(
        "gitcoord train add login-fails",
        "gitcoord train add --approved",
        "gitcoord train add --approved --into release --dry-run",
    )
)
def add(
    ctx: typer.Context,
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[REVIEW…]",
            help="Parts of their ids, branches or worktrees; . is the one here.",
        ),
    ] = None,
    *,
    approved: Annotated[bool, typer.Option("--approved", help="All that are approved.")] = False,
    into: Into = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Put approved reviews into the train of their target.

    --approved leaves out what broke the check as it is; its name adds it all the same.
    """
    asked = asked_of(ctx)
    if bool(parts) == approved:
        raise BadInput(
            "name reviews or say --approved, one of the two",
            hint="all that are approved: gitcoord train add --approved",
        )
    repo = asked.repository
    target = subject.choose_target(repo, into) if into else ""
    named = [find(asked, one).id if one == "." else one for one in parts or []]
    broke: list[Review] = []
    found = subject.plan_adding(
        repo, named, approved=approved, into=target, needed=asked.config.review.approvals,
        broke=broke,
    )  # fmt: skip
    if not dry_run:
        subject.add(repo, found, by=asked.agent or "person")
    if as_json:
        added = [view.waiting_json(one) for one in found]
        asked.screen.answer_json({"added": added, "dry_run": dry_run})
    else:
        asked.screen.answer("\n".join(view.added_lines(found, dry_run=dry_run)))
        if found and not dry_run:
            asked.screen.say("land them with: gitcoord train run")
    for one in broke:
        asked.screen.say(
            f"{one.id} is left out: it broke the check as it is; to try again: "
            f"gitcoord train add {one.id}"
        )


@app.command(epilog=examples("gitcoord train status", "gitcoord train status --into main --json"))
def status(ctx: typer.Context, *, into: Into = "", as_json: AsJson = False) -> None:
    """Who waits, what is being checked, and what became of the others."""
    asked = asked_of(ctx)
    settle_landings(asked)
    repo = asked.repository
    trains = subject.list_trains(repo)
    if into:
        target = subject.choose_target(repo, into)
        trains = [subject.find_train(repo, target)]
    if as_json:
        asked.screen.answer_json([view.train_json(one) for one in trains])
        return
    for one in trains:
        asked.screen.answer("\n".join(view.status_lines(one)))
    if not trains:
        asked.screen.say("no review waits; add one with: gitcoord train add REVIEW")


@app.command(epilog=examples("gitcoord train remove login-fails"))
def remove(
    ctx: typer.Context,
    part: Annotated[str, typer.Argument(metavar="REVIEW", help="Part of a review's id.")],
    *,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take a review out of the train; it stays open."""
    asked = asked_of(ctx)
    train, found = subject.find_waiting(asked.repository, part)
    if not dry_run:
        subject.remove(asked.repository, train, found)
    if as_json:
        asked.screen.answer_json({"removed": found, "dry_run": dry_run})
    else:
        word = "would remove" if dry_run else "removed"
        asked.screen.answer(f"{word} {found} from the train for {view.branch(train.target)}")


@app.command(
    epilog=examples(
        "gitcoord train run", 'gitcoord train run --check "pytest -q"', "gitcoord train run -n"
    )
)
def run(
    ctx: typer.Context,
    *,
    check: Annotated[
        str, typer.Option(metavar="CMD", help="The shell command that decides; else train.check.")
    ] = "",
    batch: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Reviews in one check at most; else train.batch."),
    ] = None,
    into: Into = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Stack, check and land what waits.

    What breaks goes back to its agent. Exit code 1 when something did not land. Refused to
    agents.
    """
    from gitcoord.reviews.train.run import Result, plan_run, run_train

    asked = asked_of(ctx)
    repo, by = asked.repository, person(asked, "run the merge train")
    target = subject.choose_target(repo, into)
    if not target:
        if as_json:
            asked.screen.answer_json(view.result_json(Result("")))
        asked.screen.say("no review waits; add some with: gitcoord train add --approved")
        return None
    how = _how(asked, check, batch, by.name)
    if dry_run:
        plan = plan_run(repo, target, how)
        if as_json:
            asked.screen.answer_json(view.plan_json(plan, how))
        else:
            asked.screen.answer("\n".join(view.plan_lines(plan, how)))
        return None
    with asked.screen.progress() as progress:
        result = run_train(
            repo, target, how, say=progress.say,
            show=lambda frame: progress.show(view.frame_lines(frame)),
        )  # fmt: skip
    if as_json:
        asked.screen.answer_json(view.result_json(result))
    else:
        asked.screen.answer("\n".join(view.result_lines(result)))
    return NO if view.failed(result) else None


def _how(asked: Asked, check: str, batch: int | None, by: str) -> subject.How:
    from gitcoord.runtime.validating import Wish, chosen

    train, review = asked.config.train, asked.config.review
    validators = tuple(chosen(asked.repository, asked.config, Wish()))
    return subject.How(
        check or train.check, batch or train.batch, train.workers, train.seconds,
        review.method, review.findings, review.approvals, by, validators)  # fmt: skip
