"""An agent of our own loop in a sandbox, at a scripted model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gitcoord.config import Config
from gitcoord.git.repository import Repository
from gitcoord.runs.role import Role
from gitcoord.runtime.agent import Assignment, Event, Limits, Outcome
from gitcoord.runtime.api.hands import Hands
from gitcoord.runtime.api.line import hang_up
from gitcoord.runtime.api.loop import run_api
from gitcoord.testing.request import Request
from gitcoord.testing.server import ModelServer, Script
from tests.conftest import Sandbox

BUILDER = Role("builder", "builds", "You build.", writes=True)
READER = Role("analyst", "reads", "You read.")


def call(name: str, **given: Any) -> dict[str, Any]:
    return {"name": name, "input": given}


@dataclass
class Bench:
    """Runs an agent; remembers its events and what the model was asked."""

    sandbox: Sandbox
    monkeypatch: pytest.MonkeyPatch
    events: list[Event] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    assignment: Assignment = field(init=False)

    def __post_init__(self) -> None:
        own_dir = self.sandbox.path / ".git" / "agentcoord"
        log = own_dir / "logs" / "task.jsonl"
        log.parent.mkdir(parents=True)
        self.assignment = Assignment(
            "run-1", "build", BUILDER, "Do the task.", self.sandbox.path, own_dir, "mark-1", log,
            limits=Limits(wall=20, stall=5),
        )  # fmt: skip

    def run(self, script: Script, **changes: Any) -> Outcome:
        assignment = replace(self.assignment, **changes)
        with ModelServer(script) as server:
            self.monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
            self.monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            try:
                return run_api(assignment, self.events.append)
            finally:
                self.requests += server.requests

    def resume(self, script: Script, **changes: Any) -> Outcome:
        return self.run(script, resumed=True, **changes)

    def lines(self, do: str = "") -> list[Mapping[str, Any]]:
        """The lines of the transcript."""
        lines = [json.loads(line) for line in self.assignment.log.read_text().splitlines()]
        return [line for line in lines if do in ("", line["do"])]

    def said(self, kind: str) -> list[str]:
        return [event.text for event in self.events if event.kind == kind]

    def results(self) -> tuple[str, ...]:
        """What the last request told the model of its calls."""
        return self.requests[-1].results

    def config(self, text: str) -> None:
        (self.assignment.own_dir / "config.toml").write_text(text)

    @property
    def top(self) -> Path:
        return self.sandbox.path


@pytest.fixture
def bench(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    yield Bench(sandbox, monkeypatch)
    hang_up()


Use = Callable[..., str]


@pytest.fixture
def use(bench: Bench) -> Use:
    """Uses a tool as the loop does; returns what the model would be told."""

    def use_it(name: str, **given: Any) -> str:
        assignment = replace(bench.assignment, role=given.pop("role", BUILDER))
        agents = Config.load(assignment.own_dir).agents
        repo = Repository.find(bench.top)
        hands = Hands(assignment, repo, agents, "", stopped=lambda: False, left=lambda: 60.0)
        return hands.use(name, given, 1)[0]

    return use_it
