"""The front door: what is imported, how options are read, how every way to end is told."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from gitcoord import __version__, main
from gitcoord.commands import VERBS, verbs
from gitcoord.commands.asking import NO, AsJson, asked_of, family
from gitcoord.errors import BadInput, Problem
from tests.calling import PROGRAM, Said, gitcoord, installed
from tests.conftest import Sandbox

HEAVY = {"git", "anthropic", "psutil", "tomlkit", "rich", "pydantic"}

Deed = Callable[[typer.Context], int | None]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Deed], None]:
    """Registers `gitcoord probe`, as a file of commands would, with a body of the test's."""

    def register(deed: Deed) -> None:
        app = family()

        @app.command(name="probe")
        def probe(
            ctx: typer.Context, task: str = typer.Argument(""), *, as_json: AsJson = False
        ) -> int | None:
            return deed(ctx)

        monkeypatch.setitem(VERBS, "Test", {"probe": ("probing", "Try something.")})
        monkeypatch.setattr(verbs, "import_module", lambda name: SimpleNamespace(app=app))

    return register


def modules_after(*words: str) -> set[str]:
    """The top-level modules that one call of the program imports."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))\n"
        f"sys.argv = {['gitcoord', *words]!r}\n"
        "from gitcoord.main import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


def raising(error: BaseException) -> Deed:
    def deed(ctx: typer.Context) -> int | None:
        raise error

    return deed


class TestImports:
    def test_version_imports_nothing_heavy_and_not_even_typer(self) -> None:
        seen = modules_after("--version")
        assert not seen & (HEAVY | {"typer", "pathlib", "dataclasses", "subprocess", "typing"})

    def test_help_imports_nothing_heavy_and_no_command(self) -> None:
        seen = modules_after("--help")
        assert not seen & HEAVY
        commands = {name for name in seen if name.startswith("gitcoord.commands.")}
        assert commands == {f"gitcoord.commands.{name}" for name in ("asked", "asking", "verbs")}

    def test_a_verb_imports_its_own_file_and_a_reading_one_not_what_writes(self) -> None:
        seen = modules_after("-C", "/", "config", "list")
        assert "gitcoord.commands.config" in seen
        assert not seen & HEAVY


class TestVersion:
    @pytest.mark.parametrize("name", ["gitcoord", "git-coord"])
    def test_both_programs_say_it(self, name: str) -> None:
        said = installed("--version", program=PROGRAM.with_name(name))
        assert said == Said(0, f"gitcoord {__version__}\n", "")

    def test_after_other_options(self) -> None:
        assert gitcoord("-q", "--version").out == f"gitcoord {__version__}\n"

    def test_git_finds_it(self) -> None:
        path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["git", "coord", "--version"],
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert done.stdout == f"gitcoord {__version__}\n"


class TestHelp:
    def test_alone_it_shows_help(self) -> None:
        assert gitcoord() == gitcoord("--help") == gitcoord("-h")

    def test_help_names_every_verb_and_global_option(self) -> None:
        said = gitcoord("--help")
        named = [verb for verbs_ in VERBS.values() for verb in verbs_]
        options = ["-C", "--quiet", "--no-color", "--version", "--show-completion"]
        assert [word for word in [*named, *options] if word not in said.out] == []

    @pytest.mark.parametrize("name", [verb for verbs_ in VERBS.values() for verb in verbs_])
    def test_every_verb_loads_and_every_command_shows_an_example(self, name: str) -> None:
        command = verbs.load(name)
        assert command.name == name
        inner = getattr(command, "commands", {})
        for one in inner.values() if inner else [command]:
            assert one.help, one.name
            assert "gitcoord" in (one.epilog or ""), one.name

    def test_summaries_fit_a_line(self) -> None:
        summaries = [summary for verbs_ in VERBS.values() for _, summary in verbs_.values()]
        assert [one for one in summaries if len(one) > 68 or not one.endswith(".")] == []

    def test_called_by_git_it_says_so(self) -> None:
        said = installed("config", "--help", program=PROGRAM.with_name("git-coord"))
        assert said.out.startswith("Usage: git coord config")


class TestUsage:
    def test_an_unknown_verb_names_the_nearest(self) -> None:
        said = gitcoord("confgi")
        assert (said.code, said.out) == (2, "")
        error, hint = said.err.splitlines()
        assert error == "error: there is no command 'confgi'"
        assert hint.startswith("hint: did you mean config")
        assert hint.endswith("gitcoord --help")

    def test_an_unknown_verb_within_a_family(self) -> None:
        said = gitcoord("config", "lst")
        assert said.code == 2
        assert "no such command 'lst'" in said.err
        assert re.search("did you mean '?list'?", said.err)

    def test_an_unknown_option_names_the_nearest_and_the_way_out(self) -> None:
        said = gitcoord("config", "get", "--jsn")
        assert said.code == 2
        assert "error: there is no option --jsn" in said.err
        assert "did you mean --json?" in said.err
        assert "gitcoord config get --help" in said.err

    @pytest.mark.parametrize("option", ["--json", "--dry-run", "-n", "--force"])
    def test_an_option_of_a_verb_before_it(self, option: str) -> None:
        said = gitcoord(option, "list")
        assert said.code == 2
        assert f"it goes after the verb: gitcoord VERB {option}" in said.err
        assert "--version" not in said.err

    def test_the_folder_after_the_verb(self) -> None:
        assert "it goes before the verb: gitcoord -C DIR VERB" in gitcoord("list", "-C", "..").err

    def test_a_folder_that_is_a_file(self) -> None:
        assert "it is not a folder" in gitcoord("-C", __file__, "list").err

    def test_a_missing_argument(self) -> None:
        said = gitcoord("config", "get")
        assert said.code == 2
        assert "error: missing argument 'KEY'" in said.err

    def test_a_word_that_begins_with_a_dash(self, verb: Callable[[Deed], None]) -> None:
        verb(lambda ctx: print(ctx.params["task"]))
        assert gitcoord("probe", "--", "-x fails --quiet").out == "-x fails --quiet\n"
        assert "goes after --" in gitcoord("probe", "-x fails").err

    def test_untrusted_words_come_back_harmless(self) -> None:
        said = gitcoord("\x1b[31mconfig\udcff\u202e")
        assert "\x1b" not in said.err
        assert "\\x1b[31mconfig\\xff\\u202e" in said.err.replace("\\\\", "\\").replace(
            "\\udcff", "\\xff"
        )


class TestGlobalOptions:
    @pytest.mark.parametrize(
        "words", [["-q", "probe"], ["--quiet", "probe"], ["probe", "-q"], ["probe", "--quiet"]]
    )
    def test_quiet_before_and_after_the_verb(
        self, verb: Callable[[Deed], None], words: list[str]
    ) -> None:
        verb(lambda ctx: asked_of(ctx).screen.say("so much to tell"))
        assert gitcoord(*words) == Said(0, "", "")
        assert gitcoord("probe").err == "so much to tell\n"

    def test_a_word_after_two_dashes_is_no_option(self, verb: Callable[[Deed], None]) -> None:
        verb(lambda ctx: asked_of(ctx).screen.say("loud"))
        assert gitcoord("probe", "--", "--quiet").err == "loud\n"

    @pytest.mark.parametrize(
        ("words", "env", "color"),
        [
            ([], {"NO_COLOR": ""}, None),
            ([], {"NO_COLOR": "1"}, False),
            (["--no-color"], {"NO_COLOR": ""}, False),
            ([], {"NO_COLOR": "1", "GITCOORD_UI_COLOR": "always"}, True),
            (["--no-color"], {"GITCOORD_UI_COLOR": "always"}, False),
            ([], {"GITCOORD_UI_COLOR": "never", "NO_COLOR": ""}, False),
        ],
    )
    def test_colour(
        self,
        verb: Callable[[Deed], None],
        monkeypatch: pytest.MonkeyPatch,
        words: list[str],
        env: dict[str, str],
        color: bool | None,
    ) -> None:
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        seen: list[bool | None] = []
        verb(lambda ctx: seen.append(asked_of(ctx).screen.color))
        gitcoord("probe", *words)
        gitcoord(*words, "probe")
        assert seen == [color, color]

    def test_a_dumb_terminal(
        self, verb: Callable[[Deed], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TERM", "dumb")
        verb(lambda ctx: print(asked_of(ctx).screen.dumb))
        assert gitcoord("probe").out == "True\n"

    def test_case_118_folders_add_up_as_with_git(
        self, verb: Callable[[Deed], None], sandbox: Sandbox
    ) -> None:
        verb(lambda ctx: print(asked_of(ctx).folder.resolve(), asked_of(ctx).repository.top))
        near = gitcoord("-C", sandbox.path.parent, "-C", "shop", "-C", "", "-C", "src", "probe")
        assert near.out == f"{(sandbox.path / 'src').resolve()} {sandbox.path}\n"

    def test_case_118_files_are_seen_from_there(
        self, verb: Callable[[Deed], None], tmp_path: Path
    ) -> None:
        verb(lambda ctx: print(asked_of(ctx).file("a.log")))
        assert gitcoord("-C", tmp_path, "probe").out == f"{tmp_path}/a.log\n"

    def test_case_118_a_folder_that_is_none(self, verb: Callable[[Deed], None]) -> None:
        verb(lambda ctx: print(asked_of(ctx).folder))
        said = gitcoord("-C", "/", "-C", "no such", "probe")
        assert said.code == 2
        assert "error: cannot work in 'no such'" in said.err

    def test_case_118_outside_a_repository(
        self, verb: Callable[[Deed], None], tmp_path: Path
    ) -> None:
        verb(lambda ctx: print(asked_of(ctx).repository))
        said = gitcoord("probe", at=tmp_path)
        assert said.code == 2
        assert "is not in a git repository" in said.err
        assert said.err.splitlines()[1].startswith("hint: ")


class TestDeletedFolder:
    """Case 111: the shell stands in a folder that was removed."""

    def call(self, folder: Path, *words: str, anew: bool = False) -> Said:
        folder.mkdir()
        again = f"mkdir {folder};" if anew else ""
        line = f'cd {folder} && rmdir {folder} && {again} exec {PROGRAM} "$@"'
        return installed("-c", line, "sh", *words, program=Path("/bin/sh"))

    def test_case_111_says_where_to_go(self, tmp_path: Path) -> None:
        said = self.call(tmp_path / "gone", "config", "list")
        assert said.code == 2
        assert said.err.splitlines() == [
            "error: the folder you are in no longer exists",
            f"hint: go to one that does: cd {tmp_path}",
        ]

    def test_case_111_works_where_the_folder_is_there_again(self, tmp_path: Path) -> None:
        assert self.call(tmp_path / "again", "config", "list", anew=True).code == 0

    def test_case_111_what_needs_no_folder_works(self, tmp_path: Path) -> None:
        assert self.call(tmp_path / "gone", "--help").code == 0
        assert self.call(tmp_path / "gone2", "-C", "/", "config", "list").code == 0


class TestEndings:
    def test_no_is_one(self, verb: Callable[[Deed], None]) -> None:
        verb(lambda ctx: NO)
        assert gitcoord("probe").code == 1

    def test_a_problem_is_two_with_a_hint(self, verb: Callable[[Deed], None]) -> None:
        verb(raising(Problem("it is \x1b[2Jso", hint="run: git status")))
        assert gitcoord("probe") == Said(2, "", "error: it is \\x1b[2Jso\nhint: run: git status\n")

    def test_a_problem_with_json_is_a_document_as_well(self, verb: Callable[[Deed], None]) -> None:
        verb(raising(BadInput("not \udcff so", hint="run: git status")))
        said = gitcoord("probe", "--json")
        assert said.code == 2
        assert said.json == {
            "error": {"kind": "BadInput", "message": "not \udcff so", "hint": "run: git status"}
        }
        assert "error: not \\xff so" in said.err

    def test_json_as_a_task_asks_for_no_document(self, verb: Callable[[Deed], None]) -> None:
        verb(raising(BadInput("no")))
        assert gitcoord("probe", "--", "--json").out == ""

    def test_never_two_documents(self, verb: Callable[[Deed], None]) -> None:
        def deed(ctx: typer.Context) -> None:
            asked_of(ctx).screen.answer_json({"done": True})
            raise Problem("and then it failed")

        verb(deed)
        said = gitcoord("probe", "--json")
        assert (said.code, said.json) == (2, {"done": True})

    def test_wrong_usage_with_json_is_a_document_as_well(self) -> None:
        assert gitcoord("config", "get", "--json").json["error"]["kind"] == "BadInput"

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
    def test_the_machines_troubles_in_words(self, verb: Callable[[Deed], None], code: int) -> None:
        verb(raising(OSError(code, os.strerror(code), "/some where/file")))
        said = gitcoord("probe")
        assert said.code == 2
        assert said.err.startswith(f"error: /some where/file: {os.strerror(code).lower()}\nhint: ")

    def test_case_117_an_interrupt_is_130_and_one_line(self, verb: Callable[[Deed], None]) -> None:
        verb(raising(KeyboardInterrupt()))
        said = gitcoord("probe")
        assert (said.code, said.out) == (130, "")
        assert said.err.startswith("interrupted")
        assert said.err.count("\n") == 1

    def test_case_117_a_real_interrupt(self, tmp_path: Path) -> None:
        fifo = tmp_path / "gitcoord" / "config.toml"
        fifo.parent.mkdir()
        os.mkfifo(fifo)
        process = subprocess.Popen(
            [PROGRAM, "-C", "/", "config"],
            env={**os.environ, "XDG_CONFIG_HOME": str(tmp_path)},
            stderr=subprocess.PIPE,
            text=True,
        )
        with fifo.open("w"):  # returns once the program reads its settings
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert err.startswith("interrupted")
        assert "Traceback" not in err


class TestOutput:
    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line with both streams of the pipe's left side told apart."""
        return subprocess.run(
            ["bash", "-c", line.replace("gitcoord", str(PROGRAM))],
            capture_output=True,
            text=True,
            check=False,
        )

    @pytest.mark.parametrize("words", ["config list", "--help", "--version", "config list --json"])
    def test_case_116_a_reader_that_leaves(self, words: str) -> None:
        done = self.shell(f"gitcoord {words} | true; echo ${{PIPESTATUS[0]}}")
        assert done.stderr == ""
        assert done.stdout.strip() in ("0", "141")

    def test_case_116_a_reader_that_has_left(self) -> None:
        done = self.shell("(sleep 0.3; exec gitcoord config) | true; echo ${PIPESTATUS[0]}")
        assert (done.stdout, done.stderr) == ("141\n", "")

    def test_case_116_a_pipe_to_a_program_of_ours_is_another_matter(
        self, verb: Callable[[Deed], None]
    ) -> None:
        verb(raising(BrokenPipeError(errno.EPIPE, "Broken pipe")))
        assert gitcoord("probe").code == 3

    def test_a_full_disk(self) -> None:
        done = self.shell("gitcoord config list > /dev/full")
        assert done.returncode == 2
        assert done.stderr.startswith("error: no space left on device\nhint: ")
        assert "Exception ignored" not in done.stderr

    def test_nowhere_to_say_it(self) -> None:
        assert self.shell("gitcoord nonsense > /dev/full 2> /dev/full").returncode == 2

    @pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
    def test_closed_streams(self, closed: str) -> None:
        done = self.shell(f"gitcoord config list {closed}")
        assert (done.returncode, done.stderr) == (0, "")

    def test_an_encoding_that_lacks_what_we_say(self) -> None:
        said = installed("-C", "no…where", "config", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert said.code == 2
        assert "no\\u2026where" in said.err


class TestBug:
    def test_is_three_with_a_log_beside_the_records(
        self,
        verb: Callable[[Deed], None],
        sandbox: Sandbox,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("SOME_TOKEN", "very-secret-token")

        def deed(ctx: typer.Context) -> None:
            assert asked_of(ctx).repository
            raise ZeroDivisionError("nothing to divide very-secret-token by")

        verb(deed)
        said = gitcoord("probe", "a task", at=sandbox.path)
        assert said.code == 3
        assert "error: a bug in gitcoord: ZeroDivisionError" in said.err
        [log] = (sandbox.path / ".git" / "agentcoord" / "logs").iterdir()
        assert f"less {log}" in said.err
        text = log.read_text()
        assert "ZeroDivisionError" in text
        assert "a task" in text
        assert "very-secret-token" not in text
        assert "$SOME_TOKEN" in text
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    def test_outside_a_repository_the_log_is_the_users(
        self, verb: Callable[[Deed], None], sealed: Path
    ) -> None:
        verb(raising(MemoryError()))
        said = gitcoord("probe")
        assert said.code == 3
        [log] = sealed.rglob("crash-*.log")
        assert str(log) in said.err

    def test_where_no_log_can_be_written_it_is_said(
        self, verb: Callable[[Deed], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
        verb(raising(RuntimeError("odd")))
        said = gitcoord("probe")
        assert said.code == 3
        assert "Traceback" in said.err

    def test_with_json_it_is_a_document(self, verb: Callable[[Deed], None]) -> None:
        verb(raising(RuntimeError("odd")))
        assert "a bug" in gitcoord("probe", "--json").json["error"]["message"]


class TestCompletion:
    def complete(self, shell: str, line: str, at: Path | None = None) -> list[str]:
        said = installed(
            at=at,
            _GITCOORD_COMPLETE=f"complete_{shell}",
            COMP_WORDS=line,
            COMP_CWORD=str(line.count(" ")),
            _TYPER_COMPLETE_ARGS=line,
            _TYPER_COMPLETE_FISH_ACTION="get-args",
        )
        assert said.err == ""
        return said.out.split()

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_verbs_in_each_shell(self, shell: str) -> None:
        assert any("config" in word for word in self.complete(shell, "gitcoord conf"))

    def test_options_and_keys(self) -> None:
        assert self.complete("bash", "gitcoord config list --s") == ["--sources"]
        assert self.complete("bash", "gitcoord -C / config set trash.d") == ["trash.days"]

    def test_does_not_load_rich(self) -> None:
        code = (
            "import os, sys\n"
            "os.environ['_GITCOORD_COMPLETE'] = 'complete_zsh'\n"
            "os.environ['_TYPER_COMPLETE_ARGS'] = 'gitcoord '\n"
            "sys.argv = ['gitcoord']\n"
            "from gitcoord.main import answer\n"
            "answer([])\n"
            "sys.exit('rich' in sys.modules)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0
        assert "config" in done.stdout

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_the_script_of_each_shell(self, shell: str) -> None:
        said = gitcoord("--show-completion", shell)
        assert said.code == 0
        assert "_GITCOORD_COMPLETE" in said.out
        assert "_GIT_COORD_COMPLETE" in said.out

    @pytest.mark.parametrize(
        "words",
        ["git-coord confi", "git coord confi", "git -C / coord confi", "git coord config l"],
    )
    def test_bash_takes_it_under_git(self, words: str) -> None:
        function = "_git_coord_completion" if words.startswith("git-") else "_git_coord"
        line = (
            f'PATH="{PROGRAM.parent}:$PATH"; eval "$(gitcoord --show-completion bash)";'
            f"COMP_WORDS=({words}); COMP_CWORD={words.count(' ')}; {function} git-coord;"
            'echo "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert done.stdout == ("list\n" if words.endswith(" l") else "config\n")

    def test_bash_takes_it(self) -> None:
        line = (
            f'PATH="{PROGRAM.parent}:$PATH"; eval "$(gitcoord --show-completion bash)";'
            "COMP_WORDS=(gitcoord confi); COMP_CWORD=1; _gitcoord_completion gitcoord;"
            'echo "${COMPREPLY[@]}"'
        )
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
        assert done.stdout == "config\n"

    def test_the_users_shell_is_the_default(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHELL", "/usr/bin/fish")
        assert gitcoord("--show-completion").out == gitcoord("--show-completion", "fish").out

    def test_an_unknown_shell_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHELL", "/bin/tcsh")
        said = gitcoord("--install-completion")
        assert said.code == 2
        assert "'tcsh'" in said.err

    def test_installs_for_the_user(self, sealed: Path) -> None:
        assert gitcoord("--install-completion", "fish").code == 0
        script = sealed / ".config" / "fish" / "completions" / "gitcoord.fish"
        assert "complete --command gitcoord" in script.read_text()
        assert script.with_name("git-coord.fish").is_file()


class TestInstalled:
    def test_case_119_called_in_a_hook_with_git_dir_set(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        shutil.copytree(sandbox.path, tmp_path / "other")
        said = installed("config", "path", at=sandbox.path, GIT_DIR="../other/.git")
        assert said.out == f"{sandbox.path}/.git/agentcoord/config.toml\n"

    def test_json_is_ascii_and_one_document(self, sandbox: Sandbox) -> None:
        said = installed("config", "list", "--json", at=sandbox.path)
        assert said.out.isascii()
        assert json.loads(said.out)[0]["key"] == "worktree.path"


def test_what_the_machine_says_is_not_always_ours(verb: Callable[[Deed], None]) -> None:
    verb(raising(OSError(errno.EBADF, "Bad file descriptor")))
    assert gitcoord("probe").code == 3
    assert main.answer(["--version"]) == 0
