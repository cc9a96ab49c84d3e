"""Removing a worktree without losing what is in it.

What would be lost is found out first and refused; with force it is kept all the same. In
order, each step safe to die after:

    1. a recovery commit is written, and in one transaction its ref, the record's intent
       "removing" and the agents' findings
    2. the folder is renamed to a sibling, so that nobody writes there any more by its path
    3. it is compared with the recovery commit, which is renewed if something came between
    4. what fits no commit is moved aside; git forgets the worktree
    5. branch and record go in one transaction; the renamed folder is deleted

`settle` takes back what died before step 2 and completes what died after it.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gitcoord.errors import GitFailed, Problem
from gitcoord.git.objects import Reader
from gitcoord.git.refs import Change, find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import take_snapshot
from gitcoord.git.worktrees import forget_worktree, git_dir_of
from gitcoord.process import Lease, hold
from gitcoord.state.store import Store
from gitcoord.worktrees import recovery
from gitcoord.worktrees.losses import Removal, tip_of
from gitcoord.worktrees.worktree import LIVE, REMOVING, Worktree, view_worktrees

FINDINGS = "refs/agentcoord/findings/"


def remove(repo: Repository, removal: Removal, *, force: bool) -> None:
    """Carry it out. Afterwards refs/agentcoord/trash/<id> holds the way back."""
    removal.refuse(force=force)
    with hold(repo.own_dir, removal.worktree.id) as lease:
        carry_out(repo, removal, lease)


def carry_out(repo: Repository, removal: Removal, lease: Lease) -> None:
    """All five steps, without asking again whether it should be."""
    worktree = removal.worktree
    limbo = worktree.path.parent / f".{worktree.path.name}.{worktree.id}.removing"
    _announce(repo, removal, limbo)
    if worktree.linked is not None and worktree.path.is_dir():
        try:
            worktree.path.rename(limbo)
        except OSError as error:
            take_back_removal(repo, _again(repo, worktree))
            raise _cannot_move(worktree, error) from error
    finish_removal(repo, _again(repo, worktree), lease)


def take_back_removal(repo: Repository, worktree: Worktree) -> None:
    """The folder is still where it was: the worktree is live again, the copy superfluous."""
    ref = recovery.PREFIX + worktree.id
    with Store(repo).transaction("remove: taken back") as change:
        body = {**worktree.record.body, "state": LIVE}
        body.pop("removal", None)
        change.put(worktree.record, body)
        if copy := find_ref(repo, ref):
            change.ref(Change(ref, copy, None))


def finish_removal(repo: Repository, worktree: Worktree, lease: Lease) -> None:
    """From the renamed folder on; every step can be done twice."""
    about: Mapping[str, Any] = worktree.record.body["removal"]
    limbo = Path(about["limbo"])
    if limbo.is_dir():
        _renew_copy(repo, worktree, limbo, about)
        _move_aside(repo, worktree.id, limbo, _kept_outside(repo, worktree, about))
        _save_submodules(repo, worktree)
    if worktree.linked is not None:
        with suppress(GitFailed):  # a process before us may have got this far
            forget_worktree(repo, Path(about["path"]), keep=(lease.fd,))
    _forget(repo, worktree, about)
    delete_folder(limbo)


def delete_folder(folder: Path) -> None:
    """Delete a folder, read-only parts included. Raises Problem naming what stays."""

    def make_writable(function: Any, path: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        if not isinstance(error, PermissionError):
            raise error
        for one in (os.path.dirname(path), path):  # noqa: PTH120
            with suppress(OSError):
                os.chmod(one, stat.S_IRWXU)  # noqa: PTH101
        function(path)

    if not folder.is_dir() or folder.is_symlink():
        return
    try:
        _rmtree(folder, make_writable)
    except OSError as error:
        raise Problem(
            f"{folder} could not be deleted whole: {error.strerror}; the trash has it all",
            hint=f"delete it yourself: rm -rf '{folder}'",
        ) from error


def _rmtree(folder: Path, on_error: Any) -> None:
    import sys

    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=on_error)
    else:
        shutil.rmtree(folder, onerror=lambda f, p, info: on_error(f, p, info[1]))


def _announce(repo: Repository, removal: Removal, limbo: Path) -> None:
    """Step 1: the copy and the intent, in one transaction."""
    worktree = removal.worktree
    about = {
        "limbo": str(limbo),
        "path": str(worktree.path),
        "aside": list(removal.aside),
        "rebuilt": list(removal.rebuilt),
        "branch": worktree.branch or "",
        "deletes_branch": removal.deletes_branch or "",
        "tip": tip_of(repo, worktree) or "",
        "locked": (worktree.linked.locked or "") if worktree.linked else "",
    }
    copy = _keep(repo, worktree, worktree.path, about)
    ref = recovery.PREFIX + worktree.id
    with Store(repo).transaction("remove") as change:
        change.put(worktree.record, {**worktree.record.body, "state": REMOVING, "removal": about})
        if copy is not None:
            change.ref(Change(ref, find_ref(repo, ref), copy))
        for one in _archive(repo, worktree.id, about["tip"]):  # type: ignore[arg-type]
            change.ref(one)


def _keep(repo: Repository, worktree: Worktree, path: Path, about: Mapping[str, Any]) -> str | None:
    if worktree.admin is None or not path.is_dir():
        return _keeptip_of(repo, worktree, about)
    others = [one.path for one in view_worktrees(repo).others]
    copy, _ = recovery.keep(
        repo, path, worktree.admin,
        head=str(about["tip"]) or None, about=_record_of(worktree, about), exclude=others,
    )  # fmt: skip
    return copy


def _keeptip_of(repo: Repository, worktree: Worktree, about: Mapping[str, Any]) -> str | None:
    """No folder is left to copy: the branch tip is what there is."""
    tip = str(about["tip"])
    return recovery.keep_commit(repo, tip, _record_of(worktree, about)) if tip else None


def _record_of(worktree: Worktree, about: Mapping[str, Any]) -> dict[str, Any]:
    body = {k: v for k, v in worktree.record.body.items() if k not in ("state", "removal")}
    return {"id": worktree.id, **about, "record": body}


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


def _renew_copy(
    repo: Repository, worktree: Worktree, limbo: Path, about: Mapping[str, Any]
) -> None:
    """Step 3: an editor may have saved between the copy and the rename."""
    ref = recovery.PREFIX + worktree.id
    copy = find_ref(repo, ref)
    if copy is None or worktree.admin is None or git_dir_of(limbo) is None:
        return
    kept = recovery.read_kept(repo, copy)
    others = [one.path for one in view_worktrees(repo).others]
    seen = take_snapshot(repo, limbo, largest=recovery.LARGEST, exclude=others)
    tip = repo.seen_from(limbo).find_commit("HEAD") or ""
    if (seen.files, seen.staged, tip) == (kept.files, kept.staged, about["tip"]):
        return
    newer = _keep(repo, worktree, limbo, {**about, "tip": tip})
    with Store(repo).transaction("remove: changed meanwhile") as change:
        change.ref(Change(ref, copy, newer))


def _kept_outside(repo: Repository, worktree: Worktree, about: Mapping[str, Any]) -> list[str]:
    copy = find_ref(repo, recovery.PREFIX + worktree.id)
    left_out = recovery.read_kept(repo, copy).about.get("left_out", []) if copy else []
    return [*about.get("aside", []), *left_out]


def aside_folder(repo: Repository, worktree_id: str) -> Path:
    """Where what fits no commit waits for undo."""
    return repo.own_dir / "trash" / worktree_id / "aside"


def _move_aside(repo: Repository, worktree_id: str, limbo: Path, names: Sequence[str]) -> None:
    for name in names:
        source = limbo / name
        if os.path.lexists(source):
            target = aside_folder(repo, worktree_id) / name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.move(source, target)


def _save_submodules(repo: Repository, worktree: Worktree) -> None:
    """A linked worktree's submodules keep their commits in its git dir, which git deletes."""
    modules = worktree.admin / "modules" if worktree.admin else None
    if modules and modules.is_dir():
        target = aside_folder(repo, worktree.id).parent / "modules"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(modules, target)


def _forget(repo: Repository, worktree: Worktree, about: Mapping[str, Any]) -> None:
    """Step 5. A branch that moved meanwhile stays: somebody else works on it."""
    branch, tip = about["deletes_branch"], about["tip"]
    ref = f"refs/heads/{branch}"
    current = Store(repo).find(worktree.record.kind, worktree.id)
    if current is None:
        return
    elsewhere = {one.branch for one in view_worktrees(repo).others}
    with Store(repo).transaction("remove") as change:
        change.remove(current)
        if branch and find_ref(repo, ref) == tip and ref not in elsewhere:
            change.ref(Change(ref, tip, None))


def _again(repo: Repository, worktree: Worktree) -> Worktree:
    """The worktree with its record as it is now."""
    record = Store(repo).read(worktree.record.kind, worktree.id)
    return Worktree(record, worktree.linked, worktree.admin)


def _cannot_move(worktree: Worktree, error: OSError) -> Problem:
    why = "something uses it" if error.errno == errno.EBUSY else str(error.strerror)
    return Problem(
        f"{worktree.path} cannot be moved out of the way: {why}; nothing was removed",
        hint=f"close what uses it, then: gitcoord remove {worktree.id}",
    )
