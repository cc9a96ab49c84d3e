"""All worktrees at once: how far from their base, and what is uncommitted in them.

The time goes into `git status` of each worktree, so some of these are started before
anything else is asked; the rest follow, as many at a time as there are cores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import GitFailed
from gitcoord.git.graph import count_apart
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.run import Several
from gitcoord.git.worktrees import (
    Status,
    find_operation,
    parse_status,
)
from gitcoord.worktrees.statuses import ask_statuses
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


def list_rows(repo: Repository, asked: Several | None = None) -> tuple[View, list[Row]]:
    """Every worktree of ours, oldest first, with its distance and its dirt.

    asked: their statuses, when somebody asked before.
    """
    with asked or ask_statuses(repo) as asked:
        view = view_worktrees(repo)
        apart = distances(repo, view.mine)
        here = [one.path for one in view.mine if one.linked and one.linked.prunable is None]
        statuses = _statuses(asked, here)
    return view, [_row(worktree, apart, statuses) for worktree in view.mine]


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


def _statuses(asked: Several, paths: Iterable[Path]) -> dict[Path, Status | None]:
    """Path -> status; None where git could not tell, which is not the same as clean."""
    outputs = asked.outputs(paths)
    return {
        path: parse_status(output) if output.code == 0 else None for path, output in outputs.items()
    }


def _row(
    worktree: Worktree,
    apart: Mapping[str, tuple[int, int]],
    statuses: Mapping[Path, Status | None],
) -> Row:
    ahead, behind = apart.get(worktree.id, (None, None))
    operation = find_operation(worktree.admin) if worktree.admin else None
    return Row(worktree, ahead, behind, statuses.get(worktree.path), operation)
