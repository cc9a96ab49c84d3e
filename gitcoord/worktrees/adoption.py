"""Worktrees made by others, made first-class where they are.

Nothing is committed on their branch and nothing is moved: a record and a mark are all.
Their branch is not ours, so removal leaves it.
"""

from __future__ import annotations

from pathlib import Path

from gitcoord.errors import BadInput, Refused, Taken
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import Linked, admin_dirs
from gitcoord.process import hold
from gitcoord.records import new_id, now
from gitcoord.state.store import Store
from gitcoord.worktrees.base import resolve_base
from gitcoord.worktrees.mark import read_mark, write_mark
from gitcoord.worktrees.start import check_task
from gitcoord.worktrees.worktree import KIND, LIVE, View, Worktree


def adopt(
    repo: Repository, view: View, path: Path, *, kind: str, task: str, base: str = ""
) -> Worktree:
    """Make the linked worktree at `path` ours. task: "" for a name made of its branch or folder.

    base: what ahead and behind are counted against; "" for what the main worktree is on.
    Raises Taken when it is ours already, Contended while another process adopts one.
    """
    linked, admin = _find(repo, view, path)
    task = check_task(task or linked.branch_name or linked.path.name)
    worktree_id = new_id(kind, task)
    grown_from = resolve_base(repo.seen_from(view.main.path), base)
    body = {
        "kind": kind, "task": task, "created": now(), "branch": linked.branch_name or "",
        "roles": [], "base": {"name": grown_from.name, "ref": grown_from.ref, "id": grown_from.id},
        "state": LIVE, "path": str(linked.path), "tip": linked.head or "", "adopted": True,
    }  # fmt: skip
    with hold(repo.own_dir, "adopting"):
        if mark := _owner(repo, admin):
            raise _ours_already(path, mark)
        record = Store(repo).create(KIND, worktree_id, body)
        write_mark(admin, worktree_id)
    return Worktree(record, linked, admin)


def _find(repo: Repository, view: View, path: Path) -> tuple[Linked, Path]:
    wanted = path.resolve()
    for one in view.mine:
        if one.linked is not None and one.path.resolve() == wanted:
            raise _ours_already(path, one.id)
    linked = next((one for one in view.others if one.path.resolve() == wanted), None)
    if linked is None:
        raise BadInput(
            f"{path} is no worktree of this repository",
            hint="name one of those listed by: git worktree list",
        )
    if linked.main:
        raise Refused(
            "the main worktree is yours, and stays so", hint="adopt a linked one: git worktree list"
        )
    if not linked.path.is_dir():
        raise Refused(
            f"the folder {path} is gone (or on a disk that is not here)",
            hint="if it was moved, say where to: git worktree repair PATH",
        )
    if linked.head is None:
        raise Refused(
            f"{path} is on a branch without commits", hint=f"make one first: git -C '{path}' commit"
        )
    return linked, admin_dirs(repo)[linked.path]


def _owner(repo: Repository, admin: Path) -> str | None:
    """The record its mark names. A mark without a record is left of one that was dropped."""
    mark = read_mark(admin)
    return mark if mark and Store(repo).find(KIND, mark) else None


def _ours_already(path: Path, worktree_id: str) -> Taken:
    return Taken(
        f"{path} is ours already, as {worktree_id}", hint=f"see: gitcoord show {worktree_id}"
    )
