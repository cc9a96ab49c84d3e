"""What the path of a file has to do with a question: its name, its folders, its scope.

Promises: a file called `index.js`, `__init__.py` or `mod.rs` is known by its folder's name.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.mentions import rarities
from gitcoord.analysis.tokens import stemmed, stems

_NAMELESS = stemmed("index init mod lib main src")
_TESTING = re.compile(
    r"(?:^|[._-])(?:tests?|specs?|e2e|it)(?=[._-]|$)|(?<=[a-z0-9])(?:Tests?|TestCase|Spec|IT)$"
)


@dataclass(frozen=True)
class Named:
    """name: stems of what a file is called. folders: stems of the folders it lies in."""

    name: frozenset[str]
    folders: frozenset[str]


def naming_signals(
    paths: Sequence[str], words: Collection[str], scope: Sequence[str]
) -> dict[str, dict[str, float]]:
    """file: the share of a file's name, by rarity among names, that was asked for. folder: the
    share of the words that its folders have. scope: how much of the scope its path says."""
    named = {path: name_of(path) for path in paths}
    sources = [path for path in paths if kind_of(path) is Kind.SOURCE] or list(paths)
    having = Counter(word for path in sources for word in named[path].name | named[path].folders)
    known = list(having)
    counts = [having[word] for word in known]
    rarity = dict(zip(known, rarities(counts, len(sources)), strict=True))
    unknown = rarities([0], len(sources))[0]
    total = sum(rarity.get(word, unknown) for word in words) or 1.0
    signals: dict[str, dict[str, float]] = {"file": {}, "folder": {}, "scope": {}}
    asked = frozenset(words)
    for path, one in named.items():
        if shared := one.name & asked:
            whole = sum(rarity.get(word, unknown) for word in one.name) or 1.0
            signals["file"][path] = sum(rarity.get(word, unknown) for word in shared) / whole
        if shared := one.folders & asked:
            signals["folder"][path] = sum(rarity.get(word, unknown) for word in shared) / total
        if scope and (value := sum(_scoped(path, one, word) for word in scope)):
            signals["scope"][path] = value / len(scope)
    return signals


def _scoped(path: str, one: Named, word: str) -> float:
    if word in one.name:
        return 1.0
    if word in one.folders:
        return 0.75
    return 0.5 if len(word) > 2 and word in path.lower() else 0.0


def name_of(path: str) -> Named:
    *folders, last = path.split("/")
    own = frozenset(stems(last.rpartition(".")[0] or last))
    name = own
    for folder in reversed(folders if own <= _NAMELESS and len(own) < 2 else []):
        above = frozenset(stems(folder))
        if not above <= _NAMELESS:
            name = above
            break
    return Named(name, frozenset(stems(" ".join(folders))))


def tested_signal(paths: Sequence[str], score: Mapping[str, float]) -> dict[str, float]:
    """Source file -> the best score of the test files that are named after it."""
    tests: dict[str, float] = defaultdict(float)
    for path in paths:
        if path in score and kind_of(path) is Kind.TEST:
            tests[_subject(path)] = max(tests[_subject(path)], score[path])
    found = {}
    for path in paths:
        if kind_of(path) is Kind.SOURCE:
            *_, folder, last = ("", *path.split("/"))
            name = last.rpartition(".")[0].lower()
            near = tests.get(f"{folder.lower()}_{name}") or tests.get(folder.lower(), 0.0)
            found[path] = tests.get(name) or near / 2
    return found


def _subject(path: str) -> str:
    """What a test file is about, by its name: `test_auth.py`, `auth.spec.ts` -> auth."""
    name = path.rpartition("/")[2].rpartition(".")[0]
    return _TESTING.sub("", name).strip("._-").lower()
