"""A fake agent program on PATH, and an assignment for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gitcoord.runs.role import Role
from gitcoord.runtime.agent import Assignment, Event, Limits, Outcome
from gitcoord.runtime.programs import program
from gitcoord.runtime.runners import agent_of
from gitcoord.testing.fake_agent import install

STREAMS = Path(__file__).parents[2] / "testing" / "streams"
MARK = "11111111-1111-4111-8111-111111111111"
BUILDER = Role("builder", "Builds.", "You build.", writes=True)


class Stage:
    """A worktree, and programs that play a script. heard: all events of the last run."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "bin"
        self.top = folder / "worktree"
        self.top.mkdir()
        self.log = folder / "logs" / "t.jsonl"
        self.log.parent.mkdir()
        self.heard: list[Event] = []
        self.assignment = Assignment(
            f"run-{uuid4()}", "t", BUILDER, "Do it.", self.top, folder, MARK, self.log,
            limits=Limits(wall=20, stall=20),
        )  # fmt: skip

    def play(self, name: str, *steps: Mapping[str, Any], **more: Any) -> None:
        install(self.bin, name, {"steps": steps, **more})

    def stream(self, name: str, stream: str) -> None:
        """The program prints what a real one did."""
        self.play(name, {"replay": str(STREAMS / f"{stream}.jsonl")})

    def run(self, name: str, **changes: Any) -> Outcome:
        self.heard.clear()
        return agent_of(name)(replace(self.assignment, **changes), self.heard.append)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.heard]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    for pause in ("_GRACE_SECONDS", "_LAST_WORDS_SECONDS", "_DRAIN_SECONDS"):
        monkeypatch.setattr(program, pause, 0.3)
    return made
