"""Which commits are behind what was asked: a score for each, and the reasons.

Promises: the same numbers for the same history; every reason is a fact of that history.
Refuses: to suspect a merge (its message counts for the commits it brought in).

    score(c) = places(c) · (1 + 3 · message(c)) · age(c) · (1 + terms(c) / 2) · standing(c)

places(c) is the sum over the suspect files of weight(file) · share(c, file) ** 0.7: the part
of the file's relevant lines that c was the last to touch, a line's relevance being
(`line_weights` + 0.01) ** 2. It is the expected number of faulty lines that c wrote.
message(c), 0 to 1: the part of the question's words that any message has, weighed by rarity,
which c's subject has; words of its body count half, of the merge that brought it in a third.
age(c) = (1 + days / 30) ** -0.3, days before the onset where that is known, else before the
newest commit. terms(c): how many of the rare terms it brought in or took
out, at most two. standing(c): 0.3 when it was reverted since or came after the onset, 0.5 when
its subject tells of a change of form (0.2 when of many files at once), 1.25 when a later
message names it as the cause.

Weights were chosen on 360 fixes of six repositories and checked on fixes of four others: see
tests/benchmarks/suspect_commits.py.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from gitcoord.analysis.past import Past
from gitcoord.analysis.places import Place
from gitcoord.analysis.tokens import stems
from gitcoord.analysis.upkeep import is_mechanical, is_sweeping
from gitcoord.git.blame import Blamed
from gitcoord.git.history import Commit

_LONGEST_BODY = 4000
_REVERTS = re.compile(r"\bThis reverts commit ([0-9a-f]{7,64})\b")
_BLAMES = re.compile(
    r"\b(?:fixes|regress(?:ed|ion)(?: (?:in|from|by|of))?|broken by|introduced (?:in|by)|since)"
    r":? (?:commit )?([0-9a-f]{7,64})\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Touch:
    """What one commit last touched of one place. part: of the place's relevant lines.
    lines: the most relevant stretches, in the order of the file; best: the first of them."""

    place: Place
    part: float
    lines: tuple[tuple[int, int], ...]
    best: tuple[int, int]

    @property
    def worth(self) -> float:
        return float(self.place.weight * self.part**0.7)


@dataclass
class Suspicion:
    """One commit with its score and what the score is made of."""

    commit: Commit
    score: float = 0.0
    places: float = 0.0
    message: float = 0.0
    words: list[str] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)
    merge: Commit | None = None
    reverts: Commit | None = None
    reverted_by: Commit | None = None
    blamed_by: Commit | None = None
    after_onset: bool = False
    mechanical: bool = False
    sweeping: bool = False


def rank_commits(
    past: Past,
    blamed: Sequence[tuple[Place, Sequence[Blamed]]],
    words: Collection[str],
    *,
    terms: Mapping[str, Collection[str]],
    allowed: Collection[str] | None = None,
    onset: float | None = None,
) -> list[Suspicion]:
    """Suspicious commits, the most suspicious first.

    blamed: the suspect files with who last touched their lines. words: the question's stems.
    terms: rare term -> ids of the commits that changed how often it occurs. allowed: ids of the
    commits to consider, None for all. onset: when the trouble began, seconds since 1970.
    """
    messages = Messages(past, words)
    touches = _touches(blamed)
    chains = _Chains(past)
    found = []
    for oid in {*touches, *(oid for ids in terms.values() for oid in ids)}:
        commit = past.by_id.get(oid)
        if (
            commit is None
            or len(commit.parents) > 1
            or (allowed is not None and oid not in allowed)
        ):
            continue
        one = Suspicion(commit, touches=touches.get(oid, []))
        one.merge = past.by_id.get(past.merges.get(oid, ""))
        one.message, one.words = messages.likeness(commit, one.merge)
        one.terms = sorted(term for term, ids in terms.items() if oid in ids)
        one.places = sum(touch.worth for touch in one.touches)
        one.mechanical, one.sweeping = is_mechanical(commit), is_sweeping(commit)
        one.after_onset = onset is not None and commit.time > onset
        chains.fill(one)
        one.score = _score(one, past, onset)
        found.append(one)
    return sorted(found, key=lambda one: (-one.score, -one.commit.time, one.commit.id))


# A commit that owns no line of a suspect file, but brought in or took out a rare term: taking
# lines out leaves none to own. Worth as much as one hundredth of the first file's lines.
_FLOOR = 0.01**0.7


def _score(one: Suspicion, past: Past, onset: float | None) -> float:
    places = max(one.places, _FLOOR if one.terms else 0.0)
    days = past.days(one.commit)
    if onset is not None and not one.after_onset:
        days = (onset - one.commit.time) / 86400
    age = float((1 + days / 30) ** -0.3)
    standing = 0.3 if one.reverted_by or one.after_onset else 1.0
    standing *= 0.2 if one.sweeping else 0.5 if one.mechanical else 1.0
    standing *= 1.25 if one.blamed_by else 1.0
    return places * (1 + 3 * one.message) * age * (1 + min(2, len(one.terms)) / 2) * standing


def _touches(blamed: Sequence[tuple[Place, Sequence[Blamed]]]) -> dict[str, list[Touch]]:
    found: dict[str, list[Touch]] = defaultdict(list)
    for place, entries in blamed:
        owned: dict[str, float] = defaultdict(float)
        lines: dict[str, list[tuple[float, int, int]]] = defaultdict(list)
        for one in entries:
            weight = place.relevance(one.first, one.last)
            owned[one.commit] += weight
            lines[one.commit].append((weight, one.first, one.last))
        total = sum(owned.values())
        for oid, weight in owned.items():
            if weight and total:
                best = sorted(lines[oid], reverse=True)[:3]
                spans = tuple(sorted((first, last) for _, first, last in best))
                found[oid].append(Touch(place, weight / total, spans, best[0][1:]))
    return found


class Messages:
    """How like the question each commit's message is."""

    def __init__(self, past: Past, words: Collection[str]) -> None:
        self._words = list(dict.fromkeys(words))
        wanted = set(self._words)
        self._said: dict[str, tuple[set[str], set[str]]] = {}
        having: Counter[str] = Counter()
        for commit in past.commits:
            said = (_found(commit.subject, wanted), _found(commit.body[:_LONGEST_BODY], wanted))
            if said[0] or said[1]:
                self._said[commit.id] = said
                having.update(said[0] | said[1])
        total = len(past.commits)
        # A word that no message has cannot tell one commit from another.
        self._words = [word for word in self._words if having[word]]
        self._weight = {word: math.log(1 + total / (1 + having[word])) for word in self._words}

    def likeness(self, commit: Commit, merge: Commit | None) -> tuple[float, list[str]]:
        """(0 to 1, the words that agree, the rarest first)."""
        subject, body = self._said.get(commit.id, (set(), set()))
        around = set().union(*self._said.get(merge.id, ())) if merge else set()
        worth = {
            word: 1.0 if word in subject else 0.5 if word in body else 0.3
            for word in self._words
            if word in subject or word in body or word in around
        }
        total = sum(self._weight.values())
        if not total or not worth:
            return 0.0, []
        told = sorted(worth, key=lambda word: -self._weight[word] * worth[word])
        return sum(self._weight[word] * part for word, part in worth.items()) / total, told


def _found(text: str, wanted: Collection[str]) -> set[str]:
    return {stem for stem in stems(text) if stem in wanted}


class _Chains:
    """Which commit reverts, or is named as the cause by, which other one."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._reverts: dict[str, str] = {}
        self._reverted: dict[str, str] = {}
        self._blamed: dict[str, str] = {}
        short = {oid[:7]: oid for oid in past.by_id}
        for commit in past.commits:
            for pattern, forth, back in (
                (_REVERTS, self._reverts, self._reverted),
                (_BLAMES, None, self._blamed),
            ):
                match = pattern.search(commit.body[:_LONGEST_BODY]) if commit.body else None
                named = short.get(match[1][:7], "") if match else ""
                if match and named.startswith(match[1]) and named != commit.id:
                    back.setdefault(named, commit.id)
                    if forth is not None:
                        forth[commit.id] = named

    def fill(self, one: Suspicion) -> None:
        oid, known = one.commit.id, self._past.by_id
        one.reverts = known.get(self._reverts.get(oid, ""))
        one.blamed_by = known.get(self._blamed.get(oid, ""))
        by = self._reverted.get(oid, "")
        # Reverted and then brought back: the revert was reverted, so it stands.
        one.reverted_by = None if by in self._reverted else known.get(by)
