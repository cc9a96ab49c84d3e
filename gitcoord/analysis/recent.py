"""Lines that the last commits put in, and which words of a question they have.

Promises: at most COMMITS commits and BYTES of their lines are read, newest first, so a huge
import costs no more than BYTES. Refuses: merges, a first commit, and what git calls binary.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from gitcoord.analysis.mentions import is_whole, rarities
from gitcoord.errors import GitFailed
from gitcoord.git.history import Patience
from gitcoord.git.patches import Patch, list_patches
from gitcoord.git.repository import Repository

COMMITS = 150
BYTES = 4 << 20
SECONDS = 2.0
_LIFE = 50  # commits after which a line counts 1/e


@dataclass
class Added:
    """path -> commit -> the text it added there; `commits` newest first."""

    commits: list[str] = field(default_factory=list)
    texts: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))


def read_added(repo: Repository, at: str) -> Added:
    """What the last commits before and at `at`, an object id, added."""
    added = Added()
    size = 0
    # The first commit of a history is an import as often as not: 100,000 files took 3 s, 300 MB.
    options = ("--no-merges", "--min-parents=1")
    patches = list_patches(repo, at, limit=COMMITS, options=options, patience=Patience(SECONDS))
    # An old content can be missing without the clone being declared partial (a damaged or pruned
    # store): the commits up to there are read, and the ranking goes on without the rest.
    with suppress(GitFailed):
        for patch in patches:
            added.commits.append(patch.commit)
            for path, text in _added(patch):
                size += len(text)
                added.texts[path][patch.commit] = text
            if size > BYTES:
                break
    return added


def _added(patch: Patch) -> Iterator[tuple[str, bytes]]:
    lines: dict[str, list[str]] = defaultdict(list)
    for hunk in patch.hunks:
        if hunk.new is not None and hunk.added:
            lines[hunk.new] += hunk.added
    for path, some in lines.items():
        yield path, "\n".join(some)[:100_000].encode("utf-8", "surrogateescape")


def recent_signal(
    added: Added, place: Callable[[str], str | None], words: Collection[str]
) -> tuple[dict[str, float], dict[str, tuple[str, tuple[str, ...]]]]:
    """The share of the words' weight in lines added lately, and which commit added most of it.

    Path -> sum over the words of rarity * x / (x + 0.5), x adding exp(-n/50) for every commit,
    n commits ago, that added the word; over the sum of all rarities. place: see `Moves`.
    """
    raw = {word: word.encode("utf-8", "surrogateescape") for word in words}
    ago = {commit: number for number, commit in enumerate(added.commits)}
    seen: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
    having: dict[str, set[str]] = defaultdict(set)
    for old, texts in added.texts.items():
        path = place(old)
        for commit, text in texts.items():
            low = text.lower()
            said = frozenset(word for word, one in raw.items() if _says(text, low, one))
            for word in said:
                having[word].add(commit)
            if said and path is not None:
                seen[path][commit] = said
    order = list(raw)
    counts = [len(having[word]) for word in order]
    rarity = dict(zip(order, rarities(counts, len(added.commits)), strict=True))
    return _weigh(seen, ago, rarity)


def _weigh(
    seen: dict[str, dict[str, frozenset[str]]], ago: dict[str, int], rarity: dict[str, float]
) -> tuple[dict[str, float], dict[str, tuple[str, tuple[str, ...]]]]:
    total = sum(rarity.values()) or 1.0
    signal, source = {}, {}
    for path, commits in seen.items():
        sums: dict[str, float] = defaultdict(float)
        for commit, said in commits.items():
            for word in said:
                sums[word] += math.exp(-ago[commit] / _LIFE)
        signal[path] = sum(rarity[word] * x / (x + 0.5) for word, x in sums.items()) / total
        best = max(commits, key=lambda one: (sum(rarity[word] for word in commits[one]), -ago[one]))
        words: Sequence[str] = sorted(commits[best], key=lambda word: -rarity[word])
        source[path] = (best, tuple(words[:3]))
    return signal, source


def _says(text: bytes, low: bytes, word: bytes) -> bool:
    at = low.find(word)
    while at >= 0:
        if is_whole(text, at, word):
            return True
        at = low.find(word, at + len(word))
    return False
