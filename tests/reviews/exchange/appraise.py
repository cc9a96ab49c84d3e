"""What git-appraise reads, by its schema (version 0 of requests, comments and ci reports).

The rules are those of schema/request.json, comment.json and ci.json of google/git-appraise;
`status_of` and `open_requests` tell what its list and show would say.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_STAMP = re.compile(r"[0-9]{10}")
_TEXT: dict[str, type] = dict.fromkeys(
    ("timestamp", "requester", "baseCommit", "reviewRef", "targetRef", "description", "alias",
     "author", "original", "parent", "agent", "status", "url"), str
)  # fmt: skip
_KNOWN: dict[str, tuple[set[str], set[str]]] = {
    "reviews": (
        {"timestamp", "requester"},
        {"baseCommit", "reviewRef", "targetRef", "description", "alias"},
    ),
    "discuss": (
        {"timestamp", "author"},
        {"original", "parent", "location", "description", "resolved"},
    ),
    "ci": ({"timestamp", "agent"}, {"status", "url"}),
}


def check(ref: str, text: str) -> dict[str, Any]:
    """The note of a line, which must be one by the schema."""
    note = json.loads(text)
    needed, allowed = _KNOWN[ref.rpartition("/")[2]]
    assert isinstance(note, dict) and needed <= note.keys() <= needed | allowed, note
    for key, value in note.items():
        if key in _TEXT:
            assert isinstance(value, str), (key, value)
    assert _STAMP.fullmatch(note["timestamp"])
    assert note.get("status", "success") in ("success", "failure")
    assert isinstance(note.get("resolved", True), bool)
    place = note.get("location", {})
    assert place.keys() <= {"commit", "path", "range"}
    lines = place.get("range", {})
    assert lines.keys() <= {"startLine", "startColumn", "endLine", "endColumn"}
    assert all(type(number) is int and number > 0 for number in lines.values())
    return note


def request_of(lines: Sequence[str]) -> dict[str, Any]:
    """The request that counts: the latest."""
    found: list[dict[str, Any]] = [json.loads(line) for line in lines if line]
    return sorted(found, key=lambda note: str(note["timestamp"]))[-1]


def resolved(lines: Sequence[str]) -> bool | None:
    """Whether a review is accepted: all threads that say so say yes. None: nobody said."""
    notes = {hashlib.sha1(line.encode()).hexdigest(): json.loads(line) for line in lines if line}
    edits: dict[str, list[Mapping[str, Any]]] = {}
    for note in notes.values():
        if note.get("original") in notes:
            edits.setdefault(note["original"], []).append(note)
    said = []
    for name, note in notes.items():
        if not note.get("original") and not note.get("parent"):
            latest = sorted([note, *edits.get(name, [])], key=lambda one: str(one["timestamp"]))
            said.append(latest[-1].get("resolved"))
    votes = [vote for vote in said if vote is not None]
    return all(votes) if votes else None
