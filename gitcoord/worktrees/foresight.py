"""What park, unpark and undo would do, for `--dry-run`: the same refusals, and nothing changed.

Objects that a trial merge needs go to a place of their own and away.
"""

from __future__ import annotations

from pathlib import Path

from gitcoord.errors import BadInput, NoSuch, Refused, Taken
from gitcoord.git.quarantine import quarantine
from gitcoord.git.refs import find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import Status, find_operation, list_worktrees, read_status
from gitcoord.worktrees import recovery
from gitcoord.worktrees.parking import Parked, list_parked, merge_onto
from gitcoord.worktrees.place import free_place
from gitcoord.worktrees.trash import Trashed
from gitcoord.worktrees.worktree import LIVE, Worktree


def foresee_park(repo: Repository, worktree: Worktree) -> Status:
    """What would be set aside. Raises Refused where it could not be."""
    _refuse_unfit(worktree)
    return read_status(repo, worktree.path)


def foresee_unpark(repo: Repository, worktree: Worktree, number: int | None = None) -> Parked:
    """The piece that would be taken up. Raises NoSuch, and Refused when it would conflict."""
    pieces = {one.number: one for one in list_parked(repo, worktree.id)}
    chosen = max(pieces, default=0) if number is None else number
    if chosen not in pieces:
        which = "nothing" if number is None else f"no piece {number}"
        raise NoSuch(
            f"{worktree.id} has {which} parked",
            hint=f"see what it has: gitcoord show {worktree.id}",
        )
    _refuse_unfit(worktree)
    if not read_status(repo, worktree.path).clean:
        raise Refused(
            f"{worktree.id} has uncommitted files; the parked work would mix with them",
            hint=f"commit them, or park them first: gitcoord park {worktree.id}",
        )
    kept = recovery.read_kept(repo, pieces[chosen].commit)
    head = worktree.linked.head if worktree.linked else None
    if head and kept.tip and kept.tip != head:
        with quarantine(repo) as aside:
            merge_onto(aside, kept.tip, kept.files, head)
    return pieces[chosen]


def foresee_restore(repo: Repository, trashed: Trashed, path: Path | None = None) -> Path:
    """Where it would be again. Raises Taken when its place or its branch is in use."""
    if path is None and not trashed.path.name:
        raise BadInput(
            f"{trashed.id} was parked work, which had no place of its own",
            hint=f"name one for it: gitcoord undo {trashed.id} --path DIR",
        )
    listed = list_worktrees(repo)
    place = free_place(repo, path or trashed.path, listed)
    branch = f"refs/heads/{trashed.branch}"
    there = find_ref(repo, branch) if trashed.branch else None
    if there is not None and there != recovery.read_kept(repo, trashed.commit).tip:
        raise Taken(
            f"its branch {trashed.branch} is at another commit now",
            hint=f"rename that one first: git branch -m {trashed.branch} {trashed.branch}-2",
        )
    holder = next((one for one in listed if there and one.branch == branch), None)
    if holder is not None:
        raise Taken(
            f"its branch {trashed.branch} is checked out in {holder.path}",
            hint=f"have that one on another branch: git -C '{holder.path}' switch --detach",
        )
    return place


def _refuse_unfit(worktree: Worktree) -> None:
    name = worktree.id
    if worktree.state != LIVE or worktree.linked is None or worktree.linked.head is None:
        raise Refused(f"{name} is {worktree.state}", hint=f"see: gitcoord show {name}")
    operation = find_operation(worktree.admin) if worktree.admin else None
    if operation:
        raise Refused(
            f"{name} is in the middle of a {operation}",
            hint=f"end it first: git -C '{worktree.path}' status",
        )
