"""Which reader a file's ending calls for. A language that is not installed has no outlines.

Readers are imported when something is to be read (12 ms): a hook mostly needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.conflicts.semantic.grammars import GRAMMARS, parse
from gitcoord.conflicts.semantic.outline import Outline, Touched

if TYPE_CHECKING:
    from gitcoord.conflicts.semantic.treereader import TreeReader

_LONGEST_LINE = 5_000
PYTHON = {".py", ".pyi"}
KEYED = {".json", ".toml", ".yml", ".yaml", ".env", ".ini", ".properties", ".proto", ".sql"}
ENDINGS = frozenset({*PYTHON, *GRAMMARS, *KEYED})


def read_outline(ending: str, body: bytes, touched: Touched | None = None) -> Outline | None:
    """The outline of a file; None when nothing can be said of it. touched: functions without
    such a line are not looked into (four fifths of the time)."""
    if not body:
        return Outline("")
    if b"\0" in body or max(map(len, body.split(b"\n"))) > _LONGEST_LINE:
        return None
    if ending in PYTHON:
        from gitcoord.conflicts.semantic.python import read_python

        return read_python(body, touched)
    if ending in KEYED:
        from gitcoord.conflicts.semantic.plain import read_plain

        return read_plain(ending, body)
    return _read_tree(ending, body, touched) if ending in GRAMMARS else None


def _read_tree(ending: str, body: bytes, touched: Touched | None) -> Outline | None:
    root = parse(ending, body)
    if root is None:
        return None
    reader = _reader(GRAMMARS[ending])
    reader.touched = touched
    try:
        reader.visit(root)
    except RecursionError:
        return None
    return reader.outline()


def _reader(grammar: str) -> TreeReader:
    if grammar == "go":
        from gitcoord.conflicts.semantic.go import GoReader

        return GoReader()
    if grammar == "java":
        from gitcoord.conflicts.semantic.java import JavaReader

        return JavaReader()
    if grammar == "rust":
        from gitcoord.conflicts.semantic.rust import RustReader

        return RustReader()
    if grammar == "c":
        from gitcoord.conflicts.semantic.c import CReader

        return CReader()
    if grammar == "ruby":
        from gitcoord.conflicts.semantic.ruby import RubyReader

        return RubyReader()
    from gitcoord.conflicts.semantic.javascript import ScriptReader

    return ScriptReader("typescript" if grammar == "tsx" else grammar)
