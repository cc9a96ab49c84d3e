"""The program that plays an agent: what it is told to do, it does, and says as the real ones do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from gitcoord.testing.fake_agent import install
from tests.conftest import Sandbox

STREAMS = Path(__file__).parent / "streams"
RECORDINGS = sorted(STREAMS.glob("*.jsonl"))


def play(
    folder: Path, script: Mapping[str, Any], *words: str, name: str = "claude", **more: Any
) -> subprocess.CompletedProcess[str]:
    """Install it under a name beside the folder, and call it there."""
    program = install(folder.parent / "bin", name, script)
    return subprocess.run(
        [program, *words], cwd=folder, capture_output=True, text=True, timeout=20, **more
    )


def events(done: subprocess.CompletedProcess[str]) -> list[Any]:
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


class TestReplaying:
    @pytest.mark.parametrize("file", RECORDINGS, ids=lambda file: str(file.stem))
    def test_every_recording_is_whole_and_says_what_it_is(self, file: Path) -> None:
        head, *lines = file.read_text(encoding="utf-8").splitlines()
        recorded = json.loads(head)["recorded"]
        assert recorded["program"] == file.stem.split("-")[0]
        assert recorded["version"]
        for line in lines:
            assert "/tmp/tmp" not in line
            if recorded["program"] != "aider":
                json.loads(line)

    @pytest.mark.parametrize(
        ("name", "option"), [("claude", "--session-id"), ("codex", ""), ("opencode", "-s")]
    )
    def test_a_recording_has_the_folder_and_mark_of_now(
        self, sandbox: Sandbox, name: str, option: str
    ) -> None:
        script = {"steps": [{"replay": str(STREAMS / f"{name}-edit.jsonl")}]}
        words = [option, "22222222-2222"] if option else ["resume", "22222222-2222"]
        done = play(sandbox.path, script, *words, name=name)
        assert "/home/ada/shop" not in done.stdout
        assert str(sandbox.path) in done.stdout
        assert '"22222222-2222"' in done.stdout
        assert events(done)[-1]

    def test_part_of_a_recording_and_a_line_that_ends_in_the_middle(self, sandbox: Sandbox) -> None:
        replay = {"replay": str(STREAMS / "claude-edit.jsonl"), "lines": 1}
        done = play(sandbox.path, {"steps": [replay, {"raw": '{"type": "resu'}, {"die": "KILL"}]})
        assert done.returncode == -signal.SIGKILL
        assert events(play(sandbox.path, {"steps": [replay]}))[0]["subtype"] == "init"
        assert done.stdout.endswith('{"type": "resu')

    def test_version_and_help_are_as_told(self, sandbox: Sandbox) -> None:
        script = {"version": "2.1.329 (Claude Code)", "help": "Usage: claude", "steps": []}
        assert play(sandbox.path, script, "--version").stdout == "2.1.329 (Claude Code)\n"
        assert play(sandbox.path, script, "--help").stdout == "Usage: claude\n"


class TestDeeds:
    def test_it_edits_and_commits(self, sandbox: Sandbox) -> None:
        steps = [
            {"write": {"new/b.py": "y = 2\n"}},
            {"append": {"README.md": "More.\n"}},
            {"delete": "src/cart.py"},
            {"run": ["git", "add", "-A"]},
            {"run": ["git", "commit", "-qm", "By {{mark}} for {{prompt}}"]},
        ]
        assert not play(sandbox.path, {"steps": steps}, "--session-id=m1", "Do it").returncode
        assert sandbox.git("log", "-1", "--format=%s") == "By m1 for Do it"
        changed = sandbox.git("show", "--name-status", "--format=").split()
        assert changed == ["M", "README.md", "A", "new/b.py", "D", "src/cart.py"]

    def test_it_tells_how_it_was_called(self, sandbox: Sandbox) -> None:
        steps = [{"read": True}, {"record": "seen.json"}]
        play(sandbox.path, {"steps": steps}, "-p", "words", input="by stdin")
        seen = json.loads((sandbox.path / "seen.json").read_text())
        assert seen["argv"] == ["-p", "words"]
        assert (seen["stdin"], seen["cwd"]) == ("by stdin", str(sandbox.path))
        assert seen["env"]["HOME"] == os.environ["HOME"]

    def test_it_floods(self, sandbox: Sandbox) -> None:
        done = play(sandbox.path, {"steps": [{"flood": 5_000_000, "valid": True}]})
        assert len(done.stdout) > 4_900_000
        assert events(done)[-1]["type"] == "noise"

    def test_exit_codes_that_lie(self, sandbox: Sandbox) -> None:
        script = {"steps": [{"stderr": "failed"}, {"exit": 0}, {"say": "never"}]}
        done = play(sandbox.path, script)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "failed\n")

    def test_a_step_that_nobody_knows_is_no_silent_success(self, sandbox: Sandbox) -> None:
        assert play(sandbox.path, {"steps": [{"wirte": {}}]}).returncode == 1


class TestConversations:
    def test_what_is_resumed_plays_its_own_steps(self, sandbox: Sandbox) -> None:
        script = {"steps": [{"say": "new {{mark}}"}], "resumed": [{"say": "again {{mark}}"}]}
        assert play(sandbox.path, script, "--session-id", "m1").stdout == "new m1\n"
        for words in (["--resume", "m1"], ["--resume=m1"], ["exec", "resume", "m1"]):
            assert play(sandbox.path, script, *words).stdout == "again m1\n"

    def test_marks_are_taken_and_unknown_as_those_of_claude(self, sandbox: Sandbox) -> None:
        script = {
            "marks": "marks",
            "steps": [{"say": "new"}],
            "resumed": [{"say": "again"}],
            "taken": [{"stderr": "Error: Session ID {{mark}} is already in use."}, {"exit": 1}],
            "unknown": [{"replay": str(STREAMS / "claude-unknown.jsonl")}, {"exit": 1}],
        }
        new, again = ["--session-id", "m1"], ["--resume", "m1"]
        unknown = play(sandbox.path, script, *again)
        assert (unknown.returncode, events(unknown)[0]["is_error"]) == (1, True)
        assert play(sandbox.path, script, *new).stdout == "new\n"
        assert "m1 is already in use" in play(sandbox.path, script, *new).stderr
        assert play(sandbox.path, script, *again).stdout == "again\n"


class TestMisbehaving:
    def test_it_hangs_ignores_signals_and_leaves_children(self, sandbox: Sandbox) -> None:
        steps = [
            {"ignore": ["TERM", "INT"]},
            {"spawn": 60, "leaves": True, "pid": "away"},
            {"spawn": 60, "pid": "near"},
            {"say": "hanging"},
            {"hang": True},
        ]
        program = install(sandbox.path.parent / "bin", "codex", {"steps": steps})
        with subprocess.Popen(
            [program], cwd=sandbox.path, stdout=subprocess.PIPE, start_new_session=True
        ) as agent:
            assert agent.stdout is not None
            assert agent.stdout.readline() == b"hanging\n"
            agent.send_signal(signal.SIGTERM)
            agent.send_signal(signal.SIGINT)
            with pytest.raises(subprocess.TimeoutExpired):
                agent.wait(0.1)
            children = [
                psutil.Process(int((sandbox.path / name).read_text())) for name in ("away", "near")
            ]
            groups = [os.getpgid(child.pid) for child in children]
            assert groups == [children[0].pid, agent.pid]
            os.killpg(agent.pid, signal.SIGKILL)
            assert agent.wait() == -signal.SIGKILL
            assert children[0].is_running(), "it left the group, so it lives on"
            children[0].kill()

    def test_it_waits_for_its_cue(self, sandbox: Sandbox) -> None:
        program = install(
            sandbox.path.parent / "bin", "gemini", {"steps": [{"await": "cue"}, {"say": "now"}]}
        )
        with subprocess.Popen([program], cwd=sandbox.path, stdout=subprocess.PIPE) as agent:
            with pytest.raises(subprocess.TimeoutExpired):
                agent.wait(0.2)
            sandbox.write("cue", "")
            out, _ = agent.communicate(timeout=20)
        assert out == b"now\n"
