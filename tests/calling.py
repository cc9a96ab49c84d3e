"""gitcoord called as its users do: in this process, or through the installed program."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcoord.main import answer

PROGRAM = Path(sys.executable).with_name("gitcoord")


@dataclass(frozen=True)
class Said:
    """How a call ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def gitcoord(*words: str | Path, at: Path | None = None) -> Said:
    """Call it in this process. at: the folder to work in, as with -C."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "oe")
    place = ["-C", str(at)] if at else []
    with redirect_stdout(out), redirect_stderr(err):
        code = answer([*place, *map(str, words)])
    said = (os.fsdecode(stream.buffer.getvalue()) for stream in (out, err))
    return Said(code, *said)


def installed(
    *words: str | Path, at: Path | None = None, program: Path = PROGRAM, **env: str
) -> Said:
    """Call the program that pip made, in a process of its own, without a terminal."""
    done = subprocess.run(
        [program, *words],
        cwd=at,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return Said(done.returncode, os.fsdecode(done.stdout), os.fsdecode(done.stderr))
