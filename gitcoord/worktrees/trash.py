"""The way back: what was removed, undone, and for good only when asked.

A worktree comes back in a hidden folder beside its place and is renamed to it when it is
whole, so that nobody works in half of it and every step can be done again. The recovery
commit is dropped last, in the transaction that makes the worktree live. What fails before
that is taken back: then the trash holds all of it as before.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gitcoord.errors import BadInput, NoSuch, Problem, Refused, Taken
from gitcoord.git.objects import Reader
from gitcoord.git.refs import Change, change_refs, find_ref, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import restore_files, restore_index
from gitcoord.git.worktrees import (
    Linked,
    add_worktree,
    admin_dirs,
    forget_worktree,
    git_dir_of,
    list_worktrees,
    repair_worktree,
    unlock_worktree,
)
from gitcoord.process import Lease, hold, is_held
from gitcoord.records import match_id, parse_time, random_text
from gitcoord.state.store import Store
from gitcoord.worktrees import recovery
from gitcoord.worktrees.aside import (
    bring_back,
    clear_trash_folder,
    delete_folder,
    move_aside,
    points_at,
    relink_submodules,
    set_apart,
    trash_folder,
)
from gitcoord.worktrees.parking import PREFIX as PARKED
from gitcoord.worktrees.worktree import (
    KIND,
    LIVE,
    REMOVING,
    RESTORING,
    Worktree,
    read_mark,
    view_worktrees,
    write_mark,
)

_LOCK = "gitcoord: being brought back"
EMPTIED = ".emptied-"


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
    with Reader(repo) as reader:
        for ref, commit in read_refs(repo, recovery.PREFIX.rstrip("/")).items():
            try:
                about = recovery.read_about(reader, commit)
                found.append(_trashed(ref.removeprefix(recovery.PREFIX), commit, about))
            except Problem as problem:
                if bad is None:
                    raise
                bad.append(problem)
    return sorted(found, key=lambda one: one.kept, reverse=True)


def find_trashed(repo: Repository, part: str | None = None) -> Trashed:
    """By any unambiguous part of its id; without one, what was removed last."""
    trash = list_trash(repo, bad=[])
    if part is None:
        there = Store(repo).ids(KIND)
        trash = [one for one in trash if one.id not in there]
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
    if path is None and not trashed.path.name:
        raise BadInput(
            f"{trashed.id} was parked work, which had no place of its own",
            hint=f"name one for it: gitcoord undo {trashed.id} --path DIR",
        )
    target = Path(os.path.realpath(path or trashed.path))
    _check_place(repo, trashed, target)
    with hold(repo.own_dir, trashed.id) as lease:
        worktree = _announce(repo, trashed, target)
        return finish_restoring(repo, worktree, lease)


def finish_restoring(repo: Repository, worktree: Worktree, lease: Lease) -> Worktree:
    """From the announced intent on; every step can be done twice.

    Raises Problem when it cannot be: then all of it is in the trash as before.
    """
    commit = find_ref(repo, recovery.PREFIX + worktree.id)
    if commit is None:
        raise NoSuch(f"{worktree.id} is not in the trash any more", hint="see: gitcoord doctor")
    kept = recovery.read_kept(repo, commit)
    path = Path(worktree.record.body["path"])
    try:
        admin = _marked(repo, worktree.id)
        if admin is None or not points_at(path, admin):
            staging = Path(worktree.record.body["restoring"]["staging"])
            admin = _fill(repo, worktree.id, kept, staging, lease)
            _move_in(staging, path)
        repair_worktree(repo, path)
        _bring_submodules(repo, worktree.id, kept, admin, path)
        unlock_worktree(repo, path)
    except (Problem, OSError) as error:
        _take_back(repo, worktree, kept)
        raise _not_restored(worktree, error) from error
    clear_trash_folder(repo, worktree.id)
    _remove_holder(Path(worktree.record.body["restoring"]["staging"]))
    return _conclude(repo, worktree, kept, admin)


def empty(repo: Repository, chosen: Sequence[Trashed]) -> None:
    """Delete recovery copies for good, with what was kept aside and parked for them.

    Raises Refused for one that is being removed or brought back right now.
    """
    mine = view_worktrees(repo).mine
    live = {one.id for one in mine}
    busy = {one.id for one in mine if one.state in (REMOVING, RESTORING)}
    for one in chosen:
        if one.id in busy or is_held(repo.own_dir, one.id):
            hint = f"when that is done: gitcoord doctor --fix && gitcoord trash empty {one.id}"
            raise Refused(f"{one.id} is in use: it is being removed or brought back", hint=hint)
        parked = read_refs(repo, f"{PARKED}{one.id}/") if one.id not in live else {}
        changes = [Change(ref, commit, None) for ref, commit in parked.items()]
        changes.append(Change(recovery.PREFIX + one.id, one.commit, None))
        folder = trash_folder(repo, one.id)
        emptied = folder.with_name(f"{EMPTIED}{one.id}")
        change_refs(repo, changes, reason="trash empty")
        if folder.is_dir() and one.id not in live:
            folder.rename(emptied)
        delete_folder(emptied)


def _check_place(repo: Repository, trashed: Trashed, target: Path) -> None:
    elsewhere = f"name another place: gitcoord undo {trashed.id} --path DIR"
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise Taken(f"{target} is in use", hint=elsewhere)
    if any(one.path == target for one in list_worktrees(repo)):
        raise Taken(f"{target} belongs to another worktree, which is absent", hint=elsewhere)


def _announce(repo: Repository, trashed: Trashed, path: Path) -> Worktree:
    """The record says "restoring" and the branch is there, in one transaction."""
    kept = recovery.read_kept(repo, trashed.commit)
    branch = f"refs/heads/{trashed.branch}" if trashed.branch and kept.tip else ""
    there = find_ref(repo, branch) if branch else None
    _check_branch(repo, trashed, branch, there, kept.tip)
    # Of the same name as the place, because git names its git dir after it.
    staging = path.with_name(f".{trashed.id}.{random_text(4)}.restoring") / path.name
    restoring = {"staging": str(staging), "makes_branch": bool(branch and there is None)}
    body: dict[str, Any] = {
        **kept.about.get("record", {}),
        "state": RESTORING, "path": str(path), "restoring": restoring,
    }  # fmt: skip
    with Store(repo).transaction("undo") as change:
        record = change.create(KIND, trashed.id, body, **kept.about.get("documents", {}))
        change.ref(Change(recovery.PREFIX + trashed.id, trashed.commit, trashed.commit))
        if restoring["makes_branch"]:
            change.ref(Change(branch, None, kept.tip))
    return Worktree(record, None, None)


def _check_branch(
    repo: Repository, trashed: Trashed, branch: str, there: str | None, tip: str | None
) -> None:
    holder = next((one for one in list_worktrees(repo) if branch and one.branch == branch), None)
    if holder is not None or there not in (None, tip):
        where = f"checked out in {holder.path}" if holder else "at another commit now"
        raise Taken(
            f"its branch {trashed.branch} is {where}",
            hint=f"rename that one first: git branch -m {trashed.branch} {trashed.branch}-2",
        )


def _fill(
    repo: Repository, worktree_id: str, kept: recovery.Kept, staging: Path, lease: Lease
) -> Path:
    """The whole worktree at `staging`, where nobody works; returns its git dir."""
    admin = _register(repo, worktree_id, kept, staging, lease)
    aside = trash_folder(repo, worktree_id) / "aside"
    back = [name for name in kept.outside if not os.path.lexists(aside / name)]
    skipped = [name for name in back if os.path.lexists(staging / name)]
    besides = (*kept.absent, *skipped)
    restore_files(repo, staging, kept.files, besides=besides, keep=(lease.fd,))
    bring_back(aside, staging)
    recovery.restore_admin(repo, staging, admin, kept)
    restore_index(repo, staging, kept.index, kept.staged, keep=(lease.fd,))
    return admin


def _register(
    repo: Repository, worktree_id: str, kept: recovery.Kept, staging: Path, lease: Lease
) -> Path:
    """A worktree without files at `staging`; the one that an earlier attempt made there."""
    admin = _marked(repo, worktree_id)
    if admin is not None and points_at(staging, admin):
        return admin
    _clear(repo, worktree_id, staging)
    staging.parent.mkdir(parents=True, exist_ok=True)
    branch = str(kept.about.get("branch", "")) or None
    at_branch = branch if kept.tip else None
    add_worktree(
        repo, staging, at_branch, commit=kept.tip or kept.commit, lock=_LOCK, keep=(lease.fd,)
    )
    admin = git_dir_of(staging)
    if admin is None:
        raise Problem(f"git made no worktree at {staging}", hint="see: git worktree list")
    if branch and not kept.tip:
        repo.run("symbolic-ref", "HEAD", f"refs/heads/{branch}", at=staging)
    write_mark(admin, worktree_id)
    return admin


def _marked(repo: Repository, worktree_id: str) -> Path | None:
    """The git dir that names the worktree, wherever git believes its folder to be."""
    admins = sorted((repo.common_dir / "worktrees").glob("*"))
    return next((admin for admin in admins if read_mark(admin) == worktree_id), None)


def _clear(repo: Repository, worktree_id: str, staging: Path) -> None:
    """What a `worktree add` that died left: nothing but a git dir and a `.git`."""
    admin = admin_dirs(repo).get(staging)
    if admin is not None:
        _drop_admin(repo, admin)
    if staging.is_dir():
        (staging / ".git").unlink(missing_ok=True)
        with suppress(OSError):
            staging.rmdir()
    if os.path.lexists(staging):
        set_apart(repo, staging, worktree_id)


def _move_in(staging: Path, path: Path) -> None:
    """To its place: from here on people see it. Only over nothing, or an empty folder."""
    if path.is_dir():
        path.rmdir()
    staging.rename(path)
    _remove_holder(staging)


def _remove_holder(staging: Path) -> None:
    with suppress(OSError):
        staging.parent.rmdir()


def _bring_submodules(
    repo: Repository, worktree_id: str, kept: recovery.Kept, admin: Path, path: Path
) -> None:
    modules = trash_folder(repo, worktree_id) / "admin" / "modules"
    if modules.is_dir() and not (admin / "modules").exists():
        modules.rename(admin / "modules")
    old_admin, old_path = str(kept.about.get("git_dir", "")), str(kept.about.get("path", ""))
    if old_admin and (admin / "modules").is_dir():
        relink_submodules(repo, Path(old_admin), Path(old_path), admin, path)


def _conclude(repo: Repository, worktree: Worktree, kept: recovery.Kept, admin: Path) -> Worktree:
    body = {key: value for key, value in worktree.record.body.items() if key != "restoring"}
    with Store(repo).transaction("undo: live") as change:
        record = change.put(worktree.record, {**body, "state": LIVE})
        change.ref(Change(recovery.PREFIX + worktree.id, kept.commit, None))
    branch = str(kept.about.get("branch", ""))
    full = f"refs/heads/{branch}" if branch else None
    linked = Linked(Path(body["path"]), kept.tip, full, False, False, None, None)
    return Worktree(record, linked, admin)


def _take_back(repo: Repository, worktree: Worktree, kept: recovery.Kept) -> None:
    """The announced undo as if it had not been. Nobody has worked in the hidden folder."""
    restoring: Mapping[str, Any] = worktree.record.body["restoring"]
    staging, path = Path(restoring["staging"]), Path(worktree.record.body["path"])
    admin = _marked(repo, worktree.id)
    if admin is None:
        _clear(repo, worktree.id, staging)
    elif points_at(path, admin):
        return  # it is in its place already, and only lacks a last step
    else:
        folder = trash_folder(repo, worktree.id)
        move_aside(staging, folder / "aside", kept.outside)
        if (admin / "modules").is_dir():
            (admin / "modules").rename(folder / "admin" / "modules")
        _drop_admin(repo, admin)
        delete_folder(staging)
    _remove_holder(staging)
    branch = f"refs/heads/{kept.about.get('branch', '')}"
    with Store(repo).transaction("undo: taken back") as change:
        change.remove(worktree.record)
        if restoring["makes_branch"] and find_ref(repo, branch) == kept.tip:
            change.ref(Change(branch, kept.tip, None))


def _drop_admin(repo: Repository, admin: Path) -> None:
    attic = repo.own_dir / "trash" / f"{EMPTIED}{random_text(6)}"
    forget_worktree(admin, attic)
    delete_folder(attic)


def _not_restored(worktree: Worktree, error: Problem | OSError) -> Problem:
    why = error.message if isinstance(error, Problem) else f"{error.filename}: {error.strerror}"
    return Problem(
        f"{worktree.id} cannot be brought back: {why}",
        hint=f"all of it is still in the trash; mend that, then: gitcoord undo {worktree.id}",
    )


def _trashed(trash_id: str, commit: str, about: Mapping[str, Any]) -> Trashed:
    record = about.get("record", {})
    return Trashed(
        trash_id, commit, str(record.get("task", "")), str(about.get("branch", "")),
        Path(str(about.get("path", ""))), str(about.get("kept", "")),
        tuple(about.get("rebuilt", ())),
    )  # fmt: skip
