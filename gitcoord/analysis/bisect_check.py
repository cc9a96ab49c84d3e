"""One run of the user's command in a scratch worktree, and what its exit code says.

Promises: standard input is empty, there is no terminal, and no `GIT_*` of ours is set. When
the run ends, however it ends, all it started in its session is ended too; when we are killed
ourselves, a guard beside it sees that and ends it. Of the output, the end is kept. What it runs
may have been written by an agent, so it counts as one: it can approve nothing.
Refuses: to read an exit code of 128 or more, or a signal, as an answer, as `git bisect run`
does: a command that crashed or was killed says nothing about the commit.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from gitcoord.errors import Problem
from gitcoord.git.scratch import Scratch
from gitcoord.process import AGENT, end_tree
from gitcoord.records import now, random_text

Answer = Literal["good", "bad", "skipped", "late", "none"]

SKIP = 125
NOT_RUNNABLE = (126, 127)

_LOG_BYTES = 256 * 1024
_TAIL_CHARACTERS = 2000
_GRACE_SECONDS = 2.0
# The guard reads a pipe only we can write to: end of file means we are dead. It ends with the
# command, and its shell waits for it, so nothing stays a zombie where pid 1 reaps none.
_GUARDED = """
exec 3<&0 </dev/null
(read -r _ <&3; kill -9 0) >/dev/null 2>&1 &
guard=$!
exec 3<&-
/bin/sh -c "$1"
code=$?
{ kill -9 $guard; wait $guard; } 2>/dev/null
exit $code
"""


@dataclass(frozen=True)
class Verdict:
    """What one run said. answer: `late` is out of time, `none` a crash.

    code: exit code, negative for a signal, None when late. seconds: how long it took.
    limit: seconds it was given. tail: the end of its output, printable. log: more of it.
    """

    commit: str
    answer: Answer
    code: int | None
    seconds: float
    limit: float | None
    tail: str
    at: str
    log: bytes = field(default=b"", repr=False, compare=False)


class Check:
    """One command at one commit, to be run once, in any thread, and dropped from any other."""

    def __init__(
        self, commit: str, command: str, limit: float | None, *, parents: Sequence[str] = ()
    ) -> None:
        """commit: or a tree, which is shown as a commit with `parents`."""
        self.commit = commit
        self._parents = parents
        # Out of time or dropped, whatever has this is ended, also in another session.
        self._marked = {AGENT: f"check-{random_text(12)}/check"}
        self._command = command
        self._limit = limit
        self._process: subprocess.Popen[bytes] | None = None
        self._ended: Literal["", "late", "dropped"] = ""
        self._turn = threading.Lock()

    @property
    def dropped(self) -> bool:
        return self._ended == "dropped"

    def drop(self) -> None:
        """Nobody needs the answer any more: end the run, if it has begun, and never begin it."""
        self._end("dropped")

    def run(self, scratch: Scratch) -> Verdict | None:
        """Show the commit, run the command there. None when it was dropped."""
        if self.dropped:
            return None
        scratch.show(self.commit, parents=self._parents)
        started = time.monotonic()
        begun = self._start(scratch)
        if begun is None:
            return None
        process, alive = begun
        output = _Tail(process)
        timer = threading.Timer(self._limit, self._end, ("late",)) if self._limit else None
        try:
            if timer:
                timer.start()
            code = process.wait()
        finally:
            if timer:
                timer.cancel()
            _end_rest(process.pid)
            os.close(alive)
        return self._verdict(code, time.monotonic() - started, output.read())

    def _start(self, scratch: Scratch) -> tuple[subprocess.Popen[bytes], int] | None:
        with self._turn:
            if self.dropped:
                return None
            ours, alive = os.pipe()
            try:
                self._process = subprocess.Popen(
                    ["/bin/sh", "-c", _GUARDED, "sh", self._command],
                    cwd=scratch.tree,
                    env=scratch.environment | self._marked,
                    stdin=ours,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=scratch.keep,
                )
            except OSError as error:
                os.close(alive)
                raise Problem(
                    f"cannot start the command: {error.strerror}",
                    hint="put it into a script, and name that: --bisect /path/to/check.sh",
                ) from error
            finally:
                os.close(ours)
            return self._process, alive

    def _end(self, why: Literal["late", "dropped"]) -> None:
        with self._turn:
            if self._ended:
                return
            self._ended = why
            process = self._process
        if process is not None and process.returncode is None:
            ending = threading.Thread(
                target=end_tree, args=(process.pid,),
                kwargs={"grace": _GRACE_SECONDS, "mark": f"{AGENT}={self._marked[AGENT]}"},
                daemon=True,
            )  # fmt: skip
            ending.start()

    def _verdict(self, code: int, seconds: float, log: bytes) -> Verdict | None:
        # What was ended by us gives a signal, or an exit code it chose when asked to end:
        # neither is an answer.
        if self.dropped:
            return None
        late = self._ended == "late"
        return Verdict(
            self.commit,
            "late" if late else answer(code),
            None if late else code,
            round(seconds, 3),
            self._limit,
            printable(log)[-_TAIL_CHARACTERS:],
            now(),
            log,
        )


def answer(code: int) -> Answer:
    """What an exit code says, as git-bisect(1), "Bisect run", has it."""
    if code == 0:
        return "good"
    if code == SKIP:
        return "skipped"
    return "bad" if 1 <= code <= 127 else "none"


def ending(code: int) -> str:
    """`exit code 3`, or `exit code 139 (SIGSEGV)` for what a shell says of a signal."""
    number = code - 128 if code > 128 else -code
    with suppress(ValueError):
        name = signal.Signals(number).name
        return f"exit code {code} ({name})" if code > 0 else name
    return f"exit code {code}"


def printable(output: bytes) -> str:
    """Text without terminal escapes and other control characters."""
    text = output.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return "".join(char for char in text if char.isprintable() or char in "\n\t")


class _Tail:
    """Reads all a process writes and keeps the end of it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._stream = process.stdout
        self._kept = bytearray()
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def read(self) -> bytes:
        """What was kept, once the process has ended. A daemon that left the session may hold
        the pipe open for ever: it is not waited for."""
        self._thread.join(timeout=0.5)
        return bytes(self._kept[-_LOG_BYTES:])

    def _drain(self) -> None:
        with self._stream:
            while chunk := os.read(self._stream.fileno(), 65536):
                self._kept += chunk
                if len(self._kept) > 2 * _LOG_BYTES:
                    del self._kept[:-_LOG_BYTES]


def _end_rest(pid: int) -> None:
    """End what the command left in its session. While its group lives, no process can be
    given the same pid, so looking first makes sure that nobody else's is ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, 0)
        end_tree(pid, grace=_GRACE_SECONDS)
