"""What real programs printed at a scripted model, and what we make of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import DONE, FAILED, PARKED, STOPPED, UNKNOWN, Outcome
from gitcoord.runtime.programs.aider import Aider
from gitcoord.runtime.programs.claude import Claude
from gitcoord.runtime.programs.codex import Codex
from gitcoord.runtime.programs.gemini import Gemini
from gitcoord.runtime.programs.opencode import Opencode
from gitcoord.runtime.programs.program import Ended
from gitcoord.runtime.programs.reader import Reader
from tests.runtime.programs.conftest import STREAMS, Stage

READERS: dict[str, type[Reader]] = {
    "claude": Claude, "codex": Codex, "gemini": Gemini, "opencode": Opencode, "aider": Aider,
}  # fmt: skip


def read(stage: Stage, stream: str, **ended: Any) -> Outcome:
    head, _, body = (STREAMS / f"{stream}.jsonl").read_bytes().partition(b"\n")
    reader = READERS[stream.partition("-")[0]](stage.assignment, stage.heard.append)
    reader.take(body)
    return reader.outcome(Ended(json.loads(head)["recorded"].get("exit", 0), **ended))


@pytest.mark.parametrize("name", READERS)
def test_a_file_was_edited(stage: Stage, name: str) -> None:
    outcome = read(stage, f"{name}-edit")
    assert outcome.state == DONE
    assert outcome.usage.input and outcome.usage.output
    assert "tool" in stage.kinds()
    assert outcome.summary
    heard = [event.detail["usage"] for event in stage.heard if event.kind == "usage"]
    # Claude Code tells of each call only when asked to, which this recording did not.
    assert sum(heard, Usage()) == outcome.usage or name == "claude"
    calls = [event.detail["call"] for event in stage.heard if event.kind == "usage"]
    assert len(set(calls)) == len(calls) and all(calls)


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "opencode", "aider"])
def test_a_refused_key_says_what_to_do(stage: Stage, name: str) -> None:
    outcome = read(stage, f"{name}-401")
    assert (outcome.state, outcome.retry) == (FAILED, False)
    assert outcome.hint.endswith("gitcoord resume")


@pytest.mark.parametrize("name", ["claude", "codex", "gemini", "opencode"])
@pytest.mark.parametrize("status", [400, 402, 404])
def test_an_error_of_ours_is_not_tried_again(stage: Stage, name: str, status: int) -> None:
    outcome = read(stage, f"{name}-{status}")
    assert (outcome.state, outcome.retry) == (FAILED, False)
    assert outcome.reason


@pytest.mark.parametrize(
    ("stream", "state", "reason"),
    [
        ("claude-deferred", PARKED, "a call of Write waits for approval"),
        ("claude-max-turns", STOPPED, "turns"),
        ("claude-sigint", STOPPED, "interrupted"),
        ("claude-sigterm", UNKNOWN, "exit code 143"),
        ("claude-usage-limit", PARKED, "limit"),
        ("claude-unknown", FAILED, "No conversation found"),
        ("claude-denied", DONE, ""),
    ],
)
def test_how_claude_ends(stage: Stage, stream: str, state: str, reason: str) -> None:
    outcome = read(stage, stream)
    assert outcome.state == state
    assert reason in outcome.reason


def test_a_usage_limit_names_its_end(stage: Stage) -> None:
    assert read(stage, "claude-usage-limit").until == "2100-01-01T00:00:00Z"


def test_a_denied_tool_is_said(stage: Stage) -> None:
    read(stage, "claude-denied")
    assert "warning" in stage.kinds()


def test_what_was_used_before_a_kill_is_known(stage: Stage) -> None:
    """Without a result there are only the calls: each with the usage of its last event."""
    reader = Claude(stage.assignment, stage.heard.append)
    for event in (
        {"type": "message_start", "message": {"id": "m1", "model": "x", "usage": {
            "input_tokens": 5, "cache_read_input_tokens": 7, "output_tokens": 1}}},
        {"type": "message_delta", "usage": {"output_tokens": 30}},
    ):  # fmt: skip
        line = json.dumps({"type": "stream_event", "event": event})
        reader.take(line.encode() + b"\n")
    outcome = reader.outcome(Ended(-9))
    assert outcome.state == UNKNOWN
    assert outcome.usage == Usage(5, 30, 7)
    assert outcome.model == "x"


def test_opencode_that_ends_at_a_tool_did_not_succeed(stage: Stage) -> None:
    """It rejects what it would have to ask for, and exits with 0."""
    body = (STREAMS / "opencode-edit.jsonl").read_bytes().partition(b"\n")[2]
    reader = Opencode(stage.assignment, stage.heard.append)
    cut = body[: body.index(b'"reason":"tool-calls"')]
    reader.take(body[: body.index(b"\n", len(cut)) + 1])
    assert reader.outcome(Ended(0)).state == FAILED
