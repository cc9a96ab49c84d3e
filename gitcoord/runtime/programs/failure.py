"""What an error of a model's provider means: who can mend it, and whether time does.

Promises: a key that is refused and a bill that is not paid stop at once, with what to do; a
rate limit and an overload are worth another attempt; a usage limit with a time when it ends
waits for it. Refuses: to guess a time.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gitcoord.runtime.agent import FAILED, PARKED, Outcome

_STATUS = re.compile(r"\b(?:API Error:? |status:? ?(?:code)? ?|HTTP |error )(\d{3})\b", re.I)
_EPOCH = re.compile(r"\b(1[6-9]\d{8}|[2-9]\d{9})\b")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)")
_SPAN = re.compile(
    r"(?<![\d.])(?:(\d{1,4}) ?(day|hour|minute|second)s?\b|(\d{1,4})([dhms])(?![a-z]))", re.I
)
_WAIT = re.compile(r"(?:try again in|resets? (?:after|in)|retry (?:after|in)) ([^.;)]{1,80})", re.I)
_USED_UP = re.compile(
    r"usage limit|limit reached|hit your limit|quota (?:will reset|exceeded)"
    r"|exceeded your .{0,30}quota",
    re.I,
)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


@dataclass(frozen=True)
class Failure:
    """As in Outcome, for the part of it that is about an error."""

    state: str
    reason: str
    hint: str = ""
    until: str = ""
    retry: bool = False

    def outcome(self) -> Outcome:
        return Outcome(
            self.state, reason=self.reason, hint=self.hint, until=self.until, retry=self.retry
        )


def judge(words: str, *, status: int = 0, login: str = "", until: str = "") -> Failure:
    """What an error means. words: the provider's. status: of HTTP, 0 when it is not known.

    login: what to do about a refused key, ends in a command. until: when a usage limit ends,
    where it is known; else it is looked for in the words.
    """
    said = " ".join(words.split())[:500] or f"error {status}"
    status = status or _status(said)
    if _USED_UP.search(said) or until:
        until = until or ends_at(said)
        if until:
            return Failure(PARKED, said, f"it goes on after {until}: gitcoord resume", until)
        return Failure(
            FAILED, said, "wait until the limit is reset, then: gitcoord resume", retry=False
        )
    match status:
        case 401 | 403:
            return Failure(FAILED, said, login)
        case 402:
            return Failure(FAILED, said, "see to the account's bill, then: gitcoord resume")
        case 408 | 409 | 425 | 429:
            return Failure(FAILED, said, "fewer at a time: gitcoord resume", retry=True)
        case _ if status >= 500:
            return Failure(FAILED, said, "try again later: gitcoord resume", retry=True)
    return Failure(FAILED, said)


def unreachable(words: str) -> Failure:
    """The provider could not be asked at all."""
    said = " ".join(words.split())[:500]
    return Failure(FAILED, said, "is there a network? then: gitcoord resume", retry=True)


def ends_at(words: str, *, now: datetime | None = None) -> str:
    """The time a text names as the end of a limit, RFC 3339 in UTC; "" when it names none that
    can be told for sure (a time of day without its zone cannot)."""
    now = now or datetime.now(UTC)
    if found := _STAMP.search(words):
        with suppress(ValueError, OverflowError):
            return _stamp(datetime.fromisoformat(found.group().replace("Z", "+00:00")))
    if found := _EPOCH.search(words):
        return _stamp(datetime.fromtimestamp(int(found.group()), UTC))
    if found := _WAIT.search(words):
        spans = _SPAN.findall(found.group(1))
        if spans:
            return _stamp(now + sum((_span(*one) for one in spans), timedelta()))
    return ""


def stamp_of(seconds: object) -> str:
    """Seconds since 1970 as RFC 3339, "" for what is none."""
    if isinstance(seconds, int | float) and 1e9 < seconds < 1e11:
        return _stamp(datetime.fromtimestamp(seconds, UTC))
    return ""


def unwrapped(message: str) -> tuple[str, int]:
    """The provider's own words, where they are in an envelope, and their status, 0 for none."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        error = json.loads(message)["error"]
        codes = (error.get("code"), error.get("status"))
        return str(error["message"]), next((one for one in codes if isinstance(one, int)), 0)
    return message, 0


def _span(long: str, unit: str, short: str, letter: str) -> timedelta:
    name = f"{unit.lower()}s" if unit else _UNITS[letter.lower()]
    return timedelta(**{name: int(long or short)})


def _stamp(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(words: str) -> int:
    found = _STATUS.search(words)
    return int(found.group(1)) if found else 0
