"""approvals, approve, deny: what agents may do only when a person says so."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import AsJson, Asked, DryRun, Force, asked_of, examples, family
from gitcoord.coordination import approvals as subject
from gitcoord.errors import Problem
from gitcoord.view import approvals as view

app = family()

Part = Annotated[str, typer.Argument(metavar="ID", help="Part of an approval's id.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; the agent is told.")]


@app.command(
    epilog=examples(
        "gitcoord approvals", "gitcoord approvals ask-bash-1f", "gitcoord approvals --all --json"
    )
)
def approvals(
    ctx: typer.Context,
    part: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Part of an approval's id.")
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also what was decided.")] = False,
    as_json: AsJson = False,
) -> None:
    """What waits for your yes or no: all of it as a table, or one in full."""
    asked = asked_of(ctx)
    bad: list[Problem] = []
    if part:
        found = [subject.find_approval(asked.repository, part)]
    else:
        listed = subject.list_approvals(asked.repository, bad)
        found = [one for one in listed if everything or one.state == subject.WAITING]
    if as_json:
        asked.screen.answer_json([view.approval_json(one) for one in found])
    elif part:
        asked.screen.answer(view.approval_text(found[0]))
    else:
        cells = [view.approval_cells(one) for one in found]
        asked.screen.table(view.COLUMNS, cells, free=view.FREE)
        asked.screen.say(_next(found))
    for problem in bad:
        asked.screen.warn(f"{problem.message}; {problem.hint}")


@app.command(epilog=examples("gitcoord approve ask-bash-1f", "gitcoord approve ask-bash-1f -n"))
def approve(
    ctx: typer.Context,
    part: Part,
    *,
    reason: Reason = "",
    force: Force = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Allow what an agent asked for, once; with --force also what was denied.

    Refused to agents: where GITCOORD_AGENT is set, and in an agent's worktree without a terminal.
    """
    _decide(asked_of(ctx), subject.APPROVED, part, reason, force, dry_run=dry_run, as_json=as_json)


@app.command(epilog=examples('gitcoord deny ask-bash-1f --reason "use the test database"'))
def deny(
    ctx: typer.Context,
    part: Part,
    *,
    reason: Reason = "",
    force: Force = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Refuse what an agent asked for; with --force also what was approved and not used yet."""
    _decide(asked_of(ctx), subject.DENIED, part, reason, force, dry_run=dry_run, as_json=as_json)


def _decide(
    asked: Asked, state: str, part: str, reason: str, force: bool, *, dry_run: bool, as_json: bool
) -> None:
    repo, who = asked.repository, person(asked)
    approval = subject.find_approval(repo, part)
    if dry_run:
        subject.check_open(approval, state, again=force)
    else:
        change = subject.approve if state == subject.APPROVED else subject.deny
        approval = change(repo, approval.id, who, reason=reason, again=force)
    if as_json:
        asked.screen.answer_json({**view.approval_json(approval), "dry_run": dry_run})
    elif dry_run:
        asked.screen.answer(f"would be {state}:\n{view.approval_text(approval)}")
    else:
        asked.screen.answer("\n".join(view.decided_lines(approval)))


def person(asked: Asked, what: str = "decide what agents may do") -> subject.Person:
    """Who calls. what: is decided. Raises Refused when it is an agent."""
    return subject.person(
        asked.repository, agent=asked.agent, folders=_folders(asked), terminal=_terminal(),
        what=what,
    )  # fmt: skip


def _folders(asked: Asked) -> list[Path]:
    """Also where the process itself is: -C does not take an agent out of its worktree."""
    with suppress(FileNotFoundError):
        return [asked.folder, Path.cwd()]
    return [asked.folder]


def _terminal() -> str:
    """The name of the terminal on stdin, "" where there is none."""
    try:
        return os.ttyname(sys.stdin.fileno())
    except (OSError, ValueError, AttributeError):
        return ""


def _next(found: list[subject.Approval]) -> str:
    if not found:
        return "nothing waits for you"
    return f"see one in full: gitcoord approvals {found[0].id}"
