"""The search for culprits, simulated: every placement of two, and any causes and flakes."""

from __future__ import annotations

from itertools import combinations
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.config import Config
from gitcoord.reviews.train.search import Search, Stack, half_of
from tests.reviews.train.simulating import simulate

TWENTY = [f"r{number:02}" for number in range(20)]
PLACEMENTS = list(combinations(TWENTY, 2))
# Each is checked on what landed before it, and a red one again.
ONE_BY_ONE = 22


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_two_bad_of_twenty_take_less_than_half_of_one_by_one(workers: int) -> None:
    batch = Config().train.batch
    for bad in PLACEMENTS:
        search, _ = simulate(TWENTY, [[one] for one in bad], batch=batch, workers=workers)
        assert set(search.named) == set(bad)
        assert search.landed == tuple(one for one in TWENTY if one not in bad)
        assert search.started <= 10 < ONE_BY_ONE / 2


@pytest.mark.parametrize(("batch", "most"), [(8, 12), (10, 11), (16, 11)])
def test_a_smaller_batch_needs_a_little_more(batch: int, most: int) -> None:
    runs = [simulate(TWENTY, [[one] for one in bad], batch=batch)[0] for bad in PLACEMENTS]
    assert max(run.started for run in runs) <= most
    assert mean(run.started for run in runs) < ONE_BY_ONE / 2 - 1


def test_one_flake_whenever_it_comes_blames_nobody() -> None:
    told = 0
    for bad in [(), *combinations(TWENTY, 1), *PLACEMENTS[::3]]:
        for late in range(12):
            search, checks = Search(list(TWENTY), 20), 0
            while not search.done:
                [stack] = search.wanted(1)
                search.answer(stack, green=checks != late and set(bad).isdisjoint(stack))
                checks += 1
            assert set(search.named) == set(bad) and len(search.landed) == 20 - len(bad)
            told += bool(search.flakes)
    assert told


def test_a_batch_of_one_is_one_by_one() -> None:
    search, rounds = simulate(TWENTY, [["r03"], ["r11"]], batch=1)
    assert search.started == rounds == ONE_BY_ONE


def test_twenty_good_ones_take_eight_checks_and_three_bad_ones_fewer_than_one_by_one() -> None:
    assert simulate(TWENTY, [], batch=20)[0].started == 8
    threes = list(combinations(TWENTY, 3))[::5]
    runs = [simulate(TWENTY, [[one] for one in bad], batch=20)[0] for bad in threes]
    assert all(set(run.named) == set(bad) for run, bad in zip(runs, threes, strict=True))
    assert mean(run.started for run in runs) < 16 and max(run.started for run in runs) <= 25


def test_the_last_of_a_red_group_is_tried_again() -> None:
    search = Search(["a"], 8)
    search.answer(("a",), green=False)
    assert search.wanted(2) == [("a",)] and not search.named
    search.answer(("a",), green=False)
    assert search.wanted(2) == [()] and not search.named
    search.answer((), green=True)
    assert search.named == {"a": ("a",)} and search.done


def test_when_the_ground_is_red_nobody_is_named() -> None:
    search, _ = simulate(TWENTY, [[]], batch=16)
    assert search.broken and search.done and not search.named and not search.landed
    assert search.started < 20


def test_a_flake_lands_and_is_told() -> None:
    search = Search(["a"], 8)
    search.answer(("a",), green=False)
    search.answer(("a",), green=True)
    assert search.done and search.landed == ("a",) and search.flakes == ["a"]


def test_what_the_output_hints_at_is_left_out_first() -> None:
    search = Search(list("abcdefgh"), 8)
    group = search.wanted(1)[0]
    search.answer(group, green=False)
    search.hint("a")
    without = tuple(one for one in group if one != "a")
    assert search.wanted(1) == [without]
    search.answer(without, green=True)
    assert search.wanted(1) == [(*without, "a")]
    search.answer((*without, "a"), green=False)
    assert set(search.named) == {"a"} or search.suspects.keys() == {"a"}


def test_a_wrong_hint_blames_nobody() -> None:
    for bad in "abcdefgh":
        search = Search(list("abcdefgh"), 8)
        while not search.done:
            [stack] = search.wanted(1)
            search.begun()
            search.answer(stack, green=bad not in stack)
            if bad in stack:
                search.hint("c")
        assert set(search.named) == {bad} and len(search.landed) == 7


def test_an_answer_that_comes_late_changes_nothing() -> None:
    search = Search(list("abcd"), 4)
    first = search.wanted(1)[0]
    search.answer(first, green=True)
    search.answer(first, green=False)
    search.answer(("x", "y"), green=False)
    assert search.landed == first and not search.suspects


def test_what_became_useless_is_no_longer_wanted() -> None:
    search = Search(list("abcd"), 4)
    two = search.wanted(2)
    assert len(two) == 2
    short, long = sorted(two, key=len)
    search.answer(short, green=False)
    assert long not in search.wanted(2, [long])


rows = st.integers(1, 14).map(lambda count: [f"r{number}" for number in range(count)])


@given(st.data())
def test_whatever_breaks_it_ends_and_all_that_landed_was_green(
    data: st.DataObject,
) -> None:
    queue = data.draw(rows)
    one = st.sampled_from(queue)
    causes = data.draw(st.lists(st.sets(one, min_size=1, max_size=3), max_size=5))
    flaky = data.draw(st.sets(st.integers(0, 40), max_size=4))
    batch, workers = data.draw(st.integers(1, 16)), data.draw(st.integers(1, 3))
    misfits, hinted = data.draw(st.sets(one, max_size=2)), data.draw(one)
    search = Search(list(queue), batch)
    said: list[tuple[Stack, bool]] = []
    while not search.done:
        stacks = search.wanted(workers)
        assert 0 < len(stacks) <= workers and len(set(stacks)) == len(stacks)
        for stack in data.draw(st.permutations(stacks)):
            left_out = next((name for name in stack if name in misfits), None)
            if left_out:
                search.drop(left_out)
            elif stack in search.wanted(workers, stacks):
                search.begun()
                green = not any(cause.issubset(stack) for cause in causes)
                green = green and len(said) not in flaky
                said.append((stack, green))
                search.answer(stack, green=green)
                if not green:
                    search.hint(hinted)
        assert len(said) < 200
    if search.broken:
        assert not search.named and not search.landed
        return
    decided = {*search.landed, *search.named}
    assert decided == set(queue) - misfits
    assert len(search.landed) + len(search.named) == len(decided)
    assert not search.landed or (search.landed, True) in said
    for name in search.named:
        assert sum(name in stack and not green for stack, green in said) > 1
    if not flaky:
        alone_good = set(queue).difference(*causes)
        assert alone_good.isdisjoint(search.named) and not search.flakes


def test_a_half_is_never_nothing_and_never_all() -> None:
    for red in range(2, 40):
        for tried in (True, False):
            assert 0 < half_of(red, tried_again=tried) < red
