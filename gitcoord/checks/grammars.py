"""Parsers from tree-sitter's wheels, loaded when a file of that ending is first met.

Promises: a wheel that is missing, or that does not fit tree-sitter, leaves its language out.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Parser

# Ending -> (wheel, function in it that returns the grammar). Not C: what its macros make of
# a file no parser knows.
_WHEELS = {
    ".js": ("tree_sitter_javascript", "language"),
    ".ts": ("tree_sitter_typescript", "language_typescript"),
    ".tsx": ("tree_sitter_typescript", "language_tsx"),
    ".go": ("tree_sitter_go", "language"),
    ".java": ("tree_sitter_java", "language"),
    ".rs": ("tree_sitter_rust", "language"),
    ".rb": ("tree_sitter_ruby", "language"),
}
_SAME = {".jsx": ".js", ".mjs": ".js", ".cjs": ".js", ".mts": ".ts", ".cts": ".ts"}
NAMES = {
    ".js": "JavaScript", ".ts": "TypeScript", ".tsx": "TypeScript", ".go": "Go",
    ".java": "Java", ".rs": "Rust", ".rb": "Ruby",
}  # fmt: skip
ENDINGS = frozenset((*_WHEELS, *_SAME))


def language(ending: str) -> str:
    """What people call the language of files that end so."""
    return NAMES[_SAME.get(ending, ending)]


def find_error(ending: str, content: bytes) -> int | None:
    """The line, from 1, of the first syntax error; None for none, and without a parser."""
    parser = _parser(_SAME.get(ending, ending))
    if parser is None:
        return None
    node = parser.parse(content).root_node
    if not node.has_error:
        return None
    while True:
        inner = next((one for one in node.children if one.has_error or one.is_missing), None)
        if inner is None or node.is_error:
            return node.start_point.row + 1
        node = inner


@cache
def _parser(ending: str) -> Parser | None:
    wheel, function = _WHEELS[ending]
    try:
        import tree_sitter

        grammar = getattr(importlib.import_module(wheel), function)()
        return tree_sitter.Parser(tree_sitter.Language(grammar))
    except (ImportError, AttributeError, ValueError, TypeError):
        return None
