"""hooks install, uninstall, status: git's hooks, ours beside those that are there."""

from __future__ import annotations

from typing import Annotated

import typer

from gitcoord.commands.asking import NO, AsJson, DryRun, asked_of, examples, family
from gitcoord.coordination.approvals import refuse_agent
from gitcoord.hooks import install as hooks
from gitcoord.hooks.condition import condition_seen
from gitcoord.view import hooks as view

app = family(summary="Git's hooks: ours beside those that are there, in or out.")

WorktreeOnly = Annotated[
    bool, typer.Option("--worktree-only", help="For this worktree alone, not for the repository.")
]


@app.command(
    epilog=examples("gitcoord hooks install", "gitcoord hooks install --worktree-only --dry-run")
)
def install(
    ctx: typer.Context,
    *,
    worktree_only: WorktreeOnly = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Put ours in. Hooks that are there (husky, pre-commit, your own) go on running, first."""
    asked = asked_of(ctx)
    refuse_agent(asked.agent, "change the hooks of a repository")
    act = hooks.plan_install if dry_run else hooks.install
    plan = act(asked.repository, here=worktree_only)
    if as_json:
        asked.screen.answer_json(view.plan_json(plan, dry_run=dry_run))
    else:
        for line in view.plan_lines(plan, dry_run=dry_run):
            asked.screen.answer(line)
    return NO if plan.edited else None


@app.command(epilog=examples("gitcoord hooks uninstall", "gitcoord hooks uninstall --dry-run"))
def uninstall(
    ctx: typer.Context,
    *,
    worktree_only: WorktreeOnly = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> int | None:
    """Take ours out, and leave every byte as it was. Exit 1 when one was changed by hand."""
    asked = asked_of(ctx)
    refuse_agent(asked.agent, "change the hooks of a repository")
    act = hooks.plan_uninstall if dry_run else hooks.uninstall
    removal = act(asked.repository, here=worktree_only)
    if as_json:
        asked.screen.answer_json(view.removal_json(removal, dry_run=dry_run))
    else:
        for line in view.removal_lines(removal, dry_run=dry_run):
            asked.screen.answer(line)
    return NO if removal.edited else None


@app.command(epilog=examples("gitcoord hooks status", "gitcoord hooks status --json"))
def status(ctx: typer.Context, *, as_json: AsJson = False) -> int | None:
    """Which hooks of ours git runs here, and what runs before them. Exit 1 when not all do."""
    asked = asked_of(ctx)
    found = condition_seen(asked.repository)
    if as_json:
        asked.screen.answer_json(view.condition_json(found))
    else:
        for line in view.condition_lines(found):
            asked.screen.answer(line)
    return None if found.in_force else NO
