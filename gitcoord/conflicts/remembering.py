"""What edits.py answers from: every worktree's changes with their lines, kept after a scan."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gitcoord.conflicts.deltas import Changed
from gitcoord.conflicts.edits import FILE, SCHEMA
from gitcoord.conflicts.engine import Comparison, Engine
from gitcoord.conflicts.recall import known_hunks
from gitcoord.conflicts.scan import Seen
from gitcoord.conflicts.whole import write_whole
from gitcoord.git.repository import Repository


def remember(
    repo: Repository, engine: Engine, target: str, known: Sequence[Seen], found: Comparison
) -> None:
    """Keep what every worktree changes. found: of the sides `known`, in their order."""
    changes = [
        (index, path, change)
        for index, delta in found.deltas.items()
        for path, change in delta.files.items()
    ]
    wanted = {(change.old, change.new) for _, _, change in changes if change.is_edit}
    fresh = known_hunks(engine, wanted - found.hunks.keys(), found.owners)
    hunks = {**found.hunks, **fresh}
    paths: dict[str, list[Any]] = {}
    for index, path, change in changes:
        lines = hunks.get((change.old, change.new)) if change.is_edit else None
        row = [index, _how(change), lines, path not in known[index].uncommitted]
        paths.setdefault(path, []).append(row)
    document = {
        "schema": SCHEMA,
        "target": target,
        "worktrees": [[one.id, one.branch, one.task] for one in known],
        "paths": paths,
    }
    write_whole(repo.own_dir / FILE, document)


def _how(change: Changed) -> str:
    if change.is_edit:
        return "edit"
    if change.old_mode == "000000":
        return "add"
    return "delete" if change.new_mode == "000000" else "other"
