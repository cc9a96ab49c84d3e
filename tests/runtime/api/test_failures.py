"""What goes wrong with a call of the model, class by class, with the real client."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gitcoord.runtime.agent import DONE, FAILED, PARKED, STOPPED, Limits
from gitcoord.runtime.api import line as lines
from gitcoord.runtime.api.failures import END, PARK, SHRINK, WAIT, of_event, of_status
from gitcoord.runtime.api.loop import run_api
from gitcoord.testing.server import ModelServer
from tests.runtime.api.conftest import Bench, call


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of milliseconds where the server names none."""
    monkeypatch.setattr(lines, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(lines, "_LONGEST_PAUSE", 0.02)


class TestEndsAtOnce:
    @pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
    def test_what_another_call_would_not_change(self, bench: Bench, status: int) -> None:
        outcome = bench.run([{"error": status, "message": "no"}])
        assert (outcome.state, outcome.retry) == (FAILED, False)
        assert f"says {status}: no" in outcome.reason
        assert "gitcoord " in outcome.hint
        assert len(bench.requests) == 1

    def test_401_is_not_tried_again_in_a_process_of_its_own(self, bench: Bench) -> None:
        """2.6 s with start-up and the import of the client."""
        code = (
            "import sys, time; begun = time.monotonic()\n"
            "from pathlib import Path\n"
            "from gitcoord.runs.role import Role\n"
            "from gitcoord.runtime.agent import Assignment\n"
            "from gitcoord.runtime.api.loop import run_api\n"
            "from gitcoord.testing.server import ModelServer\n"
            "import os\n"
            "top = Path(sys.argv[1])\n"
            "with ModelServer([{'error': 401, 'message': 'invalid x-api-key'}]) as server:\n"
            "    os.environ |= {'ANTHROPIC_API_KEY': 'x', 'ANTHROPIC_BASE_URL': server.url}\n"
            "    one = Assignment('r', 't', Role('r', '', ''), 'p', top, top / '.git/agentcoord',\n"
            "        'm', top / '.git/agentcoord/log')\n"
            "    outcome = run_api(one, print)\n"
            "print(outcome.state, outcome.hint)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, bench.top], capture_output=True, text=True, timeout=60
        )
        assert done.stdout.splitlines()[-1].startswith("failed give a key"), done.stderr
        assert "trying again" not in done.stdout

    def test_no_key_says_how_to_give_one(self, bench: Bench) -> None:
        outcome = run_api(bench.assignment, bench.events.append)
        assert outcome.state == FAILED
        assert outcome.reason == "there is no key for the model's API"
        assert "export ANTHROPIC_API_KEY=" in outcome.hint

    @pytest.mark.parametrize(
        ("key", "url"),
        [("k", "nonsense"), ("k", "ftp://127.0.0.1/"), ("secret-k\ny", "http://127.0.0.1:{port}")],
    )
    def test_what_cannot_be_sent_is_not_tried_again(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, key: str, url: str
    ) -> None:
        with ModelServer([]) as server:
            monkeypatch.setenv("ANTHROPIC_API_KEY", key)
            monkeypatch.setenv("ANTHROPIC_BASE_URL", url.format(port=server.port))
            outcome = run_api(bench.assignment, bench.events.append)
        assert (outcome.state, outcome.retry) == (FAILED, False)
        assert "secret" not in str(outcome)

    def test_a_script_that_is_over_is_no_answer(self, bench: Bench) -> None:
        assert bench.run([]).state == FAILED


@pytest.mark.usefixtures("quick")
class TestTriesAgain:
    @pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
    def test_what_passes(self, bench: Bench, status: int) -> None:
        outcome = bench.run([{"text": "done", "fail": [{"error": status}, {"error": status}]}])
        assert (outcome.state, outcome.turns) == (DONE, 1)
        assert len(bench.said("waiting")) == 2

    @pytest.mark.parametrize(
        "cut",
        [{"drop": 0}, {"drop": 3}, {"malformed": "event"}, {"malformed": "body"},
         {"broken": 2, "kind": "overloaded_error"}],
    )  # fmt: skip
    def test_a_stream_that_breaks_keeps_nothing_half(
        self, bench: Bench, cut: dict[str, Any]
    ) -> None:
        half = {"text": "half of it", "usage": {"input": 50}, **cut}
        outcome = bench.run([{"text": "whole", "usage": {"input": 50}, "fail": [half]}])
        assert (outcome.state, outcome.summary) == (DONE, "whole")
        assert "half" not in bench.assignment.log.read_text()
        begun = cut.get("drop", 1) != 0 and cut.get("malformed") != "body"
        assert outcome.usage.input == (100 if begun else 50)
        assert len(bench.lines("lost")) == int(begun)

    def test_retry_after_is_honoured(self, bench: Bench) -> None:
        begun = time.monotonic()
        bench.run([{"text": "done", "fail": [{"error": 429, "retry_after_ms": 400}]}])
        assert time.monotonic() - begun >= 0.4

    def test_in_the_end_it_gives_up_and_says_another_attempt_may_do(self, bench: Bench) -> None:
        outcome = bench.run([{"error": 529, "again": True}])
        assert (outcome.state, outcome.retry) == (FAILED, True)
        assert len(bench.requests) == 8

    def test_nobody_there(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
            monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
            outcome = run_api(bench.assignment, bench.events.append)
        assert (outcome.state, outcome.retry) == (FAILED, True)
        assert "no whole answer" in outcome.reason

    def test_the_wall_ends_the_waiting(self, bench: Bench) -> None:
        begun = time.monotonic()
        outcome = bench.run([{"error": 429, "retry_after": 300, "again": True}], limits=Limits(0.5))
        assert outcome.state == STOPPED
        assert time.monotonic() - begun < 60

    def test_too_long_is_shortened_once(self, bench: Bench) -> None:
        outcome = bench.run([{"error": 413, "again": True}])
        assert outcome.state == FAILED
        assert len(bench.requests) == 2


class TestParks:
    def test_a_usage_limit_parks_until_it_ends(self, bench: Bench) -> None:
        ends = (datetime.now(UTC) + timedelta(hours=3)).isoformat(timespec="seconds")
        outcome = bench.run([{"error": 429, "until": ends}])
        assert outcome.state == PARKED
        assert outcome.until == ends.replace("+00:00", "Z")
        assert len(bench.requests) == 1

    def test_it_goes_on_afterwards(self, bench: Bench) -> None:
        ends = (datetime.now(UTC) + timedelta(hours=3)).isoformat(timespec="seconds")
        script = [
            {"tools": [call("list")]},
            {"text": "done", "fail": [{"error": 429, "until": ends}]},
        ]
        assert bench.run(script).state == PARKED
        outcome = bench.resume([{"tools": [call("list")]}, "done"])
        assert (outcome.state, outcome.turns) == (DONE, 1)


class TestClasses:
    def test_a_long_retry_after_is_a_usage_limit(self) -> None:
        assert of_status(429, {"retry-after": "7200"}, "slow down", "").do == PARK
        assert of_status(429, {"retry-after": "20"}, "slow down", "").do == WAIT

    def test_a_date_in_retry_after(self) -> None:
        failure = of_status(503, {"retry-after": "Wed, 21 Oct 2099 07:28:00 GMT"}, "", "")
        assert failure.after > 1e6

    @pytest.mark.parametrize("told", ["soon", "-3", "nan", "inf", ""])
    def test_nonsense_in_retry_after_is_none(self, told: str) -> None:
        assert of_status(429, {"retry-after": told}, "", "").after == 0

    def test_a_spent_limit_with_no_end_is_an_end(self) -> None:
        assert of_status(429, {}, "", "enforced_spend_limit_reached").do == END

    def test_the_server_may_say_whether_to_try_again(self) -> None:
        assert of_status(500, {"x-should-retry": "false"}, "", "").do == END
        assert of_status(400, {"x-should-retry": "true"}, "", "").do == WAIT

    @pytest.mark.parametrize(
        ("kind", "do"),
        [("overloaded_error", WAIT), ("authentication_error", END), ("request_too_large", SHRINK),
         ("something_new", WAIT)],
    )  # fmt: skip
    def test_errors_within_a_stream(self, kind: str, do: str) -> None:
        assert of_event(kind, "").do == do
