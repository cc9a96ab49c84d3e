"""What earlier commits say about where to look: those whose subjects resemble the question,
those that name the same issue, and what changed lately.

Promises: only the commits given are looked at, so what they do not contain cannot leak in; a
file that was moved keeps its past where its name, or the end of its path, stayed its own.
Refuses: sweeping commits (more than SWEEPING files): they say nothing about any one file.

Similar subjects follow BugLocator (Zhou et al., "Where should the bugs be fixed?", ICSE
2012): what fixed a similar report is where to look, and the more files a commit changed, the
less it says about each.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gitcoord.analysis.kinds import Kind, kind_of
from gitcoord.analysis.question import Question
from gitcoord.analysis.tokens import stems
from gitcoord.analysis.wording import Wording, issues_in, scope_of
from gitcoord.git.history import Commit

SWEEPING = 60
_ISSUE_DIGITS = re.compile(r"#\d+")


@dataclass
class Earlier:
    """signals: name -> path -> value. resembling: path -> (likeness, commit), best first.
    same_issue: path -> commit. newest: path -> (commits ago, commit)."""

    signals: dict[str, dict[str, float]] = field(default_factory=dict)
    resembling: dict[str, list[tuple[float, Commit]]] = field(default_factory=dict)
    same_issue: dict[str, Commit] = field(default_factory=dict)
    newest: dict[str, tuple[int, Commit]] = field(default_factory=dict)


def look_back(
    commits: Sequence[Commit], paths: Collection[str], wording: Wording, question: Question
) -> Earlier:
    """commits: newest first. paths: of the files there are now.

    The signals, by name:
    told: BM25 (k1 = 1, b = 0.6) of the words in the subjects of the commits that changed a file.
    alike: likeness (cosine of word weights) of the most similar one, over the root of its files.
    issue: the same issue number was named. fitting: share of commits with the same scope.
    last: 1 / (1 + log(1 + commits since the last change)). lately, often: log(1 + changes), those
    n commits ago counting exp(-n/20) and exp(-n/200).
    """
    moved = Moves(paths)
    subjects = [frozenset(stems(_ISSUE_DIGITS.sub(" ", commit.subject))) for commit in commits]
    rarity = _rarity(wording.words, subjects)
    found = _Sums(rarity, wording, len(commits))
    window = _window(question)
    for ago, (commit, said) in enumerate(zip(commits, subjects, strict=True)):
        touched = moved.present(commit.paths)
        if touched and len(commit.paths) <= SWEEPING:
            found.add(ago, commit, said, touched, counts=window[0] <= commit.time <= window[1])
    return found.earlier(len(paths))


class Moves:
    """Where the files of old commits are now."""

    def __init__(self, paths: Collection[str]) -> None:
        self._now = paths if isinstance(paths, (set, frozenset, dict)) else set(paths)
        self._named: dict[str, list[str]] = defaultdict(list)
        self._known: dict[str, str | None] = {}
        for path in self._now:
            self._named[path.rpartition("/")[2]].append(path)

    def present(self, paths: Sequence[str]) -> set[str]:
        return {now for path in paths if (now := self.place(path)) is not None}

    def place(self, path: str) -> str | None:
        """The path itself, or the only one that shares its name or, of several, its end."""
        if path in self._now:
            return path
        if path not in self._known:
            self._known[path] = self._find(path)
        return self._known[path]

    def _find(self, path: str) -> str | None:
        heirs = self._named.get(path.rpartition("/")[2], [])
        if len(heirs) < 2 or len(heirs) > 200:
            return heirs[0] if len(heirs) == 1 else None
        ranked = sorted((_shared_end(path, heir), heir) for heir in heirs)
        (second, _), (first, best) = ranked[-2:]
        return best if first > second and first > 1 else None


def _shared_end(one: str, other: str) -> int:
    count = 0
    for left, right in zip(reversed(one.split("/")), reversed(other.split("/")), strict=False):
        if left != right:
            break
        count += 1
    return count


def _rarity(words: Collection[str], subjects: Sequence[frozenset[str]]) -> dict[str, float]:
    having = Counter(word for said in subjects for word in said if word in words)
    total = len(subjects)
    return {
        word: math.log(1 + (total - having[word] + 0.5) / (having[word] + 0.5)) for word in words
    }


def _window(question: Question) -> tuple[float, float]:
    """The seconds between which changes count as recent: `since` to `until`."""
    return (
        datetime.fromisoformat(question.since).timestamp() if question.since else -math.inf,
        datetime.fromisoformat(question.until).timestamp() if question.until else math.inf,
    )


class _Sums:
    """What is added up per file, commit by commit, newest first."""

    def __init__(self, rarity: Mapping[str, float], wording: Wording, total: int) -> None:
        self.rarity = rarity
        self.wording = wording
        # A word of theirs that was not asked for weighs as one that is rather rare.
        self.other = (0.8 * math.log(1 + total)) ** 2
        self.asked = sum(weight**2 for weight in rarity.values())
        self.changes: Counter[str] = Counter()
        self.told: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.alike: dict[str, list[tuple[float, int, Commit]]] = defaultdict(list)
        self.sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.scoped = 0
        self.found = Earlier()

    def add(
        self, ago: int, commit: Commit, said: frozenset[str], touched: set[str], *, counts: bool
    ) -> None:
        sources = sum(kind_of(path) is Kind.SOURCE for path in touched)
        share = max(1, sources) ** -0.5
        common = [word for word in said if word in self.rarity]
        likeness = self._likeness(common, said) * share if common else 0.0
        issues = self.wording.issues
        same = bool(issues) and not issues.isdisjoint(issues_in(f"{commit.subject}\n{commit.body}"))
        fits = bool(self.wording.scope) and scope_of(commit.subject) == self.wording.scope
        self.scoped += fits
        lately, often = math.exp(-ago / 20) * share, math.exp(-ago / 200) * share
        sums = self.sums
        for path in touched:
            self.changes[path] += 1
            if common:
                self.alike[path].append((likeness, -ago, commit))
                told = self.told[path]
                for word in common:
                    told[word] += share
            if same:
                sums["issue"][path] = max(sums["issue"][path], share)
                self.found.same_issue.setdefault(path, commit)
            if fits:
                sums["fitting"][path] += share
            if counts:
                self.found.newest.setdefault(path, (ago, commit))
                if ago < 2000:
                    sums["lately"][path] += lately
                    sums["often"][path] += often

    def earlier(self, files: int) -> Earlier:
        signals = self.found.signals
        signals.update({name: {} for name in ("told", "alike", "last")})
        total = sum(self.rarity.values()) or 1.0
        average = sum(self.changes.values()) / max(1, files) or 1.0
        for path, told in self.told.items():
            norm = 1 - 0.6 + 0.6 * self.changes[path] / average
            signals["told"][path] = sum(
                self.rarity[word] / total * count * 2 / (count + norm)
                for word, count in told.items()
            )
        for path, alike in self.alike.items():
            best = sorted(alike, key=lambda one: one[:2], reverse=True)[:5]
            signals["alike"][path] = best[0][0]
            self.found.resembling[path] = [(likeness, commit) for likeness, _, commit in best]
        for path, (ago, _) in self.found.newest.items():
            signals["last"][path] = 1 / (1 + math.log1p(ago))
        signals["issue"] = dict(self.sums["issue"])
        signals["fitting"] = {
            path: value / (self.scoped + 2) for path, value in self.sums["fitting"].items()
        }
        for name in ("lately", "often"):
            signals[name] = {path: math.log1p(value) for path, value in self.sums[name].items()}
        return self.found

    def _likeness(self, common: Sequence[str], said: frozenset[str]) -> float:
        """Cosine of the two subjects' word weights."""
        shared = sum(self.rarity[word] ** 2 for word in common)
        theirs = shared + self.other * (len(said) - len(common))
        return shared / math.sqrt(self.asked * theirs) if shared else 0.0
