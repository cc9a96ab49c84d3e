"""Keys and columns that one side takes away, and string literals of the other that name them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from gitcoord.conflicts.semantic.change import Change, FileChange
from gitcoord.conflicts.semantic.meaning import (
    CHANGED,
    REMOVED,
    Candidate,
    Confirm,
    Names,
    Result,
)
from gitcoord.conflicts.semantic.mentions import is_telling
from gitcoord.conflicts.semantic.outline import FIELD, Definition

_DATA = {"json", "toml", "yaml", "settings", "sql", "proto"}
_Mention = tuple[int, FileChange, int]


def candidates(changes: Mapping[int, Change]) -> Iterator[Candidate]:
    """For all pairs: the work grows with mentions of names that are taken away."""
    taken = {number: list(taken_away(change)) for number, change in changes.items()}
    wanted = {gone.name for some in taken.values() for _, gone, _ in some}
    if not wanted:
        return
    mentions = _mentions(changes, wanted)
    for number, some in taken.items():
        for source, gone, kind in some:
            for other, file, line in mentions.get(gone.name, ()):
                if other != number and file.path != source.path:
                    yield _candidate(number, other, source, gone, kind, file, line)


def _mentions(changes: Mapping[int, Change], wanted: set[str]) -> dict[str, list[_Mention]]:
    found: dict[str, list[_Mention]] = defaultdict(list)
    for number, change in changes.items():
        for file in change.files.values():
            for name, line in file.mentions:
                if name in wanted:
                    found[name].append((number, file, line))
    return found


def taken_away(change: Change) -> Iterator[tuple[FileChange, Definition, str]]:
    """Keys and columns: the file, what it was, and the kind to say."""
    for file in change.files.values():
        if file.language not in _DATA:
            continue
        for gone in file.removed:
            if gone.kind == FIELD and is_telling(gone.name) and "[]" not in gone.scope:
                yield file, gone, REMOVED
        for old, new in file.changed:
            sorts = [_sort(one, file.language) for one in (old, new)]
            if old.kind == FIELD and is_telling(old.name) and sorts[0] != sorts[1]:
                yield file, new, CHANGED
        for use in file.uses:
            if use.receiver.startswith("drop ") and is_telling(use.name):
                place = (use.line, use.line)
                yield file, Definition(use.name, (use.receiver[5:],), FIELD, place), REMOVED


def _candidate(
    number: int, other: int, source: FileChange, gone: Definition, kind: str, file: FileChange,
    line: int,
) -> Candidate:  # fmt: skip
    what = "is gone" if kind == REMOVED else "is of another type"
    return Candidate(
        number, other, kind, gone.name, source.path, file.path, gone.lines, (line, line), 0.7,
        f"{gone.name} {what} in {source.path}, and {file.path} newly names it",
        _is_gone(gone.name) if kind == REMOVED else lambda _result, _names: True,
    )  # fmt: skip


def _sort(definition: Definition, language: str) -> str:
    """The type of a column or a value, in one word: how much of it does not matter to users."""
    value = definition.value.strip()
    if language in ("sql", "proto"):
        return re.split(r"[ (]", value)[0].lower() if definition.scope else ""
    if re.match(r"-?[\d.]+$", value):
        return "number"
    if value in ("true", "false"):
        return "boolean"
    return value[0] if value[:1] in ("[", "{") else "text"


def _is_gone(name: str) -> Confirm:
    def confirm(_result: Result, names: Names) -> bool:
        return names.is_gone(name)

    return confirm
