"""One agent program at work: started, listened to, and ended with all it started.

Promises: no shell; its own session; stdin is /dev/null, or a text and its end; of our
environment it gets what is allowed and no more; what it writes is read as it comes, however
much and in however long lines; when this returns or raises, nothing it started is alive.
Refuses: to judge. Its exit code is handed on, and means nothing alone.
"""

from __future__ import annotations

import codecs
import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, BinaryIO

from gitcoord.errors import Problem
from gitcoord.git.run import inherited
from gitcoord.process import busy_seconds, end_marked, end_tree
from gitcoord.runtime.agent import Assignment

WALL, STALL, STOP, ENOUGH = "wall", "stall", "stop", "enough"
"""Why it was ended before it ended by itself: its time, its silence, Ctrl-C, or because its
reader had heard enough."""

_TICK_SECONDS = 0.2
_GRACE_SECONDS = 2.0
# Claude Code answers an interrupt with its last result, in which its cost is.
_LAST_WORDS_SECONDS = 2.0
# Its child may hold the pipe open: a daemon it left behind.
_DRAIN_SECONDS = 1.0
_LONGEST_LINE = 16 << 20
_LONGEST_LOG = 64 << 20
_STDERR_KEPT = 16_384
_BUSY_SHARE = 0.01

_EVERYWHERE = (
    "HOME", "PATH", "LANG", "LANGUAGE", "LC_*", "TMPDIR", "TZ", "USER", "LOGNAME", "SHELL",
    "XDG_*", "*_PROXY", "*_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
)  # fmt: skip
MODEL_KEYS = (
    "*_API_KEY", "*_API_BASE", "*_BASE_URL", "OPENAI_*", "ANTHROPIC_*", "GEMINI_*", "GOOGLE_*",
    "AWS_*", "AZURE_*", "OLLAMA_*", "OPENROUTER_*",
)  # fmt: skip
"""Variables of programs that speak with any provider."""

_at_work: set[Child] = set()


@dataclass(frozen=True)
class Command:
    """What to start. given: its stdin, None for /dev/null. allowed: patterns of variables it
    gets beside those all get. set: variables of its own."""

    argv: tuple[str, ...]
    given: bytes | None = None
    allowed: tuple[str, ...] = ()
    set: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """code: its exit code, negative for a signal. cause: why we ended it, "" when it ended by
    itself. err: the end of what it wrote to stderr."""

    code: int
    cause: str = ""
    err: str = ""


def run(command: Command, assignment: Assignment, take: Callable[[bytes], bool]) -> Ended:
    """Start it in the assignment's worktree and listen until it has ended.

    take: gets whole lines of its stdout, as many as there are; True when it has heard enough.
    Raises Problem when it cannot be started.
    """
    mark = assignment.sign
    if assignment.resumed:
        # Its host was killed, and it lived on: two in one conversation would ruin it.
        end_marked(mark, grace=_GRACE_SECONDS)
    with _Log(assignment.log) as log, _spawn(command, assignment, mark) as process:
        child = Child(process, assignment, log, take)
        _at_work.add(child)
        try:
            child.listen()
        finally:
            _at_work.discard(child)
            end_tree(process.pid, grace=_GRACE_SECONDS, mark=mark)
    return Ended(process.returncode, child.cause, child.err())


def stop_all() -> None:
    """Have every program at work end, as after Ctrl-C: its thread returns within seconds."""
    for child in list(_at_work):
        child.stopped.set()


class Child:
    """A program at work, from its start to its end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        assignment: Assignment,
        log: _Log,
        take: Callable[[bytes], bool],
    ) -> None:
        self.cause = ""
        self.stopped = threading.Event()
        self._process = process
        self._limits = assignment.limits
        self._log = log
        self._take = take
        self._started = self._heard = time.monotonic()
        self._until = 0.0
        self._busy: float | None = None
        self._tail = b""
        assert process.stdout is not None and process.stderr is not None
        self._lines = {process.stdout: Lines(_LONGEST_LINE), process.stderr: Lines(_LONGEST_LINE)}

    def listen(self) -> None:
        """Until both its streams ended, or what it may take is used up."""
        with selectors.DefaultSelector() as selector:
            for stream in self._lines:
                selector.register(stream, selectors.EVENT_READ, stream)
            while selector.get_map() and not self._is_over():
                for key, _ in selector.select(_TICK_SECONDS):
                    if not self._read(key.data):
                        selector.unregister(key.data)
            for stream, lines in self._lines.items():
                self._hand_on(stream, lines.rest())
        self._wait()

    def err(self) -> str:
        return self._tail.decode("utf-8", "replace").strip()

    def _read(self, stream: IO[bytes]) -> bool:
        """Read what is there. False at the end of the stream."""
        part = os.read(stream.fileno(), 1 << 16)
        self._heard, self._busy = time.monotonic(), None
        self._hand_on(stream, self._lines[stream].whole(part))
        return bool(part)

    def _hand_on(self, stream: IO[bytes], block: bytes) -> None:
        if not block:
            return
        self._log.write(block)
        if stream is self._process.stderr:
            self._tail = (self._tail + block)[-_STDERR_KEPT:]
        elif self._take(block) and not self.cause:
            self.cause = ENOUGH

    def _is_over(self) -> bool:
        """Whether not to listen any longer."""
        now = time.monotonic()
        if self._until:
            return now > self._until
        if self.cause == ENOUGH:
            return True
        cause = self._exceeded(now)
        if cause:
            self.cause, self._until = cause, now + _LAST_WORDS_SECONDS
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGINT)
        elif self._process.poll() is not None:
            self._until = now + _DRAIN_SECONDS
        return False

    def _exceeded(self, now: float) -> str:
        wall, stall = self._limits.wall, self._limits.stall
        if self.stopped.is_set():
            return STOP
        if wall and now - self._started > wall:
            return WALL
        return STALL if stall and self._is_stalled(now - self._heard, stall) else ""

    def _is_stalled(self, silent: float, stall: float) -> bool:
        """Silent for too long, and nothing it started was at work in the second half of that:
        a test suite that runs for ten minutes says nothing meanwhile."""
        if silent > stall / 2 and self._busy is None:
            self._busy = busy_seconds(self._process.pid)
        if silent <= stall or self._busy is None:
            return False
        if busy_seconds(self._process.pid) - self._busy < _BUSY_SHARE * stall:
            return True
        self._heard, self._busy = time.monotonic(), None
        return False

    def _wait(self) -> None:
        """It closed its streams: it may still be at work, within its limits."""
        while self._process.poll() is None and not self._is_over():
            time.sleep(0.02)


class Lines:
    """Bytes as they come, whole lines as they go; a line longer than `most` is left out."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._begun = bytearray()
        self._lost = 0

    def whole(self, part: bytes) -> bytes:
        """The lines that are whole with `part`, each with its newline; b"" for none."""
        end = part.rfind(b"\n") + 1
        if not end:
            self._keep(part)
            return b""
        block = self._first(part[:end])
        self._keep(part[end:])
        return block

    def rest(self) -> bytes:
        """What came after the last newline, as a line."""
        begun = bytes(self._begun)
        self._begun.clear()
        return self._first(begun + b"\n") if begun or self._lost else b""

    def _first(self, block: bytes) -> bytes:
        if self._lost:
            lost, self._lost = self._lost, 0
            ending, _, others = block.partition(b"\n")
            return b"(a line of %d bytes was left out)\n" % (lost + len(ending)) + others
        block = bytes(self._begun) + block
        self._begun.clear()
        return block

    def _keep(self, part: bytes) -> None:
        if self._lost or len(self._begun) + len(part) > self._most:
            self._lost += len(self._begun) + len(part)
            self._begun.clear()
        else:
            self._begun += part


def environment(
    ours: Mapping[str, str], allowed: Iterable[str], *more: Mapping[str, str]
) -> dict[str, str]:
    """Of `ours` what every program may have and what `allowed` names, and then `more`.

    allowed: names, with `*` at one end for any beginning or ending.
    """
    patterns = (*_EVERYWHERE, *allowed)
    kept = {name: value for name, value in ours.items() if any(_fits(name, patterns))}
    kept["TERM"] = "dumb"
    for one in more:
        kept |= one
    return kept


def _fits(name: str, patterns: Iterable[str]) -> Iterator[bool]:
    for pattern in patterns:
        if pattern.startswith("*"):
            yield name.endswith(pattern[1:])
        elif pattern.endswith("*"):
            yield name.startswith(pattern[:-1])
        else:
            yield name == pattern


def _spawn(command: Command, assignment: Assignment, mark: str) -> subprocess.Popen[bytes]:
    name, _, value = mark.partition("=")
    given = environment(
        inherited(), command.allowed, command.set, assignment.environment, {name: value}
    )
    try:
        with _stdin(command.given) as stdin:
            return subprocess.Popen(
                command.argv, cwd=assignment.top, env=given, stdin=stdin,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                start_new_session=True,
            )  # fmt: skip
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise Problem(
            f"cannot start {command.argv[0]}: {said}",
            hint="see what is installed: gitcoord agents runners",
        ) from error


def _stdin(given: bytes | None) -> BinaryIO:
    """A file, not a pipe: it needs nobody to write it, and it has an end."""
    if given is None:
        return open(os.devnull, "rb")  # noqa: PTH123 - no path of ours
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(given)
    file.seek(0)
    return file


class _Log:
    """The raw transcript. Nobody else may read it: it may hold what the agent read."""

    def __init__(self, path: os.PathLike[str]) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.fchmod(self._fd, 0o600)
        self._left = _LONGEST_LOG

    def __enter__(self) -> _Log:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def write(self, block: bytes) -> None:
        """A full disk, or a log that is too long, stops the log and not the agent."""
        if self._left > 0:
            with suppress(OSError):
                os.write(self._fd, block[: self._left])
            self._left -= len(block)


def text_of(block: bytes) -> str:
    """Its lines as text; what is no UTF-8 is shown as such."""
    return codecs.decode(block, "utf-8", "replace")
