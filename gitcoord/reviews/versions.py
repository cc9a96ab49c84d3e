"""What is under review: the versions a branch had, and what a verdict on one of them counts for.

A version is a commit, its tree, and the commit where its branch left the target. A verdict is
bound to tree and base: it counts for another version only if both are the same there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.reviews.events import APPROVE, DISMISS, REQUEST_CHANGES, VERSION, Event, is_object

APPROVED, CHANGES_REQUESTED = "approved", "changes-requested"


@dataclass(frozen=True)
class Version:
    """number: from 1. head: commit. base: the commit it left the target at, "" when the two
    have no common one. tree: of the head. clone: where it was seen."""

    number: int
    head: str
    base: str
    tree: str
    time: str = ""
    clone: str = ""


@dataclass(frozen=True)
class Opinion:
    """What somebody thinks of a version. state: approved or changes-requested.

    event: its id. stale: it was about another tree or base than there is now.
    """

    state: str
    by: str
    time: str
    event: str
    version: int
    text: str
    stale: bool
    agent: bool


def fold_versions(events: Sequence[Event]) -> tuple[Version, ...]:
    """The versions in the order they were seen. events: in order."""
    seen = [event for event in events if event.kind == VERSION and event.object("head")]
    return tuple(
        Version(
            number, one.object("head"), one.object("base"), one.object("tree"), one.time,
            one.text("clone"),
        )
        for number, one in enumerate(seen, 1)
    )  # fmt: skip


def fold_opinions(events: Sequence[Event], now: Version | None) -> tuple[Opinion, ...]:
    """The last word of everybody who said one, oldest first. events: in order.

    A person's approval also answers what agents asked for: they cannot approve.
    """
    last: dict[tuple[str, bool], Opinion] = {}
    for event in events:
        who = event.by, event.fields.get("agent") is True  # an agent may be named like a person
        if event.kind == DISMISS:
            last = {by: one for by, one in last.items() if one.event != event.text("event")}
        if event.kind not in (APPROVE, REQUEST_CHANGES) or _is_none(event):
            continue
        if event.kind == APPROVE:
            last = {by: one for by, one in last.items() if not one.agent}
        last.pop(who, None)
        last[who] = _opinion(event, now)
    return tuple(last.values())


def decide(opinions: Sequence[Opinion]) -> str:
    """ "" while nobody has decided; one who wants changes outweighs those who approve."""
    if any(one.state == CHANGES_REQUESTED for one in opinions):
        return CHANGES_REQUESTED
    return APPROVED if any(not one.stale for one in opinions) else ""


def look_at(repo: Repository, head: str, target: str) -> tuple[str, str, str]:
    """(head, base, tree) of a commit against a target, commit ids both. Two git processes."""
    tree = repo.run("rev-parse", "--verify", "--end-of-options", f"{head}^{{tree}}").text
    base = repo.run("merge-base", target, head, ok=(0, 1)).text
    return head, base, tree


def contains(repo: Repository, newer: str, older: str) -> bool:
    """Whether commit `newer` has `older` behind it, ids both; False when that cannot be told."""
    if not (is_object(newer) and is_object(older)):
        return False
    try:
        asked = repo.run("merge-base", "--is-ancestor", older, newer, ok=(0, 1, 128))
    except Problem:
        return False
    return asked.code == 0


def _is_none(event: Event) -> bool:
    """An approval by an agent, which no command of ours writes."""
    return event.kind == APPROVE and event.fields.get("agent") is True


def _opinion(event: Event, now: Version | None) -> Opinion:
    same = now is not None and (event.object("tree"), event.object("base")) == (
        now.tree,
        now.base,
    )
    approves = event.kind == APPROVE
    return Opinion(
        APPROVED if approves else CHANGES_REQUESTED, event.by, event.time, event.id,
        event.number("version"), event.text("text"), not same,
        event.fields.get("agent") is True,
    )  # fmt: skip
