"""Secrets as they stand in logs, and prose that only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.analysis.redaction import redact, shown, without_controls

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PARTS = {  # joined here, so that no scanner takes this file for a leak
    "aws": "AKIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "slack": "xoxb-" + "1234567890-abcdefGHIJ",
    "stripe": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "google": "AIza" + "SyA1234567890abcdefghijklmnopqrstuv",
    "long": "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYab12",
}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("login failed password=hunter for ada", "hunter"),
        ('{"password": "correct horse"}', "correct"),
        ("passwd: tr0ub4dor", "tr0ub4dor"),
        ("token=a81bc81bdead4e5d", "a81bc81bdead4e5d"),
        ("X-Api-Key: 9f8e7d6c5b", "9f8e7d6c5b"),
        ("api_key='Zm9vYmFyYmF6cXV4'", "Zm9vYmFyYmF6cXV4"),
        ("Authorization: Bearer abc.def-ghi", "abc.def-ghi"),
        ("Authorization: Basic YWRhOnNlY3JldA==", "YWRhOnNlY3JldA"),
        ("Set-Cookie: sid=31d4d96e407aad42; Path=/", "31d4d96e407aad42"),
        ("GET /cb?code=1&access_token=ya12b34c56&x=1", "ya12b34c56"),
        ("postgres://ada:s3cret@db.example/shop", "s3cret"),
        ("https://ada@example.com/x", "ada"),
        ("mail to ada.l+x@example.co.uk bounced", "ada.l"),
        (f"cookie was {JWT}", JWT),
        *((f"key {key} used", key) for key in PARTS.values()),
        ("-----BEGIN RSA PRIVATE KEY-----MIIEow", "MIIEow"),
    ],
)
def test_secrets_are_masked_and_their_names_are_not(text: str, secret: str) -> None:
    masked = redact(text)
    assert secret not in masked
    assert "[REDACTED:" in masked
    assert redact(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "java.lang.IllegalStateException: token: expired",
        "token expired for user ada",
        "password=None secret=*** token=null",
        "commit 542b255f0c1d2e3a4b5c6d7e8f9a0b1c2d3e4f5a fixed it",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736",
        "/usr/src/app/node_modules/some-package/dist/Index2.js:1:2",
        "at com.shop.auth.TokenService.issueToken(TokenService.java:42)",
        "https://example.com/a/b?page=2",
        "user 550e8400-e29b-41d4-a716-446655440000 of Basic plan",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_escapes_and_controls_do_not_reach_a_terminal() -> None:
    assert without_controls("\x1b[31mred\x1b[0m \x1b]0;title\x07x\x1b") == "red x"
    assert without_controls("a\x07b\x9bc\u202ed\te") == "a?b?c?d\te"
    assert shown("x" * 500) == "x" * 299 + "…"
    assert shown(f"password={'a' * 500} end", 40) == "password=[REDACTED:password] end"


@given(st.text(max_size=200) | st.text("\x1b[]m;=:'\"@./-_aA1 tokenpassword", max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_can_be_shown(text: str) -> None:
    line = shown(text, 80)
    assert len(line) <= 80
    assert not any(ord(char) < 32 and char != "\t" for char in line)
    assert "\x7f" not in line


@pytest.mark.parametrize(
    "seed",
    [
        "a",
        "a@",
        "a@a.",
        "eyJ",
        "token",
        "token=",
        "://",
        "://a",
        "Bearer ",
        "\x1b[",
        "\x1b]",
        "a/",
        "A1",
    ],
)
def test_nasty_texts_take_linear_time(seed: str) -> None:
    """Quadratic time would take minutes here; nothing is measured."""
    text = seed * (100_000 // len(seed))
    assert isinstance(redact(without_controls(text)), str)
