"""Where the words of a question stand in the text of files, and how much that says.

Promises: contents are searched as bytes, in any encoding, for the stems asked about; a word
counts whole where it is one of an identifier (`token` in `issueToken`), loosely where it is
a part of one (`token` in `tokenizer` or `mytoken`).
Refuses: to count a word more than MOST times in one file; BM25 saturates long before.

Word weights and the two scores are BM25 (Robertson and Zaragoza, 2009) with b = 0.3 and
k1 = 2: long source files are long because they do more, not because they repeat themselves.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gitcoord.analysis.relevance import defined_name
from gitcoord.analysis.tokens import split, stem

MOST = 150
K1, B = 2.0, 0.3
# Two words within so many bytes (about a screenful) are said together.
NEAR = 1200
_HUMP = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ASSIGNED = re.compile(
    r"(?:#\s*define|typedef|type|mod|namespace|macro_rules!|let|const|var|val)\s+(\w+)"
    r"|(?:[A-Za-z_$][\w$]*\.)*([A-Za-z_$][\w$]*)\s*=(?!=)"
)


class Tally(NamedTuple):
    """How often each word stands in one file: whole, and loosely; and each name, in full.

    In the order of the words and names asked. size: bytes of the file.
    """

    size: int
    whole: tuple[int, ...]
    loose: tuple[int, ...]
    named: tuple[int, ...]


def tally(content: bytes, words: Sequence[bytes], names: Sequence[bytes]) -> Tally:
    """words: stems in lower case. names: identifiers as they are written."""
    low = content.lower()
    counts = [_count(content, low, word) if word in low else (0, 0) for word in words]
    return Tally(
        len(content),
        tuple(whole for whole, _ in counts),
        tuple(loose for _, loose in counts),
        tuple(content.count(name) for name in names),
    )


def _count(content: bytes, low: bytes, word: bytes) -> tuple[int, int]:
    whole = loose = 0
    at = low.find(word)
    while at >= 0 and whole + loose < MOST:
        if is_whole(content, at, word):
            whole += 1
        else:
            loose += 1
        at = low.find(word, at + len(word))
    return whole, loose


def is_whole(content: bytes, at: int, word: bytes) -> bool:
    """Whether a word with the stem `word` starts at `at`, by case, digits and underscores."""
    before = content[at - 1] if at else 32
    if word.isdigit():
        return not 48 <= before <= 57 and not content[at + len(word) : at + len(word) + 1].isdigit()
    if not word.isalpha():
        return True
    if before in _LETTERS:
        starts = 65 <= content[at] <= 90
        after = content[at + 1] if at + 1 < len(content) else 32
        if not starts or (65 <= before <= 90 and not 97 <= after <= 122):
            return False
    hump = _HUMP.match(content, at)
    return hump is not None and stem(hump[0].lower().decode()) == word.decode()


@dataclass(frozen=True)
class Mentions:
    """Tallies of all files read. rarity: of each word and name, BM25's log((N-n+.5)/(n+.5)+1)
    over the N source files; average: their mean size in bytes."""

    words: tuple[str, ...]
    names: tuple[str, ...]
    tallies: Mapping[str, Tally]
    rarity: Mapping[str, float]
    name_rarity: Mapping[str, float]
    average: float

    @property
    def total(self) -> float:
        """What a file would reach that had every word: the scores are shares of it."""
        return sum(self.rarity.values()) or 1.0

    def said(self, path: str) -> dict[str, int]:
        """The words that stand whole in a file, the rarest first, and how often."""
        one = self.tallies.get(path)
        pairs = zip(self.words, one.whole, strict=True) if one else ()
        found = {word: count for word, count in pairs if count}
        return dict(sorted(found.items(), key=lambda pair: -self.rarity[pair[0]]))

    def signals(self) -> dict[str, dict[str, float]]:
        """words, parts: BM25 of whole, and of whole and loose, mentions. names: of identifiers.
        All but names are shares of `total`, names are in units of rarity / 6."""
        words: dict[str, float] = {}
        parts: dict[str, float] = {}
        names: dict[str, float] = {}
        weights = [self.rarity[word] / self.total for word in self.words]
        long = [len(word) >= 4 for word in self.words]
        for path, one in self.tallies.items():
            norm = K1 * (1 - B + B * one.size / self.average)
            if any(one.whole) or any(one.loose):
                words[path] = sum(
                    weight * count * (K1 + 1) / (count + norm)
                    for weight, count in zip(weights, one.whole, strict=True)
                    if count
                )
                parts[path] = sum(
                    weight * (count + loose) * (K1 + 1) / (count + loose + norm)
                    for weight, count, loose, able in zip(
                        weights, one.whole, one.loose, long, strict=True
                    )
                    if able and count + loose
                )
            if any(one.named):
                names[path] = sum(
                    self.name_rarity[name] * count * (K1 + 1) / (count + norm) / 6
                    for name, count in zip(self.names, one.named, strict=True)
                    if count
                )
        return {"words": words, "parts": parts, "names": names}


def rarities(counts: Sequence[int], total: int) -> list[float]:
    """BM25's inverse document frequency, the variant that is never negative."""
    return [math.log(1 + max(0.0, total - count + 0.5) / (count + 0.5)) for count in counts]


class Close(NamedTuple):
    """near: the largest share of the words' weight within NEAR bytes. defines: BM25 of words in
    the names a file defines; names: those names, as written, of the definitions that fit best."""

    near: float
    defines: float
    exactly: bool
    names: tuple[str, ...]


def look_close(
    content: bytes, weights: Mapping[bytes, float], names: frozenset[str], lines: int = 60
) -> Close:
    """Read the lines that mention a word or name. weights: stem -> its share of the total.

    lines: of each word at most so many mentions are looked at.
    """
    low = content.lower()
    spots: list[tuple[int, bytes]] = []
    for word in weights:
        spots += [(at, word) for at in _spots(content, low, word, lines)]
    spots.sort()
    heads = {_line_start(content, at) for at, _ in spots}
    for name in names:
        raw = name.encode("utf-8", "surrogateescape")
        heads |= {_line_start(content, at) for at in _find(content, raw, lines)}
    defined = [name for start in sorted(heads) if (name := _defined(content, start))]
    counts = Counter(
        word
        for name in defined
        for word in {stem(one).encode() for one in split(name)} & set(weights)
    )
    score = sum(weights[word] * count * 1.5 / (count + 0.5) for word, count in counts.items())
    best = sorted(
        dict.fromkeys(defined), key=lambda name: (name not in names, -_fit(name, weights))
    )
    exactly = not names.isdisjoint(defined)
    kept = tuple(name for name in best if name in names or _fit(name, weights))[:3]
    return Close(_nearest(spots, weights), score, exactly, kept)


def _fit(name: str, weights: Mapping[bytes, float]) -> float:
    return sum(weights.get(stem(one).encode(), 0.0) for one in set(split(name)))


def _spots(content: bytes, low: bytes, word: bytes, most: int) -> list[int]:
    return [at for at in _find(low, word, 2 * most) if is_whole(content, at, word)][:most]


def _find(text: bytes, word: bytes, most: int) -> list[int]:
    found: list[int] = []
    at = text.find(word)
    while at >= 0 and len(found) < most:
        found.append(at)
        at = text.find(word, at + len(word))
    return found


def _line_start(content: bytes, at: int) -> int:
    return content.rfind(b"\n", max(0, at - 200), at) + 1 or at


def _defined(content: bytes, start: int) -> str:
    end = content.find(b"\n", start, start + 300)
    line = content[start : end if end >= 0 else start + 300].decode("utf-8", "replace")
    name = defined_name(line)
    if not name and not line[:1].isspace() and (match := _ASSIGNED.match(line)):
        name = match[1] or match[2]
    return name


def _nearest(spots: Sequence[tuple[int, bytes]], weights: Mapping[bytes, float]) -> float:
    """The best sum of weights of distinct words within NEAR bytes, by a sliding window."""
    inside: Counter[bytes] = Counter()
    best = value = 0.0
    first = 0
    for at, word in spots:
        value += weights[word] if not inside[word] else 0.0
        inside[word] += 1
        while spots[first][0] < at - NEAR:
            left = spots[first][1]
            inside[left] -= 1
            value -= weights[left] if not inside[left] else 0.0
            first += 1
        best = max(best, value)
    return best
