"""review merge: what is approved lands on its target."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.approvals import person
from gitcoord.commands.asking import NO, AsJson, DryRun, asked_of, examples
from gitcoord.commands.review_asking import Part, answer, find
from gitcoord.errors import BadInput
from gitcoord.view import landing as view

EXAMPLES = examples(
    "gitcoord review merge login-fails",
    "gitcoord review merge 7q3f --squash --dry-run",
    "gitcoord review merge 7q3f --rebase --findings",
)


def register(app: typer.Typer) -> None:
    """Make the command part of the family."""
    app.command(epilog=EXAMPLES)(merge)


def merge(
    ctx: typer.Context,
    part: Part,
    *,
    merge_commit: Annotated[
        bool, typer.Option("--merge", help="With a merge commit (else as review.method says).")
    ] = False,
    squash: Annotated[bool, typer.Option("--squash", help="As one commit.")] = False,
    rebase: Annotated[bool, typer.Option("--rebase", help="Commit by commit.")] = False,
    findings: Annotated[
        bool, typer.Option("--findings", help="With the agents' own folders, .agentcoord/.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Also with fewer approvals than needed.")
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Land a review on its target; its checkout, if it has one, goes along when that is safe.

    Refused to agents: where GITCOORD_AGENT is set, and in an agent's worktree without a terminal.
    """
    from gitcoord.reviews.landing.landing import settle_landings
    from gitcoord.reviews.landing.merge import Wish, foresee
    from gitcoord.reviews.landing.merge import merge as carry_out
    from gitcoord.runtime.validating import Wish as Validators
    from gitcoord.runtime.validating import chosen

    asked = asked_of(ctx)
    repo, config = asked.repository, asked.config
    method = _method(
        {"merge": merge_commit, "squash": squash, "rebase": rebase}, config.review.method
    )
    by = person(asked, "land a review")
    for line in () if dry_run else settle_landings(repo):
        asked.screen.warn(line)
    found = find(asked, part)
    wish = Wish(
        method,
        findings or config.review.findings,
        config.review.approvals,
        chosen(repo, config, Validators()),
        force,
    )
    if dry_run:
        planned = foresee(repo, found, wish)
        document = view.merge_json(planned, merged=False)
        answer(asked, document, view.planned_lines(planned), as_json=as_json)
        return NO if planned.missing else None
    made = carry_out(repo, found, wish, by=by.name, say=asked.screen.warn)
    answer(asked, view.merge_json(made, merged=True), view.merged_lines(made), as_json=as_json)
    for line in view.next_lines(made):
        asked.screen.say(line)
    return None


def _method(said: dict[str, bool], usual: str) -> str:
    chosen = [name for name, wanted in said.items() if wanted]
    if len(chosen) > 1:
        raise BadInput(
            f"--{chosen[0]} and --{chosen[1]} are two ways to land, and only one can be taken",
            hint="choose one: gitcoord review merge REVIEW --squash",
        )
    return chosen[0] if chosen else usual
