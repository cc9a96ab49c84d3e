"""What an agent that validates answered: its file, or the last block of its words.

    {"verdict": "approved" | "refused" | "conditions", "summary": "…",
     "comments": [{"path": "src/a.py", "line": 12, "text": "…"}], "conditions": ["…"]}

Promises: what is not such an answer is UNKNOWN, never approved; so are two answers that differ,
and conditions without one. What an agent says of places that are not there is kept as a comment
on all of it. Refuses: a file of more than a megabyte, and a link in its place.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcoord.reviews.verdicts.verdict import CONDITIONS, REFUSED, STATES, UNKNOWN, Comment

FILE = ".agentcoord/verdict.json"
_LARGEST = 1 << 20
_MOST, _LONGEST = 200, 4_000
Lines = Callable[[str], int]
"""How many lines a file of the tree has; -1 when there is none of that name."""


@dataclass(frozen=True)
class Answer:
    """state: one of STATES. said: a line; of UNKNOWN why it is."""

    state: str
    said: str
    comments: tuple[Comment, ...] = ()
    conditions: tuple[str, ...] = ()


def clear(top: Path) -> None:
    """Take away a file that is there before the agent is: it came with the commit, from whoever
    is to be judged."""
    from gitcoord.git.scratch import remove_folder

    folder = top / FILE.partition("/")[0]
    if folder.is_symlink() or not folder.is_dir():
        remove_folder(folder)
    remove_folder(top / FILE)


def read_answer(top: Path, summary: str, lines: Lines) -> Answer:
    """The answer in the file, or in the last fenced block of the summary."""
    written = _parsed(_content(top), lines)
    said = _parsed(_last_block(summary), lines)
    if written and said and written.state != said.state:
        return Answer(UNKNOWN, f"it wrote {written.state} and said {said.state}")
    found = written or said
    return found or Answer(UNKNOWN, "it gave no verdict in the form that was asked for")


def _content(top: Path) -> str:
    """Of a regular file in a regular folder, opened so that a pipe does not hold us up."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with suppress(OSError):
        folder = os.open(top / FILE.partition("/")[0], flags | os.O_DIRECTORY)
        try:
            file = os.open(FILE.rpartition("/")[2], flags, dir_fd=folder)
        finally:
            os.close(folder)
        with open(file, "rb") as stream:  # noqa: PTH123 - a descriptor
            status = os.fstat(file)
            if stat.S_ISREG(status.st_mode) and status.st_size <= _LARGEST:
                return stream.read(_LARGEST).decode("utf-8", "replace")
    return ""


def _last_block(text: str) -> str:
    """What stands in the last pair of fences."""
    last, block, inside = "", list[str](), False
    for line in text[-_LARGEST:].splitlines():
        fence = line.strip().startswith("```")
        if fence and inside:
            last = "\n".join(block)
        if fence:
            inside, block = not inside, []
        elif inside:
            block.append(line)
    return last


def _parsed(text: str, lines: Lines) -> Answer | None:
    """None for what is no answer at all."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    state = said.get("verdict") if isinstance(said, dict) else None
    if not isinstance(state, str) or state not in STATES:
        return None
    comments = tuple(
        one for one in (_comment(each, lines) for each in _listed(said, "comments")) if one
    )
    conditions = tuple(_text(one) for one in _listed(said, "conditions") if _text(one))
    summary = _text(said.get("summary"))
    if state == CONDITIONS and not conditions:
        return Answer(UNKNOWN, "it approved on conditions and named none", comments)
    if state == REFUSED and not (comments or summary):
        return Answer(UNKNOWN, "it refused and gave no reason")
    return Answer(state, summary or state, comments, conditions if state == CONDITIONS else ())


def _comment(said: object, lines: Lines) -> Comment | None:
    if isinstance(said, str):
        said = {"text": said}
    if not isinstance(said, Mapping) or not _text(said.get("text")):
        return None
    path, line = _text(said.get("path")), said.get("line", 0)
    number = line if type(line) is int else 0
    text = _text(said.get("text"))
    length = lines(path) if path else -1
    if length < 0 or not 0 <= number <= length:
        place = f"{path}:{number}" if number else path
        return Comment("", 0, f"{place}: {text}" if place else text)
    return Comment(path, number, text)


def _listed(said: Mapping[str, Any], key: str) -> list[object]:
    value = said.get(key)
    return value[:_MOST] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value.strip()[:_LONGEST] if isinstance(value, str) else ""
