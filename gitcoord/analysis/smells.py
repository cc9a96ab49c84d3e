"""Known smells near the lines a question points at: what is written there that often fails.

Promises: a smell is reported with the line, why it can cause trouble, and whether the question
sounds like that trouble; Python by its syntax tree, other languages line by line with comments
and strings blanked out.
Refuses: to search a whole repository for smells. Every code base has hundreds; only those near
the lines in question are evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gitcoord.analysis.frames import language_of
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.line_smells import line_smells
from gitcoord.analysis.places import Place
from gitcoord.analysis.python_smells import python_smells
from gitcoord.analysis.question import Question
from gitcoord.analysis.smell import THEMES, Smell
from gitcoord.analysis.tokens import stems
from gitcoord.analysis.wording import asks_for

_NEAR = 6  # lines
_LEAST = 0.25  # weight of the nearest line in question, below which a smell is not near it
_LARGEST = 200_000  # characters
_TEXT = 20_000


@dataclass(frozen=True)
class Sighting:
    """A smell near a place. near: 0 to 1, how much the lines around it are in question.
    themes: those of the smell that the question sounds like."""

    place: Place
    smell: Smell
    near: float
    themes: tuple[str, ...]

    @property
    def confidence(self) -> float:
        """0.6 · sureness of the smell · near · (1 when the question sounds like it, else 0.5).

        0.6: near the right line, six of ten such smells have to do with what was asked, at most.
        """
        return 0.6 * self.smell.sure * self.near * (1.0 if self.themes else 0.5)


def find_smells(path: str, text: str) -> list[Smell]:
    """All smells of one file, by line; none for a language without rules."""
    if len(text) > _LARGEST:
        return []
    language = language_of(path)
    found = python_smells(text) if language == "python" else None
    if found is None:
        found = line_smells(language, text)
    return sorted(found, key=lambda smell: (smell.line, smell.kind))


def sight_smells(question: Question, places: Sequence[Place]) -> list[Sighting]:
    """The smells near the lines in question, most telling first; those of tests only when tests
    were asked about or a trace names the file."""
    asked = themes_of(question)
    tests = asks_for(question, Kind.TEST)
    found = []
    for place in places:
        # What looks odd in a test is there on purpose.
        if kind_of(place.path) is Kind.TEST and not (tests or place.framed):
            continue
        for smell in find_smells(place.path, place.text):
            near = _nearness(place, smell.line)
            if near >= _LEAST:
                themes = tuple(theme for theme in smell.themes if theme in asked)
                found.append(Sighting(place, smell, near, themes))
    found.sort(key=lambda one: (-one.confidence * one.place.weight**0.5, one.smell.line))
    return found


def themes_of(question: Question) -> set[str]:
    """What kind of trouble the question sounds like: keys of THEMES."""
    # The text, not its words: "sometimes" and "nothing" are stop words for a search.
    asked = set(stems(question.text[:_TEXT]))
    return {theme for theme, words in THEMES.items() if asked & words}


def _nearness(place: Place, line: int) -> float:
    first, last = max(1, line - _NEAR), min(len(place.lines), line + _NEAR)
    around = max(place.lines[first - 1 : last], default=0.0)
    # Further away, but in a function that has the best line of the file in it.
    symbol = place.symbol(line)
    peaks: Iterable[range] = place.ranges(1)
    inside = any(symbol and place.symbol(stretch.start) == symbol for stretch in peaks)
    return max(around, 0.5 if inside else 0.0)
