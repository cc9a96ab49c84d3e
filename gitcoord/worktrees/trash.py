"""The way back: what was removed, undone, and for good only when asked.

Restoring repeats until it is complete: the recovery commit is dropped last, in the same
transaction that makes the worktree live again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gitcoord.errors import NoSuch, Problem, Taken
from gitcoord.git.refs import Change, change_refs, find_ref, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import differs, restore_files, restore_index
from gitcoord.git.worktrees import (
    Linked,
    forget_worktree,
    git_dir_of,
    list_worktrees,
    readd_worktree,
)
from gitcoord.process import Lease, hold
from gitcoord.records import match_id, parse_time, random_text
from gitcoord.state.store import Store
from gitcoord.worktrees import recovery
from gitcoord.worktrees.parking import PREFIX as PARKED
from gitcoord.worktrees.removal import aside_folder, delete_folder
from gitcoord.worktrees.worktree import (
    KIND,
    LIVE,
    RESTORING,
    Worktree,
    view_worktrees,
    write_mark,
)


@dataclass(frozen=True)
class Trashed:
    """One removed worktree. kept: when, RFC 3339. not_kept: folders a build makes again."""

    id: str
    commit: str
    task: str
    branch: str
    path: Path
    kept: str
    not_kept: tuple[str, ...]

    def older_than(self, days: float) -> bool:
        return datetime.now(UTC) - parse_time(self.kept) > timedelta(days=days)


def list_trash(repo: Repository, bad: list[Problem] | None = None) -> list[Trashed]:
    """Newest first. What cannot be read raises, or goes to `bad`."""
    found = []
    for ref, commit in read_refs(repo, recovery.PREFIX.rstrip("/")).items():
        try:
            found.append(_trashed(repo, ref.removeprefix(recovery.PREFIX), commit))
        except Problem as problem:
            if bad is None:
                raise
            bad.append(problem)
    return sorted(found, key=lambda one: one.kept, reverse=True)


def find_trashed(repo: Repository, part: str | None = None) -> Trashed:
    """By any unambiguous part of its id; without one, what was removed last."""
    trash = list_trash(repo)
    if not trash:
        raise NoSuch("the trash is empty", hint="list the worktrees there are: gitcoord list")
    if part is None:
        return trash[0]
    wanted = match_id(part, [one.id for one in trash])
    return next(one for one in trash if one.id == wanted)


def restore(repo: Repository, trashed: Trashed, *, path: Path | None = None) -> Worktree:
    """Bring a removed worktree back: branch, index, uncommitted, untracked and ignored files.

    path: another place than where it was. Raises Taken when place or branch are in use.
    """
    target = path or trashed.path
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise Taken(
            f"{target} is in use", hint=f"name another place: gitcoord undo {trashed.id} --path DIR"
        )
    with hold(repo.own_dir, trashed.id) as lease:
        _announce(repo, trashed, target)
        return finish_restoring(repo, _find(repo, trashed.id), lease)


def finish_restoring(repo: Repository, worktree: Worktree, lease: Lease) -> Worktree:
    """From the announced intent on; every step can be done twice."""
    ref = recovery.PREFIX + worktree.id
    commit = find_ref(repo, ref)
    if commit is None:
        raise NoSuch(f"{worktree.id} is not in the trash any more", hint="see: gitcoord doctor")
    kept = recovery.read_kept(repo, commit)
    path = Path(worktree.record.body["path"])
    _clear(repo, worktree, kept)
    branch = str(kept.about.get("branch", "")) or None
    path.parent.mkdir(parents=True, exist_ok=True)
    readd_worktree(repo, path, branch, str(kept.tip), keep=(lease.fd,))
    admin = git_dir_of(path)
    if admin is None:
        raise Problem(f"git made no worktree at {path}", hint="see: git worktree list")
    write_mark(admin, worktree.id)
    restore_files(repo, path, kept.files)
    restore_index(repo, path, kept.index, kept.staged)
    recovery.restore_admin(repo, path, admin, kept)
    _bring_aside(repo, worktree.id, path, admin)
    with Store(repo).transaction("undo: live") as change:
        record = change.put(worktree.record, {**worktree.record.body, "state": LIVE})
        change.ref(Change(ref, commit, None))
    shutil.rmtree(repo.own_dir / "trash" / worktree.id, ignore_errors=True)
    linked = Linked(
        path, kept.tip, f"refs/heads/{branch}" if branch else None, False, False, None, None
    )
    return Worktree(record, linked, admin)


def empty(repo: Repository, chosen: Sequence[Trashed]) -> None:
    """Delete recovery copies for good, with what was kept aside and parked for them."""
    live = {one.id for one in view_worktrees(repo).mine}
    for one in chosen:
        parked = read_refs(repo, f"{PARKED}{one.id}/") if one.id not in live else {}
        changes = [Change(ref, commit, None) for ref, commit in parked.items()]
        changes.append(Change(recovery.PREFIX + one.id, one.commit, None))
        change_refs(repo, changes, reason="trash empty")
        delete_folder(repo.own_dir / "trash" / one.id)


def _announce(repo: Repository, trashed: Trashed, path: Path) -> None:
    """The record says "restoring" and the branch is there, in one transaction."""
    kept = recovery.read_kept(repo, trashed.commit)
    body: dict[str, Any] = {**kept.about.get("record", {}), "state": RESTORING, "path": str(path)}
    branch = f"refs/heads/{trashed.branch}" if trashed.branch else ""
    there = find_ref(repo, branch) if branch else None
    holder = next((one for one in list_worktrees(repo) if branch and one.branch == branch), None)
    if holder is not None or there not in (None, kept.tip):
        where = f"checked out in {holder.path}" if holder else "somewhere else now"
        raise Taken(
            f"its branch {trashed.branch} is {where}",
            hint=f"rename that one first: git branch -m {trashed.branch} {trashed.branch}-2",
        )
    with Store(repo).transaction("undo") as change:
        change.create(KIND, trashed.id, body)
        if branch and there is None:
            change.ref(Change(branch, None, kept.tip))


def _clear(repo: Repository, worktree: Worktree, kept: recovery.Kept) -> None:
    """Half of a restoring that died. What was edited there since is moved away, not deleted."""
    path = Path(worktree.record.body["path"])
    if worktree.linked is None:
        return
    if path.is_dir() and git_dir_of(path) is not None and differs(repo, path, kept.files):
        path.rename(path.with_name(f"{path.name}.before-undo-{random_text(4)}"))
    elif path.is_dir():
        _take_aside_again(repo, worktree.id, path)
    with suppress(Problem):
        forget_worktree(repo, path)


def _take_aside_again(repo: Repository, worktree_id: str, path: Path) -> None:
    """Ignored files already brought back go back aside before the folder is made anew."""
    listed = repo.run(
        "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", at=path
    )
    for name in listed.fields():
        target = aside_folder(repo, worktree_id) / name.rstrip("/")
        if not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path / name.rstrip("/"), target)


def _bring_aside(repo: Repository, worktree_id: str, path: Path, admin: Path) -> None:
    aside = aside_folder(repo, worktree_id)
    _move_into(aside, path)
    modules = aside.parent / "modules"
    if modules.is_dir() and not (admin / "modules").exists():
        shutil.move(modules, admin / "modules")


def _move_into(source: Path, target: Path) -> None:
    """Move what `source` holds into `target`, folder by folder, over nothing that is there."""
    for one in sorted(source.iterdir()) if source.is_dir() else ():
        place = target / one.name
        if one.is_dir() and not one.is_symlink() and place.is_dir():
            _move_into(one, place)
        elif not os.path.lexists(place):
            shutil.move(one, place)


def _find(repo: Repository, worktree_id: str) -> Worktree:
    return next(one for one in view_worktrees(repo).mine if one.id == worktree_id)


def _trashed(repo: Repository, trash_id: str, commit: str) -> Trashed:
    about = recovery.read_kept(repo, commit).about
    record = about.get("record", {})
    return Trashed(
        trash_id, commit, str(record.get("task", "")), str(about.get("branch", "")),
        Path(str(about.get("path", ""))), str(about.get("kept", "")),
        tuple(about.get("rebuilt", ())),
    )  # fmt: skip
