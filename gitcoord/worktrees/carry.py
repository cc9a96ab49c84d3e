"""The user's uncommitted work, taken along into a new worktree.

Promises: the worktree it is taken from is only read. What was staged is staged there too,
where that fits.
Refuses: to leave a part of it behind in silence, and to make a conflict nobody asked for.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import BadInput, Refused
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import switch_files, take_snapshot
from gitcoord.git.worktrees import list_worktrees
from gitcoord.worktrees import recovery
from gitcoord.worktrees.parking import merge_onto


@dataclass(frozen=True)
class Load:
    """What the new worktree will hold. onto: the commit it starts at. files, staged: trees."""

    onto: str
    files: str
    staged: str

    def unload(self, repo: Repository, path: Path) -> None:
        """Put it into the fresh worktree at `path`."""
        switch_files(repo, path, f"{self.onto}^{{tree}}", self.files)
        # --reset: in a sparse checkout the entries that did not change stay skipped.
        repo.run("read-tree", "--reset", self.staged, at=path)
        repo.run("update-index", "-q", "--refresh", ok=(0, 1), at=path)


def load(repo: Repository, source: Path, onto: str) -> Load:
    """The uncommitted work in the worktree at `source`, on top of the commit `onto`.

    Raises Refused when it conflicts with that, BadInput for what fits no tree.
    """
    others = [one.path for one in list_worktrees(repo)]
    seen = take_snapshot(repo, source, largest=recovery.LARGEST, exclude=others)
    if seen.conflicts:
        raise BadInput(
            "your worktree has files in conflict, which cannot be carried over",
            hint="resolve them first: git status",
        )
    within = {os.path.relpath(one, source) for one in others}
    left = [name for name in dict.fromkeys(seen.left_out) if name.rstrip("/") not in within]
    if left:
        raise BadInput(
            f"cannot be carried over: {', '.join(left[:5])} (too large, or a repository)",
            hint="move it out of the way, or start without --with-changes; see: git status",
        )
    head = repo.commit("HEAD")
    files = merge_onto(repo, head, seen.files, onto)
    return Load(onto, files, _fitting(repo, head, seen.staged, onto))


def _fitting(repo: Repository, head: str, staged: str, onto: str) -> str:
    """The index for it; where that conflicts and the files do not, nothing is staged."""
    try:
        return merge_onto(repo, head, staged, onto)
    except Refused:
        return f"{onto}^{{tree}}"
