"""A Python module's syntax tree, and what rules ask of it again and again.

Promises: answers about one function do not reach into the functions inside it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

_Kind = TypeVar("_Kind", bound=ast.AST)
Function = ast.FunctionDef | ast.AsyncFunctionDef
_CHANGES = frozenset(
    ("append", "add", "update", "extend", "setdefault", "pop", "insert", "clear", "remove")
)


@dataclass
class Module:
    """A module and what rules ask of it again and again."""

    tree: ast.Module
    above: dict[ast.AST, ast.AST] = field(default_factory=dict)
    nodes: list[ast.AST] = field(default_factory=list)
    # Names bound at the top level to something that can be changed in place.
    globals: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, tree: ast.Module) -> Module:
        module = cls(tree)
        for node in ast.walk(tree):
            module.nodes.append(node)
            for child in ast.iter_child_nodes(node):
                module.above[child] = node
        for statement in tree.body:
            value = getattr(statement, "value", None)
            if isinstance(statement, ast.Assign | ast.AnnAssign) and is_mutable(value):
                targets = (
                    statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                )
                module.globals |= {one.id for one in targets if isinstance(one, ast.Name)}
        return module

    def every(self, *kinds: type[_Kind]) -> Iterator[_Kind]:
        return (node for node in self.nodes if isinstance(node, kinds))

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield node, dotted(node.func)

    def within(self, node: ast.AST, *kinds: type[ast.AST]) -> ast.AST | None:
        """The nearest of `kinds` around a node, inside the same function."""
        at = self.above.get(node)
        while at is not None and not isinstance(at, kinds):
            if isinstance(at, Function | ast.Lambda):
                return None
            at = self.above.get(at)
        return at

    def function(self, node: ast.AST) -> Function | None:
        at = self.above.get(node)
        while at is not None and not isinstance(at, Function):
            at = self.above.get(at)
        return at

    def locked(self, node: ast.AST) -> bool:
        """Whether a `with …lock…` or the like is around the node."""
        at = self.within(node, ast.With, ast.AsyncWith)
        while at is not None:
            if re.search(r"lock|mutex|semaphore|condition|atomic", ast.dump(at)[:2000], re.I):
                return True
            at = self.within(at, ast.With, ast.AsyncWith)
        return False


def dotted(node: ast.AST | None) -> str:
    """`a.b.c` for a name or an attribute of one, "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else ""


def inside(statements: Sequence[ast.AST]) -> list[ast.AST]:
    """All nodes of some statements."""
    return [part for statement in statements for part in ast.walk(statement)]


def any_call(parts: Iterable[ast.AST], name: re.Pattern[str]) -> bool:
    """Whether one of the nodes calls something of such a name."""
    return any(isinstance(part, ast.Call) and name.search(dotted(part.func)) for part in parts)


def is_mutable(node: ast.AST | None) -> bool:
    made = dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""
    return isinstance(node, ast.List | ast.Dict | ast.Set) or made in (
        "list", "dict", "set", "defaultdict", "OrderedDict", "deque",
    )  # fmt: skip


def is_changed(function: ast.AST, name: str) -> bool:
    for part in ast.walk(function):
        match part:
            case ast.Call(func=ast.Attribute(value=owner, attr=attr)):
                changed = dotted(owner) == name and attr in _CHANGES
            case ast.Subscript(ctx=ast.Store() | ast.Del(), value=owner):
                changed = dotted(owner) == name
            case ast.AugAssign(target=target):
                changed = dotted(target) == name
            case ast.Assign(value=value, targets=targets) if dotted(value) == name:
                # Kept on an object: whoever changes it there changes the default.
                changed = any(isinstance(target, ast.Attribute) for target in targets)
            case _:
                changed = False
        if changed:
            return True
    return False


def stores(parts: list[ast.AST], held: str) -> bool:
    return any(
        isinstance(part, ast.Subscript)
        and isinstance(part.ctx, ast.Store)
        and dotted(part.value) == held
        for part in parts
    )


def says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass | ast.Continue)


def is_kept(module: Module, node: ast.Lambda) -> bool:
    """Whether a lambda outlives its round: appended, stored or passed to a registration."""
    around = module.above.get(node)
    if isinstance(around, ast.Call):
        last = dotted(around.func).rpartition(".")[2]
        return bool(re.search(r"append|add|connect|register|submit|callback|bind|after|on$", last))
    return isinstance(around, ast.Assign) and isinstance(around.targets[0], ast.Subscript)


def leaves(loop: ast.For, part: ast.AST, module: Module) -> bool:
    """Whether the loop is left right after the change."""
    at: ast.AST | None = part
    while at is not None and at is not loop:
        around = module.above.get(at)
        body = getattr(around, "body", None)
        if isinstance(body, list) and at in body:
            after = body[body.index(at) :]
            if any(isinstance(one, ast.Break | ast.Return | ast.Raise) for one in after):
                return True
        at = around
    return False


def is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def is_literal(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str | bytes | int | float)
        and (not isinstance(node.value, bool))
    )


def is_number(node: ast.AST | None) -> bool:
    if isinstance(node, ast.BinOp):
        return is_number(node.left) and is_number(node.right)
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
    )


def is_len(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == "len"


def is_zero(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and not node.value
