"""Ids, times and what a part of an id means."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import BadInput, NoSuch
from gitcoord.records import LONGEST_ID, check_id, counted, match_id, new_id, now, parse_time

SAFE = re.compile(r"[a-z0-9][a-z0-9-]*")


def test_an_id_says_what_it_is_of() -> None:
    found = new_id("investigation", "Why does the login fail?")
    assert re.fullmatch(r"investigation-login-fail-[2-9a-km-z]{4}", found)


def test_an_id_keeps_words_of_a_task_that_has_only_common_ones() -> None:
    assert new_id("investigation", "why is it so").startswith("investigation-why-is-it-so-")


@pytest.mark.parametrize(
    "task", ["", "???", "💥💥", "ログインが失敗する", "\x1b[31m\x00", "-" * 99]
)
def test_case_07_an_empty_slug_leaves_kind_and_random(task: str) -> None:
    assert re.fullmatch(r"investigation-(31m-)?[2-9a-z]{4}", new_id("investigation", task))


def test_case_07_two_titles_that_slug_to_the_same_name_get_two_ids() -> None:
    ids = {new_id("development", "Fix login!") for _ in range(10)}
    assert len(ids) >= 9, "two of a million are the same; two such pairs are no chance"


def test_case_07_accents_are_folded() -> None:
    found = new_id("development", "Größe übersetzen")
    assert found.startswith("development-grosse-ubersetzen-")


def test_a_task_of_1_mb_makes_a_short_id() -> None:
    for task in ("x" * 1_000_000, "word " * 200_000, "💥" * 1_000_000):
        assert len(new_id("investigation", task)) <= LONGEST_ID


@pytest.mark.parametrize("slug", ["", "???", "💥", "..", "-", "/"])
def test_a_name_that_slugs_to_nothing_is_refused(slug: str) -> None:
    with pytest.raises(BadInput):
        new_id("development", "anything", slug=slug)


def test_a_given_name_takes_the_place_of_the_task() -> None:
    assert new_id("development", "anything", slug="The New_Cart.lock").startswith(
        "development-the-new-cart-lock-"
    )


def test_a_kind_without_a_letter_is_refused() -> None:
    with pytest.raises(BadInput):
        new_id("💥", "anything")


@given(st.text(), st.text(min_size=1), st.none() | st.text())
def test_every_id_is_a_branch_a_folder_and_a_record(task: str, kind: str, slug: str | None) -> None:
    try:
        found = new_id(kind, task, slug=slug)
    except BadInput:
        return
    assert SAFE.fullmatch(found) and len(found) <= LONGEST_ID
    assert "--" not in found and check_id(found) == found
    assert found not in ("con", "nul", "aux", "prn")


def test_git_takes_ids_as_branch_names() -> None:
    ids = [new_id("investigation", task) for task in ("a.lock", "-x", "@{u}", "..", "HEAD", "Ü")]
    for name in ids:
        checked = subprocess.run(["git", "check-ref-format", "--branch", name], check=False)
        assert checked.returncode == 0, name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b",
        "-a",
        ".a",
        "a.",
        "a..b",
        "a.lock",
        "A",
        "a b",
        "a\n",
        "a\x00",
        "ü",
        "a" * 201,
        "@",
    ],
)
def test_what_cannot_be_a_ref_and_a_file_everywhere_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        check_id(text)


def test_case_121_now_is_now_whatever_source_date_epoch_says() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "from gitcoord.records import now; print(now())"],
        env={**os.environ, "SOURCE_DATE_EPOCH": "315532800"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert abs(parse_time(said) - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_time_comes_back() -> None:
    said = now()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said)
    assert parse_time(said).isoformat(timespec="milliseconds") == said.replace("Z", "+00:00")


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-02", "2026-01-02T03:04:05", "\ud800"])
def test_a_time_without_a_zone_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_time(text)


IDS = ["development-cart-2222", "investigation-cart-3333", "investigation-login-7q3f", "login"]


@pytest.mark.parametrize(
    ("part", "meant"),
    [
        ("login", "login"),
        ("investigation-login-7q3f", "investigation-login-7q3f"),
        ("dev", "development-cart-2222"),
        ("7q3f", "investigation-login-7q3f"),
        ("7Q3F", "investigation-login-7q3f"),
        ("cart-3", "investigation-cart-3333"),
    ],
)
def test_a_part_means_the_only_id_that_has_it(part: str, meant: str) -> None:
    assert match_id(part, IDS) == meant


def test_an_ambiguous_part_lists_what_it_could_mean() -> None:
    with pytest.raises(NoSuch) as raised:
        match_id("investigation", IDS)
    assert "investigation-cart-3333, investigation-login-7q3f" in raised.value.message


@pytest.mark.parametrize("part", ["developmint-cart-2222", "", "zzz", "\ud800"])
def test_an_unknown_part_says_what_is_near(part: str) -> None:
    with pytest.raises(NoSuch) as raised:
        match_id(part, IDS)
    assert raised.value.hint.endswith("gitcoord list")
    assert ("development-cart-2222" in raised.value.hint) == part.startswith("dev")


@given(st.lists(st.text(alphabet="ab-", min_size=1, max_size=6), min_size=1), st.data())
def test_a_whole_id_always_means_itself(ids: list[str], data: st.DataObject) -> None:
    chosen = data.draw(st.sampled_from(ids))
    assert match_id(chosen, ids) == chosen


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            'Traceback (most recent call last):\n  File "a.py", line 3, in pay\n'
            "    cart[key]\nKeyError: 'price'\n",
            "keyerror-price",
        ),
        (
            'Exception in thread "main" java.lang.IllegalStateException: closed\n'
            "\tat a.B.c(B.java:3)\n"
            "Caused by: java.io.IOException: pipe broke",
            "java-io-ioexception-pipe",
        ),
        ("Traceback (most recent call last):\n  cut off here", "traceback-most-recent-call"),
        ("login fails:\nTraceback (most recent call last):\nKeyError: 'x'", "login-fails"),
    ],
)
def test_of_a_pasted_trace_the_exception_is_in_the_id(task: str, words: str) -> None:
    assert new_id("investigation", task).startswith(f"investigation-{words}-")


def test_a_whole_word_of_an_id_wins_over_a_part_of_one() -> None:
    ids = ["investigation-prox-7q3f", "development-proxy-auth-8r4g", "investigation-approx-9s5h"]
    assert match_id("prox", ids) == ids[0]
    assert match_id("proxy", ids) == ids[1]
    assert match_id("appr", ids) == ids[2]
    with pytest.raises(NoSuch, match="any of 2"):
        match_id("investigation", ids)


@pytest.mark.parametrize(
    ("count", "noun", "said"),
    [
        (0, "file", "0 files"),
        (1, "copy", "1 copy"),
        (2, "copy", "2 copies"),
        (1234, "a", "1,234 as"),
    ],
)
def test_counted(count: int, noun: str, said: str) -> None:
    assert counted(count, noun) == said
