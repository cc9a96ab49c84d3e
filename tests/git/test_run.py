"""One git process: what it must not see, must not do, and must not outlive."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from gitcoord.errors import GitFailed, GitTimedOut, Problem
from gitcoord.git import run as run_module
from gitcoord.git.run import Output, environment, inherited, run, start
from tests.conftest import Sandbox


def alias(sandbox: Sandbox, script: str) -> str:
    """A git command that is a shell script, to look at what git is started with."""
    sandbox.git("config", "alias.probe", f"!{script}")
    return "probe"


class TestEnvironment:
    @pytest.mark.parametrize(
        "name",
        [
            *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"),
            *("GIT_OBJECT_DIRECTORY", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT", "GIT_EDITOR"),
            *("GIT_CEILING_DIRECTORIES", "GIT_NAMESPACE", "GIT_TRACE", "GIT_ANYTHING_NEW"),
        ],
    )
    def test_case_47_no_variable_of_gits_is_inherited(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        probe = alias(sandbox, "env")
        monkeypatch.setenv(name, "nonsense")
        assert name not in inherited()
        assert run("rev-parse", "--show-toplevel", cwd=sandbox.path).text == str(sandbox.path)
        seen = run(probe, cwd=sandbox.path).text
        assert f"{name}=nonsense" not in seen

    def test_case_47_a_relative_git_dir_and_index(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a hook and a git alias get them: they would hold for every other repository."""
        other = Sandbox(tmp_path / "other")
        other.path.mkdir()
        other.git("init", "-q")
        monkeypatch.chdir(sandbox.path)
        monkeypatch.setenv("GIT_DIR", ".git")
        monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
        other.write("a", "a")
        run("add", "a", cwd=other.path)
        assert run("ls-files", cwd=other.path).text == "a"
        assert run("rev-parse", "--show-toplevel", cwd=other.path).text == str(other.path)

    def test_case_120_git_speaks_c(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        monkeypatch.setenv("LANGUAGE", "de")
        kept = environment()
        assert (kept["LC_ALL"], kept["LANGUAGE"]) == ("C", "C")

    def test_case_123_no_optional_lock_is_taken(self, sandbox: Sandbox) -> None:
        index = sandbox.path / ".git" / "index"
        os.utime(sandbox.path / "README.md")
        before = index.stat().st_mtime_ns, index.read_bytes()
        run("status", "--porcelain", cwd=sandbox.path)
        assert (index.stat().st_mtime_ns, index.read_bytes()) == before

    def test_what_is_given_is_given(self, sandbox: Sandbox) -> None:
        seen = run(alias(sandbox, "env"), cwd=sandbox.path, env={"GIT_INDEX_FILE": "mine"}).text
        assert "GIT_INDEX_FILE=mine" in seen

    def test_it_never_asks(self, sandbox: Sandbox) -> None:
        said = run(alias(sandbox, "env; cat"), cwd=sandbox.path).text
        assert "GIT_TERMINAL_PROMPT=0" in said
        assert run("commit", "--allow-empty", cwd=sandbox.path, ok=(0, 1)).code == 1


class TestHooks:
    @pytest.mark.parametrize("where", ["default", "configured", "relative"])
    def test_case_15_and_82_none_runs(self, sandbox: Sandbox, where: str) -> None:
        folder = sandbox.path / (".git/hooks" if where == "default" else "my-hooks")
        if where != "default":
            named = "my-hooks" if where == "relative" else str(folder)
            sandbox.git("config", "core.hooksPath", named)
        for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction"):
            hook = sandbox.write(str(folder / name), f"#!/bin/sh\ntouch '{sandbox.path}/ran'\n")
            hook.chmod(0o755)
        run("commit", "-q", "--allow-empty", "-m", "x", cwd=sandbox.path)
        assert not (sandbox.path / "ran").exists()

    def test_no_gc_is_started(self, sandbox: Sandbox) -> None:
        said = run("config", "--get-regexp", "^(gc.auto|maintenance.auto)$", cwd=sandbox.path).text
        assert said == "gc.auto 0\nmaintenance.auto false"


class TestEnds:
    def test_an_unexpected_code_raises(self, sandbox: Sandbox) -> None:
        with pytest.raises(GitFailed, match="git rev-parse failed: Needed a single") as failure:
            run("rev-parse", "--verify", "nope", cwd=sandbox.path)
        assert failure.value.code == 128
        assert run("rev-parse", "--verify", "-q", "nope", cwd=sandbox.path, ok=(0, 1)).code == 1

    def test_its_message_is_harmless_and_short(self, sandbox: Sandbox) -> None:
        script = "printf 'fatal: \\033[31mred\\n\\nhint: no\\nerror: b\\nc\\nd\\n' >&2; exit 3; :"
        with pytest.raises(GitFailed) as failure:
            run("-c", "a.b=c", alias(sandbox, script), cwd=sandbox.path)
        assert failure.value.message == "git probe failed: ?[31mred; b; c"

    def test_case_16_after_its_time_the_whole_group_is_gone(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        beat = tmp_path / "beat"
        script = f"(while :; do echo >> {beat}; sleep 0.02; done) & sleep 600; :"
        began = time.monotonic()
        with pytest.raises(GitTimedOut, match=r"within 0\.3 s"):
            run(alias(sandbox, script), cwd=sandbox.path, timeout=0.3)
        assert time.monotonic() - began < 60
        beats = beat.read_text()
        time.sleep(0.1)
        assert beat.read_text() == beats

    def test_a_folder_that_is_gone(self, tmp_path: Path) -> None:
        with pytest.raises(Problem, match="cannot start git in"):
            run("version", cwd=tmp_path / "gone")

    def test_git_that_is_not_there(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        run_module.program.cache_clear()
        monkeypatch.setenv("PATH", str(tmp_path))
        try:
            with pytest.raises(Problem, match="not on PATH"):
                run("version", cwd="/")
        finally:
            run_module.program.cache_clear()

    def test_much_in_and_much_out(self, sandbox: Sandbox) -> None:
        said = run(alias(sandbox, "cat"), cwd=sandbox.path, input=b"x" * 3_000_000)
        assert len(said.out) == 3_000_000

    def test_descriptors_are_kept_only_when_asked(self, sandbox: Sandbox, tmp_path: Path) -> None:
        with (tmp_path / "lease").open("w") as file:
            probe = alias(sandbox, f"test -e /dev/fd/{file.fileno()}")
            assert run(probe, cwd=sandbox.path, ok=(0, 1)).code == 1
            assert run(probe, cwd=sandbox.path, keep=[file.fileno()]).code == 0

    def test_a_started_process_leads_a_group(self, sandbox: Sandbox) -> None:
        process = start(alias(sandbox, "sleep 600"), cwd=sandbox.path)
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
        run_module.end_group(process)
        assert process.returncode is not None
        run_module.end_group(process)


class TestOutput:
    def test_lines_and_fields(self) -> None:
        assert Output(0, b"", b"").lines() == []
        assert Output(0, b"a\n\nb\n", b"").lines() == ["a", "", "b"]
        assert Output(0, b"", b"").fields() == []
        assert Output(0, b"a\n\0b\0", b"").fields() == ["a\n", "b"]
        assert Output(0, b"a\0b", b"").fields() == ["a", "b"]

    def test_case_37_any_bytes(self) -> None:
        text = Output(0, b"\xff\xc3\xa9\n\n", b"").text
        assert os.fsencode(text) == b"\xff\xc3\xa9\n"
