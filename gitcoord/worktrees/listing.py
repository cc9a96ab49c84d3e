"""All worktrees at once: how far from their base, and what is uncommitted in them.

The time goes into `git status` of each worktree, so these are started first, as many at
a time as there are cores, and everything else happens meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import GitFailed, Problem
from gitcoord.git.graph import count_apart
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import Status, find_operation, list_worktrees, read_status
from gitcoord.process import cores
from gitcoord.worktrees.worktree import View, Worktree, view_worktrees


@dataclass(frozen=True)
class Row:
    """One worktree of a list. ahead, behind: commits against its base as it is now, None
    when there is no base to compare with. status: None when git could not tell.
    operation: merge, rebase, … when it is in the middle of one."""

    worktree: Worktree
    ahead: int | None
    behind: int | None
    status: Status | None
    operation: str | None


def list_rows(repo: Repository) -> tuple[View, list[Row]]:
    """Every worktree of ours, oldest first, with its distance and its dirt."""
    listed = list_worktrees(repo)
    linked = [one.path for one in listed if not one.main and one.prunable is None]
    with ThreadPoolExecutor(max(2, cores())) as pool:
        statuses = {path: pool.submit(_status, repo, path) for path in linked}
        view = view_worktrees(repo, listed=listed)
        apart = distances(repo, view.mine)
        rows = [_row(worktree, apart, statuses) for worktree in view.mine]
    return view, rows


def distances(repo: Repository, worktrees: Sequence[Worktree]) -> dict[str, tuple[int, int]]:
    """Worktree id -> (ahead, behind) against its base: the ref as it is now, else the commit
    it was cut from."""
    refs = sorted({one.base["ref"] for one in worktrees if one.base.get("ref")})
    now = read_refs(repo, *refs)
    pairs = {
        one.id: (now.get(one.base.get("ref", ""), one.base["id"]), one.linked.head)
        for one in worktrees
        if one.linked and one.linked.head and one.base.get("id")
    }
    try:
        counted = count_apart(repo, pairs.values())
    except GitFailed:  # a base that was pruned: no distance is better than no list
        return {}
    return {name: counted.get(pair, (0, 0)) for name, pair in pairs.items()}


def _row(
    worktree: Worktree,
    apart: dict[str, tuple[int, int]],
    statuses: dict[Path, Future[Status | None]],
) -> Row:
    ahead, behind = apart.get(worktree.id, (None, None))
    asked = statuses.get(worktree.path)
    operation = find_operation(worktree.admin) if worktree.admin else None
    return Row(worktree, ahead, behind, asked.result() if asked else None, operation)


def _status(repo: Repository, path: Path) -> Status | None:
    try:
        return read_status(repo, path)
    except Problem:
        return None
