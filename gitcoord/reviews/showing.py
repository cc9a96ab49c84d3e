"""Everything about one review: what it is, where it stands, and what is missing until it lands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gitcoord.git.history import Commit, list_commits
from gitcoord.git.repository import Repository
from gitcoord.reviews.differing import Changed, list_changed
from gitcoord.reviews.placing import find_places
from gitcoord.reviews.review import OPEN, Review, refresh, short
from gitcoord.reviews.saying import pass_on
from gitcoord.reviews.standing import Standing, standing
from gitcoord.reviews.threads import Place
from gitcoord.reviews.verdicts.validator import Validator
from gitcoord.reviews.versions import CHANGES_REQUESTED
from gitcoord.worktrees.findings import Written, list_findings

MOST_COMMITS = 200


@dataclass(frozen=True)
class Missing:
    """what: stands in the way. command: what may change that."""

    what: str
    command: str


@dataclass(frozen=True)
class Shown:
    """commits: newest first, MOST_COMMITS at most. places: of threads, by id."""

    review: Review
    standing: Standing
    commits: Sequence[Commit]
    changed: Sequence[Changed]
    findings: Sequence[Written]
    places: Mapping[str, Place]
    missing: Sequence[Missing]


def show(
    repo: Repository, review: Review, *, approvals: int, validators: Sequence[Validator] = ()
) -> Shown:
    """Look at a review, as its branch is now. approvals: how many a merge needs. validators:
    those that have to have judged it."""
    review = refresh(repo, review)
    pass_on(repo, review)
    now = standing(repo, [review], uncommitted=True, meaning=True, validators=validators)[review.id]
    return Shown(
        review, now, _commits(repo, review, now), _changed(repo, review), _findings(repo, review),
        find_places(repo, review), list_missing(review, now, approvals=approvals),
    )  # fmt: skip


def list_missing(review: Review, now: Standing, *, approvals: int) -> list[Missing]:
    """What stands between an open review and its merge; for others nothing."""
    if review.state != OPEN:
        return []
    if now.ahead == 0:
        has_all = f"{short(review.target)} has all of it already"
        return [Missing(has_all, f"gitcoord review close {review.id}")]
    found: list[Missing] = []
    given = len(review.approvals())
    resume = f"gitcoord resume {review.worktree}" if review.worktree else ""
    diff = f"gitcoord review diff {review.id}"
    if review.decision == CHANGES_REQUESTED:
        asking = [one.by for one in review.opinions if one.state == CHANGES_REQUESTED]
        again = f"gitcoord review approve {review.id}"
        found.append(Missing(f"changes are requested by {', '.join(asking)}", resume or again))
    if given < approvals:
        stale = sum(one.stale and one.state != CHANGES_REQUESTED for one in review.opinions)
        was = f"; {stale} given to an earlier version" if stale else ""
        found.append(
            Missing(
                f"{given} of {approvals} approvals{was}", f"gitcoord review approve {review.id}"
            )
        )
    if now.conflicts_target:
        where = f"gitcoord conflicts show {review.worktree}" if review.worktree else diff
        found.append(Missing("it conflicts with its target", where))
    for check in now.checks:
        if check.fresh and not check.verdict.passes:
            verdict = check.verdict
            found.append(
                Missing(f"{verdict.validator} says {verdict.state}: {verdict.said}", resume or diff)
            )
    if now.missing:
        names = ", ".join(now.missing)
        found.append(
            Missing(f"not checked as it is: {names}", f"gitcoord review check {review.id}")
        )
    return found


def _commits(repo: Repository, review: Review, now: Standing) -> list[Commit]:
    """Those of the branch; of an open review without what the target has taken in since."""
    if now.ahead is None:
        return []
    taken = now.target if review.state == OPEN else ""
    since = [f"^{commit}" for commit in (review.base, taken) if commit]
    return list(list_commits(repo, review.head, *since, limit=MOST_COMMITS, with_paths=False))


def _changed(repo: Repository, review: Review) -> list[Changed]:
    return list_changed(repo, review) if review.head else []


def _findings(repo: Repository, review: Review) -> list[Written]:
    if not review.worktree:
        return []
    return list_findings(repo, review.worktree, review.branch.removeprefix("refs/heads/"))
