"""How much each line of a file has to do with a question.

Promises: linear time in the text; the same measure for any language, because what a line
belongs to is read from its indentation.
Refuses: a meaning. It counts rare words, it does not understand.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.question import Question
from gitcoord.analysis.tokens import split, stem, stems

# More words than this and the question is a pasted text, whose later words add little.
MOST_WORDS = 80
LONGEST_LINE = 2000
# Lines that carry no code: blank, comment, or closing brackets only.
_EMPTY = re.compile(r"\s*+(?:#(?!\[|include|if|define)|//|\*|/\*|--|[})\];,]*+$|$)")


def asked_words(question: Question) -> dict[str, str]:
    """Stem -> the word it was first met as: of a question's words, names, quotes, file names."""
    names = (path.rpartition("/")[2] for path in question.paths)
    text = " ".join((*question.words, *question.identifiers, *question.quoted, *names)[:400])
    found: dict[str, str] = {}
    for word in split(text):
        if len(word) > 1 and len(found) < MOST_WORDS:
            found.setdefault(stem(word), word)
    return found


def rarity(corpus: Corpus, words: Iterable[str]) -> dict[str, float]:
    """Stem -> log(1 + (N - n + 0.5) / (n + 0.5)), N source files of which n have it (BM25's).

    A stem starts its word, so it is looked for as text: 20 words in 50 MB take 0.3 s.
    """
    searched = [(word, word.encode("utf-8", "surrogateescape")) for word in words]
    having: Counter[str] = Counter()
    sources = [path for path in corpus.paths if kind_of(path) is Kind.SOURCE]
    for _, content in corpus.texts(sources):
        low = content.lower()
        having.update(word for word, raw in searched if raw in low)
    total = len(sources)
    return {
        word: math.log(1 + (total - having[word] + 0.5) / (having[word] + 0.5))
        for word, _ in searched
    }


def line_weights(text: str, rare: Mapping[str, float]) -> list[float]:
    """One number per line, 0 to 1, the most telling line 1; 0 for lines that carry no code.

    A line's own words, each weighing log(1 + (n - k + 0.5) / (k + 0.5)) over the n lines of
    the file of which k have it, times the square root of its `rarity`; plus, at 0.7 for each
    step outwards, the words of the lines it is indented under; plus half of its neighbours'.
    Chosen on 360 fixes of six repositories: see tests/benchmarks/suspect_commits.py.
    """
    lines = text.split("\n")
    words = [{one for one in stems(line[:LONGEST_LINE]) if one in rare} for line in lines]
    having = Counter(one for found in words for one in found)
    total = len(lines)
    weight = {
        one: math.log(1 + (total - count + 0.5) / (count + 0.5)) * math.sqrt(rare[one])
        for one, count in having.items()
    }
    own = [sum(weight[one] for one in found) for found in words]
    under = _inherited(words, weight, parents(lines))
    near = _neighbours(own)
    raw = [
        0.0 if _EMPTY.match(line[:LONGEST_LINE]) else sum(parts)
        for line, *parts in zip(lines, own, under, near, strict=True)
    ]
    top = max(raw, default=0.0)
    return [value / top for value in raw] if top else raw


def parents(lines: Sequence[str]) -> list[int]:
    """For each line the index of the line it is indented under, -1 at the outermost level."""
    found = []
    open_lines: list[tuple[int, int]] = []
    for index, line in enumerate(lines):
        start = line[:LONGEST_LINE].expandtabs(4)
        body = start.lstrip()
        indent = len(start) - len(body)
        # A line that closes what another opened (`) -> None:`, `} else {`) belongs to it.
        closes = body[:1] in ")]}"
        while body and open_lines and open_lines[-1][0] >= indent + closes:
            open_lines.pop()
        found.append(open_lines[-1][1] if open_lines else -1)
        if body and not closes and body.strip("{([ "):
            open_lines.append((indent, index))
    return found


def best_ranges(weights: Sequence[float], *, most: int = 3, least: float = 0.5) -> list[range]:
    """Up to `most` stretches of lines (from 1) of at least `least`, the most telling first.

    Lines with no more than three weaker lines between them are one stretch.
    """
    stretches: list[list[int]] = []
    for number, weight in enumerate(weights, 1):
        if weight < least:
            continue
        if stretches and number - stretches[-1][-1] <= 4:
            stretches[-1].append(number)
        else:
            stretches.append([number])
    stretches.sort(key=lambda numbers: -sum(weights[number - 1] for number in numbers))
    return [range(numbers[0], numbers[-1] + 1) for numbers in stretches[:most]]


_DEFINES = re.compile(
    r"\s*+(?:(?:pub|public|private|protected|internal|static|final|abstract|async|export|default"
    r"|override|open|inline|unsafe|extern|const(?=\s+(?:fn|unsafe|async|extern)\b)|virtual|suspend)"
    r"(?:\([a-z]+\))?\s++)*+"
    r"(?:(?:def|class|function\*?|func|fn|fun|interface|trait|struct|enum|impl|module|sub|object)"
    r"\s++(?:\([^()]*\)\s*+)?(?:self\.)?([A-Za-z_$][\w$]*+)"
    r"|(?:const|let|var)\s++([A-Za-z_$][\w$]*+)\s*+=\s*+(?:async\s*+)?(?:function|\([^()]*\)\s*+=>)"
    r"|(?:exports|module\.exports|[\w$]++(?:\.prototype)?)\.([A-Za-z_$][\w$]*+)\s*+=\s*+(?:async\s++)?function"
    r"|(?!(?:if|for|while|switch|catch|return|else|new|throw|do|elif|with|match|when)\b)"
    r"(?:[\w$<>\[\],.?*&:]++\s++){0,4}+[*&]?([A-Za-z_$~][\w$]*+)\s*+\([^;{}]*+(?:\)[^;{}]*+)?\{\s*+$)"
)


def symbol_at(lines: Sequence[str], above: Sequence[int], number: int) -> str:
    """The name of the innermost function or class that holds line `number` (from 1), or "".

    above: what `parents` said of `lines`.
    """
    index = min(number, len(lines)) - 1
    while index >= 0:
        name = defined_name(lines[index])
        if name:
            return name
        index = above[index]
    return ""


def defined_name(line: str) -> str:
    """The name of the function or class whose head this line is, or ""."""
    match = _DEFINES.match(line[:400])
    return next((name for name in match.groups() if name), "") if match else ""


def _inherited(
    words: Sequence[Collection[str]], weight: Mapping[str, float], above: Sequence[int]
) -> list[float]:
    found = [0.0] * len(words)
    for index, parent in enumerate(above):
        if parent >= 0:
            new = (weight[one] for one in words[parent] if one not in words[index])
            found[index] = sum(new) + 0.7 * found[parent]
    return found


def _neighbours(own: Sequence[float]) -> list[float]:
    padded = [0.0, *own, 0.0]
    return [(padded[at] + padded[at + 2]) / 2 for at in range(len(own))]
