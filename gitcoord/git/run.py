"""The one way gitcoord starts git.

Promises: no hook of the user's runs, no optional lock is taken, git speaks C,
no `GIT_*` of the caller reaches it, it never asks anything, and after a time
limit the whole process group is gone, not just the child.
Refuses: to hide a failure. An exit code that was not expected raises.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gitcoord.errors import GitFailed, GitTimedOut, Problem

OLDEST = (2, 38)
OFF = "GITCOORD_HOOKS"
"""Our hooks do nothing where this variable is `off`, as it is for every git of ours."""

# hooksPath: the user's hooks are not ours to run. quotePath and precomposeUnicode are left
# alone: every list is read with -z. gc and maintenance would outlive us and take locks.
_SETTINGS = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "gc.auto=0",
    "-c", "maintenance.auto=false",
    "-c", "advice.graftFileDeprecated=false",
)  # fmt: skip


# Hooks in git's configuration (2.54) run whatever core.hooksPath says, and are turned off one by
# one. The names stand here, and are none before 2.54: see `silence`.
_silenced: list[str] = []


@dataclass(frozen=True)
class Output:
    """What one git process said: its exit code and both streams as bytes."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """stdout without its final newline; undecodable bytes become surrogates."""
        return os.fsdecode(self.out.removesuffix(b"\n"))

    def lines(self) -> list[str]:
        return self.text.split("\n") if self.out else []

    def fields(self) -> list[str]:
        """stdout split at NUL, as `-z` writes it."""
        parts = os.fsdecode(self.out).split("\0")
        return parts[:-1] if parts[-1] == "" else parts


def run(
    *argv: str,
    cwd: Path | str,
    input: bytes = b"",  # noqa: A002 - the name subprocess uses
    ok: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    keep: Sequence[int] = (),
) -> Output:
    """Run git and wait. `ok`: exit codes that are answers. `timeout` in seconds.

    keep: file descriptors git inherits, so that a lease stays held while git lives on
    after us.

    Raises GitFailed on any other exit code, GitTimedOut after `timeout`.
    """
    process = start(*argv, cwd=cwd, env=env, keep=keep)
    try:
        out, err = process.communicate(input, timeout=timeout)
    except subprocess.TimeoutExpired:
        end_group(process)
        raise GitTimedOut(
            argv,
            -signal.SIGKILL,
            f"no answer within {timeout:g} s; git and its children were ended",
        ) from None
    except BaseException:
        end_group(process)
        raise
    if process.returncode not in ok:
        raise GitFailed(argv, process.returncode, _message(err))
    return Output(process.returncode, out, err)


def start(
    *argv: str,
    cwd: Path | str,
    env: Mapping[str, str] | None = None,
    keep: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start git in a process group of its own, with pipes on all three streams."""
    return _spawn(argv, cwd, environment(env), keep=keep)


class Several:
    """The same question to git in several folders, `at_once` at a time.

    Twice as many are started at once, to be at work while the caller does something else.
    Use it in a `with`, which ends what nobody waited for.
    """

    def __init__(self, argv: Sequence[str], folders: Iterable[Path], *, at_once: int) -> None:
        self._argv = argv
        self._env = environment()
        self._at_once = at_once
        self._waiting = deque(dict.fromkeys(folders))
        self._running: dict[Path, subprocess.Popen[bytes]] = {}
        self._selector = selectors.DefaultSelector()
        self._start(2 * at_once)

    def __enter__(self) -> Several:
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for process in self._running.values():
            end_group(process)

    def outputs(self, more: Iterable[Path] = ()) -> dict[Path, Output]:
        """Folder -> what git said there, code included; also for folders not named before.

        A folder in which git could not be started is left out.
        """
        known = {*self._waiting, *self._running}
        self._waiting.extend(folder for folder in dict.fromkeys(more) if folder not in known)
        said: dict[Path, list[bytes]] = {}
        found = {}
        self._start(self._at_once)
        while self._running:
            for key, _ in self._selector.select():
                folder, part = key.data, os.read(key.fd, 1 << 16)
                said.setdefault(folder, []).append(part)
                if not part:
                    code = self._end(folder)
                    found[folder] = Output(code, b"".join(said[folder]), b"")
        return found

    def _start(self, most: int) -> None:
        while self._waiting and len(self._running) < most:
            folder = self._waiting.popleft()
            with contextlib.suppress(Problem):
                process = _spawn(self._argv, folder, self._env, only_out=True)
                self._running[folder] = process
                assert process.stdout is not None
                self._selector.register(process.stdout, selectors.EVENT_READ, folder)

    def _end(self, folder: Path) -> int:
        process = self._running.pop(folder)
        assert process.stdout is not None
        self._selector.unregister(process.stdout)
        process.stdout.close()
        self._start(self._at_once)
        return process.wait()


def _spawn(
    argv: Sequence[str],
    cwd: Path | str,
    env: Mapping[str, str],
    *,
    keep: Sequence[int] = (),
    only_out: bool = False,
) -> subprocess.Popen[bytes]:
    other = subprocess.DEVNULL if only_out else subprocess.PIPE
    try:
        return subprocess.Popen(
            [program(), *_SETTINGS, *_silenced, *argv],
            cwd=cwd,
            env=env,
            stdin=other,
            stdout=subprocess.PIPE,
            stderr=other,
            process_group=0,
            pass_fds=keep,
        )
    except OSError as error:
        raise Problem(
            f"cannot start git in {cwd}: {error.strerror}",
            hint="is the folder still there? run: cd / && cd -",
        ) from error


def silence(names: Iterable[str]) -> None:
    """Have no git of ours run these hooks of git's configuration: names of hooks, or of events
    (2.55). `--config-env` takes names with any character in them, `-c` none with a `=`."""
    _silenced[:] = sorted(
        {*_silenced, *(f"--config-env=hook.{one}.enabled={OFF}" for one in names)}
    )


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill git and all it started, then reap it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without any `GIT_*`, plus what keeps git quiet and plain."""
    kept = inherited()
    kept.update(
        LC_ALL="C",
        LANGUAGE="C",
        GIT_OPTIONAL_LOCKS="0",
        GIT_TERMINAL_PROMPT="0",
        GIT_EDITOR="true",
        GIT_NO_REPLACE_OBJECTS="1",
    )
    kept[OFF] = "off"
    kept.update(extra or {})
    return kept


def inherited() -> dict[str, str]:
    """The caller's environment without any `GIT_*`: for other programs, which may call git."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


@cache
def program() -> str:
    """The path of git. Raises Problem when there is none on PATH."""
    found = shutil.which("git")
    if found is None:
        raise Problem("git is not on PATH", hint="install git 2.38 or newer, then: git --version")
    return found


def _message(err: bytes) -> str:
    """git's own words for a person: printable, without its 'fatal: ' and its hints."""
    text = err.decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    plain = "; ".join(line.removeprefix("fatal: ").removeprefix("error: ") for line in lines[:3])
    return "".join(char if char.isprintable() else "?" for char in plain)[:600]
