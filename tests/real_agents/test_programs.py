"""The real programs through our runners, at a scripted model: what they do and what we make of it.

    PATH=…:$PATH python -m pytest -m real_agents tests/real_agents

A failure here where tests/runtime/programs passes means that a program has changed.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from gitcoord.runs.role import Role
from gitcoord.runtime.agent import (
    DONE,
    FAILED,
    PARKED,
    STOPPED,
    UNKNOWN,
    Assignment,
    Event,
    Limits,
    Outcome,
)
from gitcoord.runtime.runners import agent_of
from gitcoord.testing.server import ModelServer
from tests.conftest import Sandbox
from tests.real_agents.installed import FOUND, PATH, environment, subscribed
from tests.real_agents.stories import DONE as ALL_DONE
from tests.real_agents.stories import MORE, script

pytestmark = pytest.mark.real_agents

BUILDER = Role("builder", "Builds.", "You build.", writes=True)
ASKED = ("claude", "codex", "gemini", "opencode")
TALKING = [pytest.param(name, marks=pytest.mark.skipif(
    name not in FOUND, reason=f"{name} is not installed")) for name in ASKED]  # fmt: skip
each = pytest.mark.parametrize("name", TALKING)


@dataclass
class Try:
    """One program in one worktree at one server."""

    server: ModelServer
    assignment: Assignment
    name: str
    events: list[Event] = field(default_factory=list)

    def run(self, **changes: Any) -> Outcome:
        self.assignment = replace(self.assignment, **changes)
        return agent_of(self.name)(self.assignment, self.events.append)

    def again(self, outcome: Outcome, prompt: str) -> Outcome:
        """Go on in the conversation in which it was."""
        return self.run(resumed=True, prompt=prompt)

    @property
    def top(self) -> Path:
        return self.assignment.top


@contextmanager
def trying(
    name: str, turns: list[Any] | None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Try]:
    monkeypatch.setenv("PATH", PATH)
    sandbox.commit("Add a.py", {"a.py": "x = 1\n"})
    log = sandbox.path.parent / "transcript.log"
    with ModelServer(script(name, turns)) as server:
        env = environment(name, server, sandbox.path.parent / "agent")
        assignment = Assignment(
            run_id="run", task="build", role=BUILDER, prompt="Add b.py", top=sandbox.path,
            own_dir=sandbox.path / ".git" / "agentcoord", mark=str(uuid4()), log=log,
            limits=Limits(wall=40), environment=env,
            model={"gemini": "gemini-2.5-pro", "aider": "openai/scripted"}.get(name, ""),
        )  # fmt: skip
        yield Try(server, assignment, name)


def refused(status: int, message: str = "No.") -> list[Any]:
    return [{"error": status, "message": message, "again": True}]


@each
class TestWork:
    def test_it_edits_a_file_and_is_resumed(
        self, name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with trying(name, None, sandbox, monkeypatch) as work:
            done = work.run()
            assert (done.state, done.summary) == (DONE, ALL_DONE), done
            assert (work.top / "b.py").read_text() == "y = 2\n"
            assert done.usage.output > 0
            assert any(event.kind == "tool" for event in work.events)
            more = work.again(done, "More")
            assert (more.state, more.summary) == (DONE, MORE), more
            assert more.mark == done.mark
            assert 0 < more.usage.output < done.usage.output, "usage is of this attempt alone"
            assert "Add b.py" in json.dumps(work.server.requests[-1].messages)

    def test_it_goes_on_after_a_busy_server(
        self, name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        busy = {"retry_after": 1}
        turns = [{"fail": [{"error": 529, **busy}, {"error": 429, **busy}], "text": "Done."}]
        with trying(name, turns, sandbox, monkeypatch) as work:
            outcome = work.run()
            assert (outcome.state, outcome.summary) == (DONE, "Done."), outcome


@each
class TestFailing:
    @pytest.mark.parametrize("status", [400, 401, 402, 403])
    def test_what_no_other_attempt_would_change(
        self, name: str, status: int, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with trying(name, refused(status, "Not you."), sandbox, monkeypatch) as work:
            outcome = work.run()
            assert outcome.state == FAILED, outcome
            assert not outcome.retry
            assert "time was up" not in outcome.reason

    def test_a_refused_key_has_a_hint(
        self, name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with trying(name, refused(401, "invalid x-api-key"), sandbox, monkeypatch) as work:
            assert work.run().hint

    def test_it_is_ended_with_all_it_started(
        self, name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with trying(name, [{"wait": 60}], sandbox, monkeypatch) as work:
            outcome = work.run(limits=Limits(wall=6))
            assert outcome.state == STOPPED, outcome
            assert work.server.requests, "it was at work when it was ended"
        assert processes_in(sandbox.path) == []

    def test_killed_by_somebody_else_it_is_not_done(
        self, name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with trying(name, [{"wait": 60}], sandbox, monkeypatch) as work:
            killer = threading.Thread(target=kill_when_asked, args=(work,))
            killer.start()
            outcome = work.run()
            killer.join()
            assert outcome.state in (UNKNOWN, FAILED), outcome
        assert processes_in(sandbox.path) == []


@pytest.mark.parametrize("name", TALKING[:2])
@pytest.mark.parametrize("status", [429, 500, 529])
def test_a_server_that_stays_busy_is_worth_another_attempt(
    name: str, status: int, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = [{"error": status, "retry_after": 0, "again": True}]
    with trying(name, turns, sandbox, monkeypatch) as work:
        fewer = {**work.assignment.environment, "CLAUDE_CODE_MAX_RETRIES": "1"}
        outcome = work.run(environment=fewer)
        assert outcome.state == FAILED, outcome
        assert outcome.retry, outcome


def kill_when_asked(work: Try) -> None:
    """Kill the program, and whatever it started, once the model has been asked."""
    while not work.server.requests:
        time.sleep(0.05)
    time.sleep(0.2)
    for process in processes_in(work.top):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def processes_in(folder: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cwd"])
        if process.info["cwd"] == str(folder) and process.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.skipif("aider" not in FOUND, reason="aider is not installed")
class TestAider:
    """Its exit code is always 0, it has no ids, and it cannot be told when to end a try."""

    def test_it_edits_a_file_and_commits_nothing(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Of a model that it does not know it wants whole files.
        turns = [{"text": "b.py\n```\ny = 2\n```\n", "again": True}]
        with trying("aider", turns, sandbox, monkeypatch) as work:
            before = sandbox.git("rev-parse", "HEAD")
            done = work.run()
            assert done.state == DONE, done
            assert (work.top / "b.py").read_text() == "y = 2\n"
            assert done.usage.output > 0
            assert sandbox.git("rev-parse", "HEAD") == before
            [left] = sandbox.git("status", "--porcelain").splitlines()
            assert left.endswith(" b.py")

    def test_a_refused_key_is_no_success(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with trying("aider", refused(401), sandbox, monkeypatch) as work:
            outcome = work.run()
            assert outcome.state == FAILED, outcome
            assert outcome.hint


@pytest.mark.skipif("claude" not in FOUND, reason="claude is not installed")
class TestClaude:
    def test_a_hook_blocks_it(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        command = "cat >/dev/null; echo 'b.py is claimed by bob' >&2; exit 2"
        hook = {"matcher": "Write", "hooks": [{"type": "command", "command": command}]}
        turns = [
            {"tools": [{"name": "Write", "input": {"file_path": "{{cwd}}/b.py", "content": ""}}]},
            "I may not.",
        ]
        with trying("claude", turns, sandbox, monkeypatch) as work:
            settings = json.dumps({"hooks": {"PreToolUse": [hook]}})
            sandbox.write(".claude/settings.json", settings)
            assert work.run().summary == "I may not."
            assert not (work.top / "b.py").exists()
            assert "claimed by bob" in work.server.requests[-1].results[0]

    def test_a_usage_limit_parks_it(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        turns = [{"error": 429, "until": "2100-01-01T00:00:00Z", "again": True}]
        with trying("claude", turns, sandbox, monkeypatch) as work:
            outcome = work.run(environment=subscribed(work.assignment.environment))
            assert (outcome.state, outcome.until) == (PARKED, "2100-01-01T00:00:00Z"), outcome

    def test_turns_are_limited(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        with trying("claude", None, sandbox, monkeypatch) as work:
            outcome = work.run(limits=Limits(wall=40, turns=1))
            assert outcome.state == STOPPED, outcome
