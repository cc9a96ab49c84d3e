"""Outlines of Python, by its own syntax tree. Refuses what does not parse: there is none then."""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from gitcoord.conflicts.semantic.folding import fold
from gitcoord.conflicts.semantic.gathering import Gathering
from gitcoord.conflicts.semantic.outline import (
    CLASS,
    CONSTANT,
    FIELD,
    FUNCTION,
    IMPORT,
    Claim,
    Definition,
    Outline,
    Scope,
    Touched,
    Use,
)
from gitcoord.conflicts.semantic.registers import is_port, registration
from gitcoord.conflicts.semantic.signatures import (
    arguments_of,
    constructor_of,
    dotted,
    parameters_of,
)

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_ENUMS = ("Enum", "Flag", "Choices", "StrEnum", "IntEnum")
_PREFIX = re.compile(r"([A-Z][A-Z0-9]*_)[A-Z0-9_]+\Z")
_LOOSE = {"overload", "setter", "getter", "deleter", "register", "dispatch", "singledispatch"}
_TEXT = 120


def read_python(body: bytes, touched: Touched | None = None) -> Outline | None:
    """The outline of a module; None when it does not parse. touched: functions without such a
    line are not looked into."""
    try:
        tree = _parse(body, touched)
        reader = _Reader(body, touched)
        reader.block(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError, LookupError):
        return None
    return reader.outline()


def _parse(body: bytes, touched: Touched | None) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if touched is not None:
            with suppress(SyntaxError):
                return ast.parse(fold(body, touched))
        return ast.parse(body)


class _Reader(Gathering, ast.NodeVisitor):
    language = "python"

    def __init__(self, body: bytes, touched: Touched | None) -> None:
        super().__init__()
        self.touched = touched
        self.rows = body.splitlines()
        self.classes: list[str] = []
        self.loose = False
        self.held: set[ast.AST] = set()
        self.marks: set[ast.AST] = set()

    def outline(self) -> Outline:
        self.claims += _revisions(self.definitions)
        return super().outline()

    def block(self, nodes: Iterable[ast.stmt]) -> None:
        for node in nodes:
            self.visit(node)

    def _define(
        self, name: str, kind: str, node: ast.stmt, *, loose: bool = False, **more: Any
    ) -> None:
        if not self.depth:
            place = (node.lineno, node.end_lineno or node.lineno)
            loose = loose or self.loose
            self.definitions.append(Definition(name, self.scope, kind, place, loose=loose, **more))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def _function(self, node: _Function) -> None:
        marks = [dotted(mark.func if isinstance(mark, ast.Call) else mark)
                 for mark in node.decorator_list]  # fmt: skip
        ends = {mark.rpartition(".")[2] for mark in marks}
        self.bind(node.name)
        self.open |= node.name == "__getattr__" and not self.scope
        plain = not ends - {"staticmethod", "classmethod", "abstractmethod", "cache", "lru_cache"}
        self._define(
            node.name, FUNCTION, node,
            parameters=parameters_of(node.args) if plain else None,
            body=self._digest(node),
            loose=bool(ends & _LOOSE) or node.name == "_",
            bound=self._in_class() and "staticmethod" not in ends,
            results="async" if isinstance(node, ast.AsyncFunctionDef) and plain else "",
            abstract="abstractmethod" in ends,
        )  # fmt: skip
        for mark in node.decorator_list:
            self._register(mark, decorated=node.name)
            self.marks.add(mark)
            self.visit(mark)
        for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(default)
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        arguments += [one for one in (node.args.vararg, node.args.kwarg) if one]
        for argument in arguments:
            if argument.annotation:
                self.visit(argument.annotation)
        if node.returns:
            self.visit(node.returns)
        if self.touched and not self.touched.within(node.lineno, node.end_lineno or node.lineno):
            return
        if not self.depth and (node.name.startswith("test") or "fixture" in ends):
            # pytest finds what a parameter of a test means by its name.
            self.uses += [
                Use(one.arg, one.lineno, self.scope, "fixture")
                for one in arguments
                if one.arg != "self"
            ]
        self.scope += (node.name,)
        self.depth += 1
        for argument in arguments:
            self.bind(argument.arg)
        self.block(node.body)
        self.depth -= 1
        self.scope = self.scope[:-1]

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for argument in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
            self.bind(argument.arg)
        for extra in (node.args.vararg, node.args.kwarg):
            if extra:
                self.bind(extra.arg)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        bases = tuple(dotted(base).rpartition(".")[2] for base in node.bases)
        self.bind(node.name)
        self._define(
            node.name, CLASS, node,
            parameters=constructor_of(node), body=self._digest(node), bases=bases, bound=True,
        )  # fmt: skip
        for child in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(child)
        outer, self.loose = self.loose, False
        self.scope += (node.name,)
        self.classes.append(node.name)
        depth, self.depth = self.depth, self.depth
        if any(base.endswith(_ENUMS) for base in bases):
            self._members(node)
        self.block(node.body)
        self.depth = depth
        self.classes.pop()
        self.scope = self.scope[:-1]
        self.loose = outer

    def _members(self, node: ast.ClassDef) -> None:
        for one in node.body:
            if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant):
                for target in one.targets:
                    if isinstance(target, ast.Name) and not target.id.startswith("_"):
                        self.claim_at(
                            ("enum", *self.scope), repr(one.value.value), target.id, one.lineno,
                            "number", 0.85, group=True,
                        )  # fmt: skip

    def visit_If(self, node: ast.If) -> None:
        self._conditional(node)

    def visit_Try(self, node: ast.Try) -> None:
        self._conditional(node)

    def _conditional(self, node: ast.AST) -> None:
        outer, self.loose = self.loose, True
        self.generic_visit(node)
        self.loose = outer

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            local = alias.asname or alias.name.partition(".")[0]
            self.bind(local)
            module = alias.name if alias.asname else local
            self.imports[local] = (module, "")
            self._define(local, IMPORT, node, value=alias.name, loose=True)
            self.uses.append(Use(alias.name, node.lineno, self.scope, "import"))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            if alias.name == "*":
                self.open = True
                continue
            local = alias.asname or alias.name
            self.imported(local, module, alias.name, node.lineno)
            self._define(local, IMPORT, node, value=f"{module}:{alias.name}", loose=True)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._target(target, node, node.value)
        self.visit(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._target(node.target, node, node.value, ast.dump(node.annotation))
        self.visit(node.annotation)
        if node.value:
            self.visit(node.value)

    def _target(
        self, target: ast.expr, node: ast.stmt, value: ast.expr | None, kind: str = ""
    ) -> None:
        self.visit(target)
        if isinstance(target, ast.Name) and not self.depth:
            said = ast.dump(value)[:2000] if value else ""
            kind_of = FIELD if self.scope else CONSTANT
            self._define(target.id, kind_of, node, value=said, results=kind, loose=True)
            self._numbered(target.id, node, value)
            if isinstance(value, ast.Dict):
                self._keys(target.id, value)
        elif (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == "self"
            and self.classes
        ):
            known = (*self._class_scope(), "")
            place = (node.lineno, node.end_lineno or node.lineno)
            self.definitions.append(Definition(target.attr, known[:-1], FIELD, place, loose=True))

    def _class_scope(self) -> Scope:
        last = len(self.scope) - 1 - self.scope[::-1].index(self.classes[-1])
        return self.scope[: last + 1]

    def _in_class(self) -> bool:
        return bool(self.classes and self.scope and self.scope[-1] == self.classes[-1])

    def _numbered(self, name: str, node: ast.stmt, value: ast.expr | None) -> None:
        if self.depth or not isinstance(value, ast.Constant) or type(value.value) is not int:
            return
        if is_port(name, str(value.value)):
            self.claim_at(("port",), str(value.value), name, node.lineno, "number", 0.75)
        prefix = _PREFIX.match(name)
        if prefix:
            self.claim_at(
                ("numbers", *self.scope, prefix[1]), str(value.value), name, node.lineno,
                "number", 0.7, group=True,
            )  # fmt: skip

    def _keys(self, name: str, value: ast.Dict) -> None:
        for key in value.keys:
            if isinstance(key, ast.Constant) and isinstance(key.value, str | int | bytes):
                self.claim_at(
                    ("keys", *self.scope, name), repr(key.value), str(key.value)[:60],
                    key.lineno, "twice", 0.9,
                )  # fmt: skip

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.uses.append(Use(node.id, node.lineno, self.scope))
        else:
            self.bind(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        receiver = dotted(node.value)
        if receiver != "self" or isinstance(node.ctx, ast.Load):
            self.uses.append(Use(node.attr, node.end_lineno or node.lineno, self.scope, receiver))
        self.visit(node.value)

    def visit_Await(self, node: ast.Await) -> None:
        self.held.add(node.value)
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value:
            self.held.add(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if node not in self.marks:
            self._register(node, decorated="")
        called = node.func
        arguments = arguments_of(node)
        awaited = node in self.held
        if isinstance(called, ast.Name):
            self.uses.append(Use(called.id, node.lineno, self.scope, "", arguments, awaited))
        elif isinstance(called, ast.Attribute):
            line = called.end_lineno or node.lineno
            receiver = dotted(called.value)
            self.uses.append(Use(called.attr, line, self.scope, receiver, arguments, awaited))
            self.visit(called.value)
        else:
            self.visit(called)
        for part in (*node.args, *node.keywords):
            # What is handed to gather(), run() or create_task() is waited for there.
            self.held.add(part.value if isinstance(part, ast.keyword | ast.Starred) else part)
            self.visit(part)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str) and 0 < len(node.value) <= _TEXT:
            self.texts.append((node.value, node.lineno))

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self.bind(node.name)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        for name in node.names:
            self.bindings.add(((), name))

    def _register(self, node: ast.AST, *, decorated: str) -> None:
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)):
            return
        receiver, _, verb = dotted(node.func).rpartition(".")
        literals = [one.value for one in node.args
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)]  # fmt: skip
        more = ",".join(ast.dump(one.value) for one in node.keywords if one.arg == "methods")
        self.claims += registration(
            receiver, verb, literals, self.scope, node.lineno, decorated=decorated, more=more
        )

    def _digest(self, node: ast.stmt) -> str:
        """Of the text without its first line, where the name is."""
        rows = self.rows[node.lineno : node.end_lineno]
        return hashlib.sha1(b"\n".join(rows), usedforsecurity=False).hexdigest() if rows else ""


def _revisions(definitions: Iterable[Definition]) -> Iterator[Claim]:
    """Two migrations that follow the same one, as Alembic writes them, make two heads."""
    named = {one.name: one for one in definitions if not one.scope}
    own, before = named.get("revision"), named.get("down_revision")
    if own and before and before.value.startswith("Constant(value='"):
        yield Claim(
            ("revision",), before.value, own.value, before.lines[0], "number", 0.95, wide=True
        )
