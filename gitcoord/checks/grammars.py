"""Parsers from tree-sitter's wheels, loaded when a file of that ending is first met.

Promises: a wheel that is missing, or that does not fit tree-sitter, leaves its language out.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Parser

# Language -> (what people call it, wheel, function in it that returns the grammar).
_WHEELS = {
    "javascript": ("JavaScript", "tree_sitter_javascript", "language"),
    "typescript": ("TypeScript", "tree_sitter_typescript", "language_typescript"),
    "tsx": ("TypeScript", "tree_sitter_typescript", "language_tsx"),
    "go": ("Go", "tree_sitter_go", "language"),
    "java": ("Java", "tree_sitter_java", "language"),
    "rust": ("Rust", "tree_sitter_rust", "language"),
    "c": ("C", "tree_sitter_c", "language"),
    "ruby": ("Ruby", "tree_sitter_ruby", "language"),
}
GRAMMARS = {
    ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript", ".cjs": "javascript",
    ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx",
    ".go": "go", ".java": "java", ".rs": "rust",
    ".c": "c", ".h": "c", ".rb": "ruby",
}  # fmt: skip
"""Ending -> language."""

# Not C: what its macros make of a file no parser knows.
ENDINGS = frozenset(ending for ending, name in GRAMMARS.items() if name != "c")
"""Of files whose errors are worth a word."""


def language(ending: str) -> str:
    """What people call the language of files that end so."""
    return _WHEELS[GRAMMARS[ending]][0]


def find_error(ending: str, content: bytes) -> int | None:
    """The line, from 1, of the first syntax error; None for none, and without a parser."""
    parser = parser_of(GRAMMARS[ending])
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
def parser_of(name: str) -> Parser | None:
    """The parser of a language; None where its wheel is not installed, or does not fit."""
    _, wheel, function = _WHEELS[name]
    try:
        import tree_sitter

        grammar = getattr(importlib.import_module(wheel), function)()
        return tree_sitter.Parser(tree_sitter.Language(grammar))
    except (ImportError, AttributeError, ValueError, TypeError):
        return None
