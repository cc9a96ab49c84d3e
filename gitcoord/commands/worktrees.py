"""adopt, park, unpark, remove, undo: worktrees after they were started."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gitcoord.commands.asking import (
    NO,
    AsJson,
    Asked,
    DryRun,
    Force,
    asked_of,
    complete_ids,
    examples,
    family,
)
from gitcoord.commands.seeing import choose, find, settled
from gitcoord.view import worktrees as view
from gitcoord.worktrees.adoption import adopt as adopt_worktree
from gitcoord.worktrees.adoption import plan_adoption
from gitcoord.worktrees.foresight import foresee_park, foresee_restore, foresee_unpark
from gitcoord.worktrees.losses import plan_removal
from gitcoord.worktrees.parking import park as park_work
from gitcoord.worktrees.parking import unpark as unpark_work
from gitcoord.worktrees.removal import remove as remove_worktree
from gitcoord.worktrees.trash import Trashed, find_trashed, restore
from gitcoord.worktrees.worktree import view_worktrees

app = family()

Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID…", help="Parts of ids.", autocompletion=complete_ids),
]
MaybeId = Annotated[
    str | None,
    typer.Argument(metavar="[ID]", help="Part of an id; none is the worktree you are in."),
]


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
    kind: Annotated[str, typer.Option(help="What it is for; development if not said.")] = "",
    task: Annotated[str, typer.Option(help="What is done there, else its branch.")] = "",
    base: Annotated[str, typer.Option(help="What it is compared with.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make a worktree that others made ours, where it is; nothing is moved or committed.

    One of ours that was moved, or whose record was lost, is known again by what it holds.
    """
    asked = asked_of(ctx)
    repo = asked.repository
    if kind:
        from gitcoord.commands.start import kind_folders
        from gitcoord.worktrees.kinds import find_kind

        kind = find_kind(kind, kind_folders(repo)).name
    seen, place = view_worktrees(repo), asked.file(folder)
    plan = plan_adoption(repo, seen, place, kind=kind, task=task, base=base)
    if not dry_run:
        adopt_worktree(repo, plan)
    if as_json:
        asked.screen.answer_json(view.adoption_json(plan, dry_run=dry_run))
    else:
        asked.screen.answer(view.adoption_line(plan, dry_run=dry_run))


@app.command(epilog=examples('gitcoord park -m "half a fix"', "gitcoord unpark"))
def park(
    ctx: typer.Context,
    part: MaybeId = None,
    *,
    message: Annotated[str, typer.Option("--message", "-m", help="To know it by.")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Set uncommitted work aside: a stash that belongs to one worktree only."""
    asked = asked_of(ctx)
    worktree = find(asked, part or ".")
    if dry_run:
        would = vars(foresee_park(asked.repository, worktree))
        _answer(
            asked,
            view.park_json(worktree, None, would),
            f"would park of {worktree.id}: {view.changes(would)}",
            as_json=as_json,
        )
        return
    parked = park_work(asked.repository, worktree, message)
    number = parked.number if parked else None
    said = f"parked the work of {worktree.id} as {number}" if parked else ""
    _answer(asked, view.park_json(worktree, number), said, as_json=as_json)
    if parked is None:
        asked.screen.say(f"{worktree.id} has nothing to park")
    else:
        asked.screen.say(f"take it up again with: gitcoord unpark {worktree.id}")


@app.command(epilog=examples("gitcoord unpark", "gitcoord unpark login-fails --number 1"))
def unpark(
    ctx: typer.Context,
    part: MaybeId = None,
    *,
    number: Annotated[int | None, typer.Option(help="Which piece; the newest if not said.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take parked work up again, merged into what the branch has become."""
    asked = asked_of(ctx)
    worktree = find(asked, part or ".")
    take = foresee_unpark if dry_run else unpark_work
    parked = take(asked.repository, worktree, number)
    word = "would take up" if dry_run else "took up"
    said = f"{word} piece {parked.number} in {worktree.path}"
    document = {**view.park_json(worktree, parked.number), "dry_run": dry_run}
    _answer(asked, document, said, as_json=as_json)


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
) -> int | None:
    """Remove worktrees with their branches. Refused while something would be lost.

    With --force a recovery copy is kept all the same: gitcoord undo brings it all back.
    """
    asked = asked_of(ctx)
    repo, keeping = asked.repository, asked.config.trash
    seen = view_worktrees(repo)
    if settled(asked, seen):
        seen = view_worktrees(repo)
    chosen = list(dict.fromkeys(choose(asked, seen, part).id for part in parts))
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
    refused = any(plan.never or (plan.losses and not force) for plan in plans)
    return NO if dry_run and refused else None


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
    bring_back(asked, trashed, place, dry_run=dry_run, as_json=as_json)


def bring_back(
    asked: Asked, trashed: Trashed, place: Path | None, *, dry_run: bool, as_json: bool
) -> None:
    """undo, and trash restore."""
    repo, path = asked.repository, asked.file(place) if place else None
    if dry_run:
        at = foresee_restore(repo, trashed, path)
        document = {**view.trash_json(trashed), "path": at, "dry_run": True}
        _answer(asked, document, f"would bring back {trashed.id} at {at}", as_json=as_json)
        return
    back = restore(repo, trashed, path=path)
    said = f"brought back {back.id} at {back.path}"
    _answer(asked, view.worktree_json(back), said, as_json=as_json)
    if trashed.not_kept:
        asked.screen.say(f"not kept, build again: {', '.join(trashed.not_kept[:6])}")


def _answer(asked: Asked, document: object, said: str, *, as_json: bool) -> None:
    if as_json:
        asked.screen.answer_json(document)
    elif said:
        asked.screen.answer(said)


def _cwd() -> Path | None:
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None
