"""Where in the code a line of a log was written: by the place it names, its logger, its words.

Promises: one pass over the source files for all templates; a place is given with what says so
and how sure that is, 0 to 1: 1 for `login.py:12` in the line, LOGGER for a logger that is a
whole path, less for the end of one; for words, the share of the template's constant words that
stand together in at most TIES files, divided by the number of those files.
Refuses: words that more files have. `not found` is written everywhere.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gitcoord.analysis.corpus import Corpus
from gitcoord.analysis.frames import Frame, language_of
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.logreading import Template
from gitcoord.analysis.packages import match_in
from gitcoord.analysis.templates import VALUE

LOGGER = 0.6
TIES = 3
_WORDS = 24  # of a template that are looked for
# 12 pairs of words of 12 templates in 50 MB take 2 s.
_PAIRS = 12
_SHARE = 0.4  # of the constant words, below which other words are meant
_TOGETHER = 3  # lines
_CLOSE = 20  # files that are read for the line
_NAMELESS = ("__init__", "index", "mod", "main", "lib")
_NAMED = re.compile(
    r"(?<![\w/.\\@+-])((?:[A-Za-z]:)?[\w./\\@+-]{1,200})(?::|\(|, line )(\d{1,7})(?!\w)"
)
_OUTER = "\"'`.,:;!?()[]{}<>…=-"


@dataclass(frozen=True)
class Spot:
    """A file that writes a log line. line: from 1, None when only the file is known."""

    path: str
    line: int | None
    sure: float
    reason: str


def find_spots(templates: Sequence[Template], corpus: Corpus) -> list[list[Spot]]:
    """For each template the files that write it, surest first, each once."""
    sources = [path for path in corpus.paths if kind_of(path) is Kind.SOURCE]
    pairs = [_pairs(template) for template in templates]
    having = _having({raw for found in pairs for _, raw in found}, sources, corpus)
    modules = _modules(sources)
    return [
        _joined(
            [
                *_named(template, corpus),
                *_worded(words, having, corpus),
                *_logged(template.logger, modules),
            ]
        )
        for template, words in zip(templates, pairs, strict=True)
    ]


def _joined(spots: Sequence[Spot]) -> list[Spot]:
    """Each file once; two signs of one file are 1 - (1 - a)(1 - b)."""
    found: dict[str, Spot] = {}
    for one in spots:
        known = found.get(one.path)
        if known:
            sure = 1 - (1 - known.sure) * (1 - one.sure)
            line = known.line or one.line
            one = Spot(one.path, line, sure, f"{known.reason}; {one.reason}")
        found[one.path] = one
    return sorted(found.values(), key=lambda one: (-one.sure, one.path))[:TIES]


def _named(template: Template, corpus: Corpus) -> Iterator[Spot]:
    """The place that the first line of the template names, as `login.py:12`."""
    said = template.raw.decode("utf-8", "replace")
    frames = [
        Frame(match[1], int(match[2]), "", language_of(match[1]))
        for match in _NAMED.finditer(said[:2000])
        if language_of(match[1])
    ]
    for frame, path in match_in(frames[:5], corpus).items():
        yield Spot(path, frame.line or None, 1.0, f"the log names line {frame.line} of it")


def _modules(sources: Sequence[str]) -> dict[str, list[tuple[str, ...]]]:
    """Last component of a module -> the modules of that name, as components of their paths."""
    found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for path in sources:
        parts = _components(path)
        if parts:
            found[parts[-1]].append((path, *parts))
    return found


def _components(path: str) -> tuple[str, ...]:
    stem, _, _ = path.lower().rpartition(".")
    parts = stem.split("/")
    return tuple(parts[:-1] if parts[-1] in _NAMELESS and len(parts) > 1 else parts)


def _logged(logger: str, modules: Mapping[str, list[tuple[str, ...]]]) -> Iterator[Spot]:
    """The file that a dotted logger is; without its last part where that is a class of it."""
    parts = [part for part in re.split(r"[^\w-]+", logger) if part]
    for chosen in (parts, parts[:-1]):
        wanted = [part.lower() for part in chosen]
        rated = [
            (_shared(wanted, module[1:]), module[0])
            for module in (modules.get(wanted[-1], ()) if wanted else ())
        ]
        best = max((count for count, _ in rated), default=0)
        named = [path for count, path in rated if count == best]
        if best and len(named) == 1 and (best > 1 or len(chosen) == len(parts)):
            sure = LOGGER if best == len(wanted) else LOGGER * (0.8 if best > 1 else 0.6)
            yield Spot(named[0], None, sure, f"the log's logger {logger[:80]} is named after it")
            return


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


_Pairs = list[tuple[tuple[int, ...], bytes]]


def _pairs(template: Template) -> _Pairs:
    """(numbers of the words, their text) of neighbouring constant words, and of long names."""
    text, logger = template.text, template.logger
    at = text.find(logger) if logger else -1
    text = text[at + len(logger) :] if 0 <= at < 120 else text
    words = text.split()[:_WORDS]
    found: _Pairs = []
    for number, word in enumerate(words):
        if _varies(word):
            continue
        bare = word.strip(_OUTER)
        if len(bare) >= 12 or "_" in bare:
            found.append(((number,), bare.encode("utf-8", "surrogateescape")))
        after = words[number + 1] if number + 1 < len(words) else VALUE
        pair = f"{word} {after}".strip(_OUTER)
        if not _varies(after) and len(pair) >= 6 and " " in pair:
            found.append(((number, number + 1), pair.encode("utf-8", "surrogateescape")))
    return sorted(found, key=lambda one: -len(one[1]))[:_PAIRS]


def _varies(word: str) -> bool:
    return VALUE in word or "[RED" in word or not any(map(str.isalpha, word))


def _having(
    pairs: set[bytes], sources: Sequence[str], corpus: Corpus
) -> dict[bytes, frozenset[str]]:
    found: dict[bytes, set[str]] = defaultdict(set)
    for path, content in corpus.texts(sources) if pairs else ():
        for pair in pairs:
            if pair in content:
                found[pair].add(path)
    return {pair: frozenset(paths) for pair, paths in found.items()}


def _worded(
    pairs: _Pairs, having: Mapping[bytes, frozenset[str]], corpus: Corpus
) -> Iterator[Spot]:
    """The files in which most of the template's constant words stand together."""
    wanted = {number for numbers, _ in pairs for number in numbers}
    covered: dict[str, set[int]] = defaultdict(set)
    for numbers, pair in pairs:
        for path in having.get(pair, ()):
            covered[path].update(numbers)
    first = sorted(covered, key=lambda path: (-len(covered[path]), path))[:_CLOSE]
    rated = []
    for path in first:
        line, count = _line(corpus.read(path) or b"", pairs)
        share = count / len(wanted)
        # Two words alone have to be rare ones; one has to be a name.
        if share >= _SHARE and (count > 2 or len(covered) <= TIES):
            rated.append((share, path, line))
    best = max((share for share, _, _ in rated), default=0.0)
    ties = [each for each in rated if each[0] >= 0.9 * best]
    for share, path, line in ties if len(ties) <= TIES else ():
        sure = min(1.0, share / 0.7) / len(ties)
        yield Spot(path, line, sure, f"line {line} of it has the words of the log")


def _line(content: bytes, pairs: _Pairs) -> tuple[int, int]:
    """The line from which on, within _TOGETHER lines, most of the words stand; and how many."""
    places: dict[int, set[int]] = defaultdict(set)
    for numbers, pair in pairs:
        at = content.find(pair)
        for _ in range(_CLOSE):
            if at < 0:
                break
            places[content.count(b"\n", 0, at) + 1].update(numbers)
            at = content.find(pair, at + 1)
    best, most = 0, 0
    for line in sorted(places):
        near = range(line, line + _TOGETHER)
        count = len(set().union(*(places[one] for one in near if one in places)))
        if count > most:
            best, most = line, count
    return best, most
