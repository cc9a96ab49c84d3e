"""Commits, spans and days as a person reads them in one line, whatever their bytes are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from gitcoord.analysis.finding import Suspect
from gitcoord.analysis.redaction import shown
from gitcoord.git.history import Commit

_LAST_SECOND = 253402300799  # of the year 9999; a commit made by hand can hold any number


def short(commit: Commit) -> str:
    return commit.id[:10]


def quoted(commit: Commit) -> str:
    """The subject in quotation marks."""
    return f"“{shown(commit.subject, 80)}”"


def cited(commit: Commit) -> str:
    """`1a2b3c4d5e “Shorten the life of a token”`."""
    return f"{short(commit)} {quoted(commit)}"


def day(commit: Commit) -> str:
    """The day of the commit in UTC, as 2026-01-02."""
    return datetime.fromtimestamp(min(max(commit.time, 0), _LAST_SECOND), UTC).date().isoformat()


def span(days: float) -> str:
    """A length of time: `5 hours`, `3 days`."""
    number, unit = (round(days * 24), "hour") if days < 2 else (round(days), "day")
    return f"{number} {unit}{'s' * (number != 1)}"


def lines(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def in_order(commits: Sequence[Commit], reason: str, first: float) -> tuple[Suspect, ...]:
    """The commits as suspects in the order given, all for one reason; first: the first score."""
    return tuple(
        Suspect(commit.id, first / number, (reason,), shown(commit.subject, 100))
        for number, commit in enumerate(commits, 1)
    )
