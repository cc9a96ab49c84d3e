"""Where a word stands in one side's code: git looks through the target once for all sides, and
what a side changed is looked through here.

Refuses to count comments, and files in languages nobody reads here.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from gitcoord.conflicts.deltas import Delta
from gitcoord.conflicts.semantic.languages import ENDINGS
from gitcoord.conflicts.semantic.shelf import Shelf

_DEFINES = (
    r"(?:\b(?:def|class|func|fn|function|interface|type|struct|enum|trait|const|static|let|var|val"
    r"|mod|record|object)\s+(?:\([^)]*\)\s*)?(?:mut\s+)?{name}\b"
    r"|^\s*(?:[\w<>\[\],.?@]+\s+){{0,5}}{name}\s*(?:=(?!=)|:(?!:)|\([^;]*\{{\s*$))"
)
_DEFINES_FUNCTION = (
    r"(?:\b(?:def|func|fn|function\*?)\s+(?:\([^)]*\)\s*|self\.)?{name}\b"
    r"|^\s*(?:[\w<>\[\],.?@]+\s+){{0,5}}{name}\s*\((?![^()]*\)\s*[.;,)])[^;]*[{{(,]\s*$"
    r"|^(?:\w+[\s*]+){{1,5}}{name}\s*\([^;]*\)?\s*$"
    r"|\b{name}\s*[:=]\s*(?:async\s+)?(?:function\b|\())"
)
_COMMENT = re.compile(r"^\s*(?:#|//|\*|/\*)")
_WORD = re.compile(r"\w+")
_LONGEST = 400
_MOST_WORDS = 500


class Words:
    """The lines of the target with any of the words, by word and path."""

    def __init__(self, shelf: Shelf, target: str, wanted: Collection[str]) -> None:
        self._shelf = shelf
        self._asked = sorted(wanted)[:_MOST_WORDS]
        self._there: dict[str, list[tuple[str, str]]] = defaultdict(list)
        if not self._asked:
            return
        names = [part for word in self._asked for part in ("-e", word)]
        said = shelf.aside.run(
            "grep", "-I", "-w", "-F", "-z", "--no-color", "--max-count=40", "--full-name", *names,
            target, "--", *(f":(top)*{ending}" for ending in sorted(ENDINGS)),
            ok=(0, 1),
        )  # fmt: skip
        for line in said.lines():
            path, nul, text = line.partition("\0")
            if nul:
                for word in _words_of(text):
                    self._there[word].append((path.removeprefix(f"{target}:"), text[:_LONGEST]))

    def fetch(self, deltas: Iterable[Delta]) -> None:
        """Read at once what sides changed."""
        self._shelf.read(blob for delta in deltas for blob in _code_of(delta))

    def of_side(self, delta: Delta, wanted: Collection[str]) -> SideWords:
        """The same as one side has them."""
        asked = set(wanted) & set(self._asked)
        lines = {
            word: [text for path, text in self._there[word] if path not in delta.files]
            for word in asked
        }
        for blob in _code_of(delta) if asked else ():
            body = self._shelf.body(blob)
            if body is None:
                return SideWords({})
            for word, text in _lines_with(body, asked):
                lines[word].append(text)
        return SideWords(lines)


class Asking:
    """Says yes to everything, and remembers which words it was asked about."""

    def __init__(self) -> None:
        self.words: set[str] = set()

    def is_gone(self, name: str) -> bool:
        self.words.add(name)
        return True

    def is_gone_from_objects(self, name: str) -> bool:
        return self.is_gone(name)

    def is_unique(self, name: str, *, function: bool) -> bool:
        return self.is_gone(name)


class SideWords:
    """Lines of one side's code by word. A word that was not asked about is never gone."""

    def __init__(self, lines: dict[str, list[str]]) -> None:
        self._lines = lines

    def is_gone(self, name: str) -> bool:
        return self._lines.get(name) == []

    def is_gone_from_objects(self, name: str) -> bool:
        pattern = re.compile(_DEFINES.format(name=re.escape(name)))
        asked = re.compile(rf"(?:\.|->|::){re.escape(name)}\b")
        lines = self._lines.get(name)
        return lines is not None and not any(
            asked.search(line) or pattern.search(line) for line in lines
        )

    def is_unique(self, name: str, *, function: bool) -> bool:
        shape = _DEFINES_FUNCTION if function else _DEFINES
        pattern = re.compile(shape.format(name=re.escape(name)))
        return sum(bool(pattern.search(line)) for line in self._lines.get(name, ())) == 1


def _code_of(delta: Delta) -> Iterator[str]:
    for path, change in delta.files.items():
        if posixpath.splitext(path)[1] in ENDINGS and change.new_mode.startswith("100"):
            yield change.new


def _lines_with(body: bytes, asked: Collection[str]) -> Iterator[tuple[str, str]]:
    raw = [word.encode("utf-8", "surrogateescape") for word in asked]
    if not any(word in body for word in raw):
        return
    for line in body.decode("utf-8", "replace").splitlines():
        for word in _words_of(line):
            if word in asked:
                yield word, line[:_LONGEST]


def _words_of(text: str) -> set[str]:
    return set() if _COMMENT.match(text) else set(_WORD.findall(text[:2000]))
