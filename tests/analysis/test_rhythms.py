"""Patterns that are there are told; what comes by chance is not."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.analysis.rhythms import (
    ALPHA,
    DAY,
    HOUR,
    Pattern,
    chance,
    duration,
    episodes,
    find_company,
    find_patterns,
)

LONG = 3 * DAY


def uniform(dice: random.Random, count: int, span: float) -> list[float]:
    return sorted(dice.uniform(0, span) for _ in range(count))


def busy_by_day(dice: random.Random, count: int, span: float) -> list[float]:
    """Arrivals that follow the sun, as a shop's do."""
    times: list[float] = []
    while len(times) < count:
        when = dice.uniform(0, span)
        if dice.random() < (1 + math.sin(2 * math.pi * when / DAY)) / 2:
            times.append(when)
    return sorted(times)


def told(times: list[float], span: float = LONG) -> dict[str, Pattern]:
    dice = random.Random(7)
    return {one.kind: one for one in find_patterns(sorted(times), uniform(dice, 2000, span))}


@pytest.mark.parametrize("arrive", [uniform, busy_by_day])
def test_random_arrivals_have_no_pattern(
    arrive: Callable[[random.Random, int, float], list[float]],
) -> None:
    """120 seeded logs, times rounded to seconds in half of them. Nothing may be told."""
    for seed in range(40):
        dice = random.Random(seed)
        for count in (8, 40, 200):
            span = dice.choice([HOUR, DAY, LONG, 30 * DAY])
            times, baseline = arrive(dice, count, span), arrive(dice, 1000, span)
            if seed % 2:
                times, baseline = (
                    [float(int(at)) for at in times],
                    [float(int(at)) for at in baseline],
                )
            assert find_patterns(times, baseline) == [], (seed, count, span)
            others = {str(size): arrive(dice, size, span) for size in (20, 200, 2000)}
            assert find_company(times, others, baseline) == [], (seed, count, span)


def test_every_55_to_65_minutes_14_times() -> None:
    dice = random.Random(3)
    minutes = [0, 55, 65, *(dice.uniform(55, 65) for _ in range(11))]
    times = [at * 60 for at in accumulate(minutes)]
    period = told(times)["period"]
    assert period.text == "every 55 to 65 minutes, 14 times"
    assert period.facts["intervals"] == period.facts["intervals_within"] == 13
    assert period.chance < ALPHA
    assert 0 < period.strength <= 1


def test_a_period_of_retries_counts_each_outage_once() -> None:
    dice = random.Random(4)
    times = [hour * HOUR + dice.uniform(0, 30) for hour in range(40) for _ in range(4)]
    patterns = told(times, 40 * HOUR)
    assert patterns["period"].text == "every 60 minutes, 40 times"
    assert patterns["clock"].text == "40 of 40 times in minute 0 of the hour"


def test_a_period_is_told_in_spite_of_noise() -> None:
    dice = random.Random(5)
    noisy = [hour * HOUR + dice.uniform(0, 60) for hour in range(60)] + uniform(dice, 10, LONG)
    assert told(noisy)["period"].text.startswith("every 59 to 61 minutes")
    assert told(noisy)["clock"].facts["within"] >= 60


def test_hours_of_the_day_and_days_of_the_week() -> None:
    dice = random.Random(6)
    nightly = [day * DAY + 3 * HOUR + dice.uniform(0, 900) for day in range(20)]
    assert told(nightly, 20 * DAY)["hours"].text.startswith("20 of 20 times between 03:0")
    mondays = [week * 7 * DAY + 4 * DAY + dice.uniform(0, DAY) for week in range(8)]
    assert told(mondays, 60 * DAY)["weekdays"].text == "8 of 8 times on Monday"


def test_the_busy_hours_of_the_log_are_no_pattern() -> None:
    dice = random.Random(8)

    def office(count: int) -> list[float]:
        return sorted(dice.randrange(30) * DAY + dice.uniform(9, 11) * HOUR for _ in range(count))

    assert find_patterns(office(25), office(2000)) == []
    assert find_patterns(office(25), uniform(dice, 2000, 30 * DAY))[0].kind == "hours"


def test_a_beginning_an_end_and_a_change_of_rate() -> None:
    dice = random.Random(9)
    late = [2 * DAY + at for at in uniform(dice, 30, DAY)]
    started = told(late)["started"]
    assert started.at == late[0]
    assert started.text == "never in the first 67% of the log, 30 times since"
    early = uniform(dice, 30, DAY)
    assert told(early)["stopped"].at == early[-1]
    rose = told([DAY * at for at in (0.2, 0.7, 1.1, 1.6)] + late)["rose"]
    assert rose.at is not None
    assert abs(rose.at - late[0]) < HOUR


def test_a_burst() -> None:
    dice = random.Random(10)
    times = [DAY + dice.uniform(0, 100) for _ in range(20)] + uniform(dice, 10, LONG)
    burst = told(times)["burst"]
    assert burst.facts["within"] >= 20
    assert burst.at is not None
    assert abs(burst.at - DAY) < 100


def test_company_is_told_with_the_rarest_cause_first() -> None:
    dice = random.Random(11)
    refresh = uniform(dice, 20, LONG)
    times = [at + dice.uniform(0.1, 1.5) for at in refresh]
    others = {
        "“refresh”": refresh,
        "“request”": sorted([*uniform(dice, 2000, LONG), *(at - 1 for at in times)]),
        "“noise”": uniform(dice, 3000, LONG),
    }
    found = find_company(times, others, uniform(dice, 2000, LONG))
    assert [one.text for one in found] == [
        "always within 2 seconds after “refresh”",
        "always within 2 seconds after “request”",
    ]
    assert found[0].facts["others_that_led_to_it"] == 1.0


def test_few_events_have_no_pattern() -> None:
    assert told([HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR]) == {}
    assert find_patterns([], []) == []


def test_thinned_times_keep_their_beginning_only() -> None:
    exact = [2 * DAY + at * 600 for at in range(100)]
    baseline = uniform(random.Random(1), 2000, LONG)
    assert {one.kind for one in find_patterns(exact, baseline, thinned=True)} == {"started"}


def test_chance_is_a_bound() -> None:
    """Against the exact tail of the binomial distribution."""
    for tries, share in ((10, 0.1), (20, 0.3), (50, 0.05)):
        for hits in range(tries + 1):
            exact = sum(
                math.comb(tries, k) * share**k * (1 - share) ** (tries - k)
                for k in range(hits, tries + 1)
            )
            assert chance(hits, tries, share) >= exact * (1 - 1e-9)


def test_durations_read_well() -> None:
    spans = {
        1: "1 second",
        90: "90 seconds",
        120: "2 minutes",
        5400: "90 minutes",
        9000: "2.5 hours",
    }
    assert {at: duration(at) for at in spans} == spans
    assert episodes([0, 1, 5, 6, 20], 2) == [0, 5, 20]


@given(st.lists(st.floats(-1e12, 1e12), max_size=30), st.lists(st.floats(-1e12, 1e12), max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_times_are_taken(times: list[float], baseline: list[float]) -> None:
    for pattern in find_patterns(sorted(times), sorted(baseline)):
        assert 0 <= pattern.chance <= ALPHA
    assert find_company(sorted(times), {"x": sorted(baseline)}, sorted(baseline)) is not None
