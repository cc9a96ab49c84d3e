"""The merge train under way: stacks are checked, what is green lands, culprits go back.

    plan_run(repo, target, how)                 ->  Plan: who would be stacked, in what order
    run_train(repo, target, how, say=…, show=…)  ->  Result

Promises: what lands is a commit of which the very tree was checked and found green; the target
moves by compare-and-swap, with the reviews' events and the queue in the same transaction. After
`kill -9` at any instant the next run goes on: finished checks are on record and not repeated.
Refuses: to run twice at once, and to blame anybody when the check cannot run, or when it fails
on the target itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gitcoord.errors import BadInput, Contended, NoSuch
from gitcoord.git.refs import find_ref
from gitcoord.git.repository import Repository
from gitcoord.process import Lease, cores, hold
from gitcoord.records import counted, now
from gitcoord.reviews.landing.landing import check_landing, settle_landings
from gitcoord.reviews.landing.merge import Wish, what_is_missing
from gitcoord.reviews.review import (
    IS_MERGED,
    OPEN,
    Review,
    list_reviews,
    read_review,
    refresh,
    short,
)
from gitcoord.reviews.train.checks import Checks, Frame
from gitcoord.reviews.train.outcomes import Landing, Moved, record_refusal
from gitcoord.reviews.train.search import Search, Stack
from gitcoord.reviews.train.stacking import Misfit, Stacks, plan_stack
from gitcoord.reviews.train.train import (
    CONFLICT,
    LANDED,
    UNAPPROVED,
    How,
    Outcome,
    commit,
    find_train,
    is_approved,
    lease_id,
    outcome_change,
    write_run,
)

# Stacked in one round; the rest wait for the next. 50 are composed in 1 s (18 ms each), and what
# is to come of their search is planned in 1 ms (of 100 in 8, of 200 in 73).
_MOST_AT_ONCE = 50

Say = Callable[[str], None]
Show = Callable[[Frame], None]


@dataclass(frozen=True)
class Plan:
    """What a run would do first. stack: in the order they would land. first: those of the first
    check. misfits: those that conflict. unapproved: id and why."""

    target: str
    stack: Stack
    first: Stack
    misfits: tuple[Misfit, ...]
    unapproved: tuple[tuple[str, str], ...]


@dataclass
class Result:
    """What a run came to. checks: started in it. broken: the end of what the check printed on
    the target itself, None when it passes there or that was not asked."""

    target: str
    outcomes: list[Outcome] = field(default_factory=list)
    checks: int = 0
    reused: int = 0
    broken: str | None = None

    def of(self, state: str) -> list[Outcome]:
        return [one for one in self.outcomes if one.state == state]


def plan_run(repo: Repository, target: str, how: How) -> Plan:
    """Nothing is changed but objects nobody refers to. Raises NoSuch."""
    reviews, away = _candidates(repo, target, how, check=False)
    stacks = _stacks(repo, target, how, reviews)
    stack, misfits = plan_stack(stacks)
    first = Search(list(stack), how.batch).wanted(1) if stack else [()]
    unapproved = tuple((one.review, one.said) for one in away)
    return Plan(target, stack, first[0], tuple(misfits), unapproved)


def run_train(
    repo: Repository,
    target: str,
    how: How,
    *,
    say: Say = lambda _: None,
    show: Show = lambda _: None,
) -> Result:
    """Land all that is green, until the queue is empty or nothing of it can land.

    Raises Contended when another process runs it, NoSuch without a target, BadInput without a
    command, Refused when the check cannot run or the target's checkout is in the way: then what
    was checked is kept, and the next run goes on with it. What is in the way for certain, such
    as a merge half done there, is refused before anything is checked.
    """
    if not how.command.strip():
        raise BadInput(
            "the merge train has no check to decide what lands",
            hint='set one, or give it with --check "CMD": gitcoord config set train.check '
            '"pytest -q"',
        )
    result = Result(target)
    with _held(repo, target):
        for line in settle_landings(repo):
            say(line)
        base = _base(repo, target)
        check_landing(repo, target, base, base)
        try:
            while result.broken is None:
                landing = _again(repo, target, how, say) or _begin(repo, target, how, result, say)
                if landing is None:
                    break
                _drive(landing, how, result, say, show)
        except BaseException:
            if find_train(repo, target).run:
                say("stopped; what was checked is kept, go on with: gitcoord train run")
            raise
    return result


def _held(repo: Repository, target: str) -> Lease:
    try:
        return hold(repo.own_dir, lease_id(target))
    except Contended as held:
        raise Contended(held.message, hint="see what it does: gitcoord train status") from held


def _drive(landing: Landing, how: How, result: Result, say: Say, show: Show) -> None:
    """One round, until all of its stack are decided or something moved under it."""
    repo, target = landing.repo, landing.target
    checks = Checks(landing, how.workers or cores(), say, show)
    try:
        checks.drive()
    except Moved as moved:
        say(f"{moved}; what is left is stacked anew")
    finally:
        result.outcomes += landing.outcomes
        result.checks += checks.started
        result.reused += checks.reused
    if landing.search.broken:
        result.broken = landing.output_of(())
    write_run(repo, target, None)


def _begin(repo: Repository, target: str, how: How, result: Result, say: Say) -> Landing | None:
    """A new round with those that fit on each other; None when nobody waits any more."""
    reviews, away = _candidates(repo, target, how)
    for outcome in away:
        _set_aside(repo, outcome, target, how, result, say)
    if not reviews:
        return None
    stacks = _stacks(repo, target, how, reviews)
    stack, misfits = plan_stack(stacks)
    if not stack:
        for misfit in misfits:
            _set_aside(repo, _conflict(misfit, reviews, target), target, how, result, say)
        return _begin(repo, target, how, result, say)
    about = {
        "base": stacks.base, "tip": stacks.base, "landed": [], "order": list(stack),
        "heads": {one: reviews[one].head for one in stack}, "started": now(), "by": how.by,
        "how": _about(how), "running": [], "answers": [],
    }  # fmt: skip
    write_run(repo, target, about)
    later = f", {counted(len(misfits), 'other')} after them" if misfits else ""
    say(f"{counted(len(stack), 'review')} stacked on {short(target)}{later}")
    search = Search(list(stack), how.batch)
    return Landing(repo, target, stacks, search, about, how, say)


def _again(repo: Repository, target: str, how: How, say: Say) -> Landing | None:
    """The round that was interrupted, as far as it came; None when there is none, or when
    what it stacked is not what would be stacked now."""
    train = find_train(repo, target)
    about = train.run
    if about is None:
        return None
    if about.get("how") != _about(how) or find_ref(repo, target) != about["tip"]:
        say("an interrupted run was for something else; stacked anew")
        write_run(repo, target, None)
        return None
    reviews = {one.id: refresh(repo, one) for one in list_reviews(repo, state="", bad=[])
               if one.id in about["order"]}  # fmt: skip
    waiting = {one: about["heads"][one] for one in about["order"] if one in train.queue}
    gone = any(one not in reviews for one in about["order"])
    if gone or any(reviews[one].head != head for one, head in waiting.items()):
        say("a review moved since the run was interrupted; stacked anew")
        write_run(repo, target, None)
        return None
    stacks = Stacks(repo, about["base"], reviews, how.method, how.findings)
    search = Search(list(about["order"]), how.batch)
    landing = Landing(repo, target, stacks, search, {**about, "running": []}, how, say)
    landing.replay()
    say(f"going on where a run stopped: {counted(len(about['answers']), 'answer')} on record")
    return landing


def _about(how: How) -> dict[str, Any]:
    """What the trees of a run, and what was said of them, rest on."""
    return {
        "check": _digest(how.command), "seconds": how.seconds, "batch": how.batch,
        "method": how.method, "findings": how.findings,
    }  # fmt: skip


def _digest(command: str) -> str:
    """The record is shared and the command may hold a secret: that it is the same is enough."""
    return hashlib.sha256(command.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _stacks(repo: Repository, target: str, how: How, reviews: Mapping[str, Review]) -> Stacks:
    return Stacks(repo, _base(repo, target), reviews, how.method, how.findings)


def _base(repo: Repository, target: str) -> str:
    found = find_ref(repo, target)
    if found is None:
        raise NoSuch(f"there is no branch {short(target)}", hint="see: git branch --list")
    return found


def _candidates(
    repo: Repository, target: str, how: How, *, check: bool = True
) -> tuple[dict[str, Review], list[Outcome]]:
    """The first reviews that may land, in the order they came; and what became of others.

    check: whether the built-in checks are made where nobody made them.
    """
    reviews: dict[str, Review] = {}
    away = []
    for one in find_train(repo, target).queue:
        if len(reviews) == _MOST_AT_ONCE:
            break
        try:
            review = refresh(repo, read_review(repo, one))
        except NoSuch:
            away.append(Outcome(one, UNAPPROVED, "", "it is gone"))
            continue
        why = _why_not(repo, review, target, how, check=check)
        if review.state == IS_MERGED and review.merge:
            commit = review.merge.text("commit")
            away.append(Outcome(one, LANDED, review.head, "merged otherwise", commit))
        elif why:
            away.append(Outcome(one, UNAPPROVED, review.head, why))
        else:
            reviews[one] = review
    return reviews, away


def _why_not(repo: Repository, review: Review, target: str, how: How, *, check: bool) -> str:
    """Why a review may not land, "" when it may: what stops `review merge` stops the train."""
    if review.state != OPEN:
        return f"it is {review.state}"
    if review.target != target:
        return f"it is for {short(review.target)} now"
    if not is_approved(review, how.approvals):
        return "not approved as it is now"
    if not repo.find_commit(review.head):
        return "its commit is not in this clone"
    if not check:
        return ""
    wish = Wish(how.method, approvals=how.approvals, validators=how.validators)
    missing = what_is_missing(repo, review, wish)
    return "; ".join(f"{one.what} ({one.command})" for one in missing)


def _conflict(misfit: Misfit, reviews: Mapping[str, Review], target: str) -> Outcome:
    there = short(target) if not misfit.meets else " and ".join(misfit.meets)
    said = misfit.said or f"conflicts with {there}"
    head = reviews[misfit.review].head
    return Outcome(misfit.review, CONFLICT, head, said, paths=misfit.paths)


def _set_aside(
    repo: Repository, outcome: Outcome, target: str, how: How, result: Result, say: Say
) -> None:
    """Out of the queue, with an event where it is for something in the review."""
    if outcome.state == CONFLICT:
        record_refusal(repo, outcome, target, how)
    else:
        commit(repo, lambda: [outcome_change(repo, target, [outcome])])
    result.outcomes.append(outcome)
    say(f"{outcome.review}: set aside, {outcome.said}")
