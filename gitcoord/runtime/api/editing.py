"""Changing files of the worktree: a unique text replaced, a whole file written, a patch applied.

Promises: a file is replaced whole or not at all, and keeps its mode and its line ends; a patch
changes all its files or none. Refuses: text that is not unique, and to write `[REDACTED:…]` into
a file that did not have it, since the secret behind it would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gitcoord.errors import BadInput, NoSuch
from gitcoord.git.repository import Repository
from gitcoord.runtime.api.reach import Reach

_MASKED = "[REDACTED:"
_HEADER = re.compile(
    r"^(?:--- |\+\+\+ |rename from |rename to |copy from |copy to |diff --git )(.*)$", re.MULTILINE
)
_MODE = re.compile(r"^(?:new file mode|new mode) (?!100644|100755)(\d+)", re.MULTILINE)


def edit(reach: Reach, given: Mapping[str, Any]) -> str:
    """Replace `old` by `new`: its one occurrence, or with `all` every one."""
    parts = reach.place(given["path"], writing=True)
    before = _text(reach.read(parts))
    old, new = str(given["old"]), str(given["new"])
    if not old:
        raise BadInput("`old` is empty: to make a file use write")
    if old not in before and "\r\n" in before:
        old, new = (re.sub(r"\r?\n", "\r\n", text) for text in (old, new))
    times = before.count(old)
    if times == 0:
        raise NoSuch(_not_there(given["path"], old))
    if times > 1 and not given.get("all"):
        raise BadInput(f"`old` is {times} times in {given['path']}: take more lines around it")
    after = before.replace(old, new)
    _check_masks(given["path"], before, after)
    reach.write(parts, _bytes(after))
    line = before[: before.index(old)].count("\n") + 1
    return f"{given['path']}: {times} replaced, from line {line}"


def write(reach: Reach, given: Mapping[str, Any]) -> str:
    """Write a whole file, new or not."""
    parts = reach.place(given["path"], writing=True)
    before = reach.find(parts)
    content = str(given["content"])
    _check_masks(given["path"], _text(before or b""), content)
    reach.write(parts, _bytes(content))
    lines = content.count("\n") + (not content.endswith("\n") and bool(content))
    return f"{given['path']} {'written' if before is not None else 'made'}: {lines} lines"


def apply_patch(
    repo: Repository, reach: Reach, given: Mapping[str, Any], stopped: Callable[[], bool]
) -> str:
    """Apply a unified diff. git itself refuses what leads out of the worktree or over a link."""
    patch = str(given["patch"])
    patch += "" if patch.endswith("\n") else "\n"
    if found := _MODE.search(patch):
        raise BadInput(f"a patch may make files only, not mode {found[1]}")
    for path in _named(patch):
        reach.place(path, writing=True)
    if _MASKED in re.sub(r"^[ -].*$", "", patch, flags=re.MULTILINE):
        raise BadInput(f"the patch would write {_MASKED}…]: what it stands for is not known to you")
    argv = ("apply", "--whitespace=nowarn", "--recount")
    sent = _bytes(patch)
    counted = repo.run(*argv, "--numstat", "-z", "-", input=sent, ok=(0, 1, 128), timeout=20)
    if counted.code:
        raise BadInput(f"no patch git can read: {_said(counted.err)}")
    changed = [field.split("\t", 2)[2] for field in counted.fields() if field.count("\t") >= 2]
    for path in changed:
        reach.place(path, writing=True)
    if stopped():
        raise BadInput("stopped before it was applied")
    done = repo.run(*argv, "-", input=sent, ok=(0, 1, 128), timeout=20)
    if done.code:
        raise BadInput(f"it does not apply, nothing was changed: {_said(done.err)}")
    return f"applied to {', '.join(changed)}"


def numbered(content: bytes, first: int, count: int, most: int) -> str:
    """Lines of a file with their numbers; says what it left out. first: from 1."""
    if b"\0" in content[:8192]:
        raise BadInput(f"it is no text: {len(content):,} bytes")
    lines = content.decode("utf-8", "replace").split("\n")
    if lines[-1] == "":
        lines.pop()
    shown: list[str] = []
    room = most
    for number, line in enumerate(lines[first - 1 : first - 1 + count], first):
        row = f"{number}\t{line.removesuffix(chr(13))}"
        row = row if len(row) <= 2000 else f"{row[:2000]} [… {len(row) - 2000:,} characters]"
        room -= len(row) + 1
        if room < 0:
            break
        shown.append(row)
    last = first + len(shown) - 1
    if last < len(lines):
        shown.append(f"[… up to line {last} of {len(lines):,}; go on with first_line={last + 1}]")
    return "\n".join(shown) or "it is empty"


def _named(patch: str) -> list[str]:
    """Every path a header names, also of a rename's source, which git does not count."""
    found = []
    for line in _HEADER.findall(patch):
        name = line.split("\t")[0].strip()
        if '"' in name:
            raise BadInput("a path in quotes: use edit and write for that file")
        words = name.split(" ") if " b/" in name else [name]
        found += [re.sub(r"^[ab]/", "", word) for word in words if word != "/dev/null"]
    return [path for path in found if path and Path(path).name]


def _check_masks(path: str, before: str, after: str) -> None:
    if after.count(_MASKED) > before.count(_MASKED):
        raise BadInput(f"{path}: {_MASKED}…] stands for a secret you cannot see: edit around it")


def _not_there(path: str, old: str) -> str:
    said = f"`old` is not in {path}: read it again, it has to be exactly the same"
    return f"{said}; {_MASKED}…] stands for what you cannot see" if _MASKED in old else said


def _said(err: bytes) -> str:
    return err.decode("utf-8", "replace").strip()[:600]


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
