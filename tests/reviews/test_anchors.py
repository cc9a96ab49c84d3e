"""Lines followed through edits: found if and only if they are there as they were."""

from __future__ import annotations

import difflib

from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.reviews.anchors import follow, is_binary, pair, split

MARK = b"the marked line"
# Few different lines, so that many of them are there more than once.
LINE = st.sampled_from([b"", b"}", b"  return x", b"a", b"b", b"c", b"if x:", b"# why"])
LINES = st.lists(LINE, max_size=40)


def numbered(count: int) -> list[bytes]:
    return [b"line %d" % number for number in range(1, count + 1)]


@given(LINES, LINES, LINES, LINES)
@settings(max_examples=300)
def test_a_line_that_is_there_once_is_found_wherever_it_went(
    above: list[bytes], below: list[bytes], new_above: list[bytes], new_below: list[bytes]
) -> None:
    old, new = [*above, MARK, *below], [*new_above, MARK, *new_below]
    line, there = len(above) + 1, len(new_above) + 1
    assert follow(old, new, line, line) == (there, there)


@given(LINES, LINES, LINES)
@settings(max_examples=300)
def test_a_line_that_was_changed_is_not_found(
    above: list[bytes], below: list[bytes], new: list[bytes]
) -> None:
    assert follow([*above, MARK, *below], new, len(above) + 1, len(above) + 1) is None


@given(LINES, LINES)
@settings(max_examples=300)
def test_pairs_are_equal_and_in_order(old: list[bytes], new: list[bytes]) -> None:
    found = pair(old, new)
    there = [other for other in found if other is not None]
    assert there == sorted(set(there))
    assert all(old[one] == new[other] for one, other in enumerate(found) if other is not None)
    same = [one for one in old if old == new]
    assert not same or found == list(range(len(old)))


@given(st.lists(st.integers(0, 60), unique=True), st.lists(st.integers(0, 60), unique=True))
@settings(max_examples=200)
def test_of_unlike_lines_as_many_are_paired_as_a_longest_common_subsequence_has(
    one: list[int], other: list[int]
) -> None:
    old, new = [b"%d" % number for number in one], [b"%d" % number for number in other]
    # Of lines that are there once on each side it is the longest rising row of places.
    places = [new.index(line) for line in old if line in new]
    longest: list[int] = []
    for place in places:
        best = [length for before, length in zip(places, longest, strict=False) if before < place]
        longest.append(1 + max(best, default=0))
    assert sum(there is not None for there in pair(old, new)) == max(longest, default=0)


@given(st.integers(0, 200), st.integers(1, 30), st.integers(0, 200), st.data())
@settings(max_examples=100)
def test_a_range_is_followed_whole_or_not_at_all(
    above: int, size: int, shift: int, data: st.DataObject
) -> None:
    old = numbered(above + size + 20)
    new = [b"new %d" % number for number in range(shift)] + old
    first, last = above + 1, above + size
    assert follow(old, new, first, last) == (first + shift, last + shift)
    torn = data.draw(st.integers(first, last))
    new[shift + torn - 1] = b"torn"
    assert follow(old, new, first, last) is None


def test_the_reference_is_what_difflib_says_of_plain_edits() -> None:
    old = numbered(200)
    new = [*old[:20], b"put in", *old[20:50], *old[60:120], b"other", *old[121:]]
    wanted: list[int | None] = [None] * len(old)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for block in matcher.get_matching_blocks():
        for step in range(block.size):
            wanted[block.a + step] = block.b + step
    assert pair(old, new) == wanted


def test_a_block_that_was_moved_is_followed() -> None:
    old = numbered(40)
    new = [*old[10:40], *old[:10]]
    assert follow(old, new, 3, 5) == (33, 35)


def test_of_equal_lines_that_were_moved_the_one_with_the_same_surroundings_is_meant() -> None:
    old = [b"def one():", b"    x = 1", b"    y = 1", b"    return x", b"def two():",
           b"    z = 1", b"    w = 1", b"    return x"]  # fmt: skip
    new = [*old[4:], *old[:4]]
    assert follow(old, new, 4, 4) == (8, 8)
    assert follow(old, new, 8, 8) == (4, 4)


def test_of_equal_lines_that_cannot_be_told_apart_none_is_guessed() -> None:
    assert follow([b"a", b"x", b"b"], [b"x", b"c", b"x"], 2, 2) is None


def test_case_93_line_ends_that_became_dos_are_no_change() -> None:
    old, new = split(b"one\ntwo\nthree\n"), split(b"zero\r\none\r\ntwo\r\nthree")
    assert follow(old, new, 2, 3) == (3, 4)


def test_case_93_a_file_of_many_thousand_lines() -> None:
    old = [b"line %d" % (number % 700) for number in range(30_000)]
    old[20_000] = MARK
    new = [b"begin", *old[:9_000], *old[9_500:25_000], b"x", *old[25_000:]]
    assert follow(old, new, 20_001, 20_001) == (19_502, 19_502)


def test_lines_that_are_not_there_are_not_followed() -> None:
    assert follow([b"a"], [b"a"], 0, 0) is None
    assert follow([b"a"], [b"a"], 1, 2) is None
    assert follow([], [b"a"], 1, 1) is None


def test_what_is_binary_is_told_as_git_does() -> None:
    assert is_binary(b"a\0b")
    assert not is_binary(b"a" * 8000 + b"\0")
    assert split(b"") == []
