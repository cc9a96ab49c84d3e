"""The file in a worktree's git dir that ties it to its record.

Neither a moved folder nor a renamed branch loses it, and git removes it with the worktree.
"""

from __future__ import annotations

from pathlib import Path

from gitcoord.git.worktrees import write_whole

_FILE = "agentcoord-id"


def read_mark(admin: Path) -> str | None:
    """The id of the record, None when there is none."""
    try:
        return (admin / _FILE).read_text("ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def write_mark(admin: Path, worktree_id: str) -> None:
    write_whole(admin / _FILE, f"{worktree_id}\n")
