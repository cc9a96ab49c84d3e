"""Completing or taking back what a dead process began.

Every change to a worktree leaves a state in its record first and holds a lease while at
it. A state that nobody holds was left by a process that died; what can be seen decides
the rest. Whatever might hold somebody's work becomes a recovery commit or stays.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from gitcoord.errors import Contended, GitFailed, Problem
from gitcoord.git.refs import Change, find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import forget_worktree, list_worktrees, read_status
from gitcoord.process import Lease, hold, is_held
from gitcoord.records import random_text
from gitcoord.state.store import Store
from gitcoord.worktrees.losses import Removal
from gitcoord.worktrees.removal import carry_out, finish_removal, take_back_removal
from gitcoord.worktrees.trash import finish_restoring
from gitcoord.worktrees.worktree import (
    MAKING,
    REMOVING,
    RESTORING,
    View,
    Worktree,
    view_worktrees,
    write_mark,
)


def find_unfinished(repo: Repository, view: View) -> list[Worktree]:
    """Worktrees somebody was making, removing or restoring, and is no longer."""
    return [
        one
        for one in view.mine
        if one.state in (MAKING, REMOVING, RESTORING) and not is_held(repo.own_dir, one.id)
    ]


def settle(repo: Repository, view: View | None = None) -> list[str]:
    """Settle all that is unfinished. Returns what was done, a line each."""
    unfinished = find_unfinished(repo, view or view_worktrees(repo))
    return [said for one in unfinished for said in _settle_one(repo, one)]


def take_back_making(
    repo: Repository, worktree: Worktree, lease: Lease, *, untouched: bool = False
) -> str:
    """Undo a start: folder, registration, branch and record go. Returns what was done.

    Where somebody worked there meanwhile, that goes to the trash first. untouched: the caller
    knows that nobody did.
    """
    worktree = _seen_again(repo, worktree.id)
    if not untouched and _is_worked_in(repo, worktree):
        return _to_trash(repo, worktree, lease)
    path, tip = Path(worktree.record.body["path"]), worktree.record.body["tip"]
    if worktree.linked is not None:
        with suppress(GitFailed):
            forget_worktree(repo, path, keep=(lease.fd,))
    _clear_place(repo, path)
    branch = f"refs/heads/{worktree.record.body['branch']}"
    with Store(repo).transaction("start: taken back") as change:
        change.remove(worktree.record)
        if find_ref(repo, branch) == tip:
            change.ref(Change(branch, tip, None))
    return f"took back the start of {worktree.id}, which was interrupted"


def _settle_one(repo: Repository, worktree: Worktree) -> list[str]:
    try:
        with hold(repo.own_dir, worktree.id) as lease:
            worktree = _seen_again(repo, worktree.id)
            if worktree.state == MAKING:
                return [take_back_making(repo, worktree, lease)]
            if worktree.state == RESTORING:
                finish_restoring(repo, worktree, lease)
                return [f"completed the undo of {worktree.id}, which was interrupted"]
            if worktree.state != REMOVING:
                return []
            if worktree.linked is not None and worktree.path.is_dir():
                take_back_removal(repo, worktree)
                return [f"took back the removal of {worktree.id}, which was interrupted"]
            finish_removal(repo, worktree, lease)
            return [
                f"completed the removal of {worktree.id}; back with: gitcoord undo {worktree.id}"
            ]
    except Contended:
        return []  # somebody else settles it, or goes on with it


def _seen_again(repo: Repository, worktree_id: str) -> Worktree:
    """As it is now: another process may have settled it between our look and our lease."""
    for one in view_worktrees(repo).mine:
        if one.id == worktree_id:
            return one
    raise Contended(f"{worktree_id} is gone", hint="list what there is: gitcoord list")


def _is_worked_in(repo: Repository, worktree: Worktree) -> bool:
    """Commits or files beyond what the start itself put there."""
    body, linked = worktree.record.body, worktree.linked
    if find_ref(repo, f"refs/heads/{body['branch']}") not in (None, body["tip"]):
        return True
    if linked is None or linked.head != body["tip"] or body.get("carries"):
        return False
    with suppress(Problem):
        # While git was still checking out, a file that is not there yet is no work.
        edited = repo.run("diff-files", "--name-only", "--diff-filter=MT", "-z", at=linked.path)
        return bool(edited.out or read_status(repo, linked.path).untracked)
    return False


def _to_trash(repo: Repository, worktree: Worktree, lease: Lease) -> str:
    if worktree.admin is not None:
        write_mark(worktree.admin, worktree.id)
    branch = str(worktree.record.body["branch"])
    carry_out(repo, Removal(worktree, (), (), (), (), branch), lease)
    return (
        f"took back the start of {worktree.id}, which was interrupted; "
        f"what was done there is in the trash: gitcoord undo {worktree.id}"
    )


def _clear_place(repo: Repository, path: Path) -> None:
    """What git left at a place it has no worktree at. An empty folder goes; files are kept."""
    if any(one.path == path for one in list_worktrees(repo)) or not path.is_dir():
        return
    with suppress(OSError):
        (path / ".git").unlink()
    try:
        path.rmdir()
    except OSError:
        target = repo.own_dir / "trash" / f"unknown-{random_text(6)}"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, target)
