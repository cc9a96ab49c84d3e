"""How each program is called, taken up again and billed; the fake program plays its part."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitcoord.errors import BadInput
from gitcoord.runs.role import Role
from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import DONE, FAILED, PARKED, STOPPED, Event, Limits
from gitcoord.runtime.programs import claude, codex, gemini
from gitcoord.runtime.runners import agent_of
from tests.runtime.programs.conftest import BUILDER, MARK, STREAMS, Stage

LOOKER = Role("detective", "Looks.", "You look.", tools=("Read", "WebFetch", "Edit"))


def result(tokens: int, dollars: float) -> dict[str, Any]:
    used = {"inputTokens": tokens, "outputTokens": 0}
    return {"say": {
        "type": "result", "is_error": False, "result": "Ready.", "session_id": "{{mark}}",
        "total_cost_usd": dollars, "modelUsage": {"m": used}, "result_index": 0,
    }}  # fmt: skip


def turn(tokens: int) -> list[dict[str, Any]]:
    return [
        {"say": {"type": "thread.started", "thread_id": "thread-1"}},
        {"say": {"type": "turn.completed", "usage": {"input_tokens": tokens, "output_tokens": 1}}},
    ]


def seen(stage: Stage) -> Any:
    return json.loads((stage.top / "seen.json").read_text())


class TestClaude:
    def test_its_conversation_has_the_id_on_record(self, stage: Stage) -> None:
        words = claude.argv(stage.assignment)
        assert f"--session-id={MARK}" in words
        assert f"--resume={MARK}" in claude.argv(replace(stage.assignment, resumed=True))

    def test_one_who_writes_may_edit_and_one_who_does_not_may_not(self, stage: Stage) -> None:
        writer = " ".join(claude.argv(stage.assignment))
        assert "--permission-mode=acceptEdits" in writer
        looker = claude.argv(replace(stage.assignment, role=LOOKER))
        assert "--permission-mode=dontAsk" in looker
        [allowed] = [word for word in looker if word.startswith("--allowedTools=")]
        tools = allowed.partition("=")[2].split(",")
        assert "WebFetch" in tools and "Edit(/.agentcoord/**)" in tools
        assert not {"Edit", "Write", "Bash"} & {*tools}

    def test_a_role_gets_the_shell_it_names(self, stage: Stage) -> None:
        tools = ("Bash", "Bash(git log *)", "Write")
        tester = replace(stage.assignment, role=Role("tester", "", "", tools=tools))
        assert (
            "--allowedTools=Read,Grep,Glob,Edit(/.agentcoord/**),Write(/.agentcoord/**),Bash"
            in (claude.argv(tester))
        )
        assert "--allowed-tools=run_shell_command" in gemini.argv(tester)

    def test_no_value_can_pass_for_an_option(self, stage: Stage) -> None:
        role = Role("x", "", "--dangerously-skip-permissions", writes=True)
        words = claude.argv(replace(stage.assignment, role=role, model="--bare"))
        assert "--dangerously-skip-permissions" not in words
        assert "--bare" not in words

    def test_the_task_is_on_stdin(self, stage: Stage) -> None:
        stage.play("claude", {"read": True}, {"record": "seen.json"}, result(1, 0.1))
        stage.run("claude", prompt="--help\n" + "x" * 200_000)
        assert seen(stage)["stdin"] == "--help\n" + "x" * 200_000

    def test_totals_are_billed_once(self, stage: Stage) -> None:
        stage.play("claude", result(100, 1.0), resumed=[result(150, 1.25)])
        first, second = stage.run("claude"), stage.run("claude", resumed=True)
        assert (first.usage, first.dollars) == (Usage(100), 1.0)
        assert (second.usage, second.dollars) == (Usage(50), 0.25)

    def test_what_came_since_the_last_result_is_billed_where_it_is_said(self, stage: Stage) -> None:
        """The totals have lost what a process used that was killed."""
        first, second = result(100, 1.0), result(80, 0.75)
        for one, tokens, dollars in ((first, 100, 1.0), (second, 40, 0.5)):
            since = {"m": {"inputTokens": tokens, "costUSD": dollars}}
            one["say"]["model_usage_since_last_result"] = since
        stage.play("claude", first, resumed=[second])
        stage.run("claude")
        outcome = stage.run("claude", resumed=True)
        assert (outcome.usage, outcome.dollars) == (Usage(40), 0.5)

    def test_a_conversation_that_was_never_written_is_begun(self, stage: Stage) -> None:
        lost = [{"stderr": f"No conversation found with session ID: {MARK}"}, {"exit": 1}]
        stage.play("claude", result(1, 0.1), resumed=lost)
        assert stage.run("claude", resumed=True).state == DONE

    def test_a_conversation_that_was_written_is_taken_up(self, stage: Stage) -> None:
        taken = {"stderr": f"Error: Session ID {MARK} is already in use."}
        stage.play("claude", taken, {"exit": 1}, resumed=[result(1, 0.1)])
        assert stage.run("claude").state == DONE

    def test_a_refused_key_ends_it_at_once(self, stage: Stage) -> None:
        retry = {
            "type": "system", "subtype": "api_retry", "error_status": 401, "retry_delay_ms": 500,
            "error": "authentication_failed",
        }  # fmt: skip
        stage.play("claude", {"say": retry}, {"hang": True})
        outcome = stage.run("claude")
        assert (outcome.state, outcome.retry) == (FAILED, False)
        assert "claude auth login" in outcome.hint

    def test_what_goes_wrong_with_a_listener_ends_it_and_is_raised(self, stage: Stage) -> None:
        said = {"type": "assistant", "message": {"content": [{"type": "text", "text": "Hi."}]}}
        stage.play("claude", {"say": said}, {"hang": True})

        def listen(_: Event) -> None:
            raise KeyError("the ledger")

        with pytest.raises(KeyError, match="the ledger"):
            agent_of("claude")(stage.assignment, listen)

    @pytest.mark.parametrize("limits", [Limits(tokens=10), Limits(turns=1)])
    def test_it_is_ended_at_its_limits(self, stage: Stage, limits: Limits) -> None:
        events = [
            {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 20}}},
            {"type": "message_delta", "usage": {"output_tokens": 1}},
        ]
        said = [{"say": {"type": "stream_event", "event": event}} for event in events]
        stage.play("claude", *said, *said, {"hang": True})
        assert stage.run("claude", limits=limits).state == STOPPED


class TestCodex:
    def test_its_thread_is_said_at_once_and_taken_up(self, stage: Stage) -> None:
        stage.play("codex", *turn(100), resumed=[{"record": "seen.json"}, *turn(130)])
        first = stage.run("codex")
        assert first.mark == "thread-1"
        assert stage.heard[0].detail == {"mark": "thread-1"}
        second = stage.run("codex", resumed=True)
        assert "thread-1" in seen(stage)["argv"]
        assert (first.usage.input, second.usage.input) == (100, 30)

    def test_a_thread_that_was_never_written_is_begun(self, stage: Stage) -> None:
        lost = [{"stderr": "Error: no rollout found for thread id x"}, {"exit": 1}]
        stage.play("codex", *turn(1), resumed=lost)
        assert stage.run("codex", resumed=True).state == DONE

    def test_it_stays_in_its_sandbox(self, stage: Stage) -> None:
        for resumed in (False, True):
            words = codex.argv(replace(stage.assignment, resumed=resumed), "t")
            assert 'sandbox_mode="workspace-write"' in words
            assert "sandbox_workspace_write.exclude_slash_tmp=true" in words
            assert words[-1] == "-"


class TestGemini:
    def test_only_one_who_writes_has_a_shell(self, stage: Stage) -> None:
        assert "--allowed-tools=run_shell_command" in gemini.argv(stage.assignment)
        words = gemini.argv(replace(stage.assignment, role=LOOKER))
        assert not [word for word in words if "shell" in word]

    def test_a_conversation_is_begun_or_taken_up(self, stage: Stage) -> None:
        done = {"say": {"type": "result", "status": "success", "stats": {}}}
        taken = {"stderr": 'Session ID "x" already exists. Use --resume to resume it'}
        stage.play("gemini", taken, {"exit": 42}, resumed=[done])
        assert stage.run("gemini").state == DONE


class TestAider:
    def test_it_leaves_none_of_its_files(self, stage: Stage) -> None:
        (stage.top / ".aider.conf.yml").write_text("mine")
        files = {".aider.tags.cache.v4/x": "", ".aider.input.history": "", "b.py": "y = 2\n"}
        replay = {"replay": str(STREAMS / "aider-edit.jsonl")}
        stage.play("aider", {"write": files}, replay)
        assert stage.run("aider").state == DONE
        assert {path.name for path in stage.top.iterdir()} == {".aider.conf.yml", "b.py"}

    def test_no_answer_is_not_done(self, stage: Stage) -> None:
        stage.play("aider", {"say": "Aider v0.86.2"})
        assert stage.run("aider").state != DONE


class TestCommand:
    @pytest.mark.parametrize(
        "argv",
        [
            ("cat",),
            ("cat", "{prompt_file}"),
            ("printf", "%s", "{prompt}"),
        ],
    )
    def test_the_task_is_on_stdin_in_a_file_or_a_word(
        self, stage: Stage, argv: tuple[str, ...]
    ) -> None:
        outcome = stage.run("command", argv=argv, prompt="$(touch oops) {worktree}")
        assert outcome.state == DONE
        assert outcome.summary == "You build.\n\n$(touch oops) {worktree}"
        assert not (stage.top / "oops").exists()

    def test_it_is_told_its_worktree(self, stage: Stage) -> None:
        outcome = stage.run("command", argv=("echo", "in {worktree}!"))
        assert outcome.summary == f"in {stage.top}!"

    def test_its_exit_code_is_its_word(self, stage: Stage) -> None:
        outcome = stage.run("command", argv=("sh", "-c", "echo no >&2; exit 3"))
        assert (outcome.state, outcome.reason) == (FAILED, "exit code 3: no")

    def test_a_killed_one_is_unknown(self, stage: Stage) -> None:
        assert stage.run("command", argv=("sh", "-c", "kill -9 $$")).state == "unknown"

    def test_a_stopped_one_is_not_done(self, stage: Stage) -> None:
        code = "import signal, sys, time\nsignal.signal(2, lambda *_: sys.exit(0))\ntime.sleep(9)"
        argv = (sys.executable, "-c", code)
        assert stage.run("command", argv=argv, limits=Limits(wall=0.5)).state == STOPPED

    def test_no_command_is_refused(self, stage: Stage) -> None:
        with pytest.raises(BadInput, match="no command"):
            stage.run("command")


class TestHuman:
    def test_the_task_is_handed_over_and_taken_back_when_said(self, stage: Stage) -> None:
        first = stage.run("human")
        assert first.state == PARKED
        assert stage.log.is_file()
        told = stage.log.with_suffix(".md")
        assert told.read_text() == f"{BUILDER.prompt}\n\nDo it."
        assert stage.run("human", resumed=True).state == PARKED
        Path(stage.log.with_suffix(".done")).write_text("Mended the login.\n")
        last = stage.run("human", resumed=True)
        assert (last.state, last.summary) == (DONE, "Mended the login.")
