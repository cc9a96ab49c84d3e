"""`gitcoord conflicts --watch`: a new frame after a save, a commit, and a new worktree."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.calling import PROGRAM, gitcoord
from tests.conftest import Sandbox

PATIENCE = 20.0


class Frames:
    """What a watching process prints, as it comes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.said = b""

    def wait_for(self, words: str) -> None:
        """Until these words come; what came before them is dropped."""
        assert self.process.stdout
        until = time.monotonic() + PATIENCE
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while words.encode() not in self.said:
                assert time.monotonic() < until, f"no {words!r} in {self.said!r}"
                if ready.select(0.2):
                    read = os.read(self.process.stdout.fileno(), 65536)
                    assert read, f"it ended: {self.said!r}"
                    self.said += read
        self.said = self.said.partition(words.encode())[2]


@contextmanager
def watching(sandbox: Sandbox) -> Iterator[Frames]:
    process = subprocess.Popen(
        [PROGRAM, "conflicts", "--watch"], cwd=sandbox.path, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield Frames(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def add_worktree(sandbox: Sandbox, name: str) -> Path:
    path = sandbox.path.parent / name
    sandbox.git("worktree", "add", "-q", "-b", name, str(path))
    return path


def test_a_frame_after_each_change(sandbox: Sandbox) -> None:
    one, two = add_worktree(sandbox, "one"), add_worktree(sandbox, "two")
    with watching(sandbox) as frames:
        frames.wait_for("no clash")
        sandbox.write("README.md", "# one\n", one)
        sandbox.write("README.md", "# two\n", two)
        frames.wait_for("conflict  README.md (content): one and two")
        sandbox.git("checkout", "-q", "README.md", at=two)
        frames.wait_for("no clash")
        sandbox.commit("Take it", {"README.md": "# main\n"})
        frames.wait_for("stale     one conflicts with main")
        three = add_worktree(sandbox, "three")
        sandbox.write("src/auth.py", "x\n", three)
        sandbox.write("src/auth.py", "y\n", two)
        frames.wait_for("src/auth.py (content): three and two")


def test_frames_are_no_json_document(sandbox: Sandbox) -> None:
    said = gitcoord("conflicts", "--watch", "--json", at=sandbox.path)
    assert said.code == 2
    assert "leave one out" in said.err
