"""claim, claims, release: files a worktree wants for itself for some hours."""

from __future__ import annotations

import os
import pwd
from typing import Annotated

import typer

from gitcoord.commands.asking import AsJson, Asked, DryRun, Force, asked_of, examples, family
from gitcoord.commands.seeing import find
from gitcoord.conflicts import claims as subject
from gitcoord.errors import Problem, Refused
from gitcoord.view import claims as view

app = family()

For = Annotated[
    str, typer.Option("--for", metavar="ID", help="A worktree, or main; else the one you are in.")
]


@app.command(
    epilog=examples(
        "gitcoord claim src/auth.py",
        'gitcoord claim src/login/ "migrations/*.sql" --for login-fails --hours 2',
        'gitcoord claim package.json --why "all versions move"',
    )
)
def claim(
    ctx: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files, folders, or globs (quoted).")
    ],
    *,
    whose: For = "",
    hours: Annotated[float, typer.Option(metavar="N", help="For how long.")] = subject.HOURS,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Others are told.")] = "",
    force: Force = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Say that a worktree wants files for itself; others are warned when they commit them.

    It is advice, and ends by itself. Whether a commit is warned of or blocked: hooks.claims.
    """
    asked = asked_of(ctx)
    repo = asked.repository
    patterns = [subject.from_top(repo, asked.folder, path) for path in paths]
    make = subject.plan_claim if dry_run else subject.create_claim
    made = make(
        repo, _whose(asked, whose), patterns, why=why, by=_who(asked), hours=hours, force=force
    )
    if as_json:
        asked.screen.answer_json({**view.claim_json(made), "dry_run": dry_run})
        return
    asked.screen.answer(view.claimed_line(made, dry_run=dry_run))
    if not dry_run:
        asked.screen.say(f"when you are done: gitcoord release {made.id}")


@app.command(epilog=examples("gitcoord claims", "gitcoord claims --all --json"))
def claims(
    ctx: typer.Context,
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="Also expired ones, and those of worktrees now gone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Who wants which files for themselves, and until when."""
    asked = asked_of(ctx)
    bad: list[Problem] = []
    found = subject.list_claims(asked.repository, expired=everything, bad=bad)
    if as_json:
        asked.screen.answer_json([view.claim_json(one) for one in found])
    else:
        asked.screen.table(view.COLUMNS, [view.claim_cells(one) for one in found], free=view.FREE)
        if not found:
            asked.screen.say("nobody claims anything; to do so: gitcoord claim PATH")
    for problem in bad:
        asked.screen.warn(f"{problem.message}; {problem.hint}")


@app.command(
    epilog=examples(
        "gitcoord release", "gitcoord release src/auth.py", "gitcoord release claim-7q3f --force"
    )
)
def release(
    ctx: typer.Context,
    parts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID|PATH]…", help="None: all of the worktree you are in."),
    ] = None,
    *,
    whose: For = "",
    force: Force = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """End claims; those of another worktree with --force, and never by an agent."""
    asked = asked_of(ctx)
    repo = asked.repository
    me = _whose(asked, whose) if whose or not parts else _here(asked)
    found = subject.find_claims(repo, me, [_word(asked, part) for part in parts or ()])
    _check_mine(asked, found, me, force=force)
    done = found if dry_run else subject.release(repo, found)
    if as_json:
        asked.screen.answer_json([{**view.claim_json(one), "dry_run": dry_run} for one in done])
        return
    for one in done:
        asked.screen.answer(view.released_line(one, dry_run=dry_run))


def _check_mine(asked: Asked, found: list[subject.Claim], me: str, *, force: bool) -> None:
    others = [one for one in found if one.worktree != me and one.live]
    if not others:
        return
    if not force:
        raise Refused(
            f"{others[0].id} is of {others[0].worktree}, not of {me or 'where you are'}",
            hint=f"end it all the same: gitcoord release {others[0].id} --force",
        )
    from gitcoord.coordination.approvals import refuse_agent

    refuse_agent(asked.agent, "end what another claims")


def _whose(asked: Asked, part: str) -> str:
    if part == subject.MAIN:
        return part
    return find(asked, part).id if part else subject.claimant(asked.repository, asked.folder)


def _here(asked: Asked) -> str:
    """Whose worktree this is, "" outside of any."""
    try:
        return subject.claimant(asked.repository, asked.folder)
    except Refused:
        return ""


def _word(asked: Asked, word: str) -> str:
    """A path from the top, if it is one that is there or has a `/`; else as it is."""
    is_path = "/" in word or os.path.lexists(asked.file(word))
    return subject.from_top(asked.repository, asked.folder, word) if is_path else word


def _who(asked: Asked) -> str:
    if asked.agent:
        return asked.agent
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
