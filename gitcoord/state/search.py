"""Looking for events: in this clone's journal, and in sealed ones fetched from other clones.

A frame is parsed only when its bytes could hold what is asked for, and a segment is read only
when its time could be right, with an hour allowed for clocks that were set back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import chain
from typing import TYPE_CHECKING, Any

from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.records import parse_time
from gitcoord.state import sealed, segments
from gitcoord.state.events import Event, events_in

if TYPE_CHECKING:
    from gitcoord.state.journal import Journal

_HOUR = timedelta(hours=1)
_LAST = "~"  # after every name


@dataclass(frozen=True)
class Wanted:
    """What an event must be. text: in any value, however upper and lower case are mixed.

    kinds: one of them; none given means any. fields: all of them, equal. since, until: both
    included.
    """

    text: str = ""
    kinds: Collection[str] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    since: datetime | None = None
    until: datetime | None = None

    def may_be_in(self, body: bytes) -> bool:
        """False only when no event in a frame of these bytes can match."""
        if self.kinds and all(map(_written_plainly, self.kinds)):
            kinds = [f'kind = "{kind}"'.encode() for kind in self.kinds]
            if not any(kind in body for kind in kinds):
                return False
        if self.text and _written_plainly(self.text):
            return self.text.casefold() in body.decode("utf-8", "replace").casefold()
        return True

    def matches(self, event: Event) -> bool:
        return (
            (not self.kinds or event.kind in self.kinds)
            and all(event.fields.get(name) == value for name, value in self.fields.items())
            and self._says(event)
            and self._in_time(event)
        )

    def _says(self, event: Event) -> bool:
        text = self.text.casefold()
        return not text or any(text in leaf.casefold() for leaf in _leaves(event.fields))

    def _in_time(self, event: Event) -> bool:
        if self.since is None and self.until is None:
            return True
        moment = parse_time(event.time)
        return (self.since or moment) <= moment <= (self.until or moment)

    def choose(self, names: Iterable[str]) -> list[str]:
        """Of segments, those that may hold an event of the right time, oldest first."""
        ordered = sorted(names)
        first = _name_at(self.since, -_HOUR) or ""
        last = _name_at(self.until, _HOUR) or _LAST
        ends = [*ordered[1:], _LAST]
        return [
            name for name, end in zip(ordered, ends, strict=False) if end >= first and name <= last
        ]


def search(journal: Journal, wanted: Wanted, bad: list[Problem] | None = None) -> Iterator[Event]:
    """The events that match, by time; those of one clone in the order they were written.

    The position of another clone's event is one in its journal. A segment that cannot be read
    raises, or goes to `bad`.
    """
    repo, own = journal.repository, journal.host
    files = segments.names(journal.folder)
    ours = _in_files(journal, wanted, files, bad)
    if repo is None:
        return ours
    hosts = sealed.list_sealed(repo)
    before = {name: blob for name, blob in hosts.pop(own or "", {}).items() if name not in files}
    streams = [chain(_in_blobs(repo, wanted, before, bad), ours)]
    streams += [chain(_in_blobs(repo, wanted, blobs, bad)) for blobs in hosts.values()]
    return merge(*streams, key=lambda event: event.time)


def _in_files(
    journal: Journal, wanted: Wanted, names: list[str], bad: list[Problem] | None
) -> Iterator[Event]:
    for name in wanted.choose(names):
        with journal.open(name) as read:
            if read:
                yield from _matching(wanted, name, read, bad)


def _in_blobs(
    repo: Repository, wanted: Wanted, blobs: Mapping[str, str], bad: list[Problem] | None
) -> Iterator[Event]:
    names = wanted.choose(blobs)
    contents = sealed.contents(repo, [blobs[name] for name in names])
    for name, content in zip(names, contents, strict=True):
        yield from _matching(wanted, name, segments.reader_in(content), bad)


def _matching(
    wanted: Wanted, name: str, read: segments.Read, bad: list[Problem] | None
) -> Iterator[Event]:
    try:
        segments.check(read, f"the journal segment {name}")
        for frame in segments.frames(read):
            if wanted.may_be_in(frame.body):
                yield from filter(wanted.matches, events_in(name, frame))
    except Problem as problem:
        if bad is None:
            raise
        bad.append(problem)


def _written_plainly(text: str) -> bool:
    """Whether TOML holds the text as it is, without escapes."""
    return text.isprintable() and not set(text) & set('"\\\ufdd0')


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield str(value)


def _name_at(moment: datetime | None, shift: timedelta) -> str | None:
    """What a segment begun at that moment would be called. None: at no moment we can tell."""
    if moment is None:
        return None
    try:
        shifted = (moment + shift).astimezone(UTC)
    except OverflowError:
        return None
    return segments.name_after("", shifted.isoformat(timespec="milliseconds"))
