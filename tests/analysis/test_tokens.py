"""Words out of code and prose, and where they stand whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitcoord.analysis.mentions import is_whole, tally
from gitcoord.analysis.tokens import split, stem, stems

words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=12)


@given(st.text())
def test_splitting_never_fails_and_gives_lower_case(text: str) -> None:
    parts = split(text)
    assert all(part == part.lower() for part in parts)
    assert len(parts) <= len(text)


@given(st.lists(words, min_size=1, max_size=4))
def test_a_name_has_the_same_words_in_every_style(parts: list[str]) -> None:
    camel = "".join(part.capitalize() for part in parts)
    assert split("_".join(parts)) == parts == split("-".join(parts)) == split(camel)
    assert split("_".join(parts).upper()) == parts


@given(words)
def test_a_stem_begins_its_word_and_keeps_three_letters(word: str) -> None:
    assert word.startswith(stem(word))
    assert len(stem(word)) >= min(3, len(word))


@given(words, words)
def test_a_word_is_found_whole_in_every_style(before: str, word: str) -> None:
    sought = stem(word).encode()
    for text in (f"{before}_{word}", f"{before} {word}", before + word.capitalize()):
        assert is_whole(text.encode(), len(text) - len(word), sought)


def test_endings_of_one_word_share_a_stem() -> None:
    families = (
        "retry retries retried retrying",
        "cache caches cached caching",
        "expire expires expired expiry expiration",
        "redirect redirects redirected redirecting redirection",
        "validate validation validator validating",
    )
    for family in families:
        assert len({stem(word) for word in family.split()}) == 1, family


def test_acronyms_and_digits_are_taken_apart() -> None:
    assert split("HTTPServer2 parseURL utf8") == ["http", "server", "2", "parse", "url", "utf", "8"]
    assert split("Größe") == ["größe"]
    assert stems("a 1 b2") == []


def test_whole_and_loose_mentions_are_told_apart() -> None:
    text = b"token Token issueToken TOKENS token_id tokenizer mytoken"
    one = tally(text, [b"token"], [b"issueToken"])
    assert (one.whole, one.loose, one.named) == ((5,), (2,), (1,))
