"""Included ignored files, and set-up commands."""

from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path

import pytest

from gitcoord.worktrees.prepare import copy_included
from tests.calling import Said, gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import begin, look, refused


def start(*words: str, at: Path) -> Said:
    return gitcoord("start", "investigation", "x", "--no-run", *words, at=at)


def included(sandbox: Sandbox, patterns: str) -> Path:
    sandbox.write(".worktreeinclude", patterns)
    return Path(begin(at=sandbox.path)["path"])


class TestInclude:
    def test_only_ignored_files_that_are_named(self, sandbox: Sandbox) -> None:
        sandbox.write(".env", "KEY=1")
        sandbox.write("other.log", "not named")
        sandbox.write("untracked.txt", "not ignored")
        sandbox.write("src/deep/.env", "KEY=2")
        path = included(sandbox, "# mine\n.env\nuntracked.txt\nREADME.md\n")
        assert (path / ".env").read_text() == "KEY=1"
        assert (path / "src/deep/.env").read_text() == "KEY=2"
        assert not (path / "other.log").exists()
        assert not (path / "untracked.txt").exists()
        assert sandbox.git("status", "--porcelain", at=path) == ""

    def test_negation_and_folders(self, sandbox: Sandbox) -> None:
        for name in ("build/a.o", "build/b.o", "build/deep/c.o", "x.log", "keep.log"):
            sandbox.write(name, name)
        path = included(sandbox, "build/\n*.log\n!x.log\n")
        assert (path / "build/deep/c.o").read_text() == "build/deep/c.o"
        assert (path / "keep.log").exists()
        assert not (path / "x.log").exists()

    def test_modes_times_and_links_are_kept(self, sandbox: Sandbox) -> None:
        tool = sandbox.write("build/tool", "#!/bin/sh\n")
        tool.chmod(0o750)
        os.utime(tool, (1_000_000_000, 1_000_000_000))
        (sandbox.path / "build" / "link").symlink_to("/nowhere/at all")
        path = included(sandbox, "build/")
        assert stat.S_IMODE((path / "build/tool").stat().st_mode) == 0o750
        assert (path / "build/tool").stat().st_mtime == 1_000_000_000
        assert os.readlink(path / "build/link") == "/nowhere/at all"

    def test_case_37_names_in_any_bytes(self, sandbox: Sandbox) -> None:
        name = os.fsdecode(b'build/new\nline \xff "quoted" *[x]\\')
        sandbox.write(name, "odd")
        assert (included(sandbox, "build/") / name).read_text() == "odd"

    def test_case_34_sockets_and_pipes_are_passed_over(self, sandbox: Sandbox) -> None:
        (sandbox.path / "build").mkdir()
        os.mkfifo(sandbox.path / "build" / "pipe")
        with socket.socket(socket.AF_UNIX) as listening:
            here = Path.cwd()
            os.chdir(sandbox.path / "build")  # the path of a socket has 107 bytes at most
            listening.bind("socket")
            os.chdir(here)
        sandbox.write("build/file", "x")
        path = included(sandbox, "build/")
        assert os.listdir(path / "build") == ["file"]

    def test_case_34_a_link_in_a_circle(self, sandbox: Sandbox) -> None:
        (sandbox.path / "build").mkdir()
        (sandbox.path / "build" / "again").symlink_to("..")
        path = included(sandbox, "build/")
        assert os.readlink(path / "build" / "again") == ".."

    def test_case_34_a_file_that_vanishes_meanwhile(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.write(".env", "KEY=1")
        target = tmp_path / "target"
        target.mkdir()
        assert copy_included(sandbox.path, target, ["gone", ".env"]) == [".env"]

    def test_case_34_a_tracked_link_that_leads_out(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """On the base `vendor` is a link to somewhere else; here it is a folder."""
        outside = tmp_path / "outside"
        outside.mkdir()
        (sandbox.path / "vendor").symlink_to(outside)
        sandbox.commit("A link", {})
        (sandbox.path / "vendor").unlink()
        sandbox.write("vendor/x.log", "mine")
        path = included(sandbox, "*.log\n")
        assert os.path.islink(path / "vendor")
        assert list(outside.iterdir()) == []

    def test_case_34_what_is_there_is_not_overwritten(self, sandbox: Sandbox) -> None:
        sandbox.git("checkout", "-q", "-b", "tracked")
        sandbox.write("a.log", "tracked")
        sandbox.git("add", "-f", "a.log")
        sandbox.git("commit", "-q", "-m", "A log")
        sandbox.git("checkout", "-q", "main")
        sandbox.write("a.log", "ignored")
        sandbox.write(".worktreeinclude", "*.log\n")
        path = Path(begin("--from", "tracked", at=sandbox.path)["path"])
        assert (path / "a.log").read_text() == "tracked"

    def test_case_34_a_file_where_a_folder_is_needed(self, sandbox: Sandbox) -> None:
        sandbox.commit("A file called build", {"src/build": "a file"})
        sandbox.git("rm", "-q", "--cached", "src/build")
        (sandbox.path / "src" / "build").unlink()
        sandbox.write("src/build/x.o", "an object")
        path = included(sandbox, "build/\n")
        assert (path / "src" / "build").read_text() == "a file"

    def test_case_36_from_where_one_stands(self, sandbox: Sandbox) -> None:
        """A linked worktree has its own: those are taken, not the main one's."""
        sandbox.write(".env", "of the main one")
        sandbox.write(".worktreeinclude", ".env\n")
        first = Path(begin(at=sandbox.path)["path"])
        sandbox.write(".env", "of the first", at=first)
        sandbox.write(".worktreeinclude", ".env\n", at=first)
        second = Path(begin(at=first / "src")["path"])
        assert (second / ".env").read_text() == "of the first"

    def test_worktrees_within_are_not_copied(self, sandbox: Sandbox) -> None:
        begin("--path", "build/trees/one", at=sandbox.path)
        sandbox.write("build/x.o", "x")
        path = included(sandbox, "build/\n")
        assert sorted(os.listdir(path / "build")) == ["x.o"]

    def test_the_file_is_a_setting(self, sandbox: Sandbox) -> None:
        gitcoord("config", "set", "worktree.include_file", ".take", at=sandbox.path)
        sandbox.write(".env", "KEY=1")
        sandbox.write(".take", ".env\n")
        assert (Path(begin(at=sandbox.path)["path"]) / ".env").exists()

    @pytest.mark.parametrize("made", ["folder", "dangling link", "bytes"])
    def test_an_unusable_one(self, sandbox: Sandbox, made: str) -> None:
        file = sandbox.path / ".worktreeinclude"
        match made:
            case "folder":
                file.mkdir()
            case "dangling link":
                file.symlink_to("nowhere")
            case _:
                file.write_bytes(b"\xff\0\n\n!\n[\n" * 50)
        assert begin(at=sandbox.path)


class TestSetup:
    def setup(self, sandbox: Sandbox, *commands: str, seconds: int = 60) -> None:
        listed = str(list(commands))
        assert gitcoord("config", "set", "setup.commands", listed, at=sandbox.path).code == 0
        gitcoord("config", "set", "setup.timeout", str(seconds), at=sandbox.path)

    def test_in_the_worktree_in_order_with_a_log(self, sandbox: Sandbox) -> None:
        self.setup(sandbox, "pwd > where", "cat where; echo $GITCOORD_WORKTREE_ID; echo err >&2")
        made = begin(at=sandbox.path)
        log = sandbox.path / ".git" / "agentcoord" / "logs" / f"{made['id']}-setup.log"
        said = log.read_text()
        assert f"{made['path']}\n{made['id']}\nerr\n" in said
        assert "$ pwd > where\n" in said

    def test_case_47_git_in_it_works_on_the_new_worktree(
        self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GIT_DIR", str(sandbox.path / ".git"))
        monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")
        gitcoord(
            "config",
            "set",
            "setup.commands",
            "git rev-parse --show-toplevel > top",
            at=sandbox.path,
        )
        said = start("--json", at=sandbox.path)
        path = said.json["worktree"]["path"]
        assert Path(path, "top").read_text() == f"{path}\n"

    def test_a_failure_leaves_nothing_but_the_log(self, sandbox: Sandbox) -> None:
        self.setup(
            sandbox, "touch made; mkdir -p build/x; chmod 500 build", "echo no such thing; exit 7"
        )
        before = look(sandbox)
        said = start(at=sandbox.path)
        refused(said, "failed with 7", "no such thing", "less")
        after = look(sandbox)
        logs = {name for name in after.files if "/agentcoord/logs/" in name}
        assert len(logs) == 1
        for name in logs:
            del after.files[name]
        assert after == before

    def test_case_38_a_tracked_file_cannot_ask_for_it(self, sandbox: Sandbox) -> None:
        sandbox.commit(
            "Try", {".agentcoord/config.toml": '[setup]\ncommands = ["touch /tmp/owned"]\n'}
        )
        path = Path(begin(at=sandbox.path)["path"])
        assert not (path / "owned").exists()
        assert not (sandbox.path / ".git" / "agentcoord" / "logs").exists()

    def test_case_39_input_is_closed(self, sandbox: Sandbox) -> None:
        self.setup(sandbox, "cat > read; test ! -t 0")
        path = Path(begin(at=sandbox.path)["path"])
        assert (path / "read").read_bytes() == b""

    def test_case_16_after_its_time_all_it_started_is_ended(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """Also what went into the background and into a session of its own."""
        beat = tmp_path / "beat"
        loop = f"while :; do echo >> {beat}; sleep 0.02; done"
        self.setup(sandbox, f'(trap "" TERM; {loop}) & sleep 600', seconds=1)
        before = look(sandbox)
        refused(start(at=sandbox.path), "did not end within 1 s", "setup.timeout 2")
        beats = beat.read_text()
        time.sleep(0.1)
        assert beat.read_text() == beats
        after = look(sandbox)
        assert (after.refs, after.listed, after.folders) == (
            before.refs, before.listed, before.folders,
        )  # fmt: skip

    def test_output_without_end_or_encoding_goes_to_the_log(self, sandbox: Sandbox) -> None:
        self.setup(sandbox, "head -c 300000 /dev/zero | tr '\\\\0' '\\\\377'; exit 1")
        said = start(at=sandbox.path)
        refused(said, "failed with 1")
        assert len(said.err) < 4000
