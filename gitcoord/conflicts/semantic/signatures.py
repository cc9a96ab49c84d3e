"""What calls of Python bring and what its functions want, as values."""

from __future__ import annotations

import ast

from gitcoord.conflicts.semantic.outline import Arguments, Parameters


def parameters_of(node: ast.arguments) -> Parameters:
    positional = [*node.posonlyargs, *node.args]
    needed = [one.arg for one, default in zip(node.kwonlyargs, node.kw_defaults, strict=True)
              if default is None]  # fmt: skip
    return Parameters(
        tuple(one.arg for one in positional),
        len(positional) - len(node.defaults),
        len(node.posonlyargs),
        frozenset(one.arg for one in node.kwonlyargs),
        frozenset(needed),
        node.vararg is not None,
        node.kwarg is not None,
    )


def constructor_of(node: ast.ClassDef) -> Parameters | None:
    """Of `__init__`, or of a dataclass's fields; None where a base class could have its own."""
    for one in node.body:
        if isinstance(one, ast.FunctionDef) and one.name == "__init__":
            return None if one.decorator_list else parameters_of(one.args)
    marks = [dotted(mark) for mark in node.decorator_list]
    if not node.bases and any(mark.endswith("dataclass") for mark in marks):
        fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
        # A field made by field(…) or of a ClassVar is more than this knows.
        if any(isinstance(one.value, ast.Call) or "ClassVar" in ast.dump(one.annotation)
               for one in fields):  # fmt: skip
            return None
        names = ["self", *(one.target.id for one in fields if isinstance(one.target, ast.Name))]
        return Parameters(tuple(names), 1 + sum(one.value is None for one in fields))
    return None


def arguments_of(node: ast.Call) -> Arguments:
    plain = [one for one in node.args if not isinstance(one, ast.Starred)]
    names = [one.arg for one in node.keywords]
    return Arguments(
        len(plain),
        frozenset(name for name in names if name),
        len(plain) != len(node.args),
        None in names,
    )


def dotted(node: ast.AST) -> str:
    """`a.b.c` as written, "?" where it is more than names."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return "?"
    return ".".join([node.id, *reversed(parts)])
