"""The merge train of a target: which reviews wait to land there, and what became of the others.

    plan_adding(repo, …)  ->  reviews     add(repo, reviews, by=…)     remove(repo, review, by=…)
    find_train(repo, target)  ->  Train   list_trains(repo)

`refs/agentcoord/trains/<slug of the target>`: `record.toml` has queue and outcomes, `run.toml` is
there while a run goes on, or was interrupted. Refuses: a review that is not approved.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitcoord.errors import BadInput, Contended, NoSuch, Problem, Refused, Taken
from gitcoord.git.objects import Batch
from gitcoord.git.refs import Change, change_refs, find_ref
from gitcoord.git.repository import Repository
from gitcoord.process import is_held
from gitcoord.records import between, match_id, now
from gitcoord.reviews.review import OPEN, Review, find_review, list_reviews, refresh, short
from gitcoord.reviews.verdicts.validator import Validator
from gitcoord.reviews.versions import CHANGES_REQUESTED
from gitcoord.state.store import Record, Store

KIND = "trains"
RUN = "run"
LANDED, CULPRIT, CONFLICT, UNAPPROVED, FLAKE = (
    "landed",
    "culprit",
    "conflict",
    "unapproved",
    "flake",
)
_OUTCOMES_KEPT = 100
_LONGEST_OUTPUT = 4_000
_TRIES = 20


@dataclass(frozen=True)
class How:
    """command: the check. batch: reviews in one check at most. workers: checks at once, 0 for
    the number of cores. seconds: until a check is ended and counts as failed. method: how a
    review lands. findings: whether their folders land too. approvals: how many a review needs.
    by: who runs it. validators: those that have to have passed a review."""

    command: str
    batch: int
    workers: int
    seconds: int
    method: str
    findings: bool
    approvals: int
    by: str
    validators: tuple[Validator, ...] = ()


@dataclass(frozen=True)
class Train:
    """queue: review ids, first to last. outcomes: the latest last, each with review, state, head,
    commit, said, output, stacked_on, paths, time. run: what goes on, or was interrupted; None
    when neither. at_work: whether a live process runs it."""

    target: str
    record: Record | None = None
    at_work: bool = False
    queue: tuple[str, ...] = ()
    outcomes: tuple[Mapping[str, Any], ...] = ()
    run: Mapping[str, Any] | None = None

    @property
    def interrupted(self) -> bool:
        return self.run is not None and not self.at_work


@dataclass(frozen=True)
class Outcome:
    """What became of a review. state: landed, culprit, conflict, unapproved or flake.

    commit: it landed as. said: in a line. output: the end of what the check printed.
    stacked_on: reviews below it. paths: in conflict.
    """

    review: str
    state: str
    head: str
    said: str = ""
    commit: str = ""
    output: str = ""
    stacked_on: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    time: str = field(default_factory=now)


def train_id(target: str) -> str:
    """A record's id for a full ref; one that is not told by its letters has a hash too."""
    name = short(target)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:100]
    if slug == name:
        return slug
    mark = hashlib.sha256(target.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{slug}-{mark}".strip("-")


def lease_id(target: str) -> str:
    """What a run holds while it lives."""
    return f"train-{train_id(target)}"


def find_train(repo: Repository, target: str) -> Train:
    """The train of a target, a full ref; an empty one where there is none."""
    record = Store(repo).find(KIND, train_id(target))
    return _train(repo, record) if record else Train(target)


def list_trains(repo: Repository, bad: list[Problem] | None = None) -> list[Train]:
    return [_train(repo, one) for one in Store(repo).all(KIND, bad)]


def choose_target(repo: Repository, into: str) -> str:
    """The full ref of the branch named, or of the only train with anything in it; "" when there
    is none. Raises NoSuch for what is no branch, BadInput when several could be meant."""
    if into:
        ref = into if into.startswith("refs/") else f"refs/heads/{into}"
        if find_ref(repo, ref) is None:
            raise NoSuch(f"there is no branch {short(ref)!r} here", hint="see: git branch --list")
        return ref
    busy = [one.target for one in list_trains(repo, []) if one.queue or one.run]
    if len(busy) > 1:
        names = ", ".join(short(one) for one in busy)
        raise BadInput(
            f"there are trains for several branches: {names}",
            hint=f"name one: gitcoord train run --into {short(busy[0])}",
        )
    return busy[0] if busy else ""


def is_approved(review: Review, needed: int) -> bool:
    """Whether what is under review now may land."""
    return review.decision != CHANGES_REQUESTED and len(review.approvals()) >= needed


def broke_the_check(train: Train, review: Review) -> str:
    """What the train said of it when it broke the check as it is now, "" when it did not."""
    for one in reversed(train.outcomes):
        if one.get("review") == review.id:
            broke = one.get("state") == CULPRIT and one.get("head") == review.head
            return str(one.get("said", "")) if broke else ""
    return ""


def plan_adding(
    repo: Repository, parts: Sequence[str], *, approved: bool, into: str, needed: int,
    broke: list[Review] | None = None,
) -> list[Review]:  # fmt: skip
    """The reviews to add: those named, or all approved ones that wait in no train yet.

    into: a full ref; "" is each review's own target. broke: takes approved ones that are left out,
    as they broke the check as they are. Raises NoSuch, Refused, Taken, BadInput.
    """
    trains = {train.target: train for train in list_trains(repo, [])}
    waiting = {one for train in trains.values() for one in train.queue}
    if approved:
        found = [refresh(repo, one) for one in list_reviews(repo, bad=[])]
        fits = [one for one in found if one.target == into or not into]
        ready = [one for one in fits if is_approved(one, needed) and one.id not in waiting]
        said = {one.id: broke_the_check(trains.get(one.target, Train("")), one) for one in ready}
        if broke is not None:
            broke += [one for one in ready if said[one.id]]
        return [one for one in ready if not said[one.id]]
    chosen = {one.id: one for one in (refresh(repo, find_review(repo, part)) for part in parts)}
    for one in chosen.values():
        _check_may_wait(one, into, needed)
        if one.id in waiting:
            raise Taken(f"{one.id} is in the train already", hint="see: gitcoord train status")
    return list(chosen.values())


def _check_may_wait(review: Review, into: str, needed: int) -> None:
    if review.state != OPEN:
        raise Refused(
            f"{review.id} is {review.state}", hint="those that are open: gitcoord review list"
        )
    if into and review.target != into:
        raise BadInput(
            f"{review.id} is for {short(review.target)}, not for {short(into)}",
            hint=f"add it to its own train: gitcoord train add {review.id}",
        )
    if not is_approved(review, needed):
        raise Refused(
            f"{review.id} is not approved as it is now",
            hint=f"look at it, then: gitcoord review approve {review.id}",
        )


def add(repo: Repository, reviews: Sequence[Review], *, by: str) -> None:
    """Put reviews at the end of the trains of their targets."""
    for target in dict.fromkeys(one.target for one in reviews):
        fresh = [_waiting(one, by) for one in reviews if one.target == target]
        _grow(repo, target, fresh)


def _waiting(review: Review, by: str) -> dict[str, str]:
    return {"review": review.id, "head": review.head, "by": by, "added": now()}


def _grow(repo: Repository, target: str, fresh: Sequence[Mapping[str, str]]) -> None:
    store, train = Store(repo), train_id(target)

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        queue = body.get("queue", [])
        there = {one["review"] for one in queue}
        return {**body, "queue": [*queue, *(one for one in fresh if one["review"] not in there)]}

    if store.find(KIND, train) is None:
        try:
            store.create(KIND, train, {"target": target, "queue": list(fresh), "outcomes": []})
        except Taken:
            store.change(KIND, train, edit)
    else:
        store.change(KIND, train, edit)


def find_waiting(repo: Repository, part: str) -> tuple[Train, str]:
    """The train a review waits in, and its id. Raises NoSuch."""
    trains = list_trains(repo, [])
    waiting = {one: train for train in trains for one in train.queue}
    try:
        found = match_id(part, waiting)
    except NoSuch as problem:
        raise NoSuch(problem.message, hint="see who waits: gitcoord train status") from problem
    return waiting[found], found


def remove(repo: Repository, train: Train, review: str) -> None:
    """Take a review out of the queue. A run that is on its way notices before it lands it."""

    def edit(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "queue": [one for one in body["queue"] if one["review"] != review]}

    Store(repo).change(KIND, train_id(train.target), edit)


def outcome_change(
    repo: Repository, target: str, outcomes: Sequence[Outcome], *,
    run: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
) -> Change:  # fmt: skip
    """The change of the train's ref that takes reviews out of the queue for what became of them
    (a flake stays), for a transaction with other refs. run: makes the new `run.toml`."""
    store = Store(repo)
    record = store.read(KIND, train_id(target))
    gone = {one.review for one in outcomes if one.state != FLAKE}
    kept = [*record.body.get("outcomes", []), *(document(one) for one in outcomes)]
    body = {
        **record.body,
        "queue": [one for one in record.body["queue"] if one["review"] not in gone],
        "outcomes": kept[-_OUTCOMES_KEPT:],
    }
    batch = Batch(repo)
    documents = {RUN: run(record.documents[RUN])} if run and RUN in record.documents else {}
    made = store.transaction("train", batch).put(record, body, **documents)
    batch.write()
    return Change(record.ref, record.version, made.version)


def write_run(repo: Repository, target: str, run: Mapping[str, Any] | None) -> None:
    """What goes on, for a run that comes after us; None when nothing does any more."""
    store = Store(repo)
    if run is not None:
        store.change(KIND, train_id(target), lambda _: dict(run), document=RUN)
        return

    def end() -> list[Change]:
        record, batch = store.read(KIND, train_id(target)), Batch(repo)
        if RUN not in record.documents:
            return []
        made = store.transaction("train", batch).put(record, **{RUN: None})
        batch.write()
        return [Change(record.ref, record.version, made.version)]

    commit(repo, end)


def commit(repo: Repository, changes: Callable[[], Sequence[Change]]) -> None:
    """Make changes worked out from what is there; again, when somebody else was first."""
    for left in reversed(range(_TRIES)):
        wanted = changes()
        try:
            if wanted:
                change_refs(repo, wanted, reason="train")
        except Contended:
            if not left:
                raise
            time.sleep(between(0.001, 0.02))
        else:
            return


def document(outcome: Outcome) -> dict[str, Any]:
    """An outcome as the record has it: what is empty is left out, of a long output the end."""
    said = {**vars(outcome), "output": outcome.output[-_LONGEST_OUTPUT:]}
    return {key: list(v) if isinstance(v, tuple) else v for key, v in said.items() if v}


def _train(repo: Repository, record: Record) -> Train:
    target = str(record.body.get("target", ""))
    return Train(
        target,
        record,
        is_held(repo.own_dir, lease_id(target)),
        tuple(one["review"] for one in record.body.get("queue", [])),
        tuple(record.body.get("outcomes", [])),
        record.documents.get(RUN),
    )
