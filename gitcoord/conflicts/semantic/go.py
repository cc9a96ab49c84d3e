"""Outlines of Go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from gitcoord.conflicts.semantic.outline import Parameters, Use
from gitcoord.conflicts.semantic.registers import registration
from gitcoord.conflicts.semantic.treereader import (
    Members,
    TreeReader,
    children,
    dotted,
    line,
    literal,
    text,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_INT = re.compile(r"-?\d+\Z|0x[0-9a-fA-F]+\Z")


class GoReader(TreeReader):
    language = "go"
    members: ClassVar[Members] = {
        "selector_expression": ("field", "operand"),
        "qualified_type": ("name", "package"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.dropped: set[int] = set()
        self.ways |= {
            "package_clause": self.packaged,
            "import_spec": self.importing,
            "function_declaration": self.declared,
            "method_declaration": self.method,
            "func_literal": self.anonymous,
            "type_spec": self.type,
            "type_alias": self.type,
            "method_elem": self.demanded,
            "method_spec": self.demanded,
            "field_declaration": self.field,
            "const_spec": self.spec,
            "var_spec": self.spec,
            "short_var_declaration": self.short,
            "range_clause": self.ranging,
            "type_switch_statement": self.switching,
            "call_expression": self.call,
            "expression_statement": self.statement,
            "go_statement": self.statement,
            "defer_statement": self.statement,
            "qualified_type": self.qualified,
            "composite_literal": self.composite,
            "parameter_declaration": self.naming,
            "variadic_parameter_declaration": self.naming,
            "type_parameter_declaration": self.naming,
        }

    def packaged(self, node: Node) -> None:
        self.package = text(node.named_children[0]) if node.named_children else ""

    def importing(self, node: Node) -> None:
        path, name = node.child_by_field_name("path"), node.child_by_field_name("name")
        if path is None:
            return
        module = literal(path)
        local = text(name) if name else re.sub(r"/v\d+$", "", module).rpartition("/")[2]
        if local == ".":
            self.open = True
        elif local != "_":
            self.took(local, module, "", node)

    def declared(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name:
            said = text(name)
            self.function(said, node, self.parameters(node), results=_results(node),
                          loose=said in ("init", "_"))  # fmt: skip

    def method(self, node: Node) -> None:
        name, receiver = node.child_by_field_name("name"), node.child_by_field_name("receiver")
        kind = re.findall(r"\*?\s*(\w+)(?:\[[^\]]*\])?\s*\)", text(receiver)) if receiver else []
        if name:
            self.function(
                text(name), node, self.parameters(node), bind=False, results=_results(node),
                scope=tuple(kind[-1:]),
            )  # fmt: skip

    def given(self, node: Node) -> None:
        for field in ("receiver", "parameters"):
            for one in children(
                node.child_by_field_name(field), "parameter_declaration",
                "variadic_parameter_declaration",
            ):  # fmt: skip
                self.naming(one)
        result = node.child_by_field_name("result")
        if result is not None and result.type == "parameter_list":
            self.visit(result)

    def type(self, node: Node) -> None:
        self.container(node, "type")

    def demanded(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name:
            self.function(text(name), node, self.parameters(node), bind=False,
                          results=_results(node), abstract=True)  # fmt: skip

    def spec(self, node: Node) -> None:
        names = node.children_by_field_name("name")
        value, kind = node.child_by_field_name("value"), node.child_by_field_name("type")
        first = value.named_children[0] if value and value.named_children else None
        for name in names:
            said = text(name)
            self.bind(said)
            if said != "_":
                self.constant(said, node, first if len(names) == 1 else None)
            if first is not None and node.type == "const_spec" and _INT.match(text(first)):
                group = text(kind) if kind else re.split(r"(?<=[a-z0-9])(?=[A-Z])|_", said)[0]
                self.claim(("const", *self.scope, group), text(first), said, name, "number",
                           0.85 if kind else 0.7, group=True)  # fmt: skip
        self.inside(node, without=("name",))

    def short(self, node: Node) -> None:
        self.bind_pattern(node.child_by_field_name("left"))
        self.visit(node.child_by_field_name("right"))

    def ranging(self, node: Node) -> None:
        if any(child.type == ":=" for child in node.children):
            self.bind_pattern(node.child_by_field_name("left"))
        self.visit(node.child_by_field_name("right"))

    def switching(self, node: Node) -> None:
        self.bind_pattern(node.child_by_field_name("alias"))
        self.inside(node, without=("alias",))

    def statement(self, node: Node) -> None:
        self.dropped |= {child.id for child in node.named_children}
        self.inside(node)

    def call(self, node: Node) -> None:
        arguments = self.arguments(node.child_by_field_name("arguments"))
        called = node.child_by_field_name("function")
        self.calling(node, called, arguments, held=node.id in self.dropped)

    def registering(self, receiver: str, verb: str, given: Node | None, node: Node) -> None:
        first = given.named_children[:1] if given else []
        if first and "string" in first[0].type:
            self.claims += registration(receiver, verb, [literal(first[0])], self.scope, line(node))

    def qualified(self, node: Node) -> None:
        name, package = self.parts(node)
        if name is not None:
            self.use(name, dotted(package))
        if package is not None:
            self.uses.append(Use(text(package), line(package), self.scope))

    def composite(self, node: Node) -> None:
        kind, body = node.child_by_field_name("type"), node.child_by_field_name("body")
        self.visit(kind)
        plain = kind is not None and kind.type in ("type_identifier", "qualified_type")
        for one in body.named_children if body else ():
            parts = one.named_children
            if one.type == "keyed_element" and len(parts) == 2 and plain and kind:
                key = parts[0].named_children[0] if parts[0].named_children else parts[0]
                self.use(key, dotted(kind))
                self.visit(parts[1])
            else:
                self.visit(one)

    def parameters(self, node: Node) -> Parameters:
        names: list[str] = []
        types: list[str] = []
        rest = False
        for one in children(
            node.child_by_field_name("parameters"), "parameter_declaration",
            "variadic_parameter_declaration",
        ):  # fmt: skip
            if one.type.startswith("variadic"):
                rest = True
                continue
            given = [text(name) for name in one.children_by_field_name("name")] or [""]
            kind = one.child_by_field_name("type")
            names += [name or f"#{len(names)}" for name in given]
            types += [text(kind) if kind else ""] * len(given)
        wide = tuple("" if kind in ("any", "interface{}") else kind for kind in types)
        return Parameters(tuple(names), len(names), len(names), rest=rest, types=wide)


def _results(node: Node) -> str:
    """How many values a function returns."""
    result = node.child_by_field_name("result")
    if result is None:
        return "0"
    if result.type != "parameter_list":
        return "1"
    return str(
        sum(max(1, len(one.children_by_field_name("name"))) for one in result.named_children)
    )
