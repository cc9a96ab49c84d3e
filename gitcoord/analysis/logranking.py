"""Which templates of which logs are worth a finding.

Promises: a rotated log is one log; relevance to the question goes before severity, severity
before rarity; a line and the error of the trace below it are told once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gitcoord.analysis.logreading import LogSummary, Template
from gitcoord.analysis.question import Question
from gitcoord.analysis.redaction import shown
from gitcoord.analysis.tokens import stems

CANDIDATES = 12  # templates whose rhythms are looked at
_STRAYS = 2  # of these, those that have nothing of the question while others have


@dataclass(frozen=True)
class Told:
    """A template, counted over all logs. log: the one where it stands first. whole: all logs as
    one, because a rotated log is one log in several files."""

    template: Template
    log: LogSummary
    whole: LogSummary


@dataclass(frozen=True)
class Rating:
    relevance: float
    severity: float
    score: float


def told_in(summaries: Sequence[LogSummary]) -> list[Told]:
    """Every template of the logs, each once."""
    whole = _whole(summaries)
    places: dict[tuple[str, str, bool], list[tuple[Template, LogSummary]]] = {}
    for log in summaries:
        for one in log.templates:
            places.setdefault((one.text, one.level, one.ending), []).append((one, log))
    told = []
    for found in places.values():
        template, log = min(found, key=lambda place: (place[0].first is None, place[0].first or 0))
        told.append(Told(_combined(template, [one for one, _ in found]), log, whole))
    return told


def _whole(summaries: Sequence[LogSummary]) -> LogSummary:
    """All logs as one, with every baseline as thin as the thinnest."""
    most = max((log.every for log in summaries), default=1)
    return LogSummary(
        path=Path(),
        lines=sum(log.lines for log in summaries),
        bytes=sum(log.bytes for log in summaries),
        templates=(),
        baseline=sorted(when for log in summaries for when in log.baseline[:: most // log.every]),
        every=most,
        zoned=any(log.zoned for log in summaries),
        notes=tuple(
            f"{shown(log.path.name, 80)}: {note}" for log in summaries for note in log.notes
        ),
    )


def _combined(first: Template, all_of_it: Sequence[Template]) -> Template:
    if len(all_of_it) == 1:
        return first
    every = max(one.every for one in all_of_it)
    return replace(
        first,
        count=sum(one.count for one in all_of_it),
        first=min((one.first for one in all_of_it if one.first is not None), default=None),
        last=max((one.last for one in all_of_it if one.last is not None), default=None),
        times=sorted(when for one in all_of_it for when in one.times[:: every // one.every]),
        every=every,
        frames=tuple(dict.fromkeys(frame for one in all_of_it for frame in one.frames)),
        errors=tuple(dict.fromkeys(error for one in all_of_it for error in one.errors)),
    )


_RELEVANT = 0.3
_SEVERITY = {"FATAL": 1.0, "ERROR": 0.9, "WARN": 0.5}


def _severity(template: Template) -> float:
    told = _SEVERITY.get(template.level, 0.1)
    by_words = 0.7 if not template.level else 0.4
    return max(told, by_words) if template.fails else told


def chosen(told: Sequence[Told], question: Question) -> list[tuple[Told, Rating]]:
    """What is worth a finding: relevance first, then severity, then rarity (the share of lines
    that say something else). Where something is relevant, only few failures stand beside it."""
    weigh = _Relevance(question, [one.template for one in told])
    rated = []
    for one in told:
        relevance, severity = weigh(one.template), _severity(one.template)
        rarity = 1 - one.template.count / one.whole.lines
        score = 0.55 * relevance + 0.3 * severity + 0.15 * rarity
        if relevance >= _RELEVANT or severity >= 0.5:
            rated.append((one, Rating(relevance, severity, score)))
    rated.sort(key=lambda each: (-each[1].score, -each[0].template.count, each[0].template.line))
    relevant = any(rating.relevance >= _RELEVANT for _, rating in rated)
    strays = _STRAYS if relevant else CANDIDATES
    taken: list[tuple[Told, Rating]] = []
    for one, rating in rated:
        stray = rating.relevance < _RELEVANT / 2
        if stray and (not strays or (relevant and rating.severity < 0.7)):
            continue
        if len(taken) < CANDIDATES and not any(_same_event(one, other) for other, _ in taken):
            strays -= stray
            taken.append((one, rating))
    return taken


def _same_event(one: Told, other: Told) -> bool:
    """A line and the error of the trace below it are one event told twice."""
    first, second = one.template, other.template
    return (
        first.ending != second.ending
        and bool(set(first.errors) & set(second.errors))
        and abs(first.count - second.count) <= 0.1 * max(first.count, second.count)
    )


class _Relevance:
    """How much of a question a template has."""

    def __init__(self, question: Question, templates: Sequence[Template]) -> None:
        self._names = [
            name.lower()
            for name in (*question.identifiers, *question.quoted, *question.paths)
            if len(name) > 3
        ]
        self._places = {(frame.path.rpartition("/")[2], frame.line) for frame in question.frames}
        asked = set(stems(" ".join((*question.words, *question.identifiers))))
        spread = Counter(stem for one in templates for stem in asked & self._stems(one))
        count = len(templates)
        self._weight = {stem: math.log(1 + count / (1 + spread[stem])) for stem in asked}

    def __call__(self, template: Template) -> float:
        text = _searched(template).lower()
        if any(name in text for name in self._names):
            return 1.0
        if any((at.path.rpartition("/")[2], at.line) in self._places for at in template.frames):
            return 1.0
        total = sum(self._weight.values())
        held = sum(self._weight[stem] for stem in self._weight.keys() & self._stems(template))
        return held / total if total else 0.0

    def _stems(self, template: Template) -> set[str]:
        return set(stems(_searched(template)))


def _searched(template: Template) -> str:
    places = (f"{frame.path} {frame.function}" for frame in template.frames[:20])
    errors = (f"{error.kind} {error.message}" for error in template.errors)
    return " ".join((template.text, template.logger, *errors, *places))
