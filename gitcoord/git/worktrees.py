"""git's own view of the worktrees of a repository.

Promises: names and paths in any bytes (`--porcelain -z`). Refuses: a global
`git worktree prune`, which unregisters absent worktrees for good.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from gitcoord.git.repository import Repository


@dataclass(frozen=True)
class Linked:
    """One line of `git worktree list`. main: the worktree the repository came with.

    head: object id, None when unborn or bare. branch: full ref name, None when detached.
    locked, prunable: the reason, None when not; "" is a lock without a reason.
    """

    path: Path
    head: str | None
    branch: str | None
    main: bool
    bare: bool
    locked: str | None
    prunable: str | None

    @property
    def branch_name(self) -> str | None:
        return self.branch.removeprefix("refs/heads/") if self.branch else None


def list_worktrees(repo: Repository) -> list[Linked]:
    """All worktrees git knows, the main one first."""
    listed = repo.run("worktree", "list", "--porcelain", "-z")
    blocks = os.fsdecode(listed.out).split("\0\0")
    return [_parse(block, main=index == 0) for index, block in enumerate(blocks) if block]


def _parse(block: str, *, main: bool) -> Linked:
    said = dict(line.partition(" ")[::2] for line in block.split("\0") if line)
    head = said.get("HEAD")
    return Linked(
        path=Path(said["worktree"]),
        head=head if head and head.strip("0") else None,
        branch=said.get("branch"),
        main=main,
        bare="bare" in said,
        locked=said.get("locked"),
        prunable=said.get("prunable"),
    )
