"""What was said about a review, as threads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gitcoord.reviews.events import COMMENT, REPLY, Event

NEW, OLD = "new", "old"


@dataclass(frozen=True)
class Comment:
    """One thing somebody said. id: of its event. time: RFC 3339."""

    id: str
    by: str
    time: str
    text: str


@dataclass(frozen=True)
class Thread:
    """A comment and what was answered.

    path: "" when it is about the whole review. line, last: first and last line, from 1; 0 when
    it is about the whole file. side: `old` for a line of the base that the branch takes away.
    version, head: number and commit of the version it was said about. blob: the content then.
    quoted: the lines. before, behind: lines around them.
    """

    id: str
    version: int
    head: str
    path: str
    side: str
    line: int
    last: int
    blob: str
    quoted: str
    before: tuple[str, ...]
    behind: tuple[str, ...]
    comments: tuple[Comment, ...]
    resolved: bool = False


@dataclass(frozen=True)
class Place:
    """Where a thread is now. outdated: why its lines are not to be found, "" when they are; path
    and lines are then those it was made on."""

    path: str
    line: int
    last: int
    outdated: str = ""


def fold_threads(events: Sequence[Event]) -> tuple[Thread, ...]:
    """The threads of a review, in the order they began. events: in order.

    A reply to a thread that is not here (yet: another clone has it) is passed over.
    """
    threads: dict[str, Thread] = {}
    for event in events:
        if event.kind == COMMENT:
            threads[event.id] = _begun(event)
        elif event.kind == REPLY and event.text("thread") in threads:
            thread = threads[event.text("thread")]
            threads[thread.id] = _answered(thread, event)
    return tuple(threads.values())


def place_text(thread: Thread, place: Place | None) -> str:
    """`src/auth.py:12-14`, and what is to be known of it."""
    at = place or thread
    said = at.path
    if at.line:
        said += f":{at.line}" if at.line == at.last else f":{at.line}-{at.last}"
    if place and place.outdated:
        return f"{said} (of version {thread.version}; {place.outdated} since)"
    return said if thread.side == NEW else f"{said} (before the change)"


def _begun(event: Event) -> Thread:
    line = event.number("line")
    side = OLD if event.text("side") == OLD else NEW
    return Thread(
        event.id, event.number("version"), event.object("head"), event.text("path"), side,
        line, max(line, event.number("last")), event.object("blob"), event.text("quoted"),
        _lines(event, "before"), _lines(event, "behind"), (_said(event),),
    )  # fmt: skip


def _answered(thread: Thread, event: Event) -> Thread:
    """An answer without `resolve` opens what was resolved again: somebody has more to say."""
    said = (_said(event),) if event.text("text") else ()
    resolved = event.fields.get("resolve") is True
    return replace(thread, comments=thread.comments + said, resolved=resolved)


def _said(event: Event) -> Comment:
    return Comment(event.id, event.by, event.time, event.text("text"))


def _lines(event: Event, key: str) -> tuple[str, ...]:
    found = event.fields.get(key)
    return tuple(str(line) for line in found[:10]) if isinstance(found, list) else ()
