"""Outlines of Go."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitcoord.conflicts.semantic.outline import CLASS, FIELD, Parameters, Use
from gitcoord.conflicts.semantic.registers import registration
from gitcoord.conflicts.semantic.treereader import (
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
            "selector_expression": self.selector,
            "qualified_type": self.qualified,
            "composite_literal": self.composite,
            "parameter_declaration": self.parameter,
            "variadic_parameter_declaration": self.parameter,
            "type_parameter_declaration": self.parameter,
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
                self.parameter(one)
        result = node.child_by_field_name("result")
        if result is not None and result.type == "parameter_list":
            self.visit(result)

    def parameter(self, node: Node) -> None:
        for name in node.children_by_field_name("name"):
            self.bind(text(name))
        self.inside(node, without=("name",))

    def anonymous(self, node: Node) -> None:
        if self.is_same(node):
            return
        self.depth += 1
        self.given(node)
        self.visit(node.child_by_field_name("body"))
        self.depth -= 1

    def type(self, node: Node) -> None:
        name, kind = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name is None:
            return
        self.bind(text(name))
        self.define(text(name), CLASS, node)
        self.within(text(name), kind)

    def demanded(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name:
            self.function(text(name), node, self.parameters(node), bind=False,
                          results=_results(node), abstract=True)  # fmt: skip

    def field(self, node: Node) -> None:
        kind = node.child_by_field_name("type")
        for name in node.children_by_field_name("name"):
            self.define(text(name), FIELD, node, results=text(kind) if kind else "", loose=True)
        self.inside(node, without=("name",))

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
        called, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        arguments = self.arguments(given)
        if called is not None and called.type == "identifier":
            self.use(called, "", arguments, held=node.id in self.dropped)
        elif called is not None and called.type == "selector_expression":
            name, receiver = (
                called.child_by_field_name("field"),
                called.child_by_field_name("operand"),
            )
            if name is not None:
                self.use(name, dotted(receiver), arguments, held=node.id in self.dropped)
                first = given.named_children[:1] if given else []
                if first and "string" in first[0].type:
                    self.claims += registration(
                        dotted(receiver), text(name), [literal(first[0])], self.scope, line(node)
                    )
            self.visit(receiver)
        else:
            self.visit(called)
        self.visit(given)

    def selector(self, node: Node) -> None:
        name, receiver = node.child_by_field_name("field"), node.child_by_field_name("operand")
        if name is not None:
            self.use(name, dotted(receiver))
        self.visit(receiver)

    def qualified(self, node: Node) -> None:
        name, package = node.child_by_field_name("name"), node.child_by_field_name("package")
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
