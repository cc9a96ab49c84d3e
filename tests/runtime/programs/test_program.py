"""The child-process host: floods, orphans, deaf and silent programs, what they inherit."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.errors import Problem
from gitcoord.runtime.agent import DONE, STOPPED, UNKNOWN, Limits
from gitcoord.runtime.programs.program import Command, Ended, Lines, environment, run, stop_all
from tests.runtime.programs.conftest import Stage

SUCCESS = {
    "type": "result", "subtype": "success", "is_error": False, "result": "Ready.", "num_turns": 1,
    "session_id": "{{mark}}", "total_cost_usd": 0.5, "modelUsage": {}, "result_index": 0,
}  # fmt: skip


def start(stage: Stage, *argv: str, given: bytes | None = None) -> tuple[Ended, bytes]:
    """Run a program of any words, and what it said."""
    said: list[bytes] = []

    def take(block: bytes) -> bool:
        said.append(block)
        return False

    return run(Command(argv, given), stage.assignment, take), b"".join(said)


def await_true(check: Callable[[], bool], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_alive(file: Path) -> bool:
    pid = int(file.read_text())
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class TestStreams:
    def test_a_flood_and_a_line_without_end_are_read_in_bounded_memory(self, stage: Stage) -> None:
        """30 MB in small lines, a line of 20 MB, no newline at the end."""
        code = (
            "import sys; w = sys.stdout.write\n"
            "for _ in range(300): w(('x' * 99 + chr(10)) * 1000)\n"
            "w('y' * 20_000_000 + chr(10)); w('the end')"
        )
        before = psutil.Process().memory_info().rss
        blocks: list[tuple[int, bytes]] = []

        def take(block: bytes) -> bool:
            blocks.append((len(block), block[-100:]))
            return False

        ended = run(Command((sys.executable, "-c", code)), stage.assignment, take)
        assert ended == Ended(0)
        ending = b"".join(last for _, last in blocks[-2:])
        assert ending == b"(a line of 20000000 bytes was left out)\nthe end\n"
        assert 30_000_000 < sum(size for size, _ in blocks) < 31_000_000
        assert psutil.Process().memory_info().rss - before < 100_000_000

    def test_invalid_utf8_ends_in_the_log_as_it_was(self, stage: Stage) -> None:
        ended, said = start(stage, "printf", r"\377\376 {\n")
        assert said == b"\xff\xfe {\n"
        assert stage.log.read_bytes() == said
        assert ended.code == 0

    def test_the_log_is_for_its_owner_alone(self, stage: Stage) -> None:
        stage.log.touch(0o644)
        start(stage, "echo", "secret")
        assert stat.S_IMODE(stage.log.stat().st_mode) == 0o600

    def test_stdin_is_the_text_given_or_nothing(self, stage: Stage) -> None:
        long = b"line\n" * 100_000
        assert start(stage, "cat", given=long)[1] == long
        assert start(stage, "cat")[1] == b""

    def test_stderr_is_kept_for_the_reason(self, stage: Stage) -> None:
        ended, said = start(stage, "sh", "-c", "echo out; echo why >&2; exit 7")
        assert (ended, said) == (Ended(7, err="why"), b"out\n")

    def test_what_cannot_be_started_is_a_problem(self, stage: Stage) -> None:
        with pytest.raises(Problem, match="cannot start no-such-program"):
            start(stage, "no-such-program")

    @given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
    def test_lines_come_whole_however_they_are_cut(self, parts: list[bytes], most: int) -> None:
        lines = Lines(most)
        got = b"".join(lines.whole(part) for part in parts if part) + lines.rest()
        said = b"".join(parts)
        unlimited = Lines(1 << 30)
        whole = b"".join(unlimited.whole(part) for part in parts if part) + unlimited.rest()
        assert whole == said + (b"" if said.endswith(b"\n") or not said else b"\n")
        assert got.count(b"\n") == whole.count(b"\n")


class TestEnvironment:
    def test_only_what_is_allowed_is_passed_on(self) -> None:
        ours = {
            "HOME": "/h", "PATH": "/b", "LC_ALL": "C", "https_proxy": "p", "SSL_CERT_FILE": "c",
            "CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "x", "CODEX_SANDBOX": "1",
            "GIT_DIR": "g", "SECRET": "s", "ANTHROPIC_API_KEY": "k", "SSH_AUTH_SOCK": "a",
        }  # fmt: skip
        given = environment(ours, ("ANTHROPIC_*",), {"MORE": "m"})
        assert given == {
            "HOME": "/h", "PATH": "/b", "LC_ALL": "C", "https_proxy": "p", "SSL_CERT_FILE": "c",
            "ANTHROPIC_API_KEY": "k", "MORE": "m", "TERM": "dumb",
        }  # fmt: skip

    def test_a_program_gets_no_variable_of_the_agent_we_run_in(
        self, stage: Stage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT", "GIT_DIR", "OPENAI_API_KEY"):
            monkeypatch.setenv(name, "ours")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
        stage.play("claude", {"record": "seen.json"}, {"say": SUCCESS})
        stage.run("claude", environment={"EXTRA": "e"})
        seen = json.loads((stage.top / "seen.json").read_text())["env"]
        assert not {name for name in seen if name.startswith(("CLAUDECODE", "GIT_", "OPENAI"))}
        assert "CLAUDE_CODE_ENTRYPOINT" not in seen
        assert (seen["ANTHROPIC_API_KEY"], seen["EXTRA"], seen["TERM"]) == ("key", "e", "dumb")


class TestEnd:
    def test_children_that_left_the_group_are_ended_too(self, stage: Stage) -> None:
        """In a session of its own and given to init: only its environment tells whose it is."""
        code = (
            "import os, time\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork() == 0:\n"
            "        os.close(1); os.close(2)\n"
            "        open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'orphan')\n"
            "        time.sleep(60)\n"
            "    os._exit(0)\n"
            "while not os.path.exists('orphan'): time.sleep(0.01)\n"
        )
        start(stage, sys.executable, "-c", code)
        assert not is_alive(stage.top / "orphan")

    def test_an_orphan_that_holds_the_pipe_does_not_hold_us(self, stage: Stage) -> None:
        began = time.monotonic()
        ended, said = start(stage, "sh", "-c", "sleep 60 & echo done")
        assert (ended.code, said) == (0, b"done\n")
        assert time.monotonic() - began < 20

    def test_one_that_ignores_both_signals_is_killed(self, stage: Stage) -> None:
        stage.play("claude", {"ignore": ["TERM", "INT"]}, {"say": {"type": "x"}}, {"hang": True})
        outcome = stage.run("claude", limits=Limits(wall=1, stall=0))
        assert (outcome.state, outcome.reason) == (STOPPED, "its time was up")

    def test_silence_ends_it_and_is_worth_another_attempt(self, stage: Stage) -> None:
        stage.play("claude", {"say": {"type": "x"}}, {"hang": True})
        outcome = stage.run("claude", limits=Limits(wall=20, stall=0.5))
        assert (outcome.state, outcome.retry) == (STOPPED, True)
        assert "sign of life" in outcome.reason

    def test_a_child_at_work_is_a_sign_of_life(self, stage: Stage) -> None:
        """As of a test suite that says nothing for longer than the limit."""
        busy = "import time; until = time.monotonic() + 1.6\nwhile time.monotonic() < until: pass"
        stage.play("claude", {"run": [sys.executable, "-c", busy]}, {"say": SUCCESS})
        assert stage.run("claude", limits=Limits(wall=20, stall=0.6)).state == DONE

    def test_an_interrupt_passes_through_and_nothing_is_left(self, stage: Stage) -> None:
        pid = stage.top / "pid"

        def take(block: bytes) -> bool:
            pid.write_bytes(block)
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            run(Command(("sh", "-c", "echo $$; exec sleep 60")), stage.assignment, take)
        assert not is_alive(pid)

    def test_all_at_work_can_be_stopped_from_another_thread(self, stage: Stage) -> None:
        stage.play("claude", {"write": {"began": "x"}}, {"hang": True})
        outcomes = []
        thread = threading.Thread(target=lambda: outcomes.append(stage.run("claude")))
        thread.start()
        await_true((stage.top / "began").exists)
        stop_all()
        thread.join(10)
        assert [outcome.reason for outcome in outcomes] == ["it was stopped"]

    def test_what_a_killed_host_left_is_ended_before_the_next_attempt(self, stage: Stage) -> None:
        host = (
            "import sys\nfrom pathlib import Path\n"
            "from gitcoord.runs.role import Role\nfrom gitcoord.runtime.agent import Assignment\n"
            "from gitcoord.runtime.programs.program import Command, run\n"
            f"top = Path({str(stage.top)!r})\n"
            f"a = Assignment({stage.assignment.run_id!r}, 't', Role('x', '', ''), '', top, top, "
            f"'m', Path({str(stage.log)!r}))\n"
            "run(Command(('sh', '-c', 'echo $$ > p && mv p pid; exec sleep 60')), a, bool)"
        )
        process = subprocess.Popen([sys.executable, "-c", host])
        await_true((stage.top / "pid").exists)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert is_alive(stage.top / "pid")
        stage.play("claude", {"say": SUCCESS})
        assert stage.run("claude", resumed=True).state == DONE
        assert not is_alive(stage.top / "pid")


class TestTruth:
    @pytest.mark.parametrize("code", [0, 1, 144])
    def test_an_exit_code_says_nothing(self, stage: Stage, code: int) -> None:
        stage.play("claude", {"say": {"type": "assistant"}}, {"exit": code})
        assert stage.run("claude").state == UNKNOWN
        stage.play("claude", {"say": SUCCESS}, {"exit": code})
        assert stage.run("claude").state == DONE

    def test_killed_is_unknown(self, stage: Stage) -> None:
        stage.play("claude", {"say": {"type": "x"}}, {"die": "KILL"})
        outcome = stage.run("claude")
        assert outcome.state == UNKNOWN
        assert "signal 9" in outcome.reason
        assert str(stage.log) in outcome.hint

    def test_of_several_results_the_last_by_its_index_holds(self, stage: Stage) -> None:
        first = {**SUCCESS, "result": "Begun.", "result_index": 0}
        last = {**SUCCESS, "result": "Ready.", "result_index": 1}
        late = {"type": "command_lifecycle", "state": "completed"}
        stage.play("claude", {"say": first}, {"say": last}, {"say": first}, {"say": late})
        assert stage.run("claude").summary == "Ready."

    def test_garbage_between_events_is_passed_over(self, stage: Stage) -> None:
        stage.play(
            "claude", {"say": "no JSON"}, {"say": "{"}, {"say": "[1]"}, {"say": {"type": 7}},
            {"say": {"type": "assistant", "message": None}}, {"say": "{" * 5000}, {"say": SUCCESS},
            {"raw": '{"type": "resu'},
        )  # fmt: skip
        assert stage.run("claude").state == DONE
