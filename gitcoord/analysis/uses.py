"""Where a name is used, by text: whole words in the files of the same languages.

Promises: linear time; the line numbers of each use. Refuses: to tell two things of one name
apart; a name that is in more than MOST_FILES files is too common to say anything, and is left.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.frames import language_of
from gitcoord.analysis.relevance import defined_name

MOST_FILES = 200
_SHORTEST = 4
_FAMILIES = (
    {"javascript", "typescript"},
    {"java", "kotlin", "scala", "groovy"},
    {"c", "c++"},
)


@dataclass(frozen=True)
class Use:
    """lines: numbers of the lines with the name, from 1; those that define it left out."""

    path: str
    lines: tuple[int, ...]


def find_uses(corpus: Corpus, name: str, defined_in: str) -> list[Use] | None:
    """The files that use `name`, which is defined in the file `defined_in`, most uses first.

    None when the name is too short or too common to be looked for by text.
    """
    if len(name) < _SHORTEST or not name.isidentifier():
        return None
    word = re.compile(rb"(?<![\w$])" + re.escape(name.encode()) + rb"(?![\w$])")
    raw = name.encode()
    family = _family(language_of(defined_in))
    found = []
    for path, content in corpus.texts(path for path in corpus.paths if language_of(path) in family):
        if raw not in content or not word.search(content):
            continue
        found.append(Use(path, _lines(content, word, name)))
        if len(found) > MOST_FILES:
            return None
    used = [use for use in found if use.lines]
    return sorted(used, key=lambda use: (-len(use.lines), use.path))


def _family(language: str) -> Sequence[str] | set[str]:
    return next((family for family in _FAMILIES if language in family), {language})


def _lines(content: bytes, word: re.Pattern[bytes], name: str) -> tuple[int, ...]:
    numbers = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if word.search(line[:2000]) and defined_name(line[:400].decode("utf-8", "replace")) != name:
            numbers.append(number)
    return tuple(numbers)
