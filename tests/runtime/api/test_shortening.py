"""A conversation that grows too long: what goes first, what never goes."""

from __future__ import annotations

from typing import Any

import pytest

from gitcoord.runtime.agent import DONE, Limits
from gitcoord.runtime.api.conversation import Conversation
from gitcoord.testing.request import Request
from tests.runtime.api.conftest import Bench, call

FINDING = call("record_finding", title="The TTL is 60", body="In src/auth.py.", kind="fact",
               confidence=1.0)  # fmt: skip


@pytest.fixture
def small(bench: Bench) -> Bench:
    """A model with a context of 6,000 tokens, and files of about 3,000 and 600."""
    bench.config("[agents]\ncontext = 6000\n")
    bench.sandbox.write("big.txt", "a line of about forty characters, more\n" * 250)
    bench.sandbox.write("some.txt", "a line of about forty characters, more\n" * 45)
    return bench


class Reader:
    """A model that reads the big file again and again. It counts its turns itself, since the
    history it is sent gets shorter."""

    def __init__(self, turns: int, size: int = 0, file: str = "big.txt") -> None:
        self.turns, self.size, self.file, self.asked = turns, size, file, 0

    def __call__(self, request: Request) -> dict[str, Any]:
        if "Below is the middle" in request.prompt:
            return {"text": "SUMMARY: the file has lines.", "usage": {"input": 111}}
        self.asked += 1
        usage = {"usage": {"input": self.size}} if self.size else {}
        if self.asked > self.turns:
            return {"text": "done", **usage}
        if self.asked == 1:
            return {"tools": [FINDING], **usage}
        return {"text": f"turn {self.asked}", "tools": [call("read", path=self.file)], **usage}


def texts(request: Request) -> str:
    return str(request.body["messages"])


class TestResults:
    def test_old_results_go_first_and_the_task_stays(self, small: Bench) -> None:
        assert small.run(Reader(10, file="some.txt")).state == DONE
        last = texts(small.requests[-1])
        assert "left out to make room" in last
        assert last.count("a line of about forty") > 0
        assert "Do the task." in last
        assert not any("Below is the middle" in texts(each) for each in small.requests)

    def test_it_is_said_and_in_the_transcript(self, small: Bench) -> None:
        small.run(Reader(6))
        assert small.said("warning")[0].startswith("to make room, ")
        assert small.lines("shortened")

    def test_a_call_and_its_result_are_never_parted(self, small: Bench) -> None:
        small.run(Reader(30))
        for request in small.requests:
            called: list[str] = []
            for message in request.body["messages"]:
                blocks = message["content"] if isinstance(message["content"], list) else []
                results = [one["tool_use_id"] for one in blocks if one["type"] == "tool_result"]
                assert results == called
                called = [one["id"] for one in blocks if one["type"] == "tool_use"]
            assert request.body["messages"][-1]["role"] == "user"


class TestSummary:
    def test_then_the_middle_becomes_a_summary_that_is_paid_for(self, small: Bench) -> None:
        outcome = small.run(Reader(12, size=9000))
        assert outcome.state == DONE
        last = texts(small.requests[-1])
        assert "SUMMARY: the file has lines." in last
        assert outcome.usage.input % 9000 == 111 * len(
            [each for each in small.requests if "Below is the middle" in texts(each)]
        )

    def test_task_findings_and_later_words_stay(self, small: Bench) -> None:
        script = Reader(3, size=100)
        small.run(script)
        script.turns, script.size = 14, 9000
        small.resume(script, prompt="The tests fail: test_login")
        last = texts(small.requests[-1])
        for kept in (
            "Do the task.",
            "The TTL is 60: In src/auth.py.",
            "The tests fail: test_login",
        ):
            assert kept in last
        assert "SUMMARY" in last

    def test_a_resumed_agent_sends_the_same(self, small: Bench) -> None:
        script = Reader(12, size=9000)
        small.run(script, limits=Limits(turns=9))
        kept = Conversation.open(small.assignment.log)
        kept.close()
        small.resume(script)
        sent = [each for each in small.requests if "Below is" not in texts(each)]
        assert kept.messages[0] == sent[-1].body["messages"][0]
        assert kept.messages[1] == sent[9].body["messages"][1] or len(sent) > 9


class TestTooLong:
    def test_a_full_window_is_shortened_and_it_goes_on(self, bench: Bench) -> None:
        bench.sandbox.write("big.txt", "a line of about forty characters, more\n" * 250)
        read = {"tools": [call("read", path="big.txt")]}
        full = {"text": "I", "stop": "model_context_window_exceeded"}
        outcome = bench.run(
            {"conversations": [{"count": "calls", "turns": [*[read] * 6, full, "done"]}]}
        )
        assert outcome.state == DONE
        assert "left out to make room" in texts(bench.requests[-1])

    def test_413_too(self, bench: Bench) -> None:
        bench.sandbox.write("big.txt", "a line of about forty characters, more\n" * 250)
        read = {"tools": [call("read", path="big.txt")]}
        long = {"error": 413, "message": "too long"}
        outcome = bench.run(
            {"conversations": [{"count": "calls", "turns": [*[read] * 6, long, "done"]}]}
        )
        assert outcome.state == DONE
        assert "left out to make room" in texts(bench.requests[-1])
