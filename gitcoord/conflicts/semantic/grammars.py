"""Grammars of languages other than Python, from tree-sitter's wheels, loaded when first needed.

Promises: without a wheel for a language its files have no outline; nothing else fails.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

# Ending -> (language, wheel, function in it that returns the grammar).
_WHEELS = {
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "c": ("tree_sitter_c", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
}
GRAMMARS = {
    ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript", ".cjs": "javascript",
    ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx",
    ".go": "go", ".java": "java", ".rs": "rust",
    ".c": "c", ".h": "c", ".rb": "ruby",
}  # fmt: skip


def parse(ending: str, body: bytes) -> Node | None:
    """The root of the syntax tree; None where there is no grammar, or the text has an error."""
    parser = _parser(GRAMMARS[ending])
    if parser is None:
        return None
    root = parser.parse(body).root_node
    return None if root.has_error else root


@cache
def _parser(name: str) -> Parser | None:
    wheel, function = _WHEELS[name]
    try:
        import tree_sitter

        grammar = getattr(importlib.import_module(wheel), function)()
        return tree_sitter.Parser(tree_sitter.Language(grammar))
    except (ImportError, AttributeError, ValueError, TypeError):
        # Not installed, or of a version that does not fit the other.
        return None
