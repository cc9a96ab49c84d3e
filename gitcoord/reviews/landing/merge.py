"""One review merged into its target by a person.

A merge is planned, shown with `--dry-run`, and the plan carried out. Promises: the commit that was
approved is the one that lands: target, branch and the review's own record are compared in the
transaction that moves the target, and what moved meanwhile is planned anew.
Refuses: too few approvals (unless forced), and forced or not: requested changes, verdicts that
refuse, checks that were not made, conflicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from shlex import quote

from gitcoord.checks.content import examine
from gitcoord.checks.trees import committed_files
from gitcoord.errors import Contended, NoSuch, Refused
from gitcoord.git.history import Commit, list_commits
from gitcoord.git.quarantine import quarantine
from gitcoord.git.refs import Change, find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import list_worktrees
from gitcoord.reviews.events import MERGED
from gitcoord.reviews.landing.composing import MERGE, SQUASH, Candidate, compose
from gitcoord.reviews.landing.landing import Where, check_landing, kept_head, land
from gitcoord.reviews.review import (
    OPEN,
    Review,
    event_change,
    read_review,
    refresh,
    short,
)
from gitcoord.reviews.saying import withdraw_requests
from gitcoord.reviews.showing import Missing
from gitcoord.reviews.verdicts.checking import validate
from gitcoord.reviews.verdicts.telling import subject_under
from gitcoord.reviews.verdicts.validator import BUILTIN, ROLE, Validator
from gitcoord.reviews.verdicts.verdict import REFUSED, Verdict, find_verdicts, list_verdicts
from gitcoord.reviews.versions import CHANGES_REQUESTED, contains

_TRIES = 5
_MOST_COMMITS = 200
_SECRETS = "secrets"


@dataclass(frozen=True)
class Wish:
    """How to merge. approvals: how many it needs. validators: those that have to have passed it.
    force: also with fewer approvals."""

    method: str = MERGE
    findings: bool = False
    approvals: int = 1
    validators: Sequence[Validator] = ()
    force: bool = False


@dataclass(frozen=True)
class Merge:
    """What would land, or landed, and where. missing: what stands in the way; then there is no
    place. commits: those that are new on the target, newest first, 200 at most, but for the
    branch's own below a merge commit. stat: files, lines added, lines removed."""

    review: Review
    method: str
    onto: str
    candidate: Candidate
    where: Where | None = None
    missing: tuple[Missing, ...] = ()
    commits: tuple[Commit, ...] = ()
    stat: tuple[int, int, int] = (0, 0, 0)


def foresee(repo: Repository, review: Review, wish: Wish) -> Merge:
    """The merge as it would be; nothing of it is kept, and nothing is signed. Raises as
    `merge` does, but for what is in `missing`."""
    review = refresh(repo, review)
    with quarantine(repo) as aside:
        return _plan(aside, review, wish, sign=False)


def merge(
    repo: Repository,
    review: Review,
    wish: Wish,
    *,
    by: str,
    say: Callable[[str], None] = lambda _: None,
) -> Merge:
    """Merge it. say: hears what was settled of a landing that died.

    Raises Refused, saying what stands in the way; NoSuch when the target is gone; Contended when
    target or branch keep moving.
    """
    for left in reversed(range(_TRIES)):
        review = refresh(repo, review)
        _check_builtins(repo, review, wish)
        plan = _plan(repo, review, wish, sign=True)
        _refuse(plan)
        try:
            _land(repo, plan, by, say)
        except Contended:
            if not left:
                raise
            review = read_review(repo, review.id)
        else:
            withdraw_requests(repo, read_review(repo, review.id))
            return plan
    raise AssertionError("the last try returns or raises")


def what_is_missing(repo: Repository, review: Review, wish: Wish) -> list[Missing]:
    """What opinions and verdicts say against landing it as it is now; the built-in checks are
    made where nobody made them."""
    _check_builtins(repo, review, wish)
    return _missing(repo, review, wish)


def _missing(repo: Repository, review: Review, wish: Wish) -> list[Missing]:
    return [
        *_opinions(review, wish),
        *missing_verdicts(repo, review, wish),
        *_secrets_on_the_way(repo, review, wish),
    ]


def _plan(repo: Repository, review: Review, wish: Wish, *, sign: bool) -> Merge:
    onto = _check_open(repo, review)
    missing = _missing(repo, review, wish)
    made = compose(repo, review, onto, method=wish.method, findings=wish.findings, sign=sign)
    if made.conflicts:
        missing.append(_conflicts(repo, review, made))
        return Merge(review, wish.method, onto, made, None, tuple(missing))
    if made.empty:
        raise Refused(
            f"nothing of {review.id} would land on {short(review.target)}: it has all but findings",
            hint=f"close it: gitcoord review close {review.id}, or land those: gitcoord review "
            f"merge {review.id} --findings",
        )
    where = check_landing(repo, review.target, onto, made.commit) if not missing else None
    new = list_commits(
        repo, made.commit, f"^{onto}", options=("--first-parent",), limit=_MOST_COMMITS,
        with_paths=False,
    )  # fmt: skip
    stat = _stat(repo, onto, made.commit)
    return Merge(review, wish.method, onto, made, where, tuple(missing), tuple(new), stat)


def _check_open(repo: Repository, review: Review) -> str:
    """The commit its target is at. Raises when there is nothing to merge, or nowhere."""
    if review.state != OPEN:
        raise Refused(
            f"{review.id} is {review.state}", hint=f"see: gitcoord review show {review.id}"
        )
    onto = find_ref(repo, review.target)
    if onto is None:
        raise NoSuch(f"its target {short(review.target)} is gone", hint="see: git branch --list")
    if not review.head or repo.find_commit(review.head) is None:
        raise NoSuch(
            f"the commit under review is not in this clone: {review.head[:12] or 'unknown'}",
            hint="fetch it: gitcoord review sync",
        )
    if contains(repo, onto, review.head):
        raise Refused(
            f"{short(review.target)} has all of {short(review.branch)} already",
            hint=f"close it: gitcoord review close {review.id}",
        )
    return onto


def _opinions(review: Review, wish: Wish) -> Iterator[Missing]:
    if review.decision == CHANGES_REQUESTED:
        asking = ", ".join(one.by for one in review.opinions if one.state == CHANGES_REQUESTED)
        yield Missing(f"changes are requested by {asking}", f"gitcoord review show {review.id}")
    given = len(review.approvals(review.head))
    if given < wish.approvals and not wish.force:
        yield Missing(
            f"{given} of {wish.approvals} approvals of {review.head[:12]}",
            f"gitcoord review approve {review.id}",
        )


def missing_verdicts(repo: Repository, review: Review, wish: Wish) -> Iterator[Missing]:
    """Validators that did not pass it, or were not asked; built-in ones are asked by the merge.
    An agent that was asked for once, besides those, has to be answered as well when it refused."""
    found = find_verdicts(repo, subject_under(review), wish.validators)
    found = _refusals_of_agents(repo, review) | found
    for name, verdict in found.items():
        if not verdict.passes:
            yield Missing(
                f"{name} says {verdict.state}: {verdict.said}", f"gitcoord review show {review.id}"
            )
    unasked = [one.name for one in wish.validators if one.name not in found and one.kind != BUILTIN]
    if unasked:
        yield Missing(
            f"not checked as it is: {', '.join(unasked)}", f"gitcoord review check {review.id}"
        )


def _secrets_on_the_way(repo: Repository, review: Review, wish: Wish) -> Iterator[Missing]:
    """What one commit put in and a later one took out: a check of the whole does not see it, and
    it lands with the history, but for a squash. Asked where secrets are asked for at all."""
    if wish.method == SQUASH or _SECRETS not in {one.name for one in wish.validators}:
        return
    since = [f"^{review.base}"] if review.base else []
    commits = repo.run("rev-list", review.head, *since, "--").lines()
    for commit, file in committed_files(repo, commits):
        for remark in examine([file], largest=0, only=(_SECRETS,))[:1]:
            yield Missing(
                f"commit {commit[:9]} has what looks like a secret: {remark.place}",
                f"gitcoord review merge {review.id} --squash",
            )


def _refusals_of_agents(repo: Repository, review: Review) -> dict[str, Verdict]:
    """What the latest of each said of what is under review, where that is a no."""
    said = {
        one.validator: one
        for one in list_verdicts(repo, tree=review.tree)
        if one.kind == ROLE and one.base == review.base
    }
    return {name: one for name, one in said.items() if one.state == REFUSED}


def _check_builtins(repo: Repository, review: Review, wish: Wish) -> None:
    builtins = [one for one in wish.validators if one.kind == BUILTIN]
    if review.state == OPEN and builtins and review.head and repo.find_commit(review.head):
        validate(repo, subject_under(review), builtins)


def _conflicts(repo: Repository, review: Review, made: Candidate) -> Missing:
    paths = ", ".join(made.conflicts[:5])
    more = f" and {len(made.conflicts) - 5} more" if len(made.conflicts) > 5 else ""
    at = next((one.path for one in list_worktrees(repo) if one.branch == review.branch), None)
    branch, target = quote(short(review.branch)), short(review.target)
    where = f"git -C {quote(str(at))}" if at else f"git switch {branch} && git"
    return Missing(f"it conflicts with {target} in {paths}{more}", f"{where} merge {quote(target)}")


def _refuse(plan: Merge) -> None:
    if plan.missing:
        raise Refused(
            f"{plan.review.id} cannot be merged: {'; '.join(one.what for one in plan.missing)}",
            hint=f"first: {plan.missing[0].command}",
        )


def _land(repo: Repository, plan: Merge, by: str, say: Callable[[str], None]) -> None:
    review, commit = plan.review, plan.candidate.commit
    event = event_change(
        repo, review, MERGED, commit=commit, method=plan.method, target_before=plan.onto,
        head=review.head, by=by,
    )  # fmt: skip
    also = [event, *kept_head(repo, review)]
    if find_ref(repo, review.branch) is not None:
        also.append(Change(review.branch, review.head, review.head))
    reason = f"gitcoord review merge {review.id} ({plan.method})"
    land(repo, review.target, plan.onto, commit, reason=reason, also=also, say=say)


def _stat(repo: Repository, old: str, new: str) -> tuple[int, int, int]:
    said = repo.run("diff-tree", "-r", "-z", "--numstat", "--no-renames", old, new).fields()
    counts = [[int(one) if one.isdigit() else 0 for one in line.split("\t")[:2]] for line in said]
    return len(counts), sum(one[0] for one in counts), sum(one[1] for one in counts)
