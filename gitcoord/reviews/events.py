"""What happened to a review: one document each, written once, never changed.

Promises: the events of one review tell the same story in whatever order and clone they are
read: they are ordered by `after`, how many events their writer had seen, then by time, so that
a clock that went back does not put an answer before its question. What a newer version wrote
is kept and passed over; what cannot be read is named, and the rest is told.
Refuses: texts nobody reads to the end (LONGEST).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitcoord.errors import BadInput
from gitcoord.records import now, random_text
from gitcoord.redaction import redact

PREFIX = "event-"
LONGEST = 20_000  # characters of one text
LONGEST_TITLE = 200
_MOST_AFTER = 1_000_000
_LONGEST_NAME = 200
_OBJECT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")

VERSION, COMMENT, REPLY = "version", "comment", "reply"
APPROVE, REQUEST_CHANGES, DISMISS = "approve", "request-changes", "dismiss"
CLOSE, REOPEN, MERGED = "close", "reopen", "merged"
RETITLE, RETARGET = "retitle", "retarget"


@dataclass(frozen=True)
class Event:
    """name: of its document. after: how many events its writer had seen. by: who it was.

    fields: what its kind has besides.
    """

    name: str
    kind: str
    time: str
    by: str
    after: int
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What it is called among the events of its review: 8 characters."""
        return self.name.rpartition("-")[2]

    def text(self, key: str) -> str:
        """A field as text, "" when it has none. What another clone let grow too long is cut."""
        value = _text(self.fields.get(key, ""))
        over = len(value) - LONGEST
        return value if over <= 0 else f"{value[:LONGEST]}… and {over:,} more characters"

    def object(self, key: str) -> str:
        """A field as an object id, "" when it is none: it is handed to git."""
        value = _text(self.fields.get(key, ""))
        return value if is_object(value) else ""

    def number(self, key: str) -> int:
        """A field as a number from 0, 0 when it has none."""
        value = self.fields.get(key, 0)
        return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0


def is_object(text: str) -> bool:
    """Whether it can be an object id."""
    return _OBJECT.fullmatch(text) is not None


def new_event(kind: str, fields: Mapping[str, Any], after: int) -> tuple[str, dict[str, Any]]:
    """Name and document of an event that happens now. Raises BadInput for too long a text."""
    moment = now()
    name = f"{PREFIX}{moment.replace('-', '').replace(':', '').lower()}-{random_text(8)}"
    body = {key: _checked(key, value) for key, value in fields.items()}
    return name, {"kind": kind, "time": moment, "by": "", "after": after, **body}


def parse_event(name: str, document: Mapping[str, Any]) -> Event:
    """An event as it was written, by whatever version: odd values become empty ones."""
    rest = dict(document)
    kind, time, by = (_text(rest.pop(key, "")) for key in ("kind", "time", "by"))
    after = rest.pop("after", 0)
    fits = isinstance(after, int) and 0 <= after <= _MOST_AFTER
    return Event(name, kind, time, by[:_LONGEST_NAME], after if fits else _MOST_AFTER, rest)


def in_order(events: list[Event]) -> list[Event]:
    return sorted(events, key=lambda event: (event.after, event.time, event.name))


def cleaned(text: str, what: str) -> str:
    """A text fit for a record: without secrets. Raises BadInput when it is too long."""
    if len(text) > LONGEST:
        raise BadInput(
            f"{len(text):,} characters are too many for {what}: {LONGEST:,} is the most",
            hint="say it shorter, or commit it as a file and name that: gitcoord review comment …",
        )
    return redact(text)


def _checked(key: str, value: Any) -> Any:
    return cleaned(value, key) if key in ("text", "title", "body") else value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
