"""The detective: no place where nothing matches, and what a log says reaches the conclusion."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gitcoord.analysis.corpus import read_corpus
from gitcoord.analysis.detective import detect, located, onset
from gitcoord.analysis.finding import Finding
from gitcoord.analysis.history import research
from gitcoord.analysis.hypotheses import kind, weigh
from gitcoord.analysis.localise import UNMATCHED, rank_files
from gitcoord.analysis.memory import Earlier
from gitcoord.analysis.question import parse_question
from gitcoord.analysis.structure import examine
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

ASKED = "why does login fail intermittently?"
LOGIN = """\
import logging
import time

log = logging.getLogger(__name__)
TTL = 3600


def login(user, token):
    if time.time() - token.issued > TTL:
        log.error("could not log in %s: token expired", user)
        return None
    return user
"""


def seek(sandbox: Sandbox, text: str, *logs: Path) -> list[Finding]:
    repo = Repository.find(sandbox.path)
    return detect(repo, parse_question(text), corpus=read_corpus(repo), logs=logs)


def concluded(sandbox: Sandbox, text: str, found: list[Finding]) -> str:
    repo, question = Repository.find(sandbox.path), parse_question(text)
    suspects = [one for finding in found for one in finding.files]
    around = examine(repo, question, suspects, at="HEAD")
    return weigh(question, [*found, *around]).hypotheses[0].statement


@pytest.mark.parametrize("text", ["zzqq blorf frobnicate wibble", "???", "x", "ログインが失敗する"])
def test_case_2_nonsense_names_no_place(sandbox: Sandbox, text: str) -> None:
    found = seek(sandbox, text)
    assert found == []
    assert concluded(sandbox, text, found).startswith("Nothing that was looked at")
    (first, *_) = rank_files(Repository.find(sandbox.path), parse_question(text))
    assert first.reasons[0] == UNMATCHED


def test_a_repository_of_one_file_that_says_hi_is_not_accused(sandbox: Sandbox) -> None:
    sandbox.git("rm", "-r", "-q", ".")
    sandbox.git("commit", "-q", "--amend", "-m", "nothing")
    sandbox.git("checkout", "-q", "--orphan", "tiny")
    sandbox.commit("hi", {"a.txt": "hi\n"})
    assert seek(sandbox, ASKED) == []


def test_where_little_matches_little_is_claimed(sandbox: Sandbox) -> None:
    (whole,) = seek(sandbox, "token expire")
    (part,) = seek(sandbox, "token blorf frobnicate wibble quux")
    assert whole.files[0].name == part.files[0].name == "src/auth.py"
    assert part.confidence < whole.confidence and part.factors["matched"] < 1


def test_code_is_shown_as_of_the_commit_and_lines_are_not_invented(sandbox: Sandbox) -> None:
    sandbox.commit("Add words", {"src/ledger.py": "a = 1\n" * 30})
    at = sandbox.git("rev-parse", "HEAD")
    (found,) = seek(sandbox, "ledger.py")
    proof = found.evidence[0]
    assert proof.path == "src/ledger.py" and proof.lines is None and proof.commit == at
    (sandbox.path / "src/ledger.py").write_text("changed\n")
    sandbox.git("commit", "-q", "-a", "-m", "Change it")
    said = subprocess.run(["sh", "-c", proof.command], cwd=sandbox.path, capture_output=True)
    assert said.stdout == b"a = 1\n" * 20 and at[:12] in proof.command


def shop(sandbox: Sandbox) -> Path:
    """Logins that fail about hourly since the life of a token was shortened; logger and words
    are the only trace of it."""
    began = datetime(2026, 3, 2, 3, tzinfo=UTC)
    write(sandbox, "Shop", LOGIN, began - timedelta(days=40))
    write(sandbox, "Halve it", LOGIN.replace("3600", "1800"), began - timedelta(hours=2))
    lines = [
        f"{began + timedelta(minutes=5 + 60 * n):%Y-%m-%dT%H:%M:%SZ} ERROR shop.auth.login: "
        f"could not log in {'ada' if n % 2 else 'bob'}: token expired\n"
        for n in range(14)
    ]
    path = sandbox.path.parent / "app.log"
    path.write_text("".join(lines))
    return path


def write(sandbox: Sandbox, message: str, text: str, when: datetime) -> None:
    sandbox.write("shop/auth/login.py", text)
    sandbox.git("add", "-A")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"):
            patch.setenv(name, when.isoformat())
        sandbox.git("commit", "-q", "-m", message)


def test_a_log_without_a_trace_names_the_code_that_wrote_it(sandbox: Sandbox) -> None:
    found = seek(sandbox, ASKED, shop(sandbox))
    told = next(one for one in found if kind(one) == "logs")
    assert told.files[0].name == "shop/auth/login.py" and told.factors["located"] > 0.9
    proof = next(one for one in told.evidence if one.path == "shop/auth/login.py")
    assert proof.lines == (10, 10) and "has the words of the log" in proof.note
    question = parse_question(ASKED)
    first = weigh(question, found).hypotheses[0]
    assert "logs" in first.factors and first.statement.startswith("shop/auth/login.py:10 ")
    assert not any("at run time" in fact for fact in first.contra)
    assert onset(found) == datetime(2026, 3, 2, 3, 5, tzinfo=UTC).timestamp()
    lines = [frame.line for frame in located(question, found).frames]
    assert lines == [10]


def test_the_commit_that_set_what_the_failing_line_uses_is_a_suspect(sandbox: Sandbox) -> None:
    found = seek(sandbox, ASKED, shop(sandbox))
    repo, question = Repository.find(sandbox.path), located(parse_question(ASKED), found)
    suspects = [one for finding in found for one in finding.files]
    history = research(repo, question, suspects, at="HEAD", onset=onset(found))
    commits = next(one for one in history if "places" in one.factors).commits
    halved = next(one for one in commits if one.title == "Halve it")
    assert any("shop/auth/login.py:5" in reason for reason in halved.reasons)
    assert "2 hours before it began" in halved.reasons


def test_logs_that_name_no_failure_have_no_onset(sandbox: Sandbox) -> None:
    path = sandbox.path.parent / "app.log"
    path.write_text("2026-03-02T03:00:00Z INFO all is well\n" * 9)
    assert onset(seek(sandbox, ASKED, path)) is None


def test_a_memory_is_less_sure_than_what_was_found_and_one_of_a_worktree(sandbox: Sandbox) -> None:
    earlier = [
        Earlier("w1", f"analyse-{n}", "login fails: the token expires", "", "ref", 0.5)
        for n in range(3)
    ]
    guess = Earlier("w2", "analyse-1", "login fails, nothing found", "", "ref", 0.05)
    repo = Repository.find(sandbox.path)
    found = detect(
        repo, parse_question("why does login fail, did the token expire?"),
        corpus=read_corpus(repo), earlier=[*earlier, guess],
    )  # fmt: skip
    (memory,) = [one for one in found if kind(one) == "memory"]
    assert memory.confidence <= 0.3
