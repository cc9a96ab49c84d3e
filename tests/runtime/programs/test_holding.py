"""The hook that holds a tool call of Claude Code until a person has decided."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gitcoord.coordination.approvals import Person, approve, deny, list_approvals
from gitcoord.git.repository import Repository
from gitcoord.runs.run import create_run
from gitcoord.runs.workflow import Task, Workflow
from gitcoord.runtime.programs.holding import settings, was_held
from tests.conftest import Sandbox

PERSON = Person("ada", "command")
CALL = {"tool_name": "Bash", "tool_input": {"command": "make"}, "tool_use_id": "toolu_1"}


def asked(sandbox: Sandbox, given: str, agent: str) -> dict[str, Any]:
    """What the hook answers, called as a program below one that bears the agent's mark."""
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -P -m gitcoord.runtime.programs.holding; true', sys.executable],
        cwd=sandbox.path, env={**os.environ, "GITCOORD_AGENT": agent},
        input=given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    said: dict[str, Any] = json.loads(done.stdout)["hookSpecificOutput"]
    return said


@pytest.fixture
def agent(sandbox: Sandbox) -> str:
    tasks = (Task("build", "builder", (), "", runner="claude"),)
    run = create_run(
        Repository.find(sandbox.path), "development-x-2222", Workflow("development", tasks),
        {"text": "x"},
    )  # fmt: skip
    return f"{run.id}/build"


@pytest.mark.parametrize("yes", [True, False])
def test_a_call_is_held_until_a_person_decides(sandbox: Sandbox, agent: str, yes: bool) -> None:
    repo, given = Repository.find(sandbox.path), json.dumps({**CALL, "cwd": str(sandbox.path)})
    for _ in range(2):
        assert asked(sandbox, given, agent)["permissionDecision"] == "defer"
    (held,) = list_approvals(repo)
    assert held.text("role") == "builder" and "make" in held.text("input")
    if yes:
        approve(repo, held.id, PERSON)
        assert asked(sandbox, given, agent)["permissionDecision"] == "allow"
        assert asked(sandbox, given, agent)["permissionDecision"] == "defer", "it holds once"
    else:
        deny(repo, held.id, PERSON, reason="not now")
        said = asked(sandbox, given, agent)
        assert said["permissionDecision"] == "deny"
        assert "not now" in said["permissionDecisionReason"]


@pytest.mark.parametrize("given", ["", "[]", "{}", '{"cwd": "/nowhere", "tool_name": "Bash"}'])
def test_what_cannot_be_asked_is_denied(sandbox: Sandbox, agent: str, given: str) -> None:
    assert asked(sandbox, given, agent)["permissionDecision"] == "deny"


def test_a_call_of_nobodys_agent_is_denied(sandbox: Sandbox) -> None:
    given = json.dumps({**CALL, "cwd": str(sandbox.path)})
    assert asked(sandbox, given, "run-none-2222/build")["permissionDecision"] == "deny"


def test_only_what_is_to_be_asked_is_hooked() -> None:
    assert settings(()) == settings(("history",)) == ""
    (hook,) = json.loads(settings(("run", "write")))["hooks"]["PreToolUse"]
    assert hook["matcher"] == "Bash|Write"
    assert hook["hooks"][0]["onFailure"] == "block"


def test_whether_the_last_attempt_was_held(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert not was_held(log)
    held = '{"type":"result","stop_reason":"tool_deferred"}\n{"type":"command_lifecycle"}\n'
    log.write_text(held)
    assert was_held(log)
    log.write_text(held + '{"type":"result","stop_reason":"end_turn"}\n')
    assert not was_held(log)
    log.write_text(held + '{"type":"system","subtype":"init"}\n{"type":"assistant"}\n')
    assert not was_held(log), "killed after it was taken up: it needs its prompt again"
