"""What the files of roles say, remembered by path, times and size.

Promises: an entry counts only while times, size and inode of its file are those it was read
at; a file changed less than SETTLED before it was read is not remembered, as git does with
its index. A damaged index is an empty one. Holds no prompt: those are read when wanted.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from gitcoord.conflicts.whole import read_whole, write_whole
from gitcoord.errors import BadInput, Problem
from gitcoord.runs.role import Role

# A prompt goes to some programs as one argument, and Linux has none of more than 128 KiB.
MOST_BYTES = 96 * 1024
SETTLED = 2_000_000_000  # ns
_SCHEMA = 1
FRONT = re.compile(r"---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)(.*)\Z", re.DOTALL | re.MULTILINE)


class Origin(NamedTuple):
    """Where an imported role is from.

    source: URL or folder. path: of its file there. asked: the tools that file asked for, None
    for all. allowed: those it got because the user named them. made: digest of the file as it
    was written, to see whether somebody changed it.
    """

    source: str
    commit: str = ""
    path: str = ""
    licence: str = ""
    plugin: str = ""
    made: str = ""
    asked: tuple[str, ...] | None = None
    allowed: tuple[str, ...] = ()


class Known(NamedTuple):
    """What one file says: a role without its prompt, or why it cannot be used."""

    role: Role | None
    origin: Origin | None = None
    problem: str = ""
    hint: str = ""


class Index:
    """The entries of one index file; file None is for this process only."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self._before = _loaded(file)
        self._kept: dict[str, Any] = {}

    def known(self, path: str, stat: os.stat_result) -> Known:
        """What the file at `path` says, from the index where that is still true."""
        stamp = [stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino]
        entry = self._before.get(path)
        if isinstance(entry, list) and entry[:1] == [stamp]:
            with suppress(IndexError, KeyError, TypeError, ValueError):
                found = _recreate(entry[1], path)
                self._kept[path] = entry
                return found
        found = _read(path)
        if time.time_ns() - max(stamp[:2]) > SETTLED:
            self._kept[path] = [stamp, _described(found)]
        return found

    def save(self) -> None:
        """Write the entries that were asked for, unless the file has just these."""
        if self.file is not None and self._kept != self._before:
            write_whole(self.file, {"schema": _SCHEMA, "roles": self._kept})


def read_content(path: str) -> bytes:
    """At most one byte more than MOST_BYTES. Raises BadInput."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - 500 of them
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        said = (error.strerror or "it cannot be read").lower()
        raise BadInput(f"{path}: {said}", hint=f"see who may: ls -l '{path}'") from None


def prompt_in(content: bytes) -> str | None:
    """What a role's file has below its front matter, None where there is none."""
    text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    found = FRONT.match(text)
    return found[2].strip() if found else None


def _read(path: str) -> Known:
    from gitcoord.runs.role_files import read_role

    try:
        found = read_role(read_content(path), path, stem=Path(path).stem)
    except Problem as problem:
        return Known(None, problem=problem.message, hint=problem.hint)
    return Known(_without_prompt(found.role), found.origin)


def _without_prompt(role: Role) -> Role:
    return Role(**{**vars(role), "prompt": ""})


def _loaded(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    with suppress(OSError, ValueError, RecursionError):
        found = read_whole(file)
        if isinstance(found, dict) and found.get("schema") == _SCHEMA:
            entries = found.get("roles")
            return entries if isinstance(entries, dict) else {}
    return {}


def _described(known: Known) -> list[Any]:
    if known.role is None:
        return [known.problem, known.hint]
    one = known.role
    listed: list[Any] = [
        one.name, one.description, one.tools, one.model, one.capabilities, one.runners,
        one.writes, one.max_turns, one.budget,
    ]  # fmt: skip
    return [*listed, known.origin]


def _recreate(entry: list[Any], path: str) -> Known:
    if len(entry) == 2:
        return Known(None, problem=entry[0], hint=entry[1])
    name, description, tools, model, capabilities, runners, writes, turns, budget, origin = entry
    role = Role(
        name, description, "", None if tools is None else tuple(tools), model,
        tuple(capabilities), tuple(runners), writes, turns, budget, path,
    )  # fmt: skip
    return Known(role, _origin(origin) if origin else None)


def _origin(values: list[Any]) -> Origin:
    *texts, asked, allowed = values
    source, commit, path, licence, plugin, made = map(str, texts)
    named = None if asked is None else tuple(asked)
    return Origin(source, commit, path, licence, plugin, made, named, tuple(allowed))
