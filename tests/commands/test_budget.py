from pathlib import Path

import pytest

from gitcoord.git.repository import Repository
from gitcoord.runs.run import list_runs
from gitcoord.testing.server import ModelServer
from tests.calling import gitcoord
from tests.conftest import Sandbox

DOLLAR = {"input": 0, "output": 50_000, "cache_read": 0, "cache_write": 0}
"""What opus asks a dollar for."""
WRITE = {"name": "write", "input": {"path": "src/new.py", "content": "new = 1\n"}}
SCRIPT = [{"tools": [WRITE], "usage": DOLLAR}] * 3 + [{"text": "Added new.", "usage": DOLLAR}]


def dollars(sandbox: Sandbox) -> float:
    return float(gitcoord("cost", "--json", at=sandbox.path).json["total"]["dollars"])


def test_case_51_a_spent_run_waits_for_a_person_who_allows_it_more(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
    with ModelServer(SCRIPT) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        words = ("development", "log out", "--with", "api", "--model", "opus", "--budget", "1.50")
        said = gitcoord("start", *words, "--json", at=sandbox.path)
        assert said.code == 1 and dollars(sandbox) == 2.0
        worktree, place = said.json["worktree"]["id"], Path(said.json["worktree"]["path"])
        assert (place / "src/new.py").read_text() == "new = 1\n"
        again = gitcoord("resume", worktree, at=sandbox.path)
        assert again.code == 1 and "used $2.00 of $1.50 (133%)" in again.err
        assert dollars(sandbox) == 2.0, "nothing was asked of the model"
        assert gitcoord("resume", worktree, "--budget", "lots", at=sandbox.path).code == 2
        done = gitcoord("resume", worktree, "--budget", "20", at=sandbox.path)
        assert done.code == 0, done.err
    assert dollars(sandbox) == 4.0
    [run] = list_runs(Repository.find(sandbox.path))
    assert run.state == "done" and run.question["budget"] == ["20"]


def test_a_task_that_may_need_more_than_is_left_of_the_day_does_not_start(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
    gitcoord("config", "set", "budget.day", "5 dollars", at=sandbox.path)
    gitcoord("config", "set", "budget.task", "4.50", "100 turns", at=sandbox.path)
    with ModelServer([{"text": "Nothing to do.", "usage": DOLLAR}]) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        words = ("--with", "api", "--model", "opus")
        gitcoord("start", "development", "log out", *words, at=sandbox.path)
        assert dollars(sandbox) == 1.0
        said = gitcoord("start", "development", "log in", *words, at=sandbox.path)
    assert said.code == 1
    assert "$4.00 are left for the day, and build may need $4.50" in said.err
    assert dollars(sandbox) == 1.0 and len(server.requests) == 1


def test_a_budget_that_is_none_is_refused_where_it_is_said(sandbox: Sandbox) -> None:
    for words in (("5 apples",), ("5", "6"), ("0",), ("30m",)):
        said = gitcoord("config", "set", "budget.run", *words, at=sandbox.path)
        assert said.code == 2 and "budget.run" in said.err
    start = ("start", "development", "x", "--with", "api", "--budget", "lots")
    assert gitcoord(*start, at=sandbox.path).code == 2
