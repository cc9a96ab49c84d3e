"""Logs as programs write them, and as an enemy would."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.analysis import logreading, logshapes
from gitcoord.analysis.finding import Finding
from gitcoord.analysis.logs import Template, analyse_logs, read_log, study_logs
from gitcoord.analysis.question import parse_question
from gitcoord.analysis.templates import LIKE
from gitcoord.errors import BadInput

TRACE = """\
Traceback (most recent call last):
  File "/app/src/auth.py", line 7, in login
    token = issue_token(user)
shop.errors.LoginFailed: token expired
"""
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ASKED = parse_question("why does login fail intermittently with an expired token?")


def at(minutes: float) -> str:
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]


def log(folder: Path, text: str | bytes, name: str = "app.log") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def shop_log(lines: int = 900) -> str:
    """A shop whose logins fail about once an hour, 14 times, always after a refresh."""
    dice = random.Random(1)
    told = [
        (minute, f"INFO shop.web: GET /items/{dice.randrange(999)} took {dice.randrange(90)} ms\n")
        for minute in (dice.uniform(0, 900) for _ in range(lines))
    ]
    minute = 10.0
    for pause in (55, 65, *(dice.uniform(55, 65) for _ in range(12))):
        told.append((minute, "INFO shop.auth: refresh of keys begun\n"))
        told.append(
            (
                minute + 0.02,
                f"ERROR shop.auth: token expired for user {dice.choice('ab')}x\n{TRACE}",
            )
        )
        minute += pause
    return "".join(f"{at(minute)} {text}" for minute, text in sorted(told))


def by_text(path: Path) -> dict[str, Template]:
    return {one.text: one for one in read_log(path).templates}


def counts(path: Path) -> dict[str, int]:
    return {one.text: one.count for one in read_log(path).templates}


def refusal(path: Path) -> str:
    with pytest.raises(BadInput) as caught:
        analyse_logs([path], ASKED)
    assert caught.value.hint.endswith("gitcoord start investigation TASK --log FILE")
    assert caught.value.hint[0].islower() and ". " not in caught.value.hint
    return caught.value.message


def test_case_57_a_log_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "there is no log" in refusal(tmp_path / "missing.log")
    assert "is a folder" in refusal(tmp_path)
    assert "is empty" in refusal(log(tmp_path, ""))
    assert "is binary" in refusal(log(tmp_path, b"\x7fELF\0\0\0" + b"x" * 100))
    assert "is UTF-16" in refusal(log(tmp_path, "hello\n".encode("utf-16")))
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in refusal(tmp_path / "pipe")
    assert "there is no log" in refusal(Path("/dev/null/x"))
    assert "there is no log" in refusal(Path("a\0b"))
    assert "\x1b" not in refusal(tmp_path / "\x1b[31mred")


def test_a_broken_gz_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(shop_log().encode())
    assert "no whole .gz" in refusal(log(tmp_path, whole[: len(whole) // 2], "cut.gz"))
    assert "no whole .gz" in refusal(log(tmp_path, "plain text\n", "not.gz"))
    assert "is binary" in refusal(log(tmp_path, gzip.compress(b"\0" * 9000), "x.gz"))


def test_gz_reads_as_what_it_holds(tmp_path: Path) -> None:
    plain = log(tmp_path, shop_log())
    packed = log(tmp_path, gzip.compress(shop_log().encode()), "app.log.gz")
    assert read_log(packed).templates == read_log(plain).templates


def test_case_57_bytes_escapes_and_line_ends(tmp_path: Path) -> None:
    lines = [b"\xef\xbb\xbfcaf\xe9 failed", b"\x1b[31mcaf\xe9 failed\x1b[0m", b"", b"\0late NUL"]
    lines[2:2] = [b""] * 9000
    assert counts(log(tmp_path, b"\r\n".join(lines))) == {"caf\ufffd failed": 2, "?late NUL": 1}


def test_a_line_of_megabytes_is_cut_and_told(tmp_path: Path) -> None:
    path = log(tmp_path, b"x" * 3_000_000 + b"\nERROR after\n" + b"y" * 9000)
    summary = read_log(path)
    assert summary.lines == 3
    assert summary.notes == ("1 line of more than 1 MB was cut",)
    assert [len(one.text) <= 300 and len(one.raw) <= 4096 for one in summary.templates] == [
        True
    ] * 3


def test_values_make_no_templates_and_words_do(tmp_path: Path) -> None:
    uuid = "550e8400-e29b-41d4-a716-44665544000"
    lines = [
        *(f"{at(n)} INFO job {n} of 10.0.0.{n}:80 id {uuid}{n} done in {n}ms" for n in range(9)),
        f"{at(1)} ERROR token expired for user 7",
        f"{at(2)} ERROR token revoked for user 8",
        f"{at(3)} WARN token revoked for user 9",
        f"{at(3)} INFO GET /api/v2/users/7 utf8 ORA-00942",
    ]
    assert counts(log(tmp_path, "\n".join(lines))) == {
        "job <*> of <*> id <*> done in <*>": 9,
        "token expired for user <*>": 1,
        "token revoked for user <*>": 1,
        "GET /api/v2/users/<*> utf8 ORA-00942": 1,
    } | {"token revoked for user <*>": 1}
    assert len(read_log(tmp_path / "app.log").templates) == 5  # one more by its level


def test_words_that_vary_become_a_value(tmp_path: Path) -> None:
    names = ["ada", "bob", "carol", "dan", "eve", "frank", "grace", "heidi", "ivan", "judy"]
    few = "".join(f"user={name}, logged in from home\n" for name in names[: LIKE - 1])
    assert len(counts(log(tmp_path, few))) == LIKE - 1
    many = "".join(f"user={name}, logged in from home\n" for name in names * 30)
    assert counts(log(tmp_path, many)) == {"user=<*>, logged in from home": 300}


def test_the_quick_way_counts_as_the_full_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules learnt from 64 lines on may not mix what reading in full keeps apart."""
    dice = random.Random(2)
    words = ["load", "loaded", "added", "faded", "db", "cab"]
    names = ["".join(dice.choices("abcdefghij", k=5)) for _ in range(300)]

    def record() -> str:
        told = {"level": dice.choice(["info", "error"]), "msg": dice.choice(words)}
        return json.dumps(told | {"user": dice.choice(names), "id": f"{dice.getrandbits(64):x}"})

    made = [
        lambda: f"INFO shop.{dice.choice('ab')}: {dice.choice(words)} model {dice.randrange(99)}",
        lambda: f"ERROR shop.a: {dice.choice(words)} model for {dice.choice(names)} now",
        lambda: f'"GET /{dice.choice(names)}/x HTTP/1.1" {dice.choice([200, 404, 500])} 12 "-"',
        lambda: f"{dice.choice(names)}Error: {dice.choice(words)}",
        record,
    ]
    texts = (dice.choice(made)() for _ in range(6000))
    path = log(tmp_path, "\n".join(f"{at(n / 60)} {text}" for n, text in enumerate(texts)))
    quick = Counter({(one.text, one.level): one.count for one in read_log(path).templates})
    monkeypatch.setattr(logshapes.Shapes, "find", lambda *_: None)
    assert quick == Counter({(one.text, one.level): one.count for one in read_log(path).templates})
    assert sum(quick.values()) == 6000
    for word in words:
        assert quick[f"shop.a: {word} model for <*> now", "ERROR"] > 100
        assert quick[f"shop.b: {word} model <*>", "INFO"] > 50


def test_unlike_lines_beyond_the_limit_are_counted_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logreading, "_SLOW", 100)
    dice = random.Random(3)
    text = "\n".join(" ".join(dice.choices(["x" * n for n in range(9)], k=9)) for _ in range(900))
    summary = read_log(log(tmp_path, text))
    assert summary.lines == 900
    assert "of 900 lines were like none before" in summary.notes[0]
    assert any("not everything" in one.body for one in analyse_logs([tmp_path / "app.log"], ASKED))


def test_times_are_thinned_and_the_counts_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logreading, "TIMES", 400)
    monkeypatch.setattr(logreading, "_MILD_TIMES", 100)
    lines = "".join(f"{at(n)} ERROR broken {n}\n{at(n)} INFO fine {n}\n" for n in range(1000))
    broken, fine = by_text(log(tmp_path, lines)).values()
    assert (broken.count, fine.count) == (1000, 1000)
    assert broken.every == 4
    assert len(broken.times) == 250
    assert len(fine.times) == 0
    assert (fine.first, fine.last) == (broken.first, broken.last)


def test_json_lines_logfmt_and_access_logs(tmp_path: Path) -> None:
    stack = "LoginFailed: no\n    at login (/app/src/auth.js:7:1)"
    lines = [
        json.dumps(
            {
                "time": "2026-01-02T03:04:05Z",
                "level": 50,
                "name": "shop",
                "msg": "login failed",
                "err": {"type": "LoginFailed", "message": "no", "stack": stack},
            }
        ),
        json.dumps(
            {
                "@timestamp": "2026-01-02T03:04:06Z",
                "severity": "WARNING",
                "logger": "shop.db",
                "message": "slow\n query 7",
            }
        ),
        'time=2026-01-02T03:04:07Z level=error msg="cannot pay" err="card refused" order=7',
        '::1 - - [02/Jan/2026:03:04:08 +0000] "GET /login HTTP/1.1" 503 12 "-" "x"',
        '::1 - - [02/Jan/2026:03:04:08 +0000] "GET /login HTTP/1.1" 200 12 "-" "x"',
        "E0102 03:04:09.000001       7 auth.go:12] token expired",
        "{not json at all}",
    ]
    found = [
        (one.level, one.text, one.logger)
        for one in read_log(log(tmp_path, "\n".join(lines))).templates
    ]
    assert found == [
        ("ERROR", "login failed: LoginFailed: no", "shop"),
        ("WARN", "slow query <*>", "shop.db"),
        ("ERROR", "cannot pay: card refused", ""),
        ("ERROR", '"GET /login HTTP/<*>" 503 <*> "-" "x"', ""),
        ("INFO", '"GET /login HTTP/<*>" 200 <*> "-" "x"', ""),
        ("ERROR", "<*> auth.go:<*>] token expired", ""),
        ("", "{not json at all}", ""),
    ]
    frames = by_text(tmp_path / "app.log")["login failed: LoginFailed: no"].frames
    assert [(frame.path, frame.line) for frame in frames] == [("/app/src/auth.js", 7)]


def test_a_trace_belongs_to_the_line_above_and_to_its_error(tmp_path: Path) -> None:
    found = by_text(log(tmp_path, shop_log()))
    ending = found["shop.errors.LoginFailed: token expired"]
    heads = [one for text, one in found.items() if "token expired for user" in text]
    assert sum(one.count for one in heads) == ending.count == 14
    for one in (*heads, ending):
        assert [(at.path, at.function) for at in one.frames] == [("/app/src/auth.py", "login")]
    assert ending.ending
    assert ending.level == "ERROR"
    assert list(ending.times) == sorted(when for one in heads for when in one.times)
    assert heads[0].height == 5


def test_traces_of_java_and_go_without_times(tmp_path: Path) -> None:
    text = (
        "java.lang.IllegalStateException: no 7\n\tat com.shop.Login.check(Login.java:12)\n"
        "panic: lost\n\ngoroutine 1 [running]:\nmain.login(...)\n\t/app/auth.go:12 +0x1d\n"
    )
    found = by_text(log(tmp_path, text * 3))
    assert {one: (found[one].count, found[one].frames[0].path) for one in found} == {
        "java.lang.IllegalStateException: no <*>": (3, "com/shop/Login.java"),
        "panic: lost": (3, "/app/auth.go"),
    }


def test_since_and_until_narrow_a_log(tmp_path: Path) -> None:
    lines = "".join(f"{at(n * 60)} ERROR broken\n{TRACE}" for n in range(48))
    path = log(tmp_path, lines)
    asked = parse_question("x y", since="2026-01-03", until="2026-01-03")
    assert asked.since
    assert asked.until
    summary = read_log(
        path, since=datetime.fromisoformat(asked.since), until=datetime.fromisoformat(asked.until)
    )
    assert {one.count for one in summary.templates} == {24}
    untimed = read_log(log(tmp_path, "ERROR broken\n"), since=START)
    assert "no times were found" in untimed.notes[0]


def shell(command: str) -> str:
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert done.stderr == b""
    return done.stdout.decode("utf-8", "surrogateescape")


def telling(path: Path, question: str = ASKED.text) -> Finding:
    return analyse_logs([path], parse_question(question), tracked=["src/auth.py", "src/web.py"])[0]


def test_what_was_asked_is_found_with_its_rhythm_its_cause_and_its_file(tmp_path: Path) -> None:
    found = telling(log(tmp_path, shop_log().replace("user ax", "user bx")))
    said = "“shop.auth: token expired for user bx”"
    assert found.title == f"The log says ERROR {said} 14 times, every 55 to 65 minutes"
    assert found.role == "detective"
    assert "after “shop.auth: refresh of keys begun”" in found.body
    assert "- the trace says shop.errors.LoginFailed: token expired" in found.body
    assert [suspect.name for suspect in found.files] == ["src/auth.py"]
    weights = (0.5, 0.25, 0.35, 0.3, 0.15)
    names = ("relevance", "severity", "pattern", "located", "repetition")
    doubt = 1.0
    for weight, name in zip(weights, names, strict=True):
        doubt *= 1 - weight * found.factors[name]
    assert found.confidence == pytest.approx(1 - doubt, abs=1e-3)


@pytest.mark.parametrize(
    "name",
    [
        "app.log",
        "a b'c\".log",
        "-rf.log",
        "$(touch x);`id`.log",
        "new\nline.log",
        b"caf\xe9.log",
        "a.log.gz",
        "\x1b[31m.log",
    ],
)
def test_every_command_shows_what_it_says(tmp_path: Path, name: str | bytes) -> None:
    path = tmp_path / (os.fsdecode(name))
    text = shop_log().replace("user ax", "user bx")
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    found = telling(path)
    lines = text.split("\n")
    first, count, *rest = found.evidence
    assert first.lines
    assert shell(first.command).split("\n")[:-1] == lines[first.lines[0] - 1 : first.lines[1]]
    assert first.lines[1] - first.lines[0] == 4
    assert shell(count.command) == "14\n"
    assert count.note.startswith("14 of")
    assert "every 55 to 65 minutes" in rest[0].note
    assert shell(rest[0].command).count("token expired") == 14
    for one in found.evidence:
        (one.command + one.note + (one.path or "")).encode()  # can be written as UTF-8
        assert "\x1b" not in one.command + (one.path or "")
    assert not (tmp_path / "x").exists()


def test_hostile_words_in_a_log_stay_words(tmp_path: Path) -> None:
    line = "ERROR login failed for '; touch pwned; $(touch pwned) `touch pwned` -e \x1b[31m ``` end"
    path = log(tmp_path, f"{at(1)} {line}\n" * 3)
    found = telling(path)
    assert shell(f"cd '{tmp_path}' && {found.evidence[1].command}") == "3\n"
    assert not (tmp_path / "pwned").exists()
    assert "\x1b" not in found.title + found.body


SECRETS = {
    "password=hunter2": "hunter2",
    "Authorization: Bearer abcdefgh.ijklmnop": "abcdefgh.ijklmnop",
    "postgres://ada:s3cret@db/shop": "s3cret",
    "api_key=QUJDREVGR0hJSktMTU5P": "QUJDREVGR0hJSktMTU5P",
    "mail ada.lovelace@example.com": "lovelace",
}


@pytest.mark.parametrize("said", SECRETS)
def test_case_122_secrets_of_a_log_are_in_no_finding(tmp_path: Path, said: str) -> None:
    lines = "".join(
        f"{at(n * 60)} ERROR login failed with {said} for token {n}\n" for n in range(9)
    )
    study = study_logs([log(tmp_path, lines)], ASKED)
    assert study.findings
    whole = repr(study.findings) + repr(study.words) + repr(study.identifiers)
    assert SECRETS[said] not in whole
    assert "[REDACTED:" in study.findings[0].body


def test_terms_for_the_code_search_come_from_what_is_relevant(tmp_path: Path) -> None:
    study = study_logs([log(tmp_path, shop_log())], ASKED)
    assert {"token", "expired", "user"} <= set(study.words)
    assert {"shop.errors.LoginFailed", "shop.auth", "login"} <= set(study.identifiers)
    assert "items" not in study.words
    assert [frame.path for frame in study.frames] == ["/app/src/auth.py"]


def test_a_rotated_log_is_one_log(tmp_path: Path) -> None:
    text = shop_log().replace("user ax", "user bx")
    middle = text.index("\n", len(text) // 2) + 1
    while not text[middle:].startswith("2026"):
        middle = text.index("\n", middle) + 1
    newer, older = log(tmp_path, text[middle:]), log(tmp_path, text[:middle], "app.log.1")
    whole = telling(log(tmp_path, text, "whole.log"))
    found = analyse_logs([newer, older, newer], ASKED, tracked=["src/auth.py"])
    assert found[0].title == whole.title
    assert found[0].evidence[0].lines == whole.evidence[0].lines


def test_failures_are_told_when_nothing_is_relevant(tmp_path: Path) -> None:
    path = log(tmp_path, f"{at(1)} INFO all is well\n{at(2)} ERROR disk lost\n{at(3)} WARN hot\n")
    titles = [one.title for one in analyse_logs([path], parse_question("why is the logo blue?"))]
    assert titles == ["The log says ERROR “disk lost” once", "The log says WARN “hot” once"]
    only = analyse_logs([path], parse_question("is the disk lost?"))
    assert [one.title for one in only] == titles[:1]


def test_a_silent_log_says_so(tmp_path: Path) -> None:
    path = log(tmp_path, f"{at(1)} INFO all is well\n" * 20 + f"{at(2)} INFO 0 errors found\n")
    (found,) = analyse_logs([path], ASKED)
    assert found.title == "app.log tells of no failure and nothing of the question"
    assert found.confidence == 0.2
    assert shell(found.evidence[0].command).split()[0] == "21"
    assert analyse_logs([], ASKED) == []


PIECES = st.sampled_from(
    [
        *shop_log(30).split("\n"),
        '{"msg":"x","level":',
        "\tat a.B.c(B.java:1)",
        "panic: x",
        "\x1b[3",
        "\0",
    ]
)
LINES = st.lists(PIECES.map(str.encode) | st.binary(max_size=40), min_size=1, max_size=30)


@given(LINES, st.integers(1, 90))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, lines: list[bytes], times: int) -> None:
    path = log(tmp_path, b"\n".join(lines * times))
    try:
        study = study_logs([path], ASKED, tracked=["src/auth.py"])
    except BadInput as refused:
        assert refused.hint
        return
    (summary,) = study.summaries
    assert sum(one.count for one in summary.templates) <= summary.lines
    for finding in study.findings:
        assert 0 < finding.confidence < 1
        assert finding.evidence
        assert not any(
            ord(char) < 32 and char not in "\n\t" for char in finding.title + finding.body
        )


NASTY = ["a", "a.b(", "x.y", "Error", "Error.", "a |", '"', "msg=\\", "[error", "1:", "f0:", "12,"]
NASTY += ["Mon Jan", "thread '", "no error ", "password", "a@", "{", "://", "\x1b[", "_", "A1"]


@pytest.mark.parametrize("seed", NASTY)
def test_nasty_lines_take_linear_time(tmp_path: Path, seed: str) -> None:
    """Quadratic time would take minutes here; nothing is measured."""
    line = seed * (4000 // len(seed))
    path = log(tmp_path, "".join(f"{at(n)} {line}{n}\n{line}!\n" for n in range(20)))
    assert analyse_logs([path], ASKED)
