"""`kill -9` between any two lines of a transcript, with real processes, and what comes after."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gitcoord.errors import Corrupt, Refused
from gitcoord.runtime.agent import DONE, STOPPED, Event
from gitcoord.runtime.api import line
from gitcoord.runtime.api.conversation import INTERRUPTED, Conversation
from gitcoord.runtime.api.loop import run_api
from gitcoord.testing.server import ModelServer
from tests.runtime.api.conftest import Bench, call

SCRIPT: list[Any] = [
    {"tools": [call("read", path="README.md"), call("write", path="n.txt", content="1\n")]},
    {"tools": [call("record_finding", title="t", body="b", kind="fact", confidence=1.0)]},
    "done",
]
WHOLE = [
    "ask",
    "reply",
    "result",
    "started",
    "result",
    "reply",
    "started",
    "result",
    "reply",
    "end",
]


def killed_after(bench: Bench, monkeypatch: pytest.MonkeyPatch, lines: int) -> None:
    """A process that runs the agent and kills itself once it has written so many lines."""
    add, written = Conversation.add, 0

    def add_and_die(self: Conversation, do: str, **more: Any) -> None:
        nonlocal written
        add(self, do, **more)
        written += 1
        if written == lines:
            os.kill(os.getpid(), signal.SIGKILL)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(Conversation, "add", add_and_die)
            run_api(bench.assignment, lambda _: None)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


class TestKilled:
    def test_the_lines_of_a_whole_run(self, bench: Bench) -> None:
        bench.run(SCRIPT)
        assert [each["do"] for each in bench.lines()] == WHOLE

    @pytest.mark.parametrize("lines", range(1, len(WHOLE) + 1))
    def test_after_any_line(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, lines: int
    ) -> None:
        import anthropic  # noqa: F401 - not in each child

        with ModelServer(SCRIPT) as server:
            monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            killed_after(bench, monkeypatch, lines)
            before = bench.lines()
            outcome = run_api(replace(bench.assignment, resumed=True), bench.events.append)
            asked = len(server.requests)
        assert (outcome.state, outcome.summary) == (DONE, "done")
        after = bench.lines()
        assert after[: len(before)] == before
        # No answer is paid for twice: each turn of the script was asked for once.
        assert asked == len(bench.lines("reply")) == 3
        # No call is answered twice, and none that was begun is done again.
        answered = Counter(each["call"] for each in bench.lines("result"))
        assert set(answered.values()) == {1}
        assert len(answered) == 3
        begun = Counter(each["call"] for each in bench.lines("started"))
        assert all(count == 1 for count in begun.values())
        for each in bench.lines("result"):
            cut_off = each["call"] not in {one["call"] for one in before if one["do"] == "result"}
            known = any(each["call"] in json.dumps(one) for one in before)
            assert (each["text"] == INTERRUPTED) == (cut_off and known)
        # What the dead host was never told is reported now, all of it once.
        told = [one.detail["call"] for one in bench.events if one.kind == "usage"]
        assert len(told) == len(set(told)) == (3 if lines < len(WHOLE) else 0)

    def test_within_a_line(self, bench: Bench) -> None:
        bench.run(SCRIPT)
        content = bench.assignment.log.read_bytes()
        end = [at for at in range(len(content)) if content[at : at + 1] == b"\n"][4]
        bench.assignment.log.write_bytes(content[: end + 30])
        assert bench.resume(SCRIPT).state == DONE
        assert all(isinstance(each, dict) for each in bench.lines())

    def test_in_a_process_of_its_own_while_the_model_speaks(self, bench: Bench) -> None:
        code = (
            "import sys\nfrom pathlib import Path\n"
            "from gitcoord.runs.role import Role\n"
            "from gitcoord.runtime.agent import Assignment\n"
            "from gitcoord.runtime.api.loop import run_api\n"
            "top = Path(sys.argv[1])\n"
            "run_api(Assignment('run-1', 'build', Role('builder', '', 'You build.', writes=True),"
            " 'Do the task.', top, top / '.git/agentcoord', 'mark-1', Path(sys.argv[2])), print)\n"
        )
        slow = [{**SCRIPT[0]}, {**SCRIPT[1], "text": "word " * 400, "pace": 0.2}, "done"]
        with ModelServer(slow) as server:
            env = {**os.environ, "ANTHROPIC_API_KEY": "x", "ANTHROPIC_BASE_URL": server.url}
            process = subprocess.Popen(
                [sys.executable, "-c", code, bench.top, bench.assignment.log], env=env,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
            until = time.monotonic() + 20
            while len(server.requests) < 2 and time.monotonic() < until:
                time.sleep(0.02)
            process.kill()
            process.wait()
        outcome = bench.resume(SCRIPT)
        assert (outcome.state, outcome.turns) == (DONE, 2)
        assert (bench.top / "n.txt").read_text() == "1\n"


class TestHostThatFails:
    @pytest.mark.parametrize("events", range(1, 11))
    def test_an_error_of_the_host_at_any_event_loses_nothing(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, events: int
    ) -> None:
        heard = 0

        def say(_: Event) -> None:
            nonlocal heard
            heard += 1
            if heard == events:
                raise Refused("the budget is spent")

        with ModelServer(SCRIPT) as server:
            monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            with pytest.raises(Refused):
                run_api(bench.assignment, say)
            outcome = run_api(replace(bench.assignment, resumed=True), bench.events.append)
            assert (outcome.state, len(server.requests)) == (DONE, 3)
        answered = Counter(each["call"] for each in bench.lines("result"))
        assert set(answered.values()) == {1}


class TestResumed:
    def test_a_finished_one_says_so_without_a_call(self, bench: Bench) -> None:
        bench.run(SCRIPT)
        bench.requests.clear()
        outcome = bench.resume(SCRIPT)
        assert (outcome.state, outcome.summary, outcome.usage.total) == (DONE, "done", 0)
        assert not bench.requests

    def test_a_finished_one_that_is_told_more_goes_on(self, bench: Bench) -> None:
        bench.run(SCRIPT)
        outcome = bench.resume([*SCRIPT, "now the tests pass"], prompt="The tests fail: …")
        assert (outcome.state, outcome.summary) == (DONE, "now the tests pass")
        assert bench.requests[-1].body["messages"][-1]["content"][0]["text"] == "The tests fail: …"

    def test_what_is_sent_is_the_same_bytes_as_before(self, bench: Bench) -> None:
        bench.run(SCRIPT)
        sent = bench.requests[-1].body["messages"]
        bench.assignment.log.write_bytes(
            b"".join(bench.assignment.log.read_bytes().splitlines(keepends=True)[:-2])
        )
        bench.resume(SCRIPT)
        assert bench.requests[-1].body["messages"] == sent

    def test_an_old_log_of_another_attempt_is_put_aside(self, bench: Bench) -> None:
        bench.run(["first"])
        assert bench.run(["second"]).summary == "second"
        assert Path(f"{bench.assignment.log}.old").is_file()

    def test_a_line_that_cannot_be_read_is_no_guess(self, bench: Bench) -> None:
        bench.run(SCRIPT)
        text = bench.assignment.log.read_text()
        bench.assignment.log.write_text(text.replace('{"do":"reply"', '{"do:"reply"', 1))
        with pytest.raises(Corrupt, match="line 2"):
            bench.resume(SCRIPT)


class TestStopped:
    def test_all_agents_end_at_once(self, bench: Bench) -> None:
        threading.Timer(0.4, line.stop_all).start()
        begun = time.monotonic()
        outcome = bench.run([{"text": "late", "wait": 30}])
        assert (outcome.state, outcome.reason) == (STOPPED, "interrupted")
        assert time.monotonic() - begun < 15

    def test_ctrl_c_ends_a_call_and_is_passed_on(self, bench: Bench) -> None:
        ctrl_c = threading.Timer(0.4, lambda: os.kill(os.getpid(), signal.SIGINT))
        ctrl_c.start()
        with pytest.raises(KeyboardInterrupt):
            bench.run([{"text": "late", "wait": 30}])
        assert bench.resume(["done"]).state == DONE


def test_a_command_that_outlived_its_host_is_ended(bench: Bench) -> None:
    bench.assignment.log.touch()
    left = subprocess.Popen(["sleep", "60"], env={**os.environ, "GITCOORD_AGENT": "run-1/build"})
    try:
        assert bench.resume(["done"]).state == DONE
        assert left.wait(5) == -signal.SIGTERM
    finally:
        left.kill()
