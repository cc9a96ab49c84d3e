"""Completing or taking back what a dead process began.

Every change to a worktree leaves a state in its record first and holds a lease while at
it. A state that nobody holds was left by a process that died; what can be seen decides
the rest. Whatever might hold somebody's work becomes a recovery commit or stays.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gitcoord.errors import Contended, GitFailed, Problem
from gitcoord.git.refs import Change, find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import differs
from gitcoord.git.worktrees import forget_worktree
from gitcoord.process import Lease, hold, is_held
from gitcoord.records import random_text
from gitcoord.state.store import Store
from gitcoord.worktrees.aside import delete_folder, points_at, set_apart
from gitcoord.worktrees.losses import Removal
from gitcoord.worktrees.parking import PARKING, UNPARKING, finish_switch
from gitcoord.worktrees.removal import carry_out, finish_removal, take_back_removal
from gitcoord.worktrees.trash import EMPTIED, finish_restoring
from gitcoord.worktrees.worktree import (
    MAKING,
    REMOVING,
    RESTORING,
    View,
    Worktree,
    lock_of,
    view_worktrees,
    write_mark,
)

_UNFINISHED = (MAKING, REMOVING, RESTORING, PARKING, UNPARKING)


def find_unfinished(repo: Repository, view: View) -> list[Worktree]:
    """Worktrees somebody was making, removing, restoring or parking in, and is no longer."""
    return [
        one for one in view.mine if one.state in _UNFINISHED and not is_held(repo.own_dir, one.id)
    ]


def settle(repo: Repository, view: View | None = None) -> list[str]:
    """Settle all that is unfinished. Returns what was done, a line each.

    Raises the first Problem, after the others were settled.
    """
    done: list[str] = []
    failed: list[Problem] = []
    for one in find_unfinished(repo, view or view_worktrees(repo)):
        try:
            done += settle_one(repo, one)
        except Problem as problem:
            failed.append(problem)
    if failed:
        raise failed[0]
    return done


def settle_one(repo: Repository, worktree: Worktree) -> list[str]:
    """Complete what was begun with one worktree, or take it back. Returns what was done."""
    try:
        with hold(repo.own_dir, worktree.id) as lease:
            return _settle(repo, _seen_again(repo, worktree.id), lease)
    except Contended:
        return []  # somebody else settles it, or goes on with it
    except OSError as error:
        raise Problem(
            f"{worktree.id} is still {worktree.state}: {error.filename}: {error.strerror}",
            hint="mend that, then: gitcoord doctor --fix",
        ) from error


def take_back_making(
    repo: Repository, worktree: Worktree, lease: Lease, *, untouched: bool = False
) -> str:
    """Undo a start: folder, registration, branch and record go. Returns what was done.

    Where somebody worked there meanwhile, that goes to the trash first. untouched: the caller
    knows that nobody did.
    """
    worktree = _seen_again(repo, worktree.id)
    body = worktree.record.body
    path = Path(body["path"])
    limbo = path.with_name(f".{worktree.id}.unmaking")
    folder: Path | None = limbo if limbo.is_dir() else path
    if folder == path and not points_at(path, worktree.admin):
        folder = None
    if not untouched and _is_worked_in(repo, worktree, folder):
        return _to_trash(repo, worktree, folder)
    if folder == path:
        path.rename(limbo)
    _drop_admins(repo, worktree)
    delete_folder(limbo)
    for empty in (path, path.parent):
        if empty == path or empty.name.endswith(".worktrees"):
            with suppress(OSError):
                empty.rmdir()
    branch = f"refs/heads/{body['branch']}"
    with Store(repo).transaction("start: taken back") as change:
        change.remove(worktree.record)
        if find_ref(repo, branch) == body["tip"]:
            change.ref(Change(branch, body["tip"], None))
    return f"took back the start of {worktree.id}, which was interrupted"


def _settle(repo: Repository, worktree: Worktree, lease: Lease) -> list[str]:
    if worktree.state == MAKING:
        return [take_back_making(repo, worktree, lease)]
    if worktree.state == RESTORING:
        finish_restoring(repo, worktree, lease)
        return [f"completed the undo of {worktree.id}, which was interrupted"]
    if worktree.state in (PARKING, UNPARKING):
        return [finish_switch(repo, worktree, lease)]
    if worktree.state != REMOVING:
        return []
    limbo = Path(worktree.record.body["removal"]["limbo"])
    if not limbo.is_dir() and points_at(worktree.path, worktree.admin):
        take_back_removal(repo, worktree)
        return [f"took back the removal of {worktree.id}, which was interrupted"]
    finish_removal(repo, worktree)
    return [f"completed the removal of {worktree.id}; back with: gitcoord undo {worktree.id}"]


def _seen_again(repo: Repository, worktree_id: str) -> Worktree:
    """As it is now: another process may have settled it between our look and our lease."""
    for one in view_worktrees(repo).mine:
        if one.id == worktree_id:
            return one
    raise Contended(f"{worktree_id} is gone", hint="list what there is: gitcoord list")


def _is_worked_in(repo: Repository, worktree: Worktree, folder: Path | None) -> bool:
    """Commits or files beyond what the start itself put there; also when that is unknown.

    folder: where its files are, None when there is no worktree of ours at its place.
    """
    body, linked = worktree.record.body, worktree.linked
    if find_ref(repo, f"refs/heads/{body['branch']}") not in (None, body["tip"]):
        return True
    if linked is not None and linked.head not in (None, body["tip"]):
        return True
    try:
        return folder is not None and bool(differs(repo, folder, body["tip"]))
    except GitFailed:
        return True


def _to_trash(repo: Repository, worktree: Worktree, folder: Path | None) -> str:
    path = Path(worktree.record.body["path"])
    if folder is not None and folder != path and not os.path.lexists(path):
        folder = folder.rename(path)
    if worktree.admin is not None:
        write_mark(worktree.admin, worktree.id)
    carry_out(repo, Removal(worktree, (), (), (), (), str(worktree.record.body["branch"])))
    if folder is not None and folder.is_dir():
        set_apart(repo, folder, worktree.id)
    return (
        f"took back the start of {worktree.id}, which was interrupted; "
        f"what was done there is in the trash: gitcoord undo {worktree.id}"
    )


def _drop_admins(repo: Repository, worktree: Worktree) -> None:
    """The worktree's git dir, also one that git died too early over to list it."""
    for admin in sorted((repo.common_dir / "worktrees").glob("*")):
        if admin == worktree.admin or _lock(admin) == lock_of(worktree.id):
            attic = repo.own_dir / "trash" / f"{EMPTIED}{random_text(6)}"
            forget_worktree(admin, attic)
            delete_folder(attic)


def _lock(admin: Path) -> str:
    try:
        return (admin / "locked").read_text("utf-8", "replace").strip()
    except OSError:
        return ""
