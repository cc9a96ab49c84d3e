"""Times as logs write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.analysis.logtimes import Clock, on_axis, written_as

WRITTEN = datetime(2026, 3, 1, tzinfo=UTC)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("line", "meant", "zoned"),
    [
        ("2026-01-02T03:04:05Z hi", "2026-01-02T03:04:05", True),
        ("2026-01-02T03:04:05.250+02:00 hi", "2026-01-02T01:04:05.250", True),
        ("[2026-01-02 03:04:05 -0130] hi", "2026-01-02T04:34:05", True),
        ("2026-01-02 03:04:05,678 ERROR hi", "2026-01-02T03:04:05.678", False),
        ("2026/01/02 03:04:05 [error] 7#7: hi", "2026-01-02T03:04:05", False),
        ('::1 - ada [02/Jan/2026:03:04:05 +0100] "GET /"', "2026-01-02T02:04:05", True),
        ("Jan  2 03:04:05 host sshd[1]: hi", "2026-01-02T03:04:05", False),
        ("Dec 31 23:59:59 host app: hi", "2025-12-31T23:59:59", False),
        ("Feb 29 01:02:03 host app: hi", "2024-02-29T01:02:03", False),
        ("[Fri Jan 02 03:04:05.5 2026] [error] hi", "2026-01-02T03:04:05.5", False),
        ("E0102 03:04:05.123456 7 x.go:1] hi", "2026-01-02T03:04:05.123456", False),
        ("01-02 03:04:05.5 E/Tag: hi", "2026-01-02T03:04:05.5", False),
        ("02-Jan-2026 03:04:05.250 SEVERE [main] hi", "2026-01-02T03:04:05.250", False),
        ("Jan 02, 2026 3:04:05 PM a.B c", "2026-01-02T15:04:05", False),
        ("Jan 2, 2026 12:04:05 AM a.B c", "2026-01-02T00:04:05", False),
        ("26/01/02 03:04:05 INFO a.B: c", "2026-01-02T03:04:05", False),
        ("20260102-03:04:05:606|a", "2026-01-02T03:04:05.606", False),
        ("20260102-3:4:5:606|a", "2026-01-02T03:04:05.606", False),
        ("20260102T030405Z hi", "2026-01-02T03:04:05", True),
        ("2026-01-02-03.04.05.5 hi", "2026-01-02T03:04:05.5", False),
        ("1767323045 hi", "2026-01-02T03:04:05", True),
        ("1767323045.5 hi", "2026-01-02T03:04:05.5", True),
        ("[1767323045500] hi", "2026-01-02T03:04:05.5", True),
        ('{"msg":"x","ts":1767323045.5}', "2026-01-02T03:04:05.5", True),
        ('{"level":30,"time":1767323045500,"msg":"x"}', "2026-01-02T03:04:05.5", True),
        (
            '{"msg":"%s","@timestamp":"2026-01-02T03:04:05Z"}' % ("x" * 300),
            "2026-01-02T03:04:05",
            True,
        ),
        ("web_1  | 2026-01-02T03:04:05Z hi", "2026-01-02T03:04:05", True),
        ("<34>1 2026-01-02T03:04:05Z host app - - hi", "2026-01-02T03:04:05", True),
    ],
)
def test_shapes_in_use(line: str, meant: str, zoned: bool) -> None:
    clock = Clock(WRITTEN)
    assert clock.read(line.encode()) == pytest.approx(seconds(meant))
    assert clock.zoned is zoned


@pytest.mark.parametrize(
    "line",
    [
        "",
        "no time",
        "2026-13-45 99:99:99 x",
        "Xyz  2 03:04:05 x",
        "12345678901234 x",
        "{",
        "99:99",
        "02/01/26 03:04:05 x",
    ],
)
def test_what_is_no_time(line: str) -> None:
    assert Clock(WRITTEN).read(line.encode()) is None


def test_several_shapes_in_one_file() -> None:
    clock = Clock(WRITTEN)
    for line in (b"2026-01-02 03:04:05 a", b"Jan  2 03:04:05 b", b"1767323045 c") * 2:
        assert clock.read(line) == seconds("2026-01-02T03:04:05")
    assert clock.read(b"  File 'x' 2026") is None


def test_a_time_without_a_zone_is_compared_as_wall_clock() -> None:
    moment = datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2)))
    assert on_axis(moment, zoned=True) == seconds("2026-01-02T01:00:00")
    assert written_as(on_axis(moment, zoned=False), zoned=False) == "2026-01-02T01:00:00"
    assert written_as(0, zoned=True) == "1970-01-01T00:00:00Z"
    assert written_as(1e300, zoned=True) == "?"


@given(st.lists(st.binary(max_size=60) | st.from_regex(rb"[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d.{3}")))
@settings(max_examples=100, deadline=None)
def test_any_bytes_have_a_time_or_none(lines: list[bytes]) -> None:
    clock = Clock(WRITTEN)
    for line in lines:
        when = clock.read(line)
        assert when is None or isinstance(when, float)
