"""Everything about one review: what it is, where it stands, and what is missing until it lands."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitcoord.git.history import Commit, list_commits
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import list_worktrees, read_status
from gitcoord.reviews.differing import Changed, list_changed
from gitcoord.reviews.placing import find_places
from gitcoord.reviews.review import OPEN, Review, refresh, short
from gitcoord.reviews.saying import pass_on
from gitcoord.reviews.standing import Standing, standing
from gitcoord.reviews.threads import Place
from gitcoord.reviews.train.train import broke_the_check, find_train
from gitcoord.reviews.verdicts.validator import ROLE, Validator
from gitcoord.reviews.verdicts.verdict import REFUSED
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
    """commits: newest first, MOST_COMMITS at most. places: of threads, by id. left_out: see
    `list_left_out`."""

    review: Review
    standing: Standing
    commits: Sequence[Commit]
    changed: Sequence[Changed]
    findings: Sequence[Written]
    places: Mapping[str, Place]
    missing: Sequence[Missing]
    left_out: Sequence[tuple[Path, int]] = ()


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
        find_places(repo, review),
        [
            *list_missing(
                review, now, approvals=approvals, asked={one.name for one in validators}
            ),
            *_train_says(repo, review),
        ],
        list_left_out(repo, review),
    )  # fmt: skip


def list_left_out(repo: Repository, review: Review) -> list[tuple[Path, int]]:
    """Where an open review's branch is checked out, and how many files there are not committed:
    what its author may believe to be under review. 1 git process, and 1 for each."""
    if review.state != OPEN:
        return []
    places = [one.path for one in list_worktrees(repo) if one.branch == review.branch]
    counts = [(path, _uncommitted(repo, path)) for path in places if path.is_dir()]
    return [(path, count) for path, count in counts if count]


def _uncommitted(repo: Repository, path: Path) -> int:
    status = read_status(repo, path)
    return status.staged + status.unstaged + status.untracked + status.unmerged


def list_missing(
    review: Review, now: Standing, *, approvals: int, asked: Collection[str] | None = None
) -> list[Missing]:
    """What stands between an open review and its merge; for others nothing. asked: names of the
    validators a merge asks; what another said stands in no way, unless an agent refused."""
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
        asking = [one for one in review.opinions if one.state == CHANGES_REQUESTED]
        what = f"changes are requested by {', '.join(one.by for one in asking)}"
        if all(one.stale for one in asking):
            found.append(Missing(f"{what}, of an earlier version", f"{diff} --range-diff"))
        else:
            found.append(Missing(what, resume or f"gitcoord review approve {review.id}"))
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
        verdict = check.verdict
        by_role = verdict.kind == ROLE and verdict.state == REFUSED
        counts = asked is None or verdict.validator in asked or by_role
        if check.fresh and counts and not verdict.passes:
            found.append(
                Missing(f"{verdict.validator} says {verdict.state}: {verdict.said}", resume or diff)
            )
    if now.missing:
        names = ", ".join(now.missing)
        found.append(
            Missing(f"not checked as it is: {names}", f"gitcoord review check {review.id}")
        )
    return found


def _train_says(repo: Repository, review: Review) -> Iterator[Missing]:
    may_land = review.state == OPEN and review.target
    if may_land and (said := broke_the_check(find_train(repo, review.target), review)):
        way = f"gitcoord resume {review.worktree}" if review.worktree else "gitcoord train status"
        yield Missing(f"it broke the check of the train: {said}", way)


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
