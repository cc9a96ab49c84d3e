"""purge: what must not be in the repository at all, taken out for good."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import NO, AsJson, DryRun, asked_of, examples, family
from gitcoord.coordination.approvals import refuse_agent
from gitcoord.errors import BadInput
from gitcoord.view import purge as view
from gitcoord.worktrees.purge import find_leaks, plan_purge
from gitcoord.worktrees.purge import purge as carry_out

app = family()


@app.command(
    epilog=examples(
        "gitcoord purge --secrets --dry-run",
        "gitcoord purge --file leaked-key.txt --branches",
        "gitcoord purge --match - < leaked-key.txt",
    )
)
def purge(
    ctx: typer.Context,
    *,
    matches: Annotated[
        list[str] | None,
        typer.Option("--match", metavar="TEXT", help="The text itself; - reads it from stdin."),
    ] = None,
    files: Annotated[
        list[Path] | None,
        typer.Option("--file", metavar="FILE", help="A file that holds the text."),
    ] = None,
    secrets: Annotated[
        bool, typer.Option("--secrets", help="All that looks like a secret in what is ours.")
    ] = False,
    branches: Annotated[
        bool, typer.Option("--branches", help="Rewrite agents' branches too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Remove a leaked secret from records, findings, journal, logs and git's objects.

    There is no way back. Your own branches are never rewritten, only named. Change the secret
    where it is in use first: who has read it keeps it.
    """
    asked = asked_of(ctx)
    repo = asked.repository
    texts = _texts(matches or [], files or [])
    if not texts and not secrets:
        raise BadInput(
            "what is to be removed was not said",
            hint="see what looks like a secret: gitcoord purge --secrets --dry-run",
        )
    if not dry_run:
        refuse_agent(asked.agent, "delete for good")
    texts |= find_leaks(repo) if secrets else set()
    plan = plan_purge(repo, texts)
    if not as_json:
        for line in () if plan.empty else view.plan_lines(plan, branches=branches):
            asked.screen.answer(line)
    done = None
    if not plan.empty and not dry_run and (yes or _agreed()):
        done = carry_out(repo, plan, branches=branches)
    if as_json:
        asked.screen.answer_json(view.as_json(plan, done))
    elif plan.empty:
        asked.screen.say("it is nowhere in this repository")
    for line in view.done_lines(done) if done and not as_json else ():
        asked.screen.say(line)
    return NO if done and done.left else None


def _texts(matches: list[str], files: list[Path]) -> set[str]:
    found = {sys.stdin.read().strip("\r\n") if one == "-" else one for one in matches}
    for file in files:
        try:
            found.add(file.read_bytes().decode("utf-8", "surrogateescape").strip("\r\n"))
        except OSError as error:
            raise BadInput(
                f"cannot read {file}: {error.strerror}", hint=f"see: ls -l '{file}'"
            ) from error
    return found


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise BadInput(
            "there is no way back, and there is nobody to ask",
            hint="say so, with the same words and: gitcoord purge --yes",
        )
    return typer.confirm("Remove it for good? There is no way back.", err=True)
