"""Dates as people type them for `--since` and `--until`, turned into one instant.

Promises: what is understood means the same to git and to the logs, because both get the
instant. Git alone reads `2024-01-02` as that day at the present time of day, and a word it does
not know as now, so a typing error would silently leave nothing to look at.
Refuses, with examples: anything else.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from gitcoord.errors import BadInput

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800}
_UNITS |= {"month": 30 * 86400, "year": 365 * 86400, "sec": 1, "min": 60, "fortnight": 1209600}
_AGO = re.compile(r"(\d{1,9}|an?|one|last)[ .]+([a-z]{3,9}?)s?(?:[ .]+ago)?")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?")
# Git cannot say an instant before 1970, nor one after 2099 on every platform.
_FIRST, _LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC)
_HINT = (
    "use a date such as 2026-01-31, '2026-01-31 14:00', 'yesterday' or '3 weeks ago': "
    "gitcoord start investigation TASK --{name} '3 weeks ago'"
)


def read_moment(text: str, name: str, *, now: datetime | None = None) -> datetime:
    """The instant that `text` means, with its offset. name: `since` or `until`.

    A bare day is its first second for `since` and its last for `until`. A time with no offset
    is local. A month is 30 days, a year 365. Raises BadInput for anything not understood.
    """
    present = (now or datetime.now(UTC)).astimezone().replace(microsecond=0)
    said = " ".join(text.lower().split())
    try:
        moment = _relative(said, name, present) or _absolute(text.strip(), name)
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None:
        shown = ascii(text[:60])
        raise BadInput(f"--{name} {shown} is not a date", hint=_HINT.format(name=name))
    return min(max(moment, _FIRST), _LAST)


def _relative(said: str, name: str, now: datetime) -> datetime | None:
    if said in ("now", ""):
        return now if said else None
    back = {"today": 0, "yesterday": 1}.get(said)
    if said.removeprefix("last ") in _DAYS:
        back = (now.weekday() - _DAYS.index(said.removeprefix("last "))) % 7 or 7
    if back is not None:
        return _edge(now - timedelta(days=back), name)
    if _CLOCK.fullmatch(said):
        hour, minute, second = (int(part) for part in (said + ":0").split(":")[:3])
        return now.replace(hour=hour, minute=minute, second=second)
    match = _AGO.fullmatch(said)
    if match is None or match[2] not in _UNITS:
        return None
    count = int(match[1]) if match[1].isdigit() else 1
    return now - timedelta(seconds=count * _UNITS[match[2]])


def _absolute(text: str, name: str) -> datetime | None:
    if re.fullmatch(r"@\d{1,11}", text, re.ASCII):
        return datetime.fromtimestamp(int(text[1:]), UTC)
    for form in ("%Y-%m-%d", "%Y/%m/%d", "%d %b %Y", "%b %d %Y", "%d %B %Y", "%B %d %Y"):
        try:
            day = datetime.strptime(text.replace(",", ""), form)
        except ValueError:
            continue
        return _edge(day.astimezone(), name)
    return datetime.fromisoformat(text).replace(microsecond=0).astimezone()


def _edge(day: datetime, name: str) -> datetime:
    if name == "until":
        return day.replace(hour=23, minute=59, second=59, microsecond=0)
    return day.replace(hour=0, minute=0, second=0, microsecond=0)
