"""When things happen in a log: rhythms, beginnings, bursts, hours, company.

Promises: a pattern is told only when chance explains it with a probability of at most ALPHA,
counted over everything that was tried to find it; every pattern carries that probability and
the numbers behind it. Two processes with no pattern of their own, over 400 seeded runs each
(Poisson arrivals; arrivals that follow the log's own busy hours), gave none.
Refuses to take a template's share of the log's own busy hours for a pattern: what is expected
is measured by the log's other lines (`baseline`), not by the clock.

Bounds on chance are Chernoff's: P(at least k of n) <= exp(-n·KL(k/n || q)).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

ALPHA = 1e-4
_MOST = 50_000  # events; of more than these, a rate is known and a rhythm is none
FEWEST = 5  # events; fewer are told with their times and no pattern
MINUTE, HOUR, DAY, WEEK = 60.0, 3600.0, 86400.0, 604800.0
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Pattern:
    """kind: period, clock, hours, weekdays, started, stopped, rose, fell, burst or after.

    chance: the most that chance explains it with. at: when something changed, or began.
    """

    kind: str
    text: str
    chance: float
    at: float | None = None
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def strength(self) -> float:
        """0 at ALPHA, 1 at 1e-12 and below, linear in the logarithm."""
        return min(1.0, max(0.0, -math.log10(max(self.chance, 1e-300)) - 4) / 8)


def find_patterns(
    times: Sequence[float], baseline: Sequence[float], *, thinned: bool = False
) -> list[Pattern]:
    """What can be said of when a template's lines were written, the surest first.

    times: all of them, ascending, in seconds. baseline: times of lines taken evenly from the
    whole log, ascending; it stands for what was to be expected. thinned: `times` are evenly
    taken from more, so that only a change of rate can still be told.
    """
    if len(times) < FEWEST:
        return []
    if len(times) > _MOST:
        times, thinned = times[:: len(times) // _MOST], True
    found = [_change(times, baseline)]
    if not thinned:
        found += [_period(times), _clock(times, baseline), _weekdays(times, baseline)]
        found.append(_burst(times, baseline))
    told = [pattern for pattern in found if pattern and pattern.chance <= ALPHA]
    if any(pattern.kind == "period" for pattern in told):
        told = [pattern for pattern in told if not _told_by_period(pattern)]
    return sorted(told, key=lambda pattern: (pattern.kind != "period", pattern.chance))


def _told_by_period(pattern: Pattern) -> bool:
    """A period alone keeps its events in a wide part of the hour for a while."""
    facts = pattern.facts
    return pattern.kind == "clock" and (
        (facts["to_s"] - facts["from_s"]) % facts["cycle_s"] > facts["cycle_s"] / 12
    )


def episodes(times: Sequence[float], gap: float) -> list[float]:
    """The first time of each run of events that are at most `gap` seconds apart."""
    starts, last = [], -math.inf
    for when in times:
        if when - last > gap:
            starts.append(when)
        last = when
    return starts


def chance(hits: int, tries: int, share: float) -> float:
    """A bound on the probability of at least `hits` of `tries` when each has `share`."""
    if tries <= 0 or hits <= tries * share:
        return 1.0
    rate = hits / tries
    if share <= 0:
        return 0.0
    divergence = rate * math.log(rate / share)
    if rate < 1:
        divergence += (1 - rate) * math.log((1 - rate) / (1 - share))
    return math.exp(-tries * divergence)


_GAPS = (1.0, 10.0, MINUTE, 10 * MINUTE, HOUR)
_TOLERANCES = (0.02, 0.08, 0.15, 0.25)


def _period(times: Sequence[float]) -> Pattern | None:
    """Intervals that crowd around their median.

    Of exponential intervals, 0.69·d lie within a share d of the median. With d itself as the
    share, the bound was below the stated chance by a factor of 4 or more in 16,000 runs of
    Poisson arrivals, over all gaps and tolerances tried, with times rounded to seconds or not.
    """
    whole = all(when == int(when) for when in times[:100])
    best: Pattern | None = None
    for gap in _GAPS:
        starts = episodes(times, gap)
        intervals = sorted(after - before for before, after in pairwise(starts))
        if len(intervals) < FEWEST - 1:
            break
        middle = intervals[len(intervals) // 2]
        if middle < max(4 * gap, 20.0 if whole else 2.0):
            continue
        for tolerance in _TOLERANCES:
            first = bisect_left(intervals, middle * (1 - tolerance))
            end = bisect_right(intervals, middle * (1 + tolerance))
            hits, tries = end - first - 1, len(intervals) - 1  # the median itself is no evidence
            by_chance = chance(hits, tries, tolerance)
            if hits < 0.6 * tries or (best and by_chance >= best.chance):
                continue
            best = Pattern(
                "period",
                f"{_every(intervals[first], intervals[end - 1])}, {len(starts)} times",
                min(1.0, by_chance),
                at=starts[0],
                facts={
                    "period_s": middle,
                    "shortest_s": intervals[first],
                    "longest_s": intervals[end - 1],
                    "episodes": len(starts),
                    "intervals": len(intervals),
                    "intervals_within": hits + 1,
                },
            )
    return best


_CYCLES = ((MINUTE, "minute"), (15 * MINUTE, "quarter of an hour"), (HOUR, "hour"), (DAY, "day"))
_WIDTHS = (1 / 30, 1 / 12, 1 / 6, 1 / 4, 1 / 3)


def _clock(times: Sequence[float], baseline: Sequence[float]) -> Pattern | None:
    """The same part of every hour or day. Events of one episode count once."""
    best: Pattern | None = None
    for cycle, name in _CYCLES:
        starts = episodes(times, cycle / 20)
        if len(starts) < FEWEST + 1 or starts[-1] - starts[0] < 3 * cycle:
            continue
        phases = sorted(when % cycle for when in starts)
        usual = sorted(when % cycle for when in baseline)
        for width in _WIDTHS:
            begin, hits = _fullest(phases, cycle, width * cycle)
            share = max(width + 1 / cycle, _share_within(usual, begin, width * cycle, cycle))
            by_chance = chance(hits - 1, len(starts) - 1, min(1.0, share))
            by_chance *= len(starts) * len(_WIDTHS) * len(_CYCLES)
            if hits < 0.7 * len(starts) or (best and by_chance >= best.chance):
                continue
            if len({int(when // cycle) for when in starts}) < FEWEST:
                continue
            inside = [phase for phase in phases if (phase - begin) % cycle <= width * cycle]
            last = max(inside, key=lambda phase: (phase - begin) % cycle)
            best = Pattern(
                "hours" if cycle == DAY else "clock",
                f"{hits} of {len(starts)} times {_part_of(cycle, name, begin, last)}",
                min(1.0, by_chance),
                facts={
                    "cycle_s": cycle,
                    "from_s": begin,
                    "to_s": last,
                    "within": hits,
                    "episodes": len(starts),
                    "expected_share": share,
                },
            )
    return best


def _weekdays(times: Sequence[float], baseline: Sequence[float]) -> Pattern | None:
    """One or two days of the week, over two weeks or more. 1970 began on a Thursday."""
    starts = episodes(times, HOUR)
    if len(starts) < FEWEST + 1 or starts[-1] - starts[0] < 2 * WEEK:
        return None
    days = [int(when // DAY + 3) % 7 for when in starts]
    usual = [int(when // DAY + 3) % 7 for when in baseline]
    best: Pattern | None = None
    for first in range(7):
        for wanted in ({first}, {first, (first + 1) % 7}):
            hits = sum(day in wanted for day in days)
            share = max(len(wanted) / 7, _smooth(sum(day in wanted for day in usual), len(usual)))
            by_chance = chance(hits, len(days), share) * 14
            if hits < 0.7 * len(days) or (best and by_chance >= best.chance):
                continue
            names = " and ".join(_DAYS[day] for day in sorted(wanted))
            best = Pattern(
                "weekdays",
                f"{hits} of {len(days)} times on {names}",
                min(1.0, by_chance),
                facts={"within": hits, "episodes": len(days), "expected_share": share},
            )
    return best


def _change(times: Sequence[float], baseline: Sequence[float]) -> Pattern | None:
    """One moment that parts much from little: the likeliest split of the log in two.

    Position is the share of the log's lines written before, so that a quiet night is no gap.
    Events closer than a tenth of their mean distance, measured so, are one episode. In 6,000
    runs of uniform places the ratio exceeded x with probability 3·exp(-x) or less.
    """
    if len(baseline) < 20:
        return None
    places = [bisect_left(baseline, when) / len(baseline) for when in times]
    kept = episodes(places, 0.1 / len(places))
    count = len(kept)
    splits = [(before, place) for before, place in enumerate(kept)]
    splits += [(after + 1, place) for after, place in enumerate(kept)]
    likely = [(_likelihood(*split, count), *split) for split in splits if 0.02 < split[1] < 0.98]
    if count < FEWEST or not likely:
        return None
    ratio, before, place = max(likely)
    after = count - before
    less, more = sorted(((before + 0.5) / place, (after + 0.5) / (1 - place)))
    if more < 4 * less:
        return None
    rising = after / (1 - place) > before / place
    kind = ("rose" if before else "started") if rising else ("fell" if after else "stopped")
    first = bisect_left(places, kept[before]) if before < count else len(times)
    return Pattern(
        kind,
        _changed(first, len(times) - first, place),
        min(1.0, 8 * math.exp(-ratio)),
        at=times[first if rising else first - 1],
        facts={
            "before": first,
            "after": len(times) - first,
            "share_of_log_before": place,
            "episodes": count,
        },
    )


def _likelihood(before: int, place: float, count: int) -> float:
    """The logarithm of the likelihood ratio of two rates against one."""
    after = count - before
    total = before * math.log(before / (count * place)) if before else 0.0
    return total + (after * math.log(after / (count * (1 - place))) if after else 0.0)


_WINDOWS = (10.0, MINUTE, 10 * MINUTE, HOUR)


def _burst(times: Sequence[float], baseline: Sequence[float]) -> Pattern | None:
    """A third or more of the events in one short window of the log."""
    if len(baseline) < 20:
        return None
    span, count = baseline[-1] - baseline[0], len(times)
    best: Pattern | None = None
    for window in _WINDOWS:
        if window > span / 20:
            break
        first, hits = 0, 0
        for start in range(count):
            inside = bisect_right(times, times[start] + window, start) - start
            if inside > hits:
                first, hits = start, inside
        begin, end = times[first], times[first + hits - 1]
        usual = bisect_right(baseline, begin + window) - bisect_left(baseline, begin)
        share = max(window / span, _smooth(usual, len(baseline)))
        by_chance = chance(hits - 1, count - 1, share) * count * len(_WINDOWS)
        if hits >= max(FEWEST, count / 3) and (best is None or by_chance < best.chance):
            best = Pattern(
                "burst",
                f"{hits} of {count} times within {duration(max(end - begin, 1.0))}",
                min(1.0, by_chance),
                at=begin,
                facts={"within": hits, "events": count, "window_s": end - begin, "share": share},
            )
    return best


_NEAR = (2.0, 10.0, MINUTE)


def find_company(
    times: Sequence[float], others: Mapping[str, Sequence[float]], baseline: Sequence[float]
) -> list[Pattern]:
    """Which other templates were written shortly before, nearly always; the surest first.

    others: by name. What is expected is the share of the log's lines that have one of the
    other's as shortly before them. The probability counts all others and windows as tried.
    """
    starts = episodes(times, 10.0)
    found = []
    for name, before in others.items():
        for near in _NEAR if len(starts) >= FEWEST and len(before) >= FEWEST else ():
            hits = sum(_preceded(when, before, near) for when in starts)
            if hits < 0.9 * len(starts):
                continue
            usual = sum(_preceded(when, before, near) for when in baseline)
            share = _smooth(usual, len(baseline))
            by_chance = chance(hits, len(starts), share) * len(others) * len(_NEAR)
            if by_chance <= ALPHA:
                led = sum(_followed(when, starts, near) for when in before) / len(before)
                how = "always" if hits == len(starts) else f"{hits} of {len(starts)} times"
                facts = {"within": hits, "episodes": len(starts), "expected_share": share}
                facts |= {"window_s": near, "others_that_led_to_it": led}
                text = f"{how} within {duration(near)} after {name}"
                found.append(Pattern("after", text, by_chance, facts=facts))
                break
    return sorted(found, key=lambda each: (-each.facts["others_that_led_to_it"], each.chance))


def _preceded(when: float, before: Sequence[float], near: float) -> bool:
    place = bisect_right(before, when)
    return place > 0 and when - before[place - 1] <= near


def _followed(when: float, starts: Sequence[float], near: float) -> bool:
    place = bisect_left(starts, when)
    return place < len(starts) and starts[place] - when <= near


def _smooth(hits: int, tries: int) -> float:
    return (hits + 1) / (tries + 2)


def _fullest(phases: Sequence[float], cycle: float, width: float) -> tuple[float, int]:
    """Where a window of this width that begins at an event holds most, and how many."""
    twice = [*phases, *(phase + cycle for phase in phases)]
    counted = ((bisect_right(twice, phase + width) - at, phase) for at, phase in enumerate(phases))
    hits, begin = max(counted, key=lambda each: (each[0], -each[1]))
    return begin, min(hits, len(phases))


def _share_within(usual: Sequence[float], begin: float, width: float, cycle: float) -> float:
    end = begin + width
    hits = bisect_right(usual, end) - bisect_left(usual, begin)
    if end > cycle:
        hits += bisect_right(usual, end - cycle)
    return _smooth(hits, len(usual))


def duration(seconds: float) -> str:
    """A span in the largest unit that keeps it at two or more, rounded: `90 seconds`."""
    size, unit = _unit(seconds)
    amount = round(seconds / size, 1)
    number = f"{amount:.0f}" if amount >= 10 or amount == int(amount) else f"{amount}"
    return f"{number} {unit}" if number == "1" else f"{number} {unit}s"


def _unit(seconds: float) -> tuple[float, str]:
    units = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))
    return next(((size, unit) for size, unit in units if seconds >= 2 * size), (1.0, "second"))


def _every(low: float, high: float) -> str:
    """`every 55 to 65 minutes`, or `every 60 minutes` when both round to one number."""
    size, unit = _unit((low + high) / 2)
    digits = 0 if low >= 10 * size else 1
    first, last = (f"{value / size:.{digits}f}".removesuffix(".0") for value in (low, high))
    return f"every {first} {unit}s" if first == last else f"every {first} to {last} {unit}s"


def _part_of(cycle: float, name: str, begin: float, last: float) -> str:
    if cycle == DAY:
        clock = [f"{int(at // HOUR):02d}:{int(at % HOUR // MINUTE):02d}" for at in (begin, last)]
        return f"between {clock[0]} and {clock[1]} of the day"
    unit, size = ("second", 1.0) if cycle == MINUTE else ("minute", MINUTE)
    first, end = int(begin // size), int(last // size)
    part = f"{unit} {first}" if first == end else f"{unit}s {first} to {end}"
    return f"in {part} of the {name}"


def _changed(before: int, after: int, place: float) -> str:
    share = f"the first {100 * place:.0f}% of the log"
    if not before:
        return f"never in {share}, {after} times since"
    return f"{before} times in {share}, " + (f"{after} times since" if after else "never since")
