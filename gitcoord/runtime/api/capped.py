"""What a program says, as much of it as is of use, for as long as it may take.

Promises: no more than `most` bytes are held, the first and the last half of them; the program
and all it started are gone afterwards, also when we are interrupted.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gitcoord.process import end_tree

_SLICE = 0.2


@dataclass
class _Kept:
    """The first and the last half of `most` bytes. left_out: how many there were in between."""

    most: int
    head: bytearray = field(default_factory=bytearray)
    tail: bytearray = field(default_factory=bytearray)
    left_out: int = 0

    def take(self, part: bytes) -> None:
        room = self.most // 2 - len(self.head)
        self.head += part[:room]
        self.tail += part[room:] if room > 0 else part
        over = len(self.tail) - self.most // 2
        if over > 0:
            self.left_out += over
            del self.tail[:over]

    def text(self) -> str:
        if not self.left_out:
            return (self.head + self.tail).decode("utf-8", "replace")
        head, tail = (part.decode("utf-8", "replace") for part in (self.head, self.tail))
        return f"{head}\n[… {self.left_out:,} bytes left out …]\n{tail}"


@dataclass(frozen=True)
class Said:
    """code: the exit code, None when its time was up or we were told to stop."""

    text: str
    errors: str
    code: int | None


def listen(
    process: subprocess.Popen[bytes], *, most: int, seconds: float, stopped: Callable[[], bool],
    mark: str = "",
) -> Said:  # fmt: skip
    """Hear a program out and end it. It has a group of its own, and pipes on what is heard.

    mark: `NAME=value` of its environment, by which also those are found that left its group.
    """
    out, err = _Kept(most), _Kept(4096)
    until = time.monotonic() + seconds
    try:
        if process.stdin:
            process.stdin.close()
        with selectors.DefaultSelector() as selector:
            for pipe, kept in ((process.stdout, out), (process.stderr, err)):
                if pipe:
                    selector.register(pipe, selectors.EVENT_READ, kept)
            code = _hear(process, selector, until, stopped)
    finally:
        # One that has ended by itself may have left children; without a group it left none.
        if mark or process.returncode is None or _group_lives(process.pid):
            end_tree(process.pid, grace=0.5, mark=mark)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
    return Said(out.text(), err.text(), code)


def _hear(
    process: subprocess.Popen[bytes], selector: selectors.BaseSelector, until: float,
    stopped: Callable[[], bool],
) -> int | None:  # fmt: skip
    while selector.get_map():
        left = until - time.monotonic()
        if left <= 0 or stopped():
            return None
        ready = selector.select(min(left, _SLICE))
        for key, _ in ready:
            part = os.read(key.fd, 1 << 16)
            key.data.take(part)
            if not part:
                selector.unregister(key.fileobj)
        # What it left running may hold the pipe for ever: what was said is read, no more.
        if not ready and process.poll() is not None:
            break
    while process.poll() is None:
        left = until - time.monotonic()
        if left <= 0 or stopped():
            return None
        try:
            process.wait(min(left, _SLICE))
        except subprocess.TimeoutExpired:
            continue
    return process.returncode


def _group_lives(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
