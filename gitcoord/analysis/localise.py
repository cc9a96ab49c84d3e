"""Which files a question is about, best first, and which of their lines.

Promises: what is looked at ends at the commit asked about: its files, its own past, nothing
later. Every reason given is a fact about the file. The same question at the same commit gets
the same answer, unless the last changes take longer than `recent.SECONDS` to read.
Refuses: to be more than a ranking. A file may be named that has nothing to do with it.

The score of a file is the sum of its signals, each times its weight below; scores become
shares of 1 by a softmax. So a share is the model's probability that the file is the one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from heapq import nlargest
from itertools import islice

from gitcoord.analysis.corpus import Corpus, read_corpus
from gitcoord.analysis.earlier import Earlier, Moves, look_back
from gitcoord.analysis.finding import Suspect
from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.mentions import Close, Mentions, look_close, rarities, tally
from gitcoord.analysis.naming import naming_signals, tested_signal
from gitcoord.analysis.packages import match_in
from gitcoord.analysis.pointed import framed_signal, pathed_signal
from gitcoord.analysis.question import Question
from gitcoord.analysis.reasons import REASONS
from gitcoord.analysis.recent import Added, read_added, recent_signal
from gitcoord.analysis.relevance import best_ranges, line_weights
from gitcoord.analysis.tokens import stems
from gitcoord.analysis.wording import MEANT, Wording, wording_of
from gitcoord.git.history import Commit, list_commits
from gitcoord.git.repository import Repository

COMMITS = 20_000
# Files that are read line by line, after the rest has put them first.
CLOSE = 300
UNMATCHED = "nothing of the question was found in it"
# Bytes beyond those a corpus keeps that are read again for one question.
READ_AGAIN = 64 << 20

# Fitted by maximum likelihood (softmax over the source files of a repository, truth any of those
# changed) on 1,200 fix commits of twelve repositories in seven languages. Fitted without the
# repositories they are tried on (four folds) the MRR is 1.41 times BM25's. `framed` and `pathed`
# are set to outweigh the rest, what is not source to come after it.
WEIGHTS: Mapping[str, float] = {
    "words": 1.1,
    "parts": 0.6,
    "names": 1.7,
    "near": 1.6,
    "defines": 0.2,
    "exactly": 1.5,
    "file": 1.9,
    "folder": 1.4,
    "scope": 2.0,
    "told": 1.7,
    "alike": 1.7,
    "issue": 0.9,
    "fitting": 0.4,
    "last": 1.6,
    "lately": 0.6,
    "often": 0.2,
    "recent": 1.5,
    "tested": 0.2,
    "size": 1.1,
    "mates": 0.7,
    "framed": 12.0,
    "pathed": 10.0,
}
_KINDS: Mapping[Kind, float] = {
    Kind.SOURCE: 0.0,
    Kind.EXAMPLE: -0.9,
    Kind.SUPPORT: -3.0,
    Kind.TEST: -4.0,
    Kind.DOCS: -4.0,
    Kind.VENDORED: -3.0,
    Kind.GENERATED: -5.0,
    Kind.ASSET: -5.0,
}
# Signals that the question's own words are not needed for, nor its names, frames and paths.
_TOLD_BY_NAME = ("framed", "pathed", "names", "exactly", "issue")


def rank_files(
    repo: Repository,
    question: Question,
    *,
    at: str = "HEAD",
    limit: int = 20,
    corpus: Corpus | None = None,
    commits: Sequence[Commit] | None = None,
) -> list[Suspect]:
    """The files of the commit `at` that the question is about, best first, at most `limit`.

    A suspect's score is its share of 1 over the CLOSE best files: flat where nothing matches,
    and then what changed lately comes first, with UNMATCHED as the first reason. corpus,
    commits: of `at`, when they were read already, e.g. by `read_past(repo, at).commits`.
    Raises NoSuch, GitFailed.
    """
    return read_ground(repo, question, at=at, corpus=corpus, commits=commits).ranked(limit)


def find_lines(
    repo: Repository,
    path: str,
    question: Question,
    at: str = "HEAD",
    *,
    corpus: Corpus | None = None,
    most: int = 3,
) -> list[tuple[int, int]]:
    """The lines (first, last, from 1) of one file that the question is about, best first.

    Lines that a stack trace names come before those that say its words. Empty where there
    is no such text file. Raises NoSuch.
    """
    corpus = corpus or read_corpus(repo, at, only=[path])
    text = corpus.text(path)
    if not text:
        return []
    count = text.count("\n") + 1
    matched = match_in(question.frames, corpus)
    named = [frame.line for frame in question.frames if matched.get(frame) == path and frame.line]
    found = [(line, line) for line in dict.fromkeys(named) if line <= count]
    weights = line_weights(text, dict.fromkeys(wording_of(question).words, 1.0))
    for stretch in best_ranges(weights, most=most):
        if not any(stretch.start <= line < stretch.stop for line, _ in found):
            found.append((stretch.start, stretch.stop - 1))
    return found[:most]


@dataclass(frozen=True)
class Ground:
    """All that is known of each file with regard to one question: signal -> path -> value."""

    paths: Sequence[str]
    wording: Wording
    signals: Mapping[str, Mapping[str, float]]
    mentions: Mentions
    earlier: Earlier
    close: Mapping[str, Close]
    recent: Mapping[str, tuple[str, tuple[str, ...]]]

    def scores(self) -> dict[str, float]:
        """The weighted sum of the signals of each file, by what kind of file it is."""
        return _weigh(self.signals, self.paths, self.wording)

    def ranked(self, limit: int, *, matching: bool = False) -> list[Suspect]:
        """The best files with their shares of 1. matching: only those that `matched` says are."""
        scores = self.scores()
        order = sorted(scores, key=lambda path: (-scores[path], path))
        best = list(islice((one for one in order if not matching or self.matched(one)), limit))
        shares = _shares(scores)
        return [Suspect(path, shares[path], tuple(self.reasons(path))) for path in best]

    def matched(self, path: str) -> float:
        """How much of the question the file has, 0 to 1: the share of the words' rarity that
        stands in its text, its path or what history says of it; 1 for a name, path or frame."""
        if any(self.signals[name].get(path) for name in _TOLD_BY_NAME):
            return 1.0
        has = {*self.mentions.said(path), *self.recent.get(path, ("", ()))[1]}
        has.update(stems(path))
        for _, commit in self.earlier.resembling.get(path, ())[:1]:
            has.update(stems(commit.subject))
        rarity = self.mentions.rarity
        return sum(rarity[word] for word in rarity.keys() & has) / self.mentions.total

    def reasons(self, path: str, most: int = 4) -> list[str]:
        """Why the file stands where it stands, strongest first."""
        worth = {
            name: WEIGHTS[name] * values[path]
            for name, values in self.signals.items()
            if path in values
        }
        told: dict[str, None] = {} if self.matched(path) else {UNMATCHED: None}
        for name in sorted(worth, key=lambda name: -worth[name]):
            if worth[name] >= 0.2 and name in REASONS:
                told.update(dict.fromkeys(filter(None, [REASONS[name](self, path)])))
        return list(told)[:most]


def read_ground(
    repo: Repository,
    question: Question,
    *,
    at: str = "HEAD",
    corpus: Corpus | None = None,
    commits: Sequence[Commit] | None = None,
    added: Added | None = None,
) -> Ground:
    """Read the files, the history and the latest changes at once, and take their signals."""
    commit = corpus.commit if corpus else repo.commit(at)
    with ThreadPoolExecutor(2) as pool:
        listing = pool.submit(lambda: commits or list(list_commits(repo, commit, limit=COMMITS)))
        reading = pool.submit(lambda: added or read_added(repo, commit))
        corpus = corpus or read_corpus(repo, commit)
        past, new = listing.result()[:COMMITS], reading.result()
    return _take(question, corpus, past, new)


def _take(question: Question, corpus: Corpus, commits: Sequence[Commit], added: Added) -> Ground:
    wording = wording_of(question)
    paths = [path for path in corpus.paths if _within(path, question.within)]
    signals: dict[str, Mapping[str, float]] = {}
    earlier = look_back(commits, corpus.blobs, wording, question)
    signals.update(earlier.signals)
    signals.update(naming_signals(paths, wording.words, wording.scope))
    signals["recent"], recent = recent_signal(added, Moves(corpus.blobs).place, wording.words)
    signals["framed"] = framed_signal(question, corpus)
    signals["pathed"] = pathed_signal(question, paths)
    mentions = _read_mentions(corpus, paths, wording, _weigh(signals, paths, wording))
    signals.update(mentions.signals())
    read = [path for path in paths if path in mentions.tallies]
    signals["size"] = {path: math.log1p(mentions.tallies[path].size) / 10 for path in read}
    signals["tested"] = tested_signal(read, signals["words"])
    signals["mates"] = _mates(read, signals)
    scores = _weigh(signals, read, wording)
    first = sorted(scores, key=lambda path: (-scores[path], path))[:CLOSE]
    close = _look_close(corpus, first, wording, mentions)
    signals["near"] = {path: one.near for path, one in close.items()}
    signals["defines"] = {path: one.defines for path, one in close.items()}
    signals["exactly"] = {path: 1.0 for path, one in close.items() if one.exactly}
    return Ground(read, wording, signals, mentions, earlier, close, recent)


def _read_mentions(
    corpus: Corpus, paths: Sequence[str], wording: Wording, scores: Mapping[str, float]
) -> Mentions:
    """Count in every file kept in memory; of the others in the most likely, up to READ_AGAIN."""
    words = [word.encode("utf-8", "surrogateescape") for word in wording.words]
    names = [name.encode("utf-8", "surrogateescape") for name in wording.names]
    left = READ_AGAIN
    chosen = [path for path in paths if corpus.blobs[path].id in corpus.kept]
    away = [path for path in paths if corpus.blobs[path].id not in corpus.kept]
    for path in sorted(away, key=lambda path: (-scores[path], path)):
        left -= corpus.blobs[path].size
        if left < 0:
            break
        chosen.append(path)
    tallies = {path: tally(content, words, names) for path, content in corpus.texts(chosen)}
    sources = [one for path, one in tallies.items() if kind_of(path) is Kind.SOURCE]
    sources = sources or list(tallies.values())
    word_counts = [sum(one.whole[at] > 0 for one in sources) for at in range(len(words))]
    name_counts = [sum(one.named[at] > 0 for one in sources) for at in range(len(names))]
    return Mentions(
        tuple(wording.words),
        wording.names,
        tallies,
        dict(zip(wording.words, rarities(word_counts, len(sources)), strict=True)),
        dict(zip(wording.names, rarities(name_counts, len(sources)), strict=True)),
        sum(one.size for one in sources) / len(sources)
        if any(one.size for one in sources)
        else 1.0,
    )


def _look_close(
    corpus: Corpus, paths: Sequence[str], wording: Wording, mentions: Mentions
) -> dict[str, Close]:
    weights = {
        word.encode("utf-8", "surrogateescape"): weight / mentions.total
        for word, weight in mentions.rarity.items()
    }
    names = frozenset(wording.names)
    return {path: look_close(text, weights, names) for path, text in corpus.texts(paths)}


def _mates(paths: Sequence[str], signals: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """What the other source files of the same folder have of the question."""
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        if kind_of(path) is Kind.SOURCE:
            folders[path.rpartition("/")[0]].append(path)
    own = {
        path: signals["words"].get(path, 0.0) + signals["told"].get(path, 0.0)
        for mates in folders.values()
        for path in mates
    }
    found = {}
    for mates in folders.values():
        total = sum(own[path] for path in mates)
        found.update({path: (total - own[path]) / (len(mates) + 2) for path in mates})
    return found


def _weigh(
    signals: Mapping[str, Mapping[str, float]], paths: Sequence[str], wording: Wording
) -> dict[str, float]:
    kinds = {
        # What may be meant comes after the source only half as far.
        kind: weight / 2 if MEANT.get(kind, frozenset()) & wording.words.keys() else weight
        for kind, weight in _KINDS.items()
    }
    scores = {path: kinds[kind_of(path)] for path in paths}
    for name, values in signals.items():
        weight = WEIGHTS[name]
        for path, value in values.items():
            if path in scores:
                scores[path] += weight * value
    return scores


def _shares(scores: Mapping[str, float]) -> dict[str, float]:
    """A softmax whose sum is taken over the CLOSE best: 100,000 hopeless files outweigh no few."""
    top = max(scores.values(), default=0.0)
    powers = {path: math.exp(score - top) for path, score in scores.items()}
    total = sum(nlargest(CLOSE, powers.values()))
    return {path: power / total for path, power in powers.items()}


def _within(path: str, places: Sequence[str]) -> bool:
    """Whether git would take `path` for one of the pathspecs: a folder, a file or a pattern."""
    wanted = [place.rstrip("/") for place in places]
    return not wanted or any(
        path == place
        or place in ("", ".")
        or path.startswith(place + "/")
        or fnmatchcase(path, place)
        for place in wanted
    )
