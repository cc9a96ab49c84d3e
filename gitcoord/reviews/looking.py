"""A worktree to look at a review in: the one its branch is checked out in, or one made for it.

Promises: what is made stands on the very commit under review, detached, so that nothing done
there moves the branch, and is ours, so that `gitcoord remove` takes it away. Refuses: a place
where anything is.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitcoord.config import Config
from gitcoord.errors import NoSuch, Problem
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import add_worktree, check_out, unlock_worktree
from gitcoord.records import new_id
from gitcoord.redaction import without_controls
from gitcoord.reviews.review import Review, short
from gitcoord.worktrees.adoption import adopt, plan_adoption
from gitcoord.worktrees.place import (
    check_limit,
    check_unseen,
    claim_place,
    default_place,
    free_place,
)
from gitcoord.worktrees.worktree import view_worktrees

_KIND = "investigation"


@dataclass(frozen=True)
class Look:
    """path: where. there: it was there before, with the branch checked out. id: of the worktree
    of ours, "" while it is not. head: the commit."""

    path: Path
    there: bool
    id: str
    head: str


def plan_look(repo: Repository, review: Review, config: Config, path: Path | None = None) -> Look:
    """What `look` will do, changing nothing. path: where to make one; then one is made."""
    view = view_worktrees(repo)
    if path is None:
        for one in view.listed:
            if one.branch == review.branch and one.prunable is None:
                ours = next((mine.id for mine in view.mine if mine.linked == one), "")
                return Look(one.path, True, ours, one.head or "")
    if repo.find_commit(review.head) is None:
        raise NoSuch(
            f"commit {review.head[:12]} of {review.id} is not here",
            hint="fetch it from where the review was made: git fetch REMOTE",
        )
    check_limit(view.listed, config.worktree.limit)
    made = new_id("look", review.title)
    names = {"id": made, "kind": "look"}
    wanted = path or default_place(repo, view.listed[0], config.worktree.path, names)
    place = free_place(repo, wanted, view.listed)
    check_unseen(repo, place)
    return Look(place, False, "", review.head)


def look(repo: Repository, review: Review, plan: Look) -> Look:
    """Make the worktree of the plan, or leave nothing behind."""
    if plan.there:
        return plan
    plan.path.parent.mkdir(parents=True, exist_ok=True)
    with claim_place(repo, plan.path):
        add_worktree(
            repo, plan.path, None, lock=f"gitcoord: made to look at {review.id}", commit=plan.head
        )
    try:
        check_out(repo, plan.path)
        unlock_worktree(repo, plan.path)
        task = without_controls(f"Look at review {review.id}: {review.title}")
        adoption = plan_adoption(
            repo, view_worktrees(repo), plan.path, kind=_KIND, task=task,
            base=short(review.target),
        )  # fmt: skip
        return Look(plan.path, False, adopt(repo, adoption).id, plan.head)
    except BaseException:
        with suppress(Problem):
            repo.run("worktree", "remove", "--force", "--force", "--", str(plan.path))
        raise
