"""Outlines of C. What the preprocessor makes of a file nobody sees: what stands under a
condition may stand twice, and a file the grammar cannot read as it is has no outline."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gitcoord.conflicts.semantic.outline import (
    CLASS,
    CONSTANT,
    FIELD,
    FUNCTION,
    Definition,
    Outline,
    Parameters,
)
from gitcoord.conflicts.semantic.treereader import Members, TreeReader, children, line, text

if TYPE_CHECKING:
    from tree_sitter import Node

_NUMBERS = "0123456789-"


class CReader(TreeReader):
    language = "c"
    members: ClassVar[Members] = {"field_expression": ("field", "argument")}
    nameless = "?"

    def __init__(self) -> None:
        super().__init__()
        self.loose = False
        self.prototypes: list[Definition] = []
        conditions = ("preproc_if", "preproc_ifdef")
        types = ("struct_specifier", "union_specifier", "enum_specifier")
        self.ways |= {
            **dict.fromkeys(conditions, self.condition),
            **dict.fromkeys(types, self.type),
            "function_definition": self.declared,
            "declaration": self.declaration,
            "parameter_declaration": self.parameter,
            "type_definition": self.alias,
            "field_declaration": self.field,
            "enumerator": self.enumerated,
            "preproc_def": self.macro,
            "preproc_function_def": self.macro,
            "preproc_include": self.nothing,
            "call_expression": self.call,
            "field_designator": self.designator,
            "init_declarator": self.initialised,
        }

    def outline(self) -> Outline:
        known = {one.name for one in self.definitions}
        self.definitions += [one for one in self.prototypes if one.name not in known]
        return super().outline()

    def condition(self, node: Node) -> None:
        # The guard around a header is no condition.
        guard = node.parent is not None and node.parent.type == "translation_unit"
        guard = guard and node.end_byte - node.start_byte > 0.7 * node.parent.end_byte  # type: ignore[union-attr]
        outer, self.loose = self.loose, self.loose or not guard
        self.inside(node)
        self.loose = outer

    def declared(self, node: Node) -> None:
        head = _function_of(node.child_by_field_name("declarator"))
        name = head.child_by_field_name("declarator") if head else None
        if head is None or name is None:
            self.inside(node)
            return
        self.visit(node.child_by_field_name("type"))
        self.function(text(name), node, _parameters(head), loose=self.loose)

    def given(self, node: Node) -> None:
        head = _function_of(node.child_by_field_name("declarator"))
        self.visit(head.child_by_field_name("parameters") if head else None)

    def declaration(self, node: Node) -> None:
        self.visit(node.child_by_field_name("type"))
        for declared in node.children_by_field_name("declarator"):
            head = _function_of(declared)
            name = head.child_by_field_name("declarator") if head else None
            if head is not None and name is not None and name.type == "identifier":
                place = (line(node), node.end_point[0] + 1)
                self.bind(text(name))
                made = Definition(
                    text(name), self.scope, FUNCTION, place, _parameters(head), loose=True
                )
                self.prototypes.append(made)
                continue
            self.visit(declared) if declared.type == "init_declarator" else self.named(declared)

    def initialised(self, node: Node) -> None:
        self.named(node.child_by_field_name("declarator"))
        self.visit(node.child_by_field_name("value"))

    def named(self, declarator: Node | None) -> None:
        name = _name_of(declarator)
        if name is not None:
            self.bind(text(name))
            if not self.depth:
                self.define(text(name), CONSTANT, name, loose=True)

    def parameter(self, node: Node) -> None:
        self.visit(node.child_by_field_name("type"))
        name = _name_of(node.child_by_field_name("declarator"))
        if name is not None:
            self.bind(text(name))

    def type(self, node: Node) -> None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if body is None or name is None:
            self.inside(node)
            return
        self.bind(text(name))
        self.define(text(name), CLASS, node, loose=self.loose)
        self.within(text(name), body)

    def alias(self, node: Node) -> None:
        name = _name_of(node.child_by_field_name("declarator"))
        if name is not None:
            self.bind(text(name))
            self.define(text(name), CLASS, node, loose=True)
            self.within(text(name), node.child_by_field_name("type"))

    def field(self, node: Node) -> None:
        kind = node.child_by_field_name("type")
        self.visit(kind)
        for declared in node.children_by_field_name("declarator"):
            name = _name_of(declared)
            if name is not None:
                said = text(kind) if kind and len(text(kind)) < 100 else ""
                self.define(text(name), FIELD, node, results=said, loose=True)

    def enumerated(self, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return
        self.bind(text(name))
        self.constant(text(name), node, value, field=True)
        if value is not None and text(value)[:1] in _NUMBERS and not self.loose:
            self.claim(("enum", *self.scope), text(value), text(name), node, "number", 0.8,
                       group=True)  # fmt: skip

    def macro(self, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is not None:
            self.bind(text(name))
            self.define(
                text(name), CONSTANT, node, loose=True,
                value=f"number({text(value).strip()})" if value and _is_number(value) else "",
            )  # fmt: skip
            prefix = text(name).rpartition("_")[0]
            if prefix and _is_number(value) and value is not None and not self.loose:
                space = ("numbers", *self.scope, prefix)
                self.claim(space, text(value).strip(), text(name), node, "number", 0.7, group=True)

    def call(self, node: Node) -> None:
        called, given = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if called is not None and called.type == "identifier":
            self.use(called, "", self.arguments(given))
        else:
            self.visit(called)
        self.visit(given)

    def designator(self, node: Node) -> None:
        for name in children(node, "field_identifier"):
            self.use(name, "?")


def _function_of(declarator: Node | None) -> Node | None:
    """The function declarator below pointers; None for a pointer to a function."""
    while declarator is not None and declarator.type == "pointer_declarator":
        declarator = declarator.child_by_field_name("declarator")
    return (
        declarator if declarator is not None and declarator.type == "function_declarator" else None
    )


def _name_of(declarator: Node | None) -> Node | None:
    while declarator is not None and declarator.type not in (
        "identifier", "field_identifier", "type_identifier",
    ):  # fmt: skip
        below = declarator.child_by_field_name("declarator")
        if below is None and declarator.type == "parenthesized_declarator":
            below = declarator.named_children[0] if declarator.named_children else None
        declarator = below
    return declarator


def _is_number(value: Node | None) -> bool:
    said = text(value).strip() if value is not None else ""
    return (
        said.removeprefix("-").removeprefix("0x").rstrip("uUlL").isalnum() and said[:1] in _NUMBERS
    )


def _parameters(head: Node) -> Parameters:
    listed = head.child_by_field_name("parameters")
    names: list[str] = []
    for one in children(listed, "parameter_declaration"):
        name = _name_of(one.child_by_field_name("declarator"))
        if name is None and text(one) == "void":
            continue
        names.append(text(name) if name is not None else f"#{len(names)}")
    rest = any(True for _ in children(listed, "variadic_parameter"))
    # `()` takes anything, in C.
    rest = rest or not (listed and listed.named_children)
    return Parameters(tuple(names), len(names), len(names), rest=rest)
