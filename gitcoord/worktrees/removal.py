"""Removing a worktree without losing what is in it.

What would be lost is found out first and refused; with force it is kept all the same. In
order, each step safe to die after:

    1. a recovery commit is written, and in one transaction its ref, the record's intent
       "removing" and the agents' findings
    2. git's lock on the worktree, so that no prune forgets it, and the folder is renamed to
       a sibling, so that nobody writes there any more by its path
    3. the recovery commit is made anew from what is there now, and what fits no commit is
       moved aside
    4. the worktree's git dir is moved to the trash: git lists it no more
    5. the renamed folder is deleted; branch and record go in one transaction

Until step 4 a failure puts everything back. `settle` takes back what died before step 2 and
completes what died after it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from gitcoord.errors import Contended, GitFailed, NoSuch, Problem, Refused
from gitcoord.git.objects import Reader
from gitcoord.git.refs import Change, change_refs, find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import (
    Linked,
    forget_worktree,
    list_ignored,
    list_worktrees,
    lock_worktree,
)
from gitcoord.process import hold, processes_in
from gitcoord.records import random_text
from gitcoord.state.store import MAIN, Store
from gitcoord.worktrees import recovery
from gitcoord.worktrees.aside import (
    bring_back,
    delete_folder,
    make_room,
    move_aside,
    points_at,
    set_apart,
    trash_folder,
)
from gitcoord.worktrees.losses import Removal, part_ignored, tip_of
from gitcoord.worktrees.worktree import LIVE, REMOVING, Worktree, view_worktrees

FINDINGS = "refs/agentcoord/findings/"
_LOCK = "gitcoord: being removed"


def remove(repo: Repository, removal: Removal, *, force: bool) -> None:
    """Carry it out. Afterwards refs/agentcoord/trash/<id> holds the way back.

    Raises Refused, and Contended when the worktree is no longer what was looked at.
    """
    removal.refuse(force=force)
    with hold(repo.own_dir, removal.worktree.id):
        carry_out(repo, _confirmed(repo, removal))


def carry_out(repo: Repository, removal: Removal) -> None:
    """All five steps, without asking again whether it should be. The lease is held."""
    make_room(repo, removal.worktree.id)
    worktree = _announce(repo, removal)
    if worktree.admin is not None and worktree.path.is_dir():
        lock_worktree(worktree.admin, _LOCK)
        try:
            worktree.path.rename(worktree.record.body["removal"]["limbo"])
        except OSError as error:
            take_back_removal(repo, worktree)
            raise _cannot_move(worktree, error) from error
    finish_removal(repo, worktree)


def take_back_removal(repo: Repository, worktree: Worktree) -> None:
    """The folder is where it was: the worktree is live again, the copy superfluous."""
    if worktree.admin is not None:
        _unlock(worktree.admin)
    ref = recovery.PREFIX + worktree.id
    with Store(repo).transaction("remove: taken back") as change:
        body = {key: value for key, value in worktree.record.body.items() if key != "removal"}
        change.put(worktree.record, {**body, "state": LIVE})
        if copy := find_ref(repo, ref):
            change.ref(Change(ref, copy, None))


def finish_removal(repo: Repository, worktree: Worktree) -> None:
    """From the renamed folder on; every step can be done twice.

    Raises Problem when the folder could not be secured: then all is as it was before.
    """
    about: Mapping[str, Any] = worktree.record.body["removal"]
    limbo = Path(about["limbo"])
    attic = trash_folder(repo, worktree.id) / "admin"
    if limbo.is_dir() and not attic.is_dir():
        try:
            _secure(repo, worktree, limbo, about)
        except (Problem, OSError) as error:
            _put_back(repo, worktree, limbo, Path(about["path"]))
            raise _not_removed(worktree, error) from error
    if worktree.admin is not None:
        forget_worktree(worktree.admin, attic)
    try:
        delete_folder(limbo)
    finally:
        _conclude(repo, worktree, about)
        _remove_empty_parent(limbo.parent)


def _confirmed(repo: Repository, removal: Removal) -> Removal:
    """The same removal of the worktree as it is now. Raises Contended when it is another."""
    seen = removal.worktree
    now = next((one for one in view_worktrees(repo).mine if one.id == seen.id), None)
    if now is None:
        raise NoSuch(f"{seen.id} was removed meanwhile", hint="bring it back: gitcoord undo")
    if (now.record.version, now.linked) != (seen.record.version, seen.linked):
        raise Contended(
            f"{seen.id} changed while it was looked at; nothing was removed",
            hint=f"look again: gitcoord remove --dry-run {seen.id}",
        )
    return replace(removal, worktree=now)


def _announce(repo: Repository, removal: Removal) -> Worktree:
    """Step 1: the copy and the intent, in one transaction."""
    worktree = removal.worktree
    about = {
        "limbo": str(limbo_of(worktree.path, worktree.id)),
        "path": str(worktree.path),
        "git_dir": str(worktree.admin or ""),
        "aside": list(removal.aside),
        "rebuilt": list(removal.rebuilt),
        "regenerable": list(removal.regenerable),
        "branch": worktree.branch or "",
        "deletes_branch": removal.deletes_branch or "",
        "tip": tip_of(repo, worktree) or "",
    }
    try:
        copy = _keep(repo, worktree, worktree.path, about, list_worktrees(repo))
    except GitFailed as failure:
        raise Refused(
            f"{worktree.id} is not removed, no copy of it can be made: {failure.message}",
            hint=f"mend it first: git -C '{worktree.path}' status",
        ) from failure
    ref = recovery.PREFIX + worktree.id
    body = {**worktree.record.body, "state": REMOVING, "removal": about}
    with Store(repo).transaction("remove") as change:
        record = change.put(worktree.record, body)
        if copy is not None:
            change.ref(Change(ref, find_ref(repo, ref), copy))
        for one in _archive(repo, worktree.id, str(about["tip"])):
            change.ref(one)
    return Worktree(record, worktree.linked, worktree.admin)


def limbo_of(path: Path, worktree_id: str) -> Path:
    """The sibling a folder is renamed to: on the same disk, and not in use."""
    limbo = path.with_name(f".{worktree_id}.removing")
    return (
        limbo if not os.path.lexists(limbo) else limbo.with_name(f"{limbo.name}.{random_text(4)}")
    )


def _keep(
    repo: Repository,
    worktree: Worktree,
    path: Path,
    about: Mapping[str, Any],
    listed: Sequence[Linked],
) -> str | None:
    """A recovery commit, None when there is nothing at all to copy."""
    tip, record = str(about["tip"]), worktree.record
    body = {key: value for key, value in record.body.items() if key not in ("state", "removal")}
    others = {name: one for name, one in record.documents.items() if name != MAIN}
    told = {key: about[key] for key in ("path", "git_dir", "aside", "rebuilt", "branch", "tip")}
    full = {"id": worktree.id, **told, "record": body, "documents": others}
    if worktree.admin is None:
        return recovery.keep_commit(repo, tip, full) if tip else None
    exclude = [one.path for one in listed if one.path != worktree.path]
    copy, _ = recovery.keep(
        repo, path, worktree.admin, head=tip or None, about=full, exclude=exclude
    )
    return copy


def _archive(repo: Repository, worktree_id: str, tip: str) -> Iterable[Change]:
    """Findings outlive the worktree and its trash: their folder as a tree of its own."""
    if not tip:
        return
    with Reader(repo) as reader:
        found = reader.find(f"{tip}:.agentcoord/{worktree_id}")
    if found and found[1] == "tree":
        ref = FINDINGS + worktree_id
        old = find_ref(repo, ref)
        if old != found[0]:
            yield Change(ref, old, found[0])


def _secure(repo: Repository, worktree: Worktree, limbo: Path, about: Mapping[str, Any]) -> None:
    """Step 3: an editor may have saved between the copy and the rename."""
    if not points_at(limbo, worktree.admin) or worktree.linked is None:
        set_apart(repo, limbo, worktree.id)
        return
    living = processes_in(limbo)
    if living:
        raise Refused(
            f"{living[0].name} ({living[0].pid}) came to live in it",
            hint=f"end it, then: gitcoord remove {worktree.id}",
        )
    aside, rebuilt = part_ignored(limbo, list_ignored(repo, limbo), about["regenerable"])
    listed = list_worktrees(repo)
    linked = next(one for one in listed if one.path == worktree.linked.path)
    now = {
        **about, "aside": aside, "rebuilt": rebuilt,
        "branch": linked.branch_name or "", "tip": linked.head or "",
    }  # fmt: skip
    copy = _keep(repo, worktree, limbo, now, listed)
    ref = recovery.PREFIX + worktree.id
    change_refs(repo, [Change(ref, find_ref(repo, ref), copy)], reason="remove: as it was left")
    kept = recovery.read_kept(repo, str(copy))
    move_aside(limbo, trash_folder(repo, worktree.id) / "aside", kept.outside)


def _put_back(repo: Repository, worktree: Worktree, limbo: Path, path: Path) -> None:
    """Undo steps 3 to 1. Where somebody has made a folder at the old place, all stays as it
    is, kept and announced."""
    bring_back(trash_folder(repo, worktree.id) / "aside", limbo)
    with suppress(OSError):
        limbo.rename(path)
        take_back_removal(repo, worktree)


def _conclude(repo: Repository, worktree: Worktree, about: Mapping[str, Any]) -> None:
    """Step 5. A branch that moved meanwhile stays: somebody else works on it."""
    branch, tip = about["deletes_branch"], about["tip"]
    ref = f"refs/heads/{branch}"
    elsewhere = {one.branch for one in list_worktrees(repo)}
    with Store(repo).transaction("remove") as change:
        change.remove(worktree.record)
        if branch and find_ref(repo, ref) == tip and ref not in elsewhere:
            change.ref(Change(ref, tip, None))


def _remove_empty_parent(parent: Path) -> None:
    """The folder that start makes for a repository's worktrees goes with the last of them."""
    if parent.name.endswith(".worktrees"):
        with suppress(OSError):
            parent.rmdir()


def _unlock(admin: Path) -> None:
    with suppress(OSError, UnicodeDecodeError):
        (admin / "locked.new").unlink(missing_ok=True)
        if (admin / "locked").read_text("utf-8").startswith(_LOCK):
            (admin / "locked").unlink()


def _cannot_move(worktree: Worktree, error: OSError) -> Problem:
    why = "something uses it" if error.errno == errno.EBUSY else str(error.strerror)
    return Problem(
        f"{worktree.path} cannot be moved out of the way: {why}; nothing was removed",
        hint=f"close what uses it, then: gitcoord remove {worktree.id}",
    )


def _not_removed(worktree: Worktree, error: Problem | OSError) -> Problem:
    if isinstance(error, Refused):
        return Refused(f"{worktree.id} is not removed: {error.message}", hint=error.hint)
    why = error.message if isinstance(error, Problem) else f"{error.filename}: {error.strerror}"
    return Problem(
        f"{worktree.id} is not removed, it could not be kept safe: {why}",
        hint=f"make room or mend that, then: gitcoord remove {worktree.id}",
    )
