"""Which agent programs there are, and which version each is.

Asking a program takes up to a second, so the answer is kept until the program's file changes.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcoord.git.run import inherited
from gitcoord.runtime.programs.program import environment

_VERSION = re.compile(r"\d+(?:\.\d+)+(?:[-.+][0-9A-Za-z.]+)?")
_SECONDS = 15


@dataclass(frozen=True)
class Installed:
    """A program that was found. version: "" when it would not say. proved: the version its
    conformance check was passed with, "" when it was not; failed: what the check said else."""

    path: Path
    version: str
    proved: str = ""
    failed: str = ""


def find(program: str, memory: Path | None = None) -> Installed | None:
    """The program as PATH has it, None when it has none. memory: a folder to remember in."""
    found = shutil.which(program, path=inherited().get("PATH"))
    if found is None:
        return None
    path = Path(found).resolve()
    known = _known(path, memory)
    if known is None:
        known = {"version": _ask(path)}
        _remember(path, memory, known)
    return Installed(
        Path(found), str(known["version"]), str(known.get("proved", "")),
        str(known.get("failed", "")),
    )  # fmt: skip


def note(installed: Installed, memory: Path, *, failed: str) -> Installed:
    """Remember what a conformance check of it said; "" when it passed."""
    proved = "" if failed else installed.version or "?"
    known = {"version": installed.version, "proved": proved, "failed": failed}
    _remember(installed.path.resolve(), memory, known)
    return Installed(installed.path, installed.version, proved, failed)


def version_tuple(version: str) -> tuple[int, ...]:
    """`2.1.329` as numbers; what is none ends it."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("-")[0])[:4])


def _ask(path: Path) -> str:
    ours = environment(inherited(), ())
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [path, "--version"], env=ours, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_SECONDS, check=False, cwd="/",
        )  # fmt: skip
        found = _VERSION.search(done.stdout.decode("utf-8", "replace"))
        return found.group() if found else ""
    return ""


def _known(path: Path, memory: Path | None) -> dict[str, Any] | None:
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = json.loads(_file(path, memory).read_bytes())
        if kept["of"] == _look(path):
            found: dict[str, Any] = kept["known"]
            return found
    return None


def _remember(path: Path, memory: Path | None, known: dict[str, Any]) -> None:
    with suppress(OSError, TypeError):
        file = _file(path, memory)
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(f"{file.name}.{os.getpid()}")
        new.write_text(json.dumps({"of": _look(path), "known": known}))
        new.replace(file)


def _file(path: Path, memory: Path | None) -> Path:
    if memory is None:
        raise TypeError("nothing is remembered")
    return memory / f"{path.name}.json"


def _look(path: Path) -> list[object]:
    seen = path.stat()
    return [str(path), seen.st_mtime_ns, seen.st_size]
