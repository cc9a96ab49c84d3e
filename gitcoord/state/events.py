"""Events and the places between them, as values, and the TOML they are written as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gitcoord.errors import BadInput, Corrupt
from gitcoord.records import now, random_text
from gitcoord.state.documents import DOCTOR, readable, writable
from gitcoord.state.segments import Frame

_OWN_KEYS = ("id", "time", "kind")


class Position(NamedTuple):
    """A place between two events; `str` of it is a cursor to keep, and `parse` reads that.

    segment: "" before the first. offset: bytes, the end of a frame. skip: how many events of
    the frame behind `offset` come before this place.
    """

    segment: str
    offset: int
    skip: int = 0

    def __str__(self) -> str:
        return f"{self.segment}:{self.offset}:{self.skip}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Raises BadInput for what `str` of a position did not make."""
        segment, _, rest = text.partition(":")
        offset, _, skip = rest.partition(":")
        if not all(part.isascii() and part.isdecimal() for part in (offset, skip)):
            raise BadInput(
                f"{text[:60]!r} is not a place in the journal",
                hint="leave it out to start from the beginning; see: gitcoord --help",
            )
        return cls(segment, int(offset), int(skip))


START = Position("", 0)


class Event(NamedTuple):
    """Something that happened. time: RFC 3339, UTC. position: the place right behind it."""

    id: str
    time: str
    kind: str
    fields: dict[str, Any]
    position: Position


def encode_event(kind: str, fields: Mapping[str, Any]) -> bytes:
    """One `[[event]]` with an id and the time of now.

    Each field is written alone, because tomli_w writes a short table inline.
    Raises BadInput for a field called id, time or kind.
    """
    import tomli_w

    for key in _OWN_KEYS:
        if key in fields:
            raise BadInput(
                f"{key!r} is what every event has, not a field of one",
                hint=f"call it 'of_{key}' or the like; see: gitcoord --help",
            )
    values, tables = ["[[event]]\n"], []
    event = {"id": random_text(12), "time": now(), "kind": kind, **fields}
    for key, value in writable(event).items():
        text = tomli_w.dumps({key: value})
        if text.startswith("["):
            tables.append(tomli_w.dumps({"event": {key: value}}))
        else:
            values.append(text)
    return "".join(values + tables).encode()


def events_in(segment: str, frame: Frame) -> list[Event]:
    """The events of one frame; none in the header of a segment."""
    import tomllib

    if not frame.body.startswith(b"[["):
        return []
    try:
        listed = readable(tomllib.loads(frame.body.decode())["event"])
    except (ValueError, KeyError, RecursionError) as error:
        where = f"{segment} at byte {frame.start}"
        raise Corrupt(f"the journal segment {where} holds no events", hint=DOCTOR) from error
    places = [Position(segment, frame.start, index) for index in range(1, len(listed))]
    places.append(Position(segment, frame.end))
    return [_event(fields, place) for fields, place in zip(listed, places, strict=True)]


def _event(fields: dict[str, Any], place: Position) -> Event:
    own = [str(fields.pop(key, "")) for key in _OWN_KEYS]
    return Event(own[0], own[1], own[2], fields, place)
