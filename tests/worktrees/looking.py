"""What there is to see of a repository and around it, so that two moments can be compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.calling import Said, gitcoord
from tests.conftest import Sandbox


@dataclass(frozen=True)
class Seen:
    """refs and listed: as git prints them. files: path -> what it holds, for all files in the
    repository's parent folder, git's objects and the home left out. folders: those outside
    `.git`."""

    refs: str
    listed: str
    status: str
    stash: str
    files: dict[str, bytes]
    folders: tuple[str, ...]


def look(sandbox: Sandbox, *, at: Path | None = None) -> Seen:
    """Everything a start could leave behind. at: where git is asked, if not in the main
    worktree."""
    here = at or sandbox.path
    files, folders = _walk(sandbox.path.parent)
    return Seen(
        refs=sandbox.git("for-each-ref", at=here),
        listed=sandbox.git("worktree", "list", "--porcelain", at=here),
        status=sandbox.git("--no-optional-locks", "status", "--porcelain", at=here, ok=False),
        stash=sandbox.git("stash", "list", at=here, ok=False),
        files=files,
        folders=tuple(sorted(folders)),
    )


def refused(said: Said, *words: str) -> None:
    """One line of what is wrong with all of `words`, a hint, no answer, code 2."""
    assert said.code == 2, (said.code, said.out, said.err)
    assert said.out == ""
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    hints = [line for line in said.err.splitlines() if line.startswith("hint: ")]
    assert (len(errors), len(hints)) == (1, 1), said.err
    assert "Traceback" not in said.err
    for word in words:
        assert word in errors[0] + hints[0], said.err


def begin(
    *words: str | Path, at: Path | None = None, task: str = "why is it slow"
) -> dict[str, Any]:
    """`start investigation … --no-run --json` that has to work: what it says of the worktree."""
    said = gitcoord("start", "investigation", task, "--no-run", "--json", *words, at=at)
    assert said.code == 0, said.err
    made: dict[str, Any] = said.json["worktree"]
    return made


def begun(said: Said) -> Path:
    """The folder a start that was asked for --json says it made."""
    assert said.code == 0, said.err
    return Path(said.json["worktree"]["path"])


def _walk(top: Path) -> tuple[dict[str, bytes], list[str]]:
    files: dict[str, bytes] = {}
    folders: list[str] = []
    for folder, inner, names in os.walk(top):
        if Path(folder) == top:
            inner[:] = [name for name in inner if name != "home"]
        if os.path.isdir(os.path.join(folder, "objects", "pack")):
            inner.remove("objects")
        inside = os.path.relpath(folder, top)
        if not _is_git_dir(inside):
            folders.append(inside)
        for name in names:
            files[os.path.join(inside, name)] = _content(os.path.join(folder, name))
    return files, folders


def _content(file: str) -> bytes:
    if os.path.islink(file):
        return os.fsencode(os.readlink(file))
    return Path(file).read_bytes() if os.path.isfile(file) else b""


def _is_git_dir(inside: str) -> bool:
    parts: Sequence[str] = inside.split(os.sep)
    return any(part.endswith(".git") for part in parts)
