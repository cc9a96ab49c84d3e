"""What errors mean: who waits, who tries again, who asks the user."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.runtime.agent import FAILED, PARKED
from gitcoord.runtime.programs.failure import ends_at, judge, unwrapped

NOW = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "retry", "hint"),
    [
        (400, False, ""),
        (401, False, "log in"),
        (402, False, "bill"),
        (403, False, "log in"),
        (404, False, ""),
        (429, True, "fewer"),
        (500, True, "later"),
        (529, True, "later"),
    ],
)
def test_an_error_is_judged_by_its_status(status: int, retry: bool, hint: str) -> None:
    failure = judge("no", status=status, login="log in: x")
    assert (failure.state, failure.retry) == (FAILED, retry)
    assert hint in failure.hint


@pytest.mark.parametrize(
    ("said", "until"),
    [
        ("Claude AI usage limit reached|1795226400", "2026-11-21T02:00:00Z"),
        ("try again in 3 days 4 hours 5 minutes.", "2026-11-24T06:05:00Z"),
        ("Your quota will reset after 1h30m5s; sorry", "2026-11-21T03:30:05Z"),
        ("resets 2026-11-22T10:00:00+02:00", "2026-11-22T08:00:00Z"),
        ("resets 3pm", ""),
        ("resets 2026-99-99T99:99:99Z", ""),
        ("", ""),
    ],
)
def test_a_time_is_read_only_where_it_is_sure(said: str, until: str) -> None:
    assert ends_at(said, now=NOW) == until


def test_a_usage_limit_with_an_end_is_waited_for() -> None:
    failure = judge("You've hit your usage limit. Try again in 2 hours.", status=429)
    assert failure.state == PARKED
    assert failure.until


def test_a_usage_limit_without_an_end_is_not_tried_again() -> None:
    failure = judge("You've hit your usage limit. Upgrade.", status=429)
    assert (failure.state, failure.retry, failure.until) == (FAILED, False, "")


def test_a_status_is_found_in_words() -> None:
    assert judge("unexpected status 401 Unauthorized: x", login="in").hint == "in"
    assert judge("exceeded retry limit, last status: 429 Too Many Requests").retry


@given(st.text(max_size=300))
def test_no_words_break_it(said: str) -> None:
    assert judge(said).state in (FAILED, PARKED)
    assert unwrapped(said)[1] == 0 or isinstance(unwrapped(said)[1], int)


@given(st.integers(0, 10**30), st.sampled_from(["days", "h", "minutes", "s"]))
def test_an_absurd_span_names_no_time(count: int, unit: str) -> None:
    assert isinstance(ends_at(f"try again in {count} {unit}", now=NOW), str)
