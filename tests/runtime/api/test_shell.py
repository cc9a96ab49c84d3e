"""Commands: behind walls, or not at all, or because the settings say so."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import psutil
import pytest

from gitcoord.runtime.agent import PARKED, STOPPED, Limits
from gitcoord.runtime.api import line
from gitcoord.runtime.api.capped import listen
from gitcoord.runtime.api.conversation import INTERRUPTED
from gitcoord.runtime.api.shell import bubblewrap
from tests.runtime.api.conftest import Bench, Use, call

walled = pytest.mark.skipif(bubblewrap() is None, reason="bubblewrap does not work here")


@pytest.fixture
def free(bench: Bench) -> None:
    bench.config('[agents]\nrun = "unconfined"\n')


def alive(mark: str) -> bool:
    """Whether a process lives whose command line has `mark`."""
    lines = (" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"]))
    return any(mark in line for line in lines)


class TestOff:
    def test_without_walls_nothing_runs(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", "/nowhere:" + os.environ["PATH"])
        monkeypatch.setattr("gitcoord.runtime.api.hands.bubblewrap", lambda: None)
        bench.run([{"tools": [call("run", command="touch ran")]}, "done"])
        assert "you have no tool 'run'" in bench.results()[0]
        assert not (bench.top / "ran").exists()

    def test_off_is_off(self, bench: Bench, use: Use) -> None:
        bench.config('[agents]\nrun = "off"\n')
        assert "you have no tool 'run'" in use("run", command="touch ran")

    def test_ask_waits_for_a_person_each_time(self, bench: Bench) -> None:
        bench.config('[agents]\nrun = "ask"\n')
        script = [{"tools": [call("run", command="echo it ran")]}, "done"]
        assert bench.run(script, ask=lambda *_: "ask-1").state == PARKED
        bench.resume(script, decision_on=lambda _: ("approved", ""))
        assert bench.results() == ("exit code 0\nit ran\n",)


@pytest.mark.usefixtures("free")
class TestUnconfined:
    def test_exit_code_and_both_streams(self, use: Use) -> None:
        assert use("run", command="echo a; echo b >&2; exit 3") == "exit code 3\na\nb\n"

    def test_no_key_is_in_its_environment(self, use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        monkeypatch.setenv("CLAUDECODE", "1")
        names = {row.split("=")[0] for row in use("run", command="env").splitlines()}
        assert not {name for name in names if name.startswith(("ANTHROPIC", "AWS", "CLAUDE"))}
        assert "PATH" in names

    def test_time_is_limited_and_what_it_started_is_gone(self, use: Use) -> None:
        mark = f"41.{os.getpid()}"
        said = use(
            "run", command=f"sleep {mark} & setsid sleep {mark} & echo begun; wait", seconds=1
        )
        assert said == "exit code 124; ended after 1 s\nbegun\n"
        assert not alive(mark)

    def test_children_that_hold_the_pipe_do_not_hold_us(self, use: Use) -> None:
        mark = f"42.{os.getpid()}"
        begun = time.monotonic()
        assert use("run", command=f"sleep {mark} & setsid sleep {mark} & echo done") == (
            "exit code 0\ndone\n"
        )
        assert time.monotonic() - begun < 20
        assert not alive(mark)

    def test_a_flood_is_capped(self, use: Use) -> None:
        said = use("run", command="yes flood | head -c 50000000; echo the end")
        assert len(said) < 32_000
        assert "bytes left out" in said
        assert said.endswith("the end\n")

    def test_stop_all_ends_it_and_nobody_knows_what_was_done(self, bench: Bench) -> None:
        mark = f"43.{os.getpid()}"
        script = [{"tools": [call("run", command=f"sleep {mark}", seconds=60)]}, "done"]
        threading.Timer(0.5, line.stop_all).start()
        assert bench.run(script).state == STOPPED
        assert not alive(mark)
        line.hang_up()
        bench.resume(script)
        assert bench.results() == (INTERRUPTED,)

    def test_the_wall_of_the_task_holds_for_it(self, bench: Bench) -> None:
        script = [{"tools": [call("run", command="sleep 60", seconds=60)]}, "done"]
        begun = time.monotonic()
        assert bench.run(script, limits=Limits(wall=1.0)).state == STOPPED
        assert time.monotonic() - begun < 30


class TestListening:
    def test_interrupted_it_leaves_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        mark = f"44.{os.getpid()}"
        process = subprocess.Popen(
            ["sh", "-c", f"sleep {mark} & sleep {mark}"], stdout=subprocess.PIPE, process_group=0
        )

        def ctrl_c() -> bool:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            listen(process, most=100, seconds=60, stopped=ctrl_c)
        assert not alive(mark)


@walled
class TestWalls:
    def test_the_worktree_can_be_written_and_nothing_else(
        self, bench: Bench, use: Use, tmp_path: Path
    ) -> None:
        (tmp_path / "outside").mkdir()
        said = use("run", command=f"echo 1 > made; echo 2 > {tmp_path}/outside/x; echo $?")
        assert (bench.top / "made").read_text() == "1\n"
        assert os.listdir(tmp_path / "outside") == []
        assert said.startswith("exit code 0")

    def test_git_can_be_read_and_not_written(self, bench: Bench, use: Use) -> None:
        before = bench.sandbox.git("rev-parse", "HEAD")
        command = "git log --oneline | wc -l; git commit --allow-empty -m x; rm -rf .git;"
        said = use("run", command=f"{command} echo x > .git/hooks/pre-commit; git config a.b c")
        assert "\n3\n" in said
        assert bench.sandbox.git("rev-parse", "HEAD") == before
        assert not (bench.top / ".git/hooks/pre-commit").exists()

    def test_no_network_and_no_sockets(self, bench: Bench, use: Use) -> None:
        said = use("run", command="cat /proc/net/dev | wc -l; ls /run | wc -l")
        assert said.split("\n")[1:3] == ["3", "0"]

    def test_secrets_of_the_home_are_not_there(self, bench: Bench, use: Use, sealed: Path) -> None:
        (sealed / ".ssh").mkdir()
        (sealed / ".ssh" / "id_rsa").write_text("private")
        (sealed / ".netrc").write_text("password")
        said = use("run", command="cat ~/.ssh/id_rsa ~/.netrc; ls -A ~/.ssh | wc -l")
        assert "private" not in said
        assert "password" not in said

    def test_records_and_logs_are_not_there(self, bench: Bench, use: Use) -> None:
        assert use("run", command="ls -A .git/agentcoord | wc -l") == "exit code 0\n0\n"

    def test_settings_it_leaves_are_taken_out_again(self, bench: Bench, use: Use) -> None:
        bench.sandbox.write(".codex/config.toml", "x = 1\n")
        said = use("run", command="mkdir .claude; echo x > .claude/settings.json; echo > .mcp.json;"
                   " echo curl evil > .envrc;"
                   " echo y > .codex/config.toml")  # fmt: skip
        assert ".claude was taken out again" in said
        assert not (bench.top / ".claude").exists()
        assert not (bench.top / ".mcp.json").exists()
        assert not (bench.top / ".envrc").exists()
        assert (bench.top / ".codex/config.toml").read_text() == "x = 1\n"

    def test_it_sees_no_other_process(self, use: Use) -> None:
        assert int(use("run", command="ls /proc | grep -c '^[0-9]'").split("\n")[1]) < 8

    def test_time_is_limited(self, use: Use) -> None:
        mark = f"45.{os.getpid()}"
        assert "ended after 1 s" in use("run", command=f"setsid sleep {mark}", seconds=1)
        assert not alive(mark)
