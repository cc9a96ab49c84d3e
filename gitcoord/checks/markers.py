"""Conflict markers that were left in a file.

Promises: a rule under a heading (`=======` alone) is no marker; prompts and quoted mail with
other numbers of `<` and `>` are none either. Refuses: markers that are indented, as they are
in the text of a program that writes them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# At the start of a line seven of one kind, then nothing, or a space and what it is called.
_MARKER = re.compile(rb"^(?:(<{7}|>{7}|\|{7})(?: [^\r\n]*)?|(={7}))\r?$", re.MULTILINE)
# Of these a single one is said to be forgotten; in prose and in fixtures only a whole conflict.
_LABELLED = re.compile(rb"(?:<{7}|>{7}) [\w./~^@{}()'\"#: -]{1,200}\r?\Z")
_PROSE = (".md", ".rst", ".txt", ".adoc", ".asciidoc", ".html", ".diff", ".patch", ".mbox", ".eml")
_FIXTURES = frozenset(
    ("test", "tests", "spec", "specs", "fixtures", "testdata", "__snapshots__", "docs", "doc", "t")
)


def find_markers(content: bytes, path: str, is_added: Callable[[int], bool]) -> list[int]:
    """The lines, from 1, on which a conflict begins, or a forgotten marker stands.

    A whole conflict counts when its first and last marker are added; a lone `<<<<<<< name` or
    `>>>>>>> name` when it is, outside of prose and of tests.
    """
    if not any(head in content for head in (b"<<<<<<<", b">>>>>>>")):
        return []
    found: list[int] = []
    begun: list[tuple[bytes, int]] = []
    lone: list[int] = []
    line, at = 1, 0
    for match in _MARKER.finditer(content):
        line += content.count(b"\n", at, match.start())
        at = match.start()
        kind = (match[1] or match[2])[:1]
        if kind == b"<":
            begun = [(kind, line)]
        elif kind == b">" and begun and any(one == b"=" for one, _ in begun):
            if is_added(begun[0][1]) and is_added(line):
                found.append(begun[0][1])
            begun = []
            continue
        elif begun:
            begun.append((kind, line))
        if kind in b"<>" and _LABELLED.match(match.group()) and is_added(line):
            lone.append(line)
    return found or ([] if _may_hold(path) else lone)


def _may_hold(path: str) -> bool:
    *folders, name = path.lower().split("/")
    return (
        name.endswith(_PROSE)
        or not _FIXTURES.isdisjoint(folders)
        or name.startswith("test_")
        or "test." in name
        or "spec." in name
    )
