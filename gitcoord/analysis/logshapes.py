"""The quick way from a log line to its group, learnt from lines that were read in full.

Promises: a line that a rule takes belongs to the rule's group: the rule keeps every word that
did not vary in that group, so a word that tells two groups apart is in the rules of both.
About 1 µs a line, where reading in full costs 10 to 15.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field

from gitcoord.analysis.templates import KEPT, PART, Group

_HEX = b"0123456789abcdefABCDEF"
_WORDS = (string.ascii_letters + string.digits).encode() + bytes(range(0x80, 0x100))
_DELIMITERS = re.compile(rb"([^A-Za-z0-9\x80-\xff]+)")
_DIGITS = re.compile((f"({KEPT})" + r"|[A-Za-z_]*+\d\w*+").encode())
_KEPT = re.compile(KEPT.encode())
_ENOUGH = 64  # lines of one group that are read in full before a rule is made
_RULES = 8  # rules of one shape
_MOST = 1000  # rules in all: a long one takes 10 ms to compile
_AGAIN = 6  # times that a rule of one outline is widened
_SHAPES, _LONGEST = 20_000, 1024
_VARIATIONS = 4000  # of at most 6 KB each


def keys_of(block: bytes) -> list[bytes]:
    """The shape of every line of a block, at C speed: what is left without hexadecimal digits."""
    return block.translate(None, _HEX).split(b"\n")


@dataclass(slots=True)
class _Variation:
    """Lines of one group and one outline, laid over each other. None: the word varies."""

    group: Group
    words: list[bytes | None]
    seen: int = 0
    widened: int = 0


@dataclass(slots=True)
class _Shape:
    """Lines of one key. `load` and `loaded` have the same shape, and may be two groups: so rules.

    rules: (pattern, group). unmatched: lines read in full since the last rule.
    """

    rules: list[tuple[re.Pattern[bytes], Group]] = field(default_factory=list)
    unmatched: int = 0
    variations: dict[int, _Variation] = field(default_factory=dict)


class Shapes:
    """Two tables: by shape, for lines that differ in numbers and ids; then by outline (the
    punctuation alone), for those that differ in words, as in the names of users."""

    def __init__(self) -> None:
        self._shapes: dict[bytes, _Shape] = {}
        self._outlines: dict[bytes, _Shape] = {}
        self._remembered = self._compiled = 0

    def find(self, line: bytes, key: bytes) -> Group | None:
        """The group of a line, if a rule knows it."""
        shape = self._shapes.get(key)
        if shape:
            for pattern, group in shape.rules:
                if pattern.fullmatch(line):
                    return group
        outline = self._outlines.get(line.translate(None, _WORDS))
        if outline:
            for pattern, group in outline.rules:
                if pattern.fullmatch(line):
                    return group
        return None

    def learn(self, line: bytes, key: bytes, group: Group) -> None:
        """Take note of a line that was read in full."""
        if len(line) > _LONGEST or self._compiled >= _MOST:
            return
        shape = self._shapes.get(key) or _added(self._shapes, key)
        shape.unmatched += 1
        if shape.unmatched >= _ENOUGH and len(shape.rules) < _RULES:
            shape.unmatched = 0
            self._compiled += 1
            shape.rules.append((_rule(line), group))
        if group.role != PART:
            outline = line.translate(None, _WORDS)
            self._vary(self._outlines.get(outline) or _added(self._outlines, outline), line, group)

    def _vary(self, outline: _Shape, line: bytes, group: Group) -> None:
        group = group.top()
        words = _DELIMITERS.split(line)
        variation = outline.variations.get(id(group))
        if variation is None:
            self._remember(outline, _Variation(group, [*words]))
            return
        if len(variation.words) != len(words):
            return
        variation.seen += 1
        for place, (known, word) in enumerate(zip(variation.words, words, strict=True)):
            if known is not None and known != word:
                variation.words[place] = None
        if variation.seen % _ENOUGH == 0 and variation.widened < _AGAIN:
            variation.widened += 1
            outline.rules[:] = [kept for kept in outline.rules if kept[1] is not group]
            pattern = _wide_rule(variation.words)
            if pattern:
                self._compiled += 1
                outline.rules.insert(0, (pattern, group))
                del outline.rules[_RULES:]

    def _remember(self, outline: _Shape, variation: _Variation) -> None:
        if self._remembered >= _VARIATIONS:
            self._remembered = 0
            for each in self._outlines.values():
                each.variations.clear()
        self._remembered += 1
        outline.variations[id(variation.group)] = variation


def _added(table: dict[bytes, _Shape], key: bytes) -> _Shape:
    if len(table) >= _SHAPES:
        for unruled in [known for known, shape in table.items() if not shape.rules]:
            del table[unruled]
    shape = _Shape()
    if len(table) < _SHAPES:
        table[key] = shape
    return shape


def _rule(line: bytes) -> re.Pattern[bytes]:
    """A pattern of the lines that differ from this one in words with digits only."""
    parts, end = [], 0
    for found in _DIGITS.finditer(line):
        if found[1] is None:
            parts += [re.escape(line[end : found.start()]), rb"\w++"]
            end = found.end()
    return re.compile(b"".join(parts) + re.escape(line[end:]))


def _wide_rule(words: list[bytes | None]) -> re.Pattern[bytes] | None:
    """A pattern with a value wherever a word varied; None when too little stayed the same."""
    constant = [word for word in words if word and word.isalpha() and len(word) > 2]
    if sum(map(len, constant)) < 5:
        return None
    return re.compile(
        b"".join(rb"[A-Za-z0-9\x80-\xff]*+" if word is None else re.escape(word) for word in words)
    )
