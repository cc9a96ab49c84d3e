"""What dead processes left that no record speaks of: locks, leases, folders, git dirs, refs.

Promises: what could be somebody's work is shown, never deleted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from gitcoord.errors import Contended
from gitcoord.git.quarantine import find_abandoned_quarantines
from gitcoord.git.refs import Change, change_refs, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import list_leftovers, remove_leftovers
from gitcoord.git.worktrees import unlock_worktree
from gitcoord.process import hold, is_held, processes_in
from gitcoord.records import counted
from gitcoord.worktrees import parking, recovery
from gitcoord.worktrees.ailment import Ailment
from gitcoord.worktrees.aside import delete_folder
from gitcoord.worktrees.trash import EMPTIED, list_trash
from gitcoord.worktrees.worktree import LIVE, View

# A lock git holds for longer than this was left by a process that died.
_STALE_SECONDS = 600
# git makes a worktree's git dir and writes its first file within microseconds.
_EMPTY_SECONDS = 5
_OUR_LOCK = "gitcoord: being "
_EXPECTED_REFS = (
    "approvals", "claims", "checkpoints", "costs", "decisions", "findings", "inputs", "journal",
    "landings", "learnings", "memory", "messages", "parked", "remotes", "resolutions", "reviews",
    "runs", "tasks", "trains", "trash", "undone", "verdicts", "versions", "worktrees",
)  # fmt: skip


def find_leftovers(repo: Repository, view: View) -> Iterator[Ailment]:
    """All of them, in no record's name."""
    yield from _locks(repo, view)
    yield from _leases(repo)
    yield from _git_dirs(repo)
    yield from _renamed_folders(repo, view)
    yield from _trash_folders(repo, view)
    yield from _scratches(repo)
    yield from _quarantines(repo)
    yield from _refs(repo, view)


def _locks(repo: Repository, view: View) -> Iterator[Ailment]:
    """Those git takes on a worktree for us, and those it takes on its own files."""
    mine = [one.linked for one in view.mine if one.linked and one.state == LIVE]
    busy = any(is_held(repo.own_dir, name) for name in _leased(repo))
    for linked in () if busy else (*view.others, *mine):
        if linked.locked is not None and linked.locked.startswith(_OUR_LOCK):
            yield Ailment(
                "locked", str(linked.path), f"it is locked ({linked.locked}) by nobody alive",
                "take the lock off",
                lambda path=linked.path: unlock_worktree(repo, path),  # type: ignore[misc]
            )  # fmt: skip
    for lock in _git_locks(repo, view):
        age = _age(lock)
        if age is not None and age > _STALE_SECONDS:
            yield Ailment(
                "git lock", str(lock), f"has been there for {age / 60:.0f} minutes",
                "delete it, if no git is at work in the repository",
                lambda lock=lock: _break_lock(repo, view, lock),  # type: ignore[misc]
            )  # fmt: skip


def _git_locks(repo: Repository, view: View) -> Iterator[Path]:
    for folder in (repo.common_dir, *(one.admin for one in view.mine if one.admin)):
        for name in ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock"):
            yield folder / name
    yield from sorted((repo.common_dir / "refs").rglob("*.lock"))


def _break_lock(repo: Repository, view: View, file: Path) -> None:
    """Raises Contended while any git lives in the repository: the lock may be its own."""
    folders = [repo.common_dir, *(one.path for one in view.mine)]
    folders += [one.path for one in view.others]
    at_work = [one for folder in folders for one in processes_in(folder) if one.name == "git"]
    if at_work:
        raise Contended(
            f"{file} stays: git is at work here (process {at_work[0].pid})",
            hint="try again when it has ended: gitcoord doctor --fix",
        )
    file.unlink(missing_ok=True)


def _leases(repo: Repository) -> Iterator[Ailment]:
    """The file of a lease outlives a holder that was killed; who takes it again removes it."""
    left = [name for name in _leased(repo) if not is_held(repo.own_dir, name)]
    if left:
        yield Ailment(
            "stale lease", counted(len(left), "file"), "their processes died", "delete them",
            lambda: _release(repo, left),
        )  # fmt: skip


def _leased(repo: Repository) -> list[str]:
    return sorted(file.stem for file in (repo.own_dir / "leases").glob("*.toml"))


def _release(repo: Repository, names: Sequence[str]) -> None:
    for name in names:
        with suppress(Contended):
            hold(repo.own_dir, name).release()


def _git_dirs(repo: Repository) -> Iterator[Ailment]:
    """git died between making a worktree's git dir and noting where the worktree is."""
    busy = any(is_held(repo.own_dir, name) for name in _leased(repo))
    for admin in sorted((repo.common_dir / "worktrees").glob("*")):
        age = _age(admin)
        if busy or age is None or _content(admin / "gitdir") or not _is_ours(admin, age):
            continue
        yield Ailment(
            "half-made", str(admin), "git died before it made this worktree",
            "delete its git dir, which nothing points at",
            lambda admin=admin: delete_folder(admin),  # type: ignore[misc]
        )  # fmt: skip


def _is_ours(admin: Path, age: float) -> bool:
    """Locked by us, or so young a death that git had written nothing at all."""
    lock = _content(admin / "locked")
    if lock:
        return lock.startswith(_OUR_LOCK)
    return age > _EMPTY_SECONDS and not any(file.stat().st_size for file in admin.iterdir())


def _content(file: Path) -> str:
    """ "" also where the file is not there, or was made and not yet filled."""
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""


def _renamed_folders(repo: Repository, view: View) -> Iterator[Ailment]:
    """A removal that ended before the folder was deleted whole, as when root owns a part."""
    live = {one.id for one in view.mine}
    for trashed in list_trash(repo, bad=[]):
        limbo = trashed.path.parent / f".{trashed.id}.removing"
        if trashed.id not in live and limbo.is_dir() and not is_held(repo.own_dir, trashed.id):
            yield Ailment(
                "half-removed", str(limbo), "its removal ended before the folder was deleted",
                "delete it; the trash has what it held",
                lambda limbo=limbo: delete_folder(limbo),  # type: ignore[misc]
            )  # fmt: skip


def _trash_folders(repo: Repository, view: View) -> Iterator[Ailment]:
    """What was kept beside a recovery commit that is there no more."""
    known = {one.id for one in view.mine} | set(_trash_ids(repo))
    folders = sorted(one for one in (repo.own_dir / "trash").glob("*") if one.name not in known)
    emptied = [one for one in folders if one.name.startswith(EMPTIED) or not _has_files(one)]
    if emptied:
        yield Ailment(
            "emptied trash", counted(len(emptied), "folder"), "their deletion was interrupted",
            "delete them", lambda: _delete(emptied),
        )  # fmt: skip
    for folder in folders:
        if folder not in emptied:
            yield Ailment(
                "ownerless", str(folder), "files that were kept aside, of no worktree in the trash",
                f"look at them; when nothing is needed: rm -rf '{folder}'",
            )  # fmt: skip


def _delete(folders: Sequence[Path]) -> None:
    for folder in folders:
        delete_folder(folder)


def _trash_ids(repo: Repository) -> list[str]:
    refs = read_refs(repo, recovery.PREFIX.rstrip("/"))
    return [ref.removeprefix(recovery.PREFIX) for ref in refs]


def _has_files(folder: Path) -> bool:
    return any(names for _, _, names in os.walk(folder))


def _scratches(repo: Repository) -> Iterator[Ailment]:
    left = list_leftovers(repo)
    if left:
        yield Ailment(
            "scratch", counted(len(left), "folder"), "scratch worktrees of a process that died",
            "delete them", lambda: remove_leftovers(repo),
        )  # fmt: skip


def _quarantines(repo: Repository) -> Iterator[Ailment]:
    left = find_abandoned_quarantines(repo)
    if left:
        yield Ailment(
            "quarantine", f"{len(left)} folder(s) in {left[0].parent}",
            "objects of predictions whose process died", "delete them",
            lambda: _delete(left),
        )  # fmt: skip


def _refs(repo: Repository, view: View) -> Iterator[Ailment]:
    refs = read_refs(repo, "refs/agentcoord/")
    ids = {one.id for one in view.mine}
    trash = {ref.removeprefix(recovery.PREFIX) for ref in refs if ref.startswith(recovery.PREFIX)}
    for ref, value in refs.items():
        if ref.split("/")[2] not in _EXPECTED_REFS:
            yield Ailment(
                "unknown ref", ref, "no part of this gitcoord knows it",
                f"if nothing else does: git update-ref -d {ref} {value}",
            )  # fmt: skip
        owner = ref.removeprefix(parking.PREFIX).split("/")[0]
        if ref.startswith(parking.PREFIX) and owner not in ids | trash:
            yield _ownerless_piece(repo, ref, value, owner)
    for one in view.mine:
        if one.id in trash and one.state == LIVE and not is_held(repo.own_dir, one.id):
            yield Ailment(
                "ownerless", recovery.PREFIX + one.id, "a copy of a worktree that is there",
                f"if it is superfluous: gitcoord trash empty {one.id}",
            )  # fmt: skip


def _ownerless_piece(repo: Repository, ref: str, value: str, owner: str) -> Ailment:
    saved = f"{recovery.PREFIX}{owner}-parked-{ref.rpartition('/')[2]}"
    changes = [Change(ref, value, None), Change(saved, None, value)]
    return Ailment(
        "ownerless", ref, "parked work of a worktree that is gone", "move it to the trash",
        lambda: change_refs(repo, changes, reason="doctor"),
    )  # fmt: skip


def _age(file: Path) -> float | None:
    """Seconds since it was written; never negative, clocks jump."""
    try:
        return max(0.0, time.time() - os.stat(file, follow_symlinks=False).st_mtime)  # noqa: PTH116
    except OSError:
        return None
