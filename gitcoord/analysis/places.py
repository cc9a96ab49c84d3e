"""The files a question points at, and how much each of their lines has to do with it.

Promises: a line that a stack trace names counts as much as the one that matches best.
Refuses: files without text, and more than MOST files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.finding import Suspect
from gitcoord.analysis.packages import match_in
from gitcoord.analysis.question import Question
from gitcoord.analysis.relevance import (
    asked_words,
    best_ranges,
    defined_name,
    line_weights,
    parents,
    rarity,
    symbol_at,
)

MOST = 8
ORIGIN = 0.5
_AROUND = 3  # lines
_USED = re.compile(r"[^\W\d]\w{2,}")
_SET = re.compile(r"\s*+(?:[\w<>\[\].]{1,60}\s+){0,4}?(\w{3,})\s*(?::[^=\n]{1,60})?:?=(?!=)")


@dataclass(frozen=True)
class Place:
    """A suspect file. weight: 0 to 1. lines: weight of each line, 0 to 1, from line 1.
    text: the file's. framed: lines that a stack trace or a log names."""

    path: str
    weight: float
    lines: Sequence[float]
    text: str
    framed: tuple[int, ...] = ()

    def relevance(self, first: int, last: int) -> float:
        """The relevance of lines first to last; those without a word of the question have none,
        unless the whole file has none, when all are alike."""
        if not self._told:
            return 0.0001 * (last - first + 1)
        return sum((weight + 0.01) ** 2 for weight in self.lines[first - 1 : last] if weight > 0)

    def peak(self, first: int, last: int) -> int:
        """The number of the weightiest line of first to last."""
        return max(range(first, last + 1), key=lambda number: self.lines[number - 1])

    def symbol(self, number: int) -> str:
        """The name of the function or class that holds a line, or ""."""
        return symbol_at(self._split, self._parents, number)

    def defines(self, names: Collection[str]) -> str:
        """The first of `names` (`a.b.c` counts as c) that is defined here, or ""."""
        wanted = [re.split(r"\W", name)[-1] for name in names]
        here = {defined_name(line) for line in self._split} if wanted else set()
        return next((name for name in wanted if name and name in here), "")

    def ranges(self, most: int = 3) -> list[range]:
        """The stretches of lines that have most to do with the question, framed ones first."""
        best = best_ranges(self.lines, most=most)
        named = [stretch for stretch in best if any(line in stretch for line in self.framed)]
        return named + [stretch for stretch in best if stretch not in named]

    def raised(self, numbers: Collection[int], least: float) -> Place:
        """The same place with a weight of at least `least` for some lines."""
        lines = [
            max(weight, least) if number in numbers else weight
            for number, weight in enumerate(self.lines, 1)
        ]
        return replace(self, lines=lines)

    @cached_property
    def _told(self) -> bool:
        return any(self.lines)

    @cached_property
    def _split(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def _parents(self) -> list[int]:
        return parents(self._split)


def find_places(question: Question, suspects: Sequence[Suspect], corpus: Corpus) -> list[Place]:
    """The suspect files, best first; a file's weight is the square root of its score, scores
    being shares of 1 (made so where their sum is more).

    Files that a stack trace names come before all others and weigh 1. A line that a frame names
    weighs 1, those up to three lines away at least 0.25, and at least ORIGIN those that give a
    name used there its value: what is wrong there was often made wrong where that was set.
    """
    rare = rarity(corpus, asked_words(question))
    frames = match_in(question.frames, corpus) if question.frames else {}
    named = list(dict.fromkeys(frames.values()))
    whole = max(1.0, sum(one.score for one in suspects))
    ranked = [(path, 1.0) for path in named]
    ranked += [(one.name, one.score / whole) for one in suspects if one.name not in named]
    places = []
    for path, share in ranked[:MOST]:
        text = corpus.text(path)
        if not text or share <= 0:
            continue
        lines = line_weights(text, rare)
        framed = tuple(
            frame.line
            for frame, where in frames.items()
            if where == path and frame.line and frame.line <= len(lines)
        )
        for number in framed:
            _raise_around(lines, number)
        for number in _origins(text, framed):
            lines[number - 1] = max(lines[number - 1], ORIGIN)
        places.append(Place(path, math.sqrt(share), lines, text, framed))
    return places


def _origins(text: str, framed: Collection[int]) -> list[int]:
    """The numbers of the lines that set a name which is used up to _AROUND lines above a framed
    one, or on it."""
    lines = text.split("\n") if framed else []
    used: set[str] = set()
    for number in framed:
        for line in lines[max(0, number - 1 - _AROUND) : number]:
            used.update(_USED.findall(line[:300]))
    set_here = ((number, _SET.match(line[:300])) for number, line in enumerate(lines, 1))
    return [number for number, match in set_here if match and match[1] in used]


def _raise_around(lines: list[float], number: int) -> None:
    for at in range(max(1, number - _AROUND), min(len(lines), number + _AROUND) + 1):
        lines[at - 1] = max(lines[at - 1], 0.25)
    lines[number - 1] = 1.0
