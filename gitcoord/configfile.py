"""One TOML file of settings: read with line numbers, changed with its comments kept.

Promises: what is wrong is named by file and line; a change keeps the comments, the order and
the mode of the file, follows a symlink, and is whole or not at all, also with several writers.
Refuses: a change that would touch another key.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gitcoord.errors import BadInput

_BLANK = re.compile(r"\s*(#|$)")


def text_of(file: Path) -> str:
    """The text of a file, empty where there is none. Raises BadInput if it is no text."""
    try:
        return file.read_bytes().decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadInput(f"{file}, line {line}: not UTF-8", hint=f"see: file {file}") from None
    except IsADirectoryError:
        raise BadInput(f"{file} is a folder, not a file", hint=f"see: ls -ld {file}") from None


def parsed(text: str, file: Path) -> dict[str, Any]:
    """What a TOML text says. Raises BadInput with the line; `file` is its name in that."""
    if not text.strip():
        return {}
    try:
        return loads(text)
    except ValueError as error:
        said = str(error)
        raise BadInput(
            f"{file} is not TOML: {said[:1].lower()}{said[1:]}",
            hint=f"mend it with an editor: vi {file}",
        ) from None


def loads(text: str) -> dict[str, Any]:
    """TOML as plain Python. Raises ValueError."""
    import tomllib  # 13 ms, and most people have no file

    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def leaves(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value), tables taken apart; an empty table within is a leaf."""
    for name, value in document.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def line_of(text: str, name: str) -> int:
    """The line, from 1, on which a TOML text that parses begins to set `name`.

    The first beginning of the text that parses and has the key ends where the key is set, so
    no second, approximate parser of TOML is needed.
    """
    lines = text.splitlines(keepends=True)
    start = 0
    for end in range(1, len(lines) + 1):
        try:
            document = loads("".join(lines[:end]))
        except ValueError:
            continue
        if _has(document, name.split(".")):
            told = [at for at in range(start, end) if not _BLANK.match(lines[at])]
            return told[0] + 1
        start = end
    return max(len(lines), 1)


def change(file: Path, name: str, value: Any) -> None:
    """Set `section.key` in a file that may not exist yet; None takes it out. Raises BadInput.

    Computed from the file as it is while no other writer is in it.
    """
    target = Path(os.path.realpath(file))
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.parent):
        text = text_of(target)
        edited = _edited(text, file, name, value)
        if edited != text:
            _replace(target, edited)


def _edited(text: str, file: Path, name: str, value: Any) -> str:
    import tomlkit

    wanted = _told(parsed(text, file))
    wanted.pop(name, None)
    document = tomlkit.parse(text)
    if value is None:
        _take_out(document, name.split("."))
    else:
        section, _, key = name.partition(".")
        document.setdefault(section, tomlkit.table())[key] = wanted[name] = value
    edited = tomlkit.dumps(document)
    if _told(parsed(edited, file)) != wanted:
        raise BadInput(
            f"cannot change {name} in {file} without touching other keys",
            hint=f"do it with an editor: vi {file}",
        )
    return edited


def _told(document: Mapping[str, Any]) -> dict[str, Any]:
    """What a document sets: a table left empty sets nothing."""
    return {name: value for name, value in leaves(document) if value != {}}


def _take_out(document: Any, parts: Sequence[str]) -> None:
    inner = document.get(parts[0])
    if len(parts) > 1 and isinstance(inner, dict):
        _take_out(inner, parts[1:])
    elif len(parts) == 1 and inner is not None:
        del document[parts[0]]


def _has(document: Any, parts: Sequence[str]) -> bool:
    """Whether a dotted name is in a document; a quoted part may hold dots itself."""
    for index in range(1, len(parts) + 1):
        name = ".".join(parts[:index])
        if isinstance(document, dict) and name in document:
            rest = parts[index:]
            if not rest or _has(document[name], rest):
                return True
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time: a lock on the folder itself leaves no lock file behind.

    Where the file system has no locks, a change is still whole, as it is put in place at once.
    """
    import fcntl

    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(target: Path, text: str) -> None:
    """Put a text in place at once, with the mode of what was there."""
    import tempfile

    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            with suppress(FileNotFoundError):
                os.fchmod(handle, stat.S_IMODE(target.stat().st_mode))
            file.write(text.encode())
            file.flush()
            os.fsync(handle)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
