"""list, show, path, adopt, park, unpark, remove, undo: worktrees after they were started."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import (
    AsJson,
    Asked,
    DryRun,
    Force,
    WorktreeId,
    asked_of,
    complete_ids,
    examples,
    family,
)
from gitcoord.errors import BadInput, Problem
from gitcoord.view import worktrees as view
from gitcoord.worktrees.adoption import adopt as adopt_worktree
from gitcoord.worktrees.findings import list_findings
from gitcoord.worktrees.listing import Row, list_rows
from gitcoord.worktrees.losses import plan_removal
from gitcoord.worktrees.parking import list_parked
from gitcoord.worktrees.parking import park as park_work
from gitcoord.worktrees.parking import unpark as unpark_work
from gitcoord.worktrees.removal import remove as remove_worktree
from gitcoord.worktrees.settle import settle
from gitcoord.worktrees.trash import find_trashed, restore
from gitcoord.worktrees.worktree import View, Worktree, view_worktrees

app = family()

Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID…", help="Parts of ids.", autocompletion=complete_ids),
]
MaybeId = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="Part of an id; none is the worktree you are in."),
]


@app.command("list", epilog=examples("gitcoord list", "gitcoord list --json | jq '.[].path'"))
def list_worktrees(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """All worktrees of ours: state, distance from their base, uncommitted changes, task."""
    asked = asked_of(ctx)
    seen, rows = list_rows(asked.repository)
    if settled(asked, seen):
        seen, rows = list_rows(asked.repository)
    if as_json:
        asked.screen.answer_json([view.row_json(row) for row in rows])
    else:
        asked.screen.table(view.LIST_COLUMNS, [view.list_cells(row) for row in rows])
        _say_about_others(asked, seen, rows)
    for problem in seen.bad:
        asked.screen.warn(f"{problem.message}; see: gitcoord doctor")


@app.command(epilog=examples("gitcoord show login-fails", "gitcoord show 7q3f --json"))
def show(ctx: typer.Context, part: WorktreeId, *, as_json: AsJson = False) -> None:
    """Everything about one worktree, its parked work and its findings."""
    asked = asked_of(ctx)
    worktree = find(asked, part)
    row = next(row for row in list_rows(asked.repository)[1] if row.worktree.id == worktree.id)
    parked = list_parked(asked.repository, worktree.id)
    titles = [finding.title for finding in list_findings(asked.repository, worktree.id)]
    if as_json:
        extra = {"parked": [vars(one) for one in parked], "findings": titles}
        asked.screen.answer_json({**view.row_json(row), **extra})
    else:
        asked.screen.answer("\n".join(view.show_lines(row, parked, titles)))


@app.command(epilog=examples('cd "$(gitcoord path login-fails)"'))
def path(ctx: typer.Context, part: WorktreeId) -> None:
    """The folder of a worktree, for a shell to use."""
    asked = asked_of(ctx)
    asked.screen.answer_path(find(asked, part).path)


@app.command(
    epilog=examples(
        "git worktree add ../hotfix -b hotfix && gitcoord adopt ../hotfix",
        'gitcoord adopt .claude/worktrees/fix --kind development --task "mend the login"',
    )
)
def adopt(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="PATH", help="A worktree made by others.")],
    *,
    kind: Annotated[str, typer.Option(help="What it is for.")] = "development",
    task: Annotated[str, typer.Option(help="What is done there, else its branch.")] = "",
    base: Annotated[str, typer.Option(help="What it is compared with.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a worktree that others made ours, where it is; nothing is moved or committed."""
    asked = asked_of(ctx)
    repo = asked.repository
    place = asked.file(folder)
    made = adopt_worktree(repo, view_worktrees(repo), place, kind=kind, task=task, base=base)
    if as_json:
        asked.screen.answer_json(view.worktree_json(made))
    else:
        asked.screen.answer(f"adopted {made.path} as {made.id}")


@app.command(epilog=examples('gitcoord park -m "half a fix"', "gitcoord unpark"))
def park(
    ctx: typer.Context,
    part: MaybeId = None,
    *,
    message: Annotated[str, typer.Option("--message", "-m", help="To know it by.")] = "",
) -> None:
    """Set uncommitted work aside: a stash that belongs to one worktree only."""
    asked = asked_of(ctx)
    worktree = find(asked, part or ".")
    parked = park_work(asked.repository, worktree, message)
    if parked is None:
        asked.screen.say(f"{worktree.id} has nothing to park")
    else:
        asked.screen.answer(f"parked the work of {worktree.id} as {parked.number}")
        asked.screen.say(f"take it up again with: gitcoord unpark {worktree.id}")


@app.command(epilog=examples("gitcoord unpark", "gitcoord unpark login-fails --number 1"))
def unpark(
    ctx: typer.Context,
    part: MaybeId = None,
    *,
    number: Annotated[int | None, typer.Option(help="Which piece; the newest if not said.")] = None,
) -> None:
    """Take parked work up again, merged into what the branch has become."""
    asked = asked_of(ctx)
    worktree = find(asked, part or ".")
    parked = unpark_work(asked.repository, worktree, number)
    asked.screen.answer(f"took up piece {parked.number} in {worktree.path}")


@app.command(
    epilog=examples("gitcoord remove login-fails", "gitcoord remove --force 7q3f && gitcoord undo")
)
def remove(
    ctx: typer.Context,
    parts: Ids,
    *,
    force: Force = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove worktrees with their branches. Refused while something would be lost.

    With --force a recovery copy is kept all the same: gitcoord undo brings it all back.
    """
    asked = asked_of(ctx)
    repo, keeping = asked.repository, asked.config.trash
    seen = view_worktrees(repo)
    if settled(asked, seen):
        seen = view_worktrees(repo)
    chosen = list(dict.fromkeys(seen.find(_here(asked, part)).id for part in parts))
    cwd = _cwd()
    plans = [
        plan_removal(repo, seen, seen.find(one), keeping, cwd=cwd, together=chosen)
        for one in chosen
    ]
    if not dry_run:
        for plan in plans:
            plan.refuse(force=force)
        for plan in plans:
            remove_worktree(repo, plan, force=force)
            if not as_json:
                asked.screen.answer(f"removed {plan.worktree.id}")
        asked.screen.say(f"back with: gitcoord undo {chosen[-1]}")
    if as_json:
        described = [view.removal_json(plan) for plan in plans]
        asked.screen.answer_json({"removed": not dry_run, "worktrees": described})
    elif dry_run:
        for plan in plans:
            asked.screen.answer("\n".join(view.removal_lines(plan, force=force)))


@app.command(epilog=examples("gitcoord undo", "gitcoord undo login-fails --path ../elsewhere"))
def undo(
    ctx: typer.Context,
    part: Annotated[
        str | None, typer.Argument(metavar="[TRASH-ID]", help="None is what was removed last.")
    ] = None,
    *,
    place: Annotated[Path | None, typer.Option("--path", help="Another place for it.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Bring a removed worktree back: branch, index, uncommitted, untracked and ignored files."""
    asked = asked_of(ctx)
    repo = asked.repository
    settled(asked, view_worktrees(repo))
    trashed = find_trashed(repo, part)
    if dry_run:
        asked.screen.answer(f"would bring back {trashed.id} at {place or trashed.path}")
        return
    back = restore(repo, trashed, path=asked.file(place) if place else None)
    if as_json:
        asked.screen.answer_json(view.worktree_json(back))
    else:
        asked.screen.answer(f"brought back {back.id} at {back.path}")
    if trashed.not_kept:
        asked.screen.say(f"not kept, build again: {', '.join(trashed.not_kept[:6])}")


def find(asked: Asked, part: str) -> Worktree:
    """The worktree `part` means, after what a dead process left was settled."""
    seen = view_worktrees(asked.repository)
    if settled(asked, seen):
        seen = view_worktrees(asked.repository)
    return seen.find(_here(asked, part))


def settled(asked: Asked, seen: View) -> bool:
    """Complete or take back what a dead process began, and say so."""
    try:
        done = settle(asked.repository, seen)
    except Problem as problem:
        asked.screen.warn(f"{problem.message}; see: gitcoord doctor")
        return False
    for line in done:
        asked.screen.warn(line)
    return bool(done)


def _here(asked: Asked, part: str) -> str:
    """A part that is a path is taken from where the user stands."""
    if not part:
        raise BadInput("an empty id means nothing", hint="list them with: gitcoord list")
    return str(asked.file(part)) if part in (".", "..") or "/" in part else part


def _cwd() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def _say_about_others(asked: Asked, seen: View, rows: list[Row]) -> None:
    others = [one for one in seen.others if not one.main and one.prunable is None]
    if others:
        asked.screen.say(
            f"{len(others)} worktree(s) made by others: gitcoord adopt {others[0].path}"
        )
    if not rows and not others:
        asked.screen.say('no worktrees yet: gitcoord start investigation "…"')
