"""The checks, as a pure function of files.

Promises: markers and secrets are only looked for in lines that were added; nothing a file
says ends up in a remark. Refuses: to guess at binary files, of which only the size counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from gitcoord.checks.markers import find_markers
from gitcoord.checks.remark import Remark
from gitcoord.checks.syntax import find_error, is_vendored
from gitcoord.redaction import find_secrets

CHECKS = ("conflict-markers", "secrets", "large-files", "syntax")
# A password for this machine alone, or for nowhere, or as the name: celery's documentation is
# full of `guest:guest` at localhost, and gave 48 remarks on secrets without this.
_NOWHERE = re.compile(
    rb"://(?:[^\s/@]{1,200}@(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|[\w.-]{0,99}\bexample\b)"
    rb"|(\w{1,60}):\1@)"
)
# Of these anything at all may look random in code that others packed.
_GUESSED = ("secret", "password")


@dataclass(frozen=True)
class File:
    """A file as it is now. old: its last version, None when it is new.

    added: numbers of the lines that are new, from 1; None is all of them. size: in bytes,
    where `content` is left empty because there is so much of it.
    """

    path: str
    content: bytes
    old: bytes | None
    added: Sequence[int] | None
    size: int = -1


def examine(files: Iterable[File], *, largest: int, only: Collection[str] = CHECKS) -> list[Remark]:
    """What the checks named in `only` have to say, file by file. largest: in bytes."""
    return [remark for file in files for remark in _examine(file, largest, only)]


def _examine(file: File, largest: int, only: Collection[str]) -> Iterator[Remark]:
    if "large-files" in only:
        yield from _large(file, largest)
    if is_binary(file.content) or file.content == file.old:
        return
    if "conflict-markers" in only:
        yield from _markers(file)
    if "secrets" in only:
        yield from _secrets(file)
    if "syntax" in only:
        yield from _syntax(file)


def is_binary(content: bytes) -> bool:
    """git's own rule: a NUL in the first 8000 bytes. UTF-16 is text all the same."""
    return b"\0" in content[:8000] and not content.startswith((b"\xff\xfe", b"\xfe\xff"))


def _large(file: File, largest: int) -> Iterator[Remark]:
    size = max(file.size, len(file.content))
    if size > largest and not (file.content and file.content == file.old):
        text = f"is {size:,} bytes large; {largest:,} are the most (hooks.largest)"
        yield Remark("large-files", file.path, 0, text)


def _markers(file: File) -> Iterator[Remark]:
    for line in find_markers(file.content, file.path, _is_added(file)):
        yield Remark("conflict-markers", file.path, line, "a conflict marker was left here")


def _secrets(file: File) -> Iterator[Remark]:
    found = find_secrets(file.content, file.path, besides=file.old or b"")
    is_added = _is_added(file)
    lines = file.content.split(b"\n") if found else []
    for kind, line in dict.fromkeys((one.kind, one.line) for one in found):
        if is_added(line) and not _is_meant(kind, file.path, lines[line - 1]):
            named = kind.replace("_", " ")
            yield Remark("secrets", file.path, line, f"this looks like a secret: {named}")


def _is_meant(kind: str, path: str, line: bytes) -> bool:
    if kind == "password" and _NOWHERE.search(line):
        return True
    return kind in _GUESSED and is_vendored(path)


def _syntax(file: File) -> Iterator[Remark]:
    error = find_error(file.path, file.content, file.old)
    if error:
        yield Remark("syntax", file.path, *error)


def _is_added(file: File) -> Callable[[int], bool]:
    return frozenset(file.added).__contains__ if file.added is not None else lambda _: True
