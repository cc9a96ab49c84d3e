"""Text from elsewhere is harmless, and still tells what it was."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.view.plain import cut, plain, width

anything = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("naïve 日本 🙂", "naïve 日本 🙂"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m", "\\x9b31m"),
        ("a\rb", "a\\rb"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("abc\u202etxt.exe", "abc\\u202etxt.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\u2028b", "a\\u2028b"),
        ("caf\udce9", "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("x\U000e0041", "x\\U000e0041"),
        ("👩\u200d🔬 می\u200cخواهم", "👩\u200d🔬 می\u200cخواهم"),
        ("no\xa0break", "no\xa0break"),
    ],
)
def test_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_lines_stay_where_lines_are_meant() -> None:
    assert plain("a\r\n\tb\rc\x1b", multiline=True) == "a\n\tb\\rc\\x1b"


@given(anything)
def test_nothing_a_terminal_acts_on_is_left(text: str) -> None:
    for shown, allowed in ((plain(text), ""), (plain(text, multiline=True), "\n\t")):
        left = [char for char in shown if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp")]
        assert set(left) <= set(allowed)
        shown.encode()


@given(anything)
def test_what_is_plain_stays(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@given(anything, st.integers(0, 40))
def test_cut_fits(text: str, cells: int) -> None:
    assert width(cut(text, cells)) <= cells


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("日本語です", 5, "日本…"),
        ("x" * 10_000_000, 3, "xx…"),
        ("a\nb", 9, "a\\nb"),
        ("abc", 0, ""),
        ("abc", 1, "…"),
    ],
)
def test_cut(text: str, cells: int, shown: str) -> None:
    assert cut(text, cells) == shown
