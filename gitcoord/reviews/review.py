"""A review: a pull request without a server, kept in a ref.

What a review is, is the fold of its events: nothing of it is stored twice. Promises: an event
is added by compare-and-swap, none is lost; the heads of earlier versions stay alive.
Refuses: a second open review of one branch for one target, and one with nothing to look at.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gitcoord.errors import BadInput, Contended, NoSuch, Problem, Refused, Taken
from gitcoord.git.objects import Batch
from gitcoord.git.refs import Change, change_refs, find_ref, is_branch_name, read_refs
from gitcoord.git.repository import Repository
from gitcoord.records import between, check_id, match_id, new_id, now
from gitcoord.redaction import without_controls
from gitcoord.reviews.events import (
    APPROVE,
    CLOSE,
    LONGEST_TITLE,
    MERGED,
    REOPEN,
    RETARGET,
    RETITLE,
    VERSION,
    Event,
    cleaned,
)
from gitcoord.reviews.reading import KIND, REFS, Read, grown, read_records
from gitcoord.reviews.states import OPEN as OPEN
from gitcoord.reviews.states import keep_states, known_states
from gitcoord.reviews.threads import Thread, fold_threads
from gitcoord.reviews.versions import (
    Opinion,
    Version,
    contains,
    decide,
    fold_opinions,
    fold_versions,
    look_at,
)
from gitcoord.state.store import MAIN, NAMESPACE, Record

CLOSED, IS_MERGED = "closed", "merged"
VERSIONS = f"{NAMESPACE}/versions/"
_CHANGE_SECONDS = 10.0
_HEADS = "refs/heads/"
_LISTED = "list them with: gitcoord review list --all"

Wish = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Review:
    """A review, read. events: in order. damaged: events that cannot be read."""

    record: Record
    events: tuple[Event, ...]
    damaged: tuple[Problem, ...] = ()

    @property
    def id(self) -> str:
        return self.record.id

    def text(self, name: str) -> str:
        """A part of the record: title, body, branch, target, worktree, created, by, run, task,
        agent, model. "" when it has none. Title and target may have changed: see below."""
        value = self.record.body.get(name, "")
        return value if isinstance(value, str) else ""

    @property
    def title(self) -> str:
        """On one line, whatever an agent wrote."""
        return " ".join(self._latest(RETITLE, "title").split())[:LONGEST_TITLE] or self.id

    @property
    def body(self) -> str:
        return self.text("body")

    @property
    def branch(self) -> str:
        """The full ref; "" when the record names no branch."""
        return _checked_branch(self.text("branch"))

    @property
    def target(self) -> str:
        """The full ref of the branch it is to land on; "" when the record names none."""
        return _checked_branch(self._latest(RETARGET, "target"))

    @property
    def worktree(self) -> str:
        """The id of the worktree the branch was made in, "" when there is none."""
        return _checked_id(self.text("worktree"))

    @cached_property
    def state(self) -> str:
        """open, closed or merged. Merged stays merged."""
        if self.merge is not None:
            return IS_MERGED
        said = [event.kind for event in self.events if event.kind in (CLOSE, REOPEN)]
        return CLOSED if said[-1:] == [CLOSE] else OPEN

    @property
    def merge(self) -> Event | None:
        """The event of its landing: fields commit, method, target_before. None before."""
        return next((event for event in self.events if event.kind == MERGED), None)

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        return fold_versions(self.events)

    @property
    def version(self) -> Version:
        """The latest. Raises Problem when no version can be read."""
        if not self.versions:
            raise Problem(f"{self.id} has no version that can be read", hint="gitcoord doctor")
        return self.versions[-1]

    @property
    def head(self) -> str:
        """The commit under review, "" when no version can be read."""
        return self.versions[-1].head if self.versions else ""

    @property
    def base(self) -> str:
        """The commit at which the head left the target."""
        return self.versions[-1].base if self.versions else ""

    @property
    def tree(self) -> str:
        return self.versions[-1].tree if self.versions else ""

    @cached_property
    def opinions(self) -> tuple[Opinion, ...]:
        """Everybody's last word, stale ones too."""
        return fold_opinions(self.events, self.versions[-1] if self.versions else None)

    @property
    def decision(self) -> str:
        """ "", approved, or changes-requested: of what is under review now."""
        return decide(self.opinions)

    @cached_property
    def threads(self) -> tuple[Thread, ...]:
        return fold_threads(self.events)

    @property
    def open_threads(self) -> list[Thread]:
        return [thread for thread in self.threads if not thread.resolved]

    def approvals(self, head: str = "") -> list[Event]:
        """The approvals that count for `head`, a commit that was a version (the latest when left
        out): those whose tree and base it has, and that nobody took back."""
        version = next((one for one in reversed(self.versions) if one.head == head), None)
        if version is None and not head and self.versions:
            version = self.versions[-1]
        standing = fold_opinions(self.events, version)
        counted = {one.event for one in standing if not one.stale}
        return [one for one in self.events if one.kind == APPROVE and one.id in counted]

    def _latest(self, kind: str, name: str) -> str:
        said = [event.text(name) for event in self.events if event.kind == kind]
        return next((text for text in reversed(said) if text), self.text(name))


def open_review(
    repo: Repository,
    *,
    branch: str,
    target: str,
    title: str = "",
    body: str = "",
    by: str,
    about: Mapping[str, str] | None = None,
) -> Review:
    """A new review of `branch` for `target`, full refs both.

    about: worktree, run, task, agent, model, as far as known. Raises NoSuch for a ref that is
    none, Refused when there is nothing to review, Taken when it is under review already.
    """
    named = without_controls(" ".join(title.split())) or short(branch)
    record = Record(KIND, new_id("review", named), "", {
        MAIN: {
            **(about or {}),
            "title": cleaned(named[:LONGEST_TITLE], "a title"),
            "body": cleaned(body, "a description"),
            "branch": branch, "target": target, "by": by, "created": now(),
        }
    })  # fmt: skip
    with _turn(repo):
        version = plan_review(repo, branch=branch, target=target)
        _write(repo, Review(record, ()), [(VERSION, _version_fields(repo, version, by))])
    return read_review(repo, record.id)


def plan_review(repo: Repository, *, branch: str, target: str) -> tuple[str, str, str]:
    """(head, base, tree) a review would begin with. Raises what `open_review` raises."""
    refs = read_refs(repo, branch, target)
    for ref in (branch, target):
        if ref not in refs:
            raise NoSuch(f"there is no {short(ref)!r} here", hint="see: git branch --all")
    if branch == target:
        raise BadInput(
            f"{short(branch)} is where it would land: it cannot be reviewed for itself",
            hint="name another branch, or another target: gitcoord review open ID --into TARGET",
        )
    there = _under_review(repo, branch, target)
    if there:
        raise Taken(
            f"{short(branch)} is under review already: {there[0].id}",
            hint=f"see it with: gitcoord review show {there[0].id}",
        )
    if contains(repo, refs[target], refs[branch]):
        raise Refused(
            f"{short(target)} has all commits of {short(branch)}: there is nothing to review",
            hint=f"see what it has: git log {shlex.quote(short(branch))} --",
        )
    return look_at(repo, refs[branch], refs[target])


def list_reviews(
    repo: Repository, *, state: str = OPEN, bad: list[Problem] | None = None
) -> list[Review]:
    """Reviews in a state ("" is all), oldest first. One that cannot be read raises, or goes to
    `bad`; a single event that cannot be read only goes to the review's `damaged`."""
    refs = read_refs(repo, REFS)
    known = known_states(repo.own_dir)
    may_be = {ref: tree for ref, tree in refs.items() if state in ("", known.get(tree, state))}
    found = [_review(one) for one in read_records(repo, bad, may_be)]
    fresh = {one.record.version: one.state for one in found if not one.damaged}
    keep_states(repo.own_dir, known, fresh, refs.values())
    wanted = [one for one in found if state in ("", one.state)]
    return sorted(wanted, key=lambda one: (one.text("created"), one.id))


def read_review(repo: Repository, id: str) -> Review:  # noqa: A002
    """The review with this very id. Raises NoSuch, Corrupt, NewerSchema."""
    refs = read_refs(repo, f"{REFS}{id}")
    found = read_records(repo, None, refs)
    if not found:
        raise NoSuch(f"there is no review {id[:60]!r}", hint="see: gitcoord review list --all")
    return _review(found[0])


def find_review(repo: Repository, part: str) -> Review:
    """By any unambiguous part of its id, its branch, or its worktree's id, or by a part of those
    that is in no review's id; of several reviews of one branch the open one. Raises NoSuch."""
    if (alone := _by_id_alone(repo, part)) is not None:
        return alone
    bad: list[Problem] = []
    for state in (OPEN, ""):
        bad = []
        reviews = list_reviews(repo, state=state, bad=bad)
        named = [one for one in reviews if part in (one.branch, short(one.branch), one.worktree)]
        if part and named:
            return named[-1]
    unread = {problem.about.removeprefix(REFS): problem for problem in bad}
    if part.startswith(_HEADS):
        raise NoSuch(f"there is no review of {short(part)}", hint=_LISTED)
    known = {one.id: one for one in reviews}
    if part and not any(part.lower() in name for name in (*known, *unread)):
        known = _by_place(reviews)
    try:
        chosen = match_id(part, [*known, *unread])
    except NoSuch as problem:
        raise NoSuch(problem.message, hint=_LISTED) from problem
    if chosen in unread:
        raise unread[chosen]
    return known[chosen]


def _by_place(reviews: Sequence[Review]) -> dict[str, Review]:
    """By worktree, or where it has none by branch; of several the open one, else the latest."""
    in_turn = sorted(reviews, key=lambda one: one.state == OPEN)
    return {one.worktree or short(one.branch): one for one in in_turn}


def _by_id_alone(repo: Repository, part: str) -> Review | None:
    """The review `part` of an id means, without reading all others; None where it may mean a
    branch or a worktree, or no review."""
    if _checked_id(part) == "":
        return None
    others = (f"{_HEADS}{part}", f"{NAMESPACE}/worktrees/{part}")
    refs = read_refs(repo, REFS, *others)
    if any(one in refs for one in others):
        return None
    try:
        chosen = match_id(part, [ref.removeprefix(REFS) for ref in refs if ref.startswith(REFS)])
    except NoSuch:
        return None
    return _review(read_records(repo, None, {f"{REFS}{chosen}": refs[f"{REFS}{chosen}"]})[0])


def add_event(repo: Repository, review_id: str, kind: str, **fields: Any) -> Review:
    """Add one event, with compare-and-swap. Returns the review with it.

    Raises NoSuch; BadInput for too long a text; Contended after 10 s.
    """
    return add_events(repo, review_id, lambda _: [(kind, fields)])


def add_events(
    repo: Repository, review_id: str, wanted: Callable[[Review], Sequence[Wish]]
) -> Review:
    """Add what `wanted` makes of the review as it is, (kind, fields) each: all or none.

    When somebody else was first it is asked again. It may raise, and nothing happens then.
    """
    until = time.monotonic() + _CHANGE_SECONDS
    while True:
        review = read_review(repo, review_id)
        events = wanted(review)
        if not events:
            return review
        try:
            _write(repo, review, events)
        except Contended:
            if time.monotonic() > until:
                raise
            time.sleep(between(0.001, 0.02))
        else:
            return read_review(repo, review_id)


def event_change(repo: Repository, review: Review, kind: str, **fields: Any) -> Change:
    """The change of the review's ref that adds an event, for a transaction with other refs.

    Its objects are written. It only happens if nobody adds another event first.
    """
    batch = Batch(repo)
    change = grown(batch, review.record, [(kind, fields)], len(review.events))
    batch.write()
    return change


def refresh(repo: Repository, review: Review) -> Review:
    """The review with a new version, if its branch moved. One git process if it did not.

    The old head stays alive where the new one does not contain it, or the branch is gone. A
    branch that is behind what another clone saw changes nothing.
    """
    if review.state != OPEN:
        return review
    refs = read_refs(repo, *filter(None, (review.branch, review.target)))
    return refresh_at(repo, review, refs.get(review.branch), refs.get(review.target))


def refresh_all(repo: Repository, reviews: Sequence[Review]) -> list[Review]:
    """`refresh` of each, by one git process for all whose branch did not move."""
    names = {ref for one in reviews if one.state == OPEN for ref in (one.branch, one.target)}
    refs = read_refs(repo, *filter(None, names))
    return [
        refresh_at(repo, one, refs.get(one.branch), refs.get(one.target))
        if one.state == OPEN
        else one
        for one in reviews
    ]


def refresh_at(repo: Repository, review: Review, head: str | None, target: str | None) -> Review:
    """`refresh` for who knows already where branch and target are, None when they are not."""
    if head is None and review.head:
        keep_alive(repo, review)  # its branch is gone: nothing else may hold it
    if not _moved(repo, review, head) or target is None or head is None:
        return review
    version = look_at(repo, head, target)
    if review.head and not contains(repo, head, review.head):
        keep_alive(repo, review)

    def wanted(there: Review) -> list[Wish]:
        if there.head == head or there.state != OPEN:
            return []
        return [(VERSION, _version_fields(repo, version, ""))]

    return add_events(repo, review.id, wanted)


def keep_alive(repo: Repository, review: Review) -> None:
    """Keep the latest version's commit, which its branch may leave."""
    ref = f"{VERSIONS}{review.id}/{review.version.number}"
    there = find_ref(repo, ref)
    if there != review.head and repo.find_commit(review.head):
        change_refs(repo, [Change(ref, there, review.head)], reason="version under review")


def short(ref: str) -> str:
    """A ref as people say it."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/remotes/")


def _checked_branch(ref: str) -> str:
    """`ref` if it is a branch: records come from other clones, and refs are handed to git."""
    return ref if ref.startswith(_HEADS) and is_branch_name(ref) else ""


def _checked_id(text: str) -> str:
    """`text` if it is an id: it becomes part of commands that people copy."""
    try:
        return check_id(text) if text else ""
    except BadInput:
        return ""


def _moved(repo: Repository, review: Review, head: str | None) -> bool:
    if head is None or head == review.head:
        return False
    seen = any(one.head == head for one in review.versions)
    elsewhere = bool(review.versions) and review.version.clone not in ("", _clone(repo))
    return not (seen and elsewhere)


def _review(read: Read) -> Review:
    record, events, damaged = read
    return Review(record, tuple(events), tuple(damaged))


def _write(repo: Repository, review: Review, events: Sequence[Wish]) -> None:
    batch = Batch(repo)
    change = grown(batch, review.record, list(events), len(review.events))
    batch.write()
    change_refs(repo, [change], reason="review")


def _version_fields(repo: Repository, version: tuple[str, str, str], by: str) -> dict[str, str]:
    head, base, tree = version
    return {"head": head, "base": base, "tree": tree, "by": by, "clone": _clone(repo)}


def _clone(repo: Repository) -> str:
    """What tells this clone from others: nothing that says where it is."""
    place = f"{socket.gethostname()}:{repo.common_dir}"
    return hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def _under_review(repo: Repository, branch: str, target: str) -> list[Review]:
    reviews = list_reviews(repo, bad=[])
    return [one for one in reviews if (one.branch, one.target) == (branch, target)]


@contextmanager
def _turn(repo: Repository) -> Iterator[None]:
    """One at a time in this clone: two that open a review of one branch would not see each
    other. The lock is on the git dir itself, so a killed process leaves no file."""
    fd = os.open(repo.common_dir, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
