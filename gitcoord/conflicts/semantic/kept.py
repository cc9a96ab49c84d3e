"""What was found out of sides and of pairs, by content: one file beside the radar's cache.

    files   path and both its contents -> what changed in it
    sides   base and tree -> its marks, its files
    pairs   two sides     -> what they break together

Read only when something is new, so that a scan without news does not pay for it. Promises: the
file may be deleted at any time; a damaged one is an empty one; what a side changed is unpacked
only for pairs that share a mark and were not looked at before. When the target goes on, only
files that it changed too are read again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from contextlib import suppress
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from gitcoord.conflicts.deltas import Changed, Delta
from gitcoord.conflicts.semantic.change import MOST_FILES, Change, FileChange, is_read
from gitcoord.conflicts.semantic.joining import Marks, marks_of
from gitcoord.conflicts.semantic.meaning import RULES, Meaning, meaning_of
from gitcoord.conflicts.semantic.outline import Arguments, Claim, Definition, Parameters, Use
from gitcoord.conflicts.whole import read_whole, write_whole

_SCHEMA = f"1.{RULES}"
_FILE = "meaning.json"
_LARGEST_FILE = 64_000_000
_MOST_SIDES = 1_000
_MOST_PAIRS = 60_000
_DEFINITION = tuple(one.name for one in fields(Definition))
_FILE_CHANGE = tuple(one.name for one in fields(FileChange))


class Kept:
    """folder: None for this process only. context: the base and what verdicts depend on.
    passing: sides of which something could not be read; nothing of them is kept."""

    def __init__(self, folder: Path | None, context: str) -> None:
        self._file = folder / _FILE if folder else None
        self._context = context
        self._changes: dict[str, Change] = {}
        self._unpacked: dict[str, FileChange | None] = {}
        self.passing: set[str] = set()
        self._is_new = False
        document: Any = None
        with suppress(OSError, ValueError, RecursionError):
            if self._file and self._file.stat().st_size < _LARGEST_FILE:
                document = read_whole(self._file)
        if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
            document = {"files": {}, "sides": {}, "pairs": {}}
        self._files: dict[str, str] = document["files"]
        self._sides: dict[str, Any] = document["sides"]
        self._pairs: dict[str, Any] = document["pairs"]

    def marks(self, tree: str) -> Marks | None:
        """None for a side that is not known."""
        name = self._name(tree)
        if name not in self._sides:
            return None
        row = self._sides[name] = self._sides.pop(name)
        marks: Marks = row[0]
        return marks

    def files(self, delta: Delta) -> dict[str, FileChange | None]:
        """What is known of the paths of a delta; None for nothing that can be said."""
        names = {path: _file_name(path, entry) for path, entry in delta.files.items()}
        return {path: self._unpack(name) for path, name in names.items() if name in self._files}

    def change(self, tree: str) -> Change:
        """Of a side whose marks are known."""
        if tree not in self._changes:
            _, names, gone, numbered = self._sides[self._name(tree)]
            change = self._changes[tree] = Change(gone=set(gone))
            for folder, number, name in numbered:
                change.numbered[folder, number] = name
            for name in names:
                one = self._unpack(name)
                if one is not None:
                    change.take(one)
        return self._changes[tree]

    def keep_side(self, tree: str, delta: Delta, change: Change, *, whole: bool) -> None:
        """whole: False where something could not be read, to look again the next time."""
        self._changes[tree] = change
        names = self._keep_files(delta, change) if whole and self._file else []
        numbered = [[*key, name] for key, name in change.numbered.items()]
        self._sides[self._name(tree)] = [marks_of(change), names, sorted(change.gone), numbered]
        self.passing |= set() if whole else {self._name(tree)}
        self._is_new = True

    def _keep_files(self, delta: Delta, change: Change) -> list[str]:
        """The names of those that were looked at, as `read_change` goes through them."""
        names = []
        taken = 0
        for path, entry in delta.files.items():
            if is_read(path, entry) and taken < MOST_FILES:
                names.append(_file_name(path, entry))
                self._pack(names[-1], change.files.get(path))
                taken += path in change.files
        return names

    def pair(self, one: str, other: str) -> list[Meaning] | None:
        """None for a pair that is not known."""
        name = self._pair_name(one, other)
        if name not in self._pairs:
            return None
        rows = self._pairs[name] = self._pairs.pop(name)
        return [meaning_of(row) for row in rows]

    def keep_pair(self, one: str, other: str, said: list[Meaning]) -> None:
        if self.passing.isdisjoint((self._name(one), self._name(other))):
            self._pairs[self._pair_name(one, other)] = [astuple(meaning) for meaning in said]
            self._is_new = True

    def save(self) -> None:
        """Write the file when something is new; a disk that is full or read-only is no error."""
        if self._file is None or not self._is_new:
            return
        rows = [(name, row) for name, row in self._sides.items() if name not in self.passing]
        sides = dict(rows[-_MOST_SIDES:])
        files = {name: self._files[name] for row in sides.values() for name in row[1]}
        pairs = dict([*self._pairs.items()][-_MOST_PAIRS:])
        write_whole(self._file, {"schema": _SCHEMA, "files": files, "sides": sides, "pairs": pairs})
        self._is_new = False

    def _pack(self, name: str, one: FileChange | None) -> None:
        if name not in self._files:
            text = json.dumps(one, separators=(",", ":"), default=_plain).encode()
            self._files[name] = base64.b64encode(zlib.compress(text, 1)).decode()
            self._unpacked[name] = one

    def _unpack(self, name: str) -> FileChange | None:
        if name not in self._unpacked:
            row = json.loads(zlib.decompress(base64.b64decode(self._files[name])))
            self._unpacked[name] = row and _file(dict(zip(_FILE_CHANGE, row, strict=True)))
        return self._unpacked[name]

    def _name(self, tree: str) -> str:
        return _digest(f"{self._context}:{tree}")

    def _pair_name(self, one: str, other: str) -> str:
        return f"{self._name(one)}{self._name(other)}"


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    names = _FILE_CHANGE if isinstance(value, FileChange) else _DEFINITION
    return [getattr(value, name) for name in names]


def _file_name(path: str, entry: Changed) -> str:
    return _digest("\0".join((path, entry.old_mode, entry.old, entry.new_mode, entry.new)))


def _digest(said: str) -> str:
    raw = said.encode("utf-8", "surrogateescape")
    return hashlib.blake2b(raw, digest_size=9).hexdigest()


def _file(row: dict[str, Any]) -> FileChange:
    return FileChange(**{
        **row,
        "imports": {name: (module, what) for name, (module, what) in row["imports"].items()},
        "bindings": frozenset((tuple(scope), name) for scope, name in row["bindings"]),
        "unbound": frozenset((tuple(scope), name) for scope, name in row["unbound"]),
        "known": frozenset(row["known"]),
        "mentions": [(name, line) for name, line in row["mentions"]],
        "removed": [_definition(one) for one in row["removed"]],
        "added": [_definition(one) for one in row["added"]],
        "changed": [(_definition(old), _definition(new)) for old, new in row["changed"]],
        "uses": [_use(one) for one in row["uses"]],
        "claims": [Claim(tuple(one[0]), *one[1:]) for one in row["claims"]],
    })  # fmt: skip


def _definition(row: Any) -> Definition:
    name, scope, kind, lines, parameters, value, body, loose, bound, results, bases, abstract = row
    return Definition(
        name, tuple(scope), kind, (lines[0], lines[1]), _parameters(parameters), value, body,
        loose, bound, results, tuple(bases), abstract,
    )  # fmt: skip


def _parameters(row: Any) -> Parameters | None:
    if row is None:
        return None
    names, required, only, keyword, needed, rest, keywords, types = row
    return Parameters(
        tuple(names), required, only, frozenset(keyword), frozenset(needed), rest, keywords,
        tuple(types),
    )  # fmt: skip


def _use(row: Any) -> Use:
    name, line, scope, receiver, call, awaited = row
    arguments = None if call is None else Arguments(call[0], frozenset(call[1]), call[2], call[3])
    return Use(name, line, tuple(scope), receiver, arguments, awaited)
