"""A review landing on its target, in words and JSON. Reads no git, decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gitcoord.records import counted
from gitcoord.view.plain import one_line

if TYPE_CHECKING:
    from gitcoord.reviews.landing.merge import Merge

_MOST_COMMITS = 20


def merge_json(merge: Merge, *, merged: bool) -> dict[str, Any]:
    """merged: whether it happened; commits that were not kept have no id. `checkout` is null
    where the target is not checked out."""
    where, made, review = merge.where, merge.candidate, merge.review
    files, added, removed = merge.stat
    return {
        "id": review.id,
        "title": review.title,
        "branch": _short(review.branch),
        "target": _short(review.target),
        "method": merge.method,
        "head": review.head,
        "target_before": merge.onto,
        "commit": made.commit if merged else None,
        "tree": made.tree,
        "conflicts": list(made.conflicts),
        "missing": [vars(one) for one in merge.missing],
        "commits": [
            {"id": one.id if merged else None, "subject": one.subject} for one in merge.commits
        ],
        "dropped": list(made.dropped),
        "stat": {"files": files, "added": added, "removed": removed},
        "checkout": str(where.worktree) if where and where.worktree else None,
        "submodules": list(where.submodules) if where else [],
        "worktree": review.worktree,
        "merged": merged,
    }


def planned_lines(merge: Merge) -> list[str]:
    """What would land and where, or what stands in the way."""
    review, target = merge.review, _short(merge.review.target)
    if merge.missing:
        return [
            f"{review.id} would not land on {target}:",
            *(f"  {one_line(one.what, 400)}: {one.command}" for one in merge.missing),
        ]
    return [
        f"would land {review.id} on {target} ({merge.method}): {one_line(review.title, 200)}",
        *_commit_lines(merge),
        f"  {_stat(merge)}",
        *(f"  {line}" for line in _where(merge, "would move along")),
    ]


def merged_lines(merge: Merge) -> list[str]:
    """What landed, and where."""
    review = merge.review
    return [
        f"landed {review.id} on {_short(review.target)} as {merge.candidate.commit[:12]} "
        f"({merge.method}): {one_line(review.title, 200)}",
        f"  {_stat(merge)}",
        *(f"  {line}" for line in _where(merge, "moved along")),
    ]


def next_lines(merge: Merge) -> list[str]:
    """What is to be done now."""
    lines = []
    if merge.where and merge.where.submodules:
        folder = merge.where.worktree
        lines.append(f"bring its submodules along: git -C '{folder}' submodule update")
    if merge.review.worktree:
        lines.append(f"its worktree may go: gitcoord remove {merge.review.worktree}")
    return lines


def _commit_lines(merge: Merge) -> Iterator[str]:
    for one in merge.commits[:_MOST_COMMITS]:
        yield f"  {one_line(one.subject, 100)}"
    if len(merge.commits) > _MOST_COMMITS:
        yield f"  and {len(merge.commits) - _MOST_COMMITS} more"
    if merge.candidate.dropped:
        dropped = counted(len(merge.candidate.dropped), "commit")
        yield f"  without {dropped} of which nothing would be left there"


def _where(merge: Merge, verb: str) -> Iterator[str]:
    where = merge.where
    if where is None or where.worktree is None:
        yield "the target is checked out nowhere"
        return
    yield f"its checkout {where.worktree} {verb}: {counted(len(where.steps), 'file')}"


def _stat(merge: Merge) -> str:
    files, added, removed = merge.stat
    return f"{counted(files, 'file')}, +{added} -{removed}"


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/")
