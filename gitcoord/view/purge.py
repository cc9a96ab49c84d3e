"""A purge in words: where it is, what would be done, what was done, what is left to the user.

The text itself is never shown: whoever reads along must not learn it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gitcoord.records import counted
from gitcoord.view.plain import plain
from gitcoord.worktrees.purge import Purge, Purged

_TOLD = 20


def plan_lines(plan: Purge, *, branches: bool) -> Iterator[str]:
    """What would be rewritten and deleted, and what would not."""
    yield f"in {counted(len(plan.objects), 'object')} of git"
    yield from _listed("record", "records", plan.records, "rewritten")
    how = "rewritten" if branches else "left as they are; rewritten with --branches"
    yield from _listed("branch of agents", "branches of agents", plan.branches, how)
    yield from _listed("file", "files", [str(one) for one in plan.files], "rewritten")
    yield from _listed(
        "file", "files", [str(one) for one in plan.aside], "of removed work, left to you"
    )
    for ref, commit in list(plan.others.items())[:_TOLD]:
        yield f"yours, never rewritten here: {plain(ref)}; {commit[:12]} brought it"
    if plan.others:
        yield "to rewrite yours: git filter-repo --replace-text FILE, then gitcoord purge again"


def done_lines(done: Purged) -> Iterator[str]:
    yield (
        f"rewrote {counted(len(done.refs), 'ref')} and {counted(len(done.files), 'file')}, "
        f"deleted {counted(done.dropped, 'object')}"
    )
    for what, why in list(done.left.items())[:_TOLD]:
        yield f"left: {plain(what)}: {plain(why)}"
    if len(done.left) > _TOLD:
        yield f"left: {len(done.left) - _TOLD} more; all of them: --json"


def as_json(plan: Purge, done: Purged | None) -> dict[str, Any]:
    """The plan, and what was done of it (null for a dry run)."""
    return {
        "objects": dict(plan.objects),
        "records": list(plan.records),
        "branches": list(plan.branches),
        "others": dict(plan.others),
        "files": [str(one) for one in plan.files],
        "aside": [str(one) for one in plan.aside],
        "done": done
        and {
            "refs": list(done.refs),
            "files": [str(one) for one in done.files],
            "dropped": done.dropped,
            "left": dict(done.left),
        },
    }


def _listed(noun: str, many: str, names: Sequence[str], how: str) -> Iterator[str]:
    if names:
        yield f"{len(names)} {noun if len(names) == 1 else many}, {how}:"
        yield from (f"  {plain(name)}" for name in names[:_TOLD])
        if len(names) > _TOLD:
            yield f"  and {len(names) - _TOLD} more"
