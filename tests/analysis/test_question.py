"""Questions as people ask them, and texts that nobody should be able to hurt us with."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitcoord.analysis.frames import Frame
from gitcoord.analysis.moments import read_moment
from gitcoord.analysis.question import LIMIT, MOST, Question, parse_question
from gitcoord.errors import BadInput, Problem


def refusal(text: str) -> BadInput:
    with pytest.raises(BadInput) as caught:
        parse_question(text)
    assert "gitcoord start investigation" in caught.value.hint
    return caught.value


@pytest.mark.parametrize("text", ["", " ", "\n\t \n", "\u00a0", "\u200b", "\ufeff", "\r\n"])
def test_nothing_asked_is_refused(text: str) -> None:
    assert refusal(text).message == "the task is empty"


def test_one_megabyte_is_refused_by_its_bytes() -> None:
    assert "1,000,000 bytes" in refusal("x" * LIMIT).message
    assert "1,000,002 bytes" in refusal("é" * (LIMIT // 2 + 1)).message
    assert parse_question("login " + "x" * (LIMIT - 7)).words == ("login",)


@pytest.mark.parametrize(
    ("char", "named"),
    [
        ("\0", "a NUL byte"),
        ("\x1b", "an escape character"),
        ("\r", "a lone carriage return"),
        ("\x07", "U+0007"),
        ("\x7f", "U+007F"),
        ("\x9b", "U+009B"),
        ("\udcff", "a byte that is not UTF-8"),
    ],
)
def test_control_characters_are_refused_and_named(char: str, named: str) -> None:
    problem = refusal(f"why{char}[31m does it fail")
    assert named in problem.message
    assert "position 4" in problem.message
    assert char not in problem.message + problem.hint


def test_newline_tab_and_windows_line_ends_are_text() -> None:
    assert parse_question("\ufefflogin\tfails\r\nagain today").text == "login\tfails\nagain today"


def test_words_are_lower_case_without_stop_words_each_once_in_order() -> None:
    asked = "Why does the Login fail after login, when the user's card isn't valid? (Fail!)"
    assert parse_question(asked).words == ("login", "fail", "user", "card", "valid")
    assert parse_question("returns 500, not 404 #1234").words == ("returns", "500", "404")
    assert parse_question("Why does it happen?").words == ()


def test_words_of_every_script() -> None:
    asked = "le café E\u0301TE\u0301 登录失败，为什么 हिन्दी ошибка o’clock it’s"
    assert parse_question(asked).words == (
        *("le", "café", "été", "登录失败", "为什么", "हिन्दी", "ошибка", "clock"),
    )


@pytest.mark.parametrize(
    ("text", "identifiers"),
    [
        ("issue_token and __init__ and _private", ("issue_token", "__init__", "_private")),
        ("loginUser LoginView HTTPServer", ("loginUser", "LoginView", "HTTPServer")),
        ("Login fails. However Users", ()),
        ("os.path.join(x) self.c response.json()", ("os.path.join", "self.c", "response.json")),
        (
            "Foo::bar std::fs::read Foo#bar foo->bar",
            ("Foo::bar", "std::fs::read", "Foo#bar", "foo->bar"),
        ),
        ("MAX_AGE $HOME ${TTL} `ttl`", ("ttl", "MAX_AGE", "HOME", "TTL")),
        ("call login() or pay(card, 3)", ("login", "pay")),
        ("fix(auth): token, file(s) and error(s)", ()),
        ("with --no-verify=true -x --", ("--no-verify",)),
        ("e.g. GitHub, JavaScript, APIs, Node.js, v1.2.3, 3.11", ()),
    ],
)
def test_identifiers(text: str, identifiers: tuple[str, ...]) -> None:
    assert parse_question(text).identifiers == identifiers


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("in src/auth.py, ./lib/ and ../x/y.go.", ("src/auth.py", "lib", "../x/y.go")),
        ("auth.py Makefile .gitignore go.mod", ("auth.py", "Makefile", ".gitignore", "go.mod")),
        (r"src\auth\login.py C:\app\x.py \d+\w", ("src/auth/login.py", "C:/app/x.py")),
        ("app/[id]/page.tsx [a](b/c.py) (d/e.py)", ("app/[id]/page.tsx", "b/c.py", "d/e.py")),
        ("https://h.example:80/o/r/src/a.py?x=1#L3", ("o/r/src/a.py",)),
        ("POST /api/login and </div> n/a and/or 24/7 2024/01/02", ("/api/login",)),
        ("all .py files of Node.js and self.c", ()),
        ("src/café/naïve.py:3", ("src/café/naïve.py",)),
        ("@scope/pkg ~/x.toml", ("@scope/pkg", "~/x.toml")),
    ],
)
def test_paths(text: str, paths: tuple[str, ...]) -> None:
    assert parse_question(text).paths == paths


def test_a_folder_may_be_prose_and_a_test_id_has_a_name() -> None:
    asked = parse_question("client/server in tests/test_x.py::TestA::test_b")
    assert asked.paths == ("client/server", "tests/test_x.py")
    assert asked.words == ("client", "server")
    assert asked.identifiers == ("TestA::test_b",)


def test_a_path_with_a_line_is_a_place() -> None:
    asked = parse_question("see src/auth.py:12:5, C:\\x\\y.go:3: and notes.txt:9")
    assert asked.paths == ("src/auth.py", "C:/x/y.go", "notes.txt")
    assert asked.frames == (
        Frame("src/auth.py", 12, "", "python"),
        Frame("C:/x/y.go", 3, "", "go"),
    )


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("it says 'Session expired' and \"no token\"", ("Session expired", "no token")),
        ("doesn't users' can't o'clock", ()),
        ("'it doesn't work' now", ("it doesn't work",)),
        ("`x = 1` ```not``` “curly” ‘it’s’ «là»", ("x = 1", "curly", "it’s", "là")),
        ('"open\nclosed" \'\' "" ` `', ()),
        ("a['key'] f(\"x\")", ("key", "x")),
    ],
)
def test_quotes_are_no_apostrophes(text: str, quoted: tuple[str, ...]) -> None:
    assert parse_question(text).quoted == quoted


def test_a_pasted_trace_gives_frames_and_its_error_gives_words() -> None:
    asked = parse_question(
        "Login fails:\nTraceback (most recent call last):\n"
        '  File "/app/src/auth.py", line 7, in login\n    token = secret_source()\n'
        "shop.LoginFailed: token expired\n"
    )
    assert asked.frames == (Frame("/app/src/auth.py", 7, "login", "python"),)
    assert asked.words == ("login", "fails", "token", "expired")
    assert asked.identifiers == ("shop.LoginFailed",)
    assert asked.paths == asked.quoted == ()


def test_a_leading_dash_is_text() -> None:
    assert parse_question("-x --force fails").words == ("fails",)


def test_no_kind_grows_without_bound() -> None:
    text = " ".join(f"w{n} a_{n} d/{n}.py '{n}'" for n in range(MOST + 9))
    asked = parse_question(text)
    assert {len(asked.words), len(asked.identifiers), len(asked.paths), len(asked.quoted)} == {MOST}


def test_dates_become_instants_that_git_and_logs_share() -> None:
    asked = parse_question("x y", since="2026-01-02", until="2026-01-03")
    assert (asked.since, asked.until) == ("2026-01-02T00:00:00+00:00", "2026-01-03T23:59:59+00:00")
    now = datetime(2026, 1, 7, 12, 0, 5, tzinfo=UTC)  # a Wednesday
    for said, meant in {
        "2 hours ago": "2026-01-07T10:00:05+00:00",
        "3.days.ago": "2026-01-04T12:00:05+00:00",
        "a week": "2025-12-31T12:00:05+00:00",
        "last month": "2025-12-08T12:00:05+00:00",
        "yesterday": "2026-01-06T00:00:00+00:00",
        "Monday": "2026-01-05T00:00:00+00:00",
        "wednesday": "2025-12-31T00:00:00+00:00",
        "10:30": "2026-01-07T10:30:00+00:00",
        "now": "2026-01-07T12:00:05+00:00",
        "@1767225600": "2026-01-01T00:00:00+00:00",
        "2026-01-02 03:04": "2026-01-02T03:04:00+00:00",
        "2026-01-02T03:04:05Z": "2026-01-02T03:04:05+00:00",
        "Jan 2, 2026": "2026-01-02T00:00:00+00:00",
        "1950-01-01": "1970-01-02T00:00:00+00:00",
    }.items():
        assert read_moment(said, "since", now=now).isoformat() == meant, said


@pytest.mark.parametrize(
    "date", ["", "soon", "2026-13-01", "25:00", "999999999 years ago", "\x1b", "1 login ago"]
)
def test_a_date_that_is_none_is_refused(date: str) -> None:
    with pytest.raises(BadInput, match="is not a date") as caught:
        parse_question("x y", until=date)
    assert "--until '3 weeks ago'" in caught.value.hint
    assert "\x1b" not in caught.value.message


def test_a_span_must_not_be_empty_nor_a_place() -> None:
    with pytest.raises(BadInput, match="later"):
        parse_question("x y", since="2026-01-02", until="2026-01-01")
    assert parse_question("x y", since="2026-01-02", until="2026-01-02").since
    assert parse_question("x y", within=["src/a b"]).within == ("src/a b",)
    for path in ("", " ", "a\0b"):
        with pytest.raises(BadInput, match="names no path"):
            parse_question("x y", within=[path])


@given(st.text(max_size=300) | st.text("aA_.:/\\'\"`()-<>#$@ \n1é登", max_size=300))
@settings(max_examples=200, deadline=None)
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    try:
        asked = parse_question(text)
    except Problem as problem:
        assert problem.hint
        return
    assert isinstance(asked, Question)
    for kind in (asked.words, asked.identifiers, asked.paths, asked.quoted):
        assert all(part and "\n" not in part for part in kind)
        assert len(set(kind)) == len(kind)
    assert all(word == word.lower() for word in asked.words)
    assert parse_question(asked.text) == asked


_NASTY = """
a a. a:: a/ (a a( 'a 'a'a ` " a' --a - http:// a:// C:\\ \\ / ./ a-> #1 ${ $ [a] [ a:1 a:1: :: a@
a@b:1:2 _ a_ aA é e\u0301 登 () a() a(( “ ‘a’a « \u0e01\u0e31 [x]/ a[ @ ~ + goroutine[ ErrorError.
"""
NASTY = _NASTY.split()
LINES = [
    "    at f (",
    'File "',
    "at x:1:2",
    "\tat a.b(C.java:1)",
    "thread panicked at ",
    "Error: ",
    " | ",
]


@pytest.mark.parametrize("seed", [*NASTY, *LINES])
def test_nasty_texts_take_linear_time(seed: str) -> None:
    """Quadratic time would take minutes here; nothing is measured."""
    for end in ("", " ", "\n"):
        text = "x " + (seed + end) * (50_000 // len((seed + end).encode()))
        assert parse_question(text).text
    long_words = "x " + (seed * (900 // len(seed)) + " ") * 50
    assert parse_question(long_words).text


def test_hints_are_one_sentence_in_small_letters_that_ends_with_a_command() -> None:
    for text in ("", "a\0b", "x" * 1_000_001):
        with pytest.raises(BadInput) as caught:
            parse_question(text)
        assert caught.value.hint[0].islower() and ". " not in caught.value.hint
    with pytest.raises(BadInput) as caught:
        parse_question("x", since="nonsense")
    assert caught.value.hint.startswith("use a date") and ": gitcoord" in caught.value.hint
