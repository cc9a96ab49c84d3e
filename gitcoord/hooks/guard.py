"""Refs an agent's worktree is not to move: the shared stash, others' branches, the target.

Promises: only in worktrees of ours, and only before git moves the ref, so that a refusal
leaves everything as it was; what is the worktree's own passes: HEAD, its branch, new branches,
tags, what is known of remotes. In the user's own worktree nothing is guarded.
Refuses: to be a sandbox. `git -c core.hooksPath=/dev/null` walks past it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitcoord.git.refs import read_refs
from gitcoord.hooks.objection import OFF, Objection
from gitcoord.worktrees.mark import read_mark

if TYPE_CHECKING:
    from gitcoord.config import Config
    from gitcoord.git.repository import Repository

_HEADS = "refs/heads/"
_STASH = "the stash is shared by all worktrees, and the next `git stash pop` may be another's"
_OURS = "gitcoord's own records are not changed by hand"


@dataclass(frozen=True)
class Move:
    """A ref that git is about to change, as it says so: `<old> <new> <ref>`."""

    ref: str
    old: str
    new: str


def parse_moves(said: str) -> list[Move]:
    """What a reference-transaction hook reads; lines of any other shape are left out."""
    parts = (line.split(" ", 2) for line in said.split("\n"))
    return [Move(part[2], part[0], part[1]) for part in parts if len(part) == 3]


def list_objections(repo: Repository, config: Config, moves: Iterable[Move]) -> list[Objection]:
    """What this worktree must not change, with the way to do it right."""
    level = config.hooks.guard
    worktree_id = read_mark(repo.git_dir)
    if level == OFF or repo.git_dir == repo.common_dir or worktree_id is None:
        return []
    moves = _real(repo, [one for one in moves if one.ref.startswith("refs/")])
    known = _simple(moves)
    heads = [one.ref for one in moves if one.ref.startswith(_HEADS)]
    if heads:
        known |= _of_branches(repo, worktree_id, heads)
    return [Objection("guard", level, one.ref, *known[one.ref])
            for one in moves if one.ref in known]  # fmt: skip


def _real(repo: Repository, moves: Sequence[Move]) -> list[Move]:
    """Those that change anything. `git gc` writes every ref anew as it is, and then removes the
    files of those that are packed, each as if it were deleted (git 2.39)."""
    moves = [one for one in moves if not _is_autostash(repo, one)]
    now = read_refs(repo, *(one.ref for one in moves))
    packed = _packed(repo) if any(not one.new.strip("0") for one in moves) else frozenset()
    return [
        one for one in moves
        if now.get(one.ref, repo.null_id) != one.new and f"{one.old} {one.ref}" not in packed
    ]  # fmt: skip


def _is_autostash(repo: Repository, move: Move) -> bool:
    """Where `git rebase --autostash` cannot put back what it set aside, it goes to the stash, and
    would be lost if it could not."""
    files = ("rebase-merge/autostash", "rebase-apply/autostash", "MERGE_AUTOSTASH")
    if move.ref != "refs/stash":
        return False
    for file in files:
        with suppress(OSError):
            if (repo.git_dir / file).read_bytes().strip() == move.new.encode():
                return True
    return False


def _packed(repo: Repository) -> frozenset[str]:
    try:
        return frozenset(os.fsdecode((repo.common_dir / "packed-refs").read_bytes()).split("\n"))
    except OSError:
        return frozenset()


# ref -> what is wrong with changing it, and how it is done right
_Reasons = dict[str, tuple[str, str]]


def _simple(moves: Iterable[Move]) -> _Reasons:
    reasons = {}
    for one in moves:
        if one.ref == "refs/stash":
            reasons[one.ref] = _STASH, "put it aside with: gitcoord park"
        elif one.ref.startswith("refs/agentcoord/"):
            reasons[one.ref] = _OURS, "see what they say: gitcoord list"
    return reasons


def _of_branches(repo: Repository, worktree_id: str, heads: Iterable[str]) -> _Reasons:
    from gitcoord.git.worktrees import branch_before
    from gitcoord.worktrees.worktree import view_worktrees

    view = view_worktrees(repo)
    me = next((one for one in view.mine if one.id == worktree_id), None)
    own = {me.linked.branch if me and me.linked else "", _full(branch_before(repo.git_dir))}
    target = str(me.base.get("ref", "")) if me else ""
    whose = {
        one.branch: "the main worktree" if one.main else str(one.path)
        for one in view.listed if one.branch
    }  # fmt: skip
    whose |= {_full(one.branch): one.id for one in view.mine if one.branch and one is not me}
    reasons: _Reasons = {}
    for ref in heads:
        if ref in own:
            continue
        if ref == target:
            text = "work lands there by a review, not by moving it"
            reasons[ref] = text, f"ask for it: gitcoord review open {worktree_id}"
        elif ref in whose:
            text = f"this branch is {whose[ref]}'s"
            reasons[ref] = text, "work on your own branch; what it is to take in: git merge BRANCH"
    return reasons


def _full(branch: str | None) -> str:
    return "" if not branch else branch if branch.startswith("refs/") else _HEADS + branch
