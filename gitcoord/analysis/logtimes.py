"""When a log line was written.

Promises: seconds since 1970 from the shapes in use: RFC 3339 and its relatives (Python's
`,678`, nginx's `/`), access logs, Tomcat, log4j, Java's own, syslog, klog, logcat, seconds or
milliseconds since 1970, and the time keys of JSON lines. 1 to 2 µs a line.
Refuses to guess a zone: a time without one is taken as UTC, so that it reads as it was written;
`zoned` tells which it was. A time without a year gets the one that ends before the file does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
_FRACTION = rb"(?:[.,](\d{1,9}))?"
_ISO = (
    rb"(?<!\d)(\d{4}[-/.]\d\d[-/.]\d\d[T _-]\d\d[:.]\d\d)[:.](\d\d)"
    + _FRACTION
    + rb"(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d))?(?!\d)"
)
_REACH = 100  # bytes into a line within which its own time begins; later ones are of the message
_EPOCH = rb"(?<!\d)(1\d{9})(?:\.(\d{1,9})|(\d{3}|\d{6}|\d{9}))?(?![\d.])"
_JSON_KEY = re.compile(
    rb'"(?:@?timestamp|time|ts|t|@t|date|datetime|eventTime|asctime|time_local)"\s?:\s?"?', re.I
)
_JSON_ISO, _JSON_EPOCH = re.compile(_ISO), re.compile(_EPOCH)


class Clock:
    """Reads the times of one file. written: when the file was last changed, for its years.

    zoned: whether the times name a zone, None before the first. span: where in the line the
    time was found that was read last, (0, 0) when there was none or the line is JSON.
    """

    def __init__(self, written: datetime) -> None:
        self.zoned: bool | None = None
        self.span = (0, 0)
        self._written = written.astimezone(UTC)
        self._known: list[_Shape] = []
        self._misses = 0
        self._minutes: dict[tuple[bytes, bytes | None], float | None] = {}

    def read(self, line: bytes) -> float | None:
        """The time in seconds since 1970, or None when the line has none."""
        for pattern, shape in self._known:
            match = pattern.search(line, 0, _REACH)
            if match:
                self.span = match.span()
                return shape(self, match)
        self.span = (0, 0)
        if line[:1] == b"{":
            return self._in_json(line)
        # A file keeps to few shapes: 1,000 misses are searched in full, later ones not.
        if self._misses > 1000 or not line or line[0] in b" \t":
            return None
        self._misses += 1
        for known in _SHAPES:
            match = known[0].search(line, 0, _REACH)
            when = known[1](self, match) if match else None
            if match and when is not None:
                self.span = match.span()
                self._known.insert(0, known)
                return when
        return None

    def _in_json(self, line: bytes) -> float | None:
        for key in _JSON_KEY.finditer(line):
            iso = _JSON_ISO.match(line, key.end())
            if iso:
                return self._iso(iso)
            epoch = _JSON_EPOCH.match(line, key.end())
            if epoch:
                return self._epoch(epoch)
        return None

    def _iso(self, match: re.Match[bytes]) -> float | None:
        minute, second, fraction, zone = match.groups()
        return self._time(minute, zone, second, fraction, _iso_minute)

    def _compact(self, match: re.Match[bytes]) -> float | None:
        day, *parts, fraction, zone = match.groups()
        hour, minute, second = (int(part) for part in parts if part)
        text = b"%s-%s-%s %02d:%02d" % (day[:4], day[4:6], day[6:], hour, minute)
        return self._time(text, zone, b"%d" % second, fraction, _iso_minute)

    def _log4j(self, match: re.Match[bytes]) -> float | None:
        minute, second = match.groups()
        return self._time(b"20" + minute, None, second, None, _iso_minute)

    def _access(self, match: re.Match[bytes]) -> float | None:
        minute, second, fraction, zone = match.groups()
        return self._time(minute, zone, second, fraction, _access_minute)

    def _java(self, match: re.Match[bytes]) -> float | None:
        month, day, year, hour, minute, second, half = match.groups()
        hours = int(hour) % 12 + (12 if half == b"PM" else 0)
        text = b"%02d/%s/%s:%02d:%s" % (int(day), month, year, hours, minute)
        return self._time(text, None, second, None, _access_minute)

    def _syslog(self, match: re.Match[bytes]) -> float | None:
        minute, second, fraction, year = match.groups()
        return self._time(minute + (year or b""), None, second, fraction, self._syslog_minute)

    def _short(self, match: re.Match[bytes]) -> float | None:
        month, day, minute, second, fraction = match.groups()
        text = _MONTHS[int(month) * 3 - 3 : int(month) * 3] + b" " + day + b" " + minute
        return self._time(text, None, second, fraction, self._syslog_minute)

    def _epoch(self, match: re.Match[bytes]) -> float | None:
        seconds, fraction, more = match.groups()
        self.zoned = True
        return float(seconds + b"." + (fraction or more or b"0"))

    def _time(
        self,
        minute: bytes,
        zone: bytes | None,
        second: bytes,
        fraction: bytes | None,
        read: Callable[[bytes], datetime],
    ) -> float | None:
        key = (minute, zone)
        if key in self._minutes:
            start = self._minutes[key]
        else:
            if len(self._minutes) > 10_000:
                self._minutes.clear()
            start = self._minutes[key] = _start(minute, zone, read)
        if start is None:
            return None
        self.zoned = zone is not None
        return start + int(second) + (float(b"." + fraction) if fraction else 0.0)

    def _syslog_minute(self, text: bytes) -> datetime:
        month = _MONTHS.index(text[:3]) // 3 + 1
        day, hour, minute = int(text[4:6]), int(text[7:9]), int(text[10:12])
        if len(text) > 12:
            return datetime(int(text[12:]), month, day, hour, minute, tzinfo=UTC)
        year, latest = self._written.year, self._written + timedelta(days=1)
        for candidate in range(year + 1, year - 9, -1):  # the 29th of February is rare
            try:
                when = datetime(candidate, month, day, hour, minute, tzinfo=UTC)
            except ValueError:
                continue
            if when <= latest:
                return when
        raise ValueError("no such day")


_Shape = tuple[re.Pattern[bytes], Callable[[Clock, re.Match[bytes]], float | None]]
_SHAPES: tuple[_Shape, ...] = (
    (
        re.compile(
            rb"(?<!\w)(\d\d[-/ ][A-Z][a-z]{2}[-/ ]\d{4}[ :]\d\d:\d\d):(\d\d)"
            + _FRACTION
            + rb"(?: ([+-]\d{4}))?"
        ),
        Clock._access,
    ),
    (re.compile(_ISO), Clock._iso),
    (
        re.compile(
            rb"(?<!\d)(20\d{6})[T_ -](?:(\d\d?):(\d\d?):(\d\d?)|(\d\d)(\d\d)(\d\d))(?!\d)"
            rb"(?:[.,:](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?"
        ),
        Clock._compact,
    ),
    (re.compile(rb"^(\d\d/\d\d/\d\d \d\d:\d\d):(\d\d)(?= [A-Z]{4,5} )"), Clock._log4j),
    (
        re.compile(rb"^([A-Z][a-z]{2}) (\d\d?), (\d{4}),? (\d\d?):(\d\d):(\d\d) ([AP]M)"),
        Clock._java,
    ),
    (
        re.compile(
            rb"(?<!\w)([A-Z][a-z]{2} [ \d]\d \d\d:\d\d):(\d\d)(?:\.(\d{1,9}))?(?: (\d{4})(?!\d))?"
        ),
        Clock._syslog,
    ),
    (
        re.compile(rb"(?:^|(?<=^[A-Z]))([01]\d)-?([0-3]\d) (\d\d:\d\d):(\d\d)(?:\.(\d{1,9}))?"),
        Clock._short,
    ),
    (re.compile(rb"^\W{0,2}" + _EPOCH), Clock._epoch),
)


def _start(minute: bytes, zone: bytes | None, read: Callable[[bytes], datetime]) -> float | None:
    try:
        return read(minute).timestamp() - _offset(zone)
    except (ValueError, OverflowError):
        return None


def _iso_minute(text: bytes) -> datetime:
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    return datetime(year, month, day, int(text[11:13]), int(text[14:16]), tzinfo=UTC)


def _access_minute(text: bytes) -> datetime:
    month = _MONTHS.index(text[3:6]) // 3 + 1
    hour, minute = int(text[12:14]), int(text[15:17])
    return datetime(int(text[7:11]), month, int(text[:2]), hour, minute, tzinfo=UTC)


def _offset(zone: bytes | None) -> int:
    if not zone or zone[0] not in b"+-":
        return 0
    seconds = int(zone[1:3]) * 3600 + int(zone[-2:]) * 60
    return -seconds if zone[0] == ord("-") else seconds


def on_axis(moment: datetime, *, zoned: bool | None) -> float:
    """An instant on the axis of a log: as UTC, or for times without a zone as local wall clock."""
    return (moment if zoned else moment.astimezone().replace(tzinfo=UTC)).timestamp()


def written_as(when: float, *, zoned: bool | None) -> str:
    """A time as RFC 3339 to the second, with `Z` only when the log told a zone."""
    try:
        text = datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "?"
    return text + ("Z" if zoned else "")
