"""Outlines of Rust. What a macro makes of its words nobody sees: they count as plain names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from gitcoord.conflicts.semantic.outline import CLASS, FIELD, FUNCTION, Parameters
from gitcoord.conflicts.semantic.registers import registration
from gitcoord.conflicts.semantic.treereader import Members, TreeReader, children, dotted, line, text

if TYPE_CHECKING:
    from tree_sitter import Node

_ROUTE = re.compile(r'#\[\s*(?:\w+::)?(get|post|put|patch|delete)\(\s*"([^"]*)"')


class RustReader(TreeReader):
    language = "rust"
    members: ClassVar[Members] = {
        "scoped_identifier": ("name", "path"),
        "scoped_type_identifier": ("name", "path"),
        "field_expression": ("field", "value"),
    }
    nameless = "?"

    def __init__(self) -> None:
        super().__init__()
        types = ("struct_item", "enum_item", "union_item", "type_item")
        self.ways |= {
            **dict.fromkeys(types, self.type),
            "trait_item": self.trait,
            "impl_item": self.implementation,
            "mod_item": self.module,
            "function_item": self.declared,
            "function_signature_item": self.declared,
            "macro_definition": self.macro,
            "const_item": self.fixed,
            "static_item": self.fixed,
            "field_declaration": self.field,
            "enum_variant": self.variant,
            "use_declaration": self.using,
            "let_declaration": self.letting,
            "let_condition": self.letting,
            "for_expression": self.letting,
            "match_arm": self.letting,
            "closure_expression": self.anonymous,
            "parameter": self.parameter,
            "type_parameter": self.type_parameter,
            "call_expression": self.call,
            "await_expression": self.holding,
            "field_expression": self.access,
            "struct_expression": self.structure,
            "shorthand_field_initializer": self.shorthand,
            "attribute_item": self.attribute,
        }

    def type(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        said = text(name) if name else ""
        self.bind(said)
        self.define(said, CLASS, node, loose=_conditional(node))
        outer = self.scope
        self.scope = (*outer, said)
        self.inside(node, without=("name",))
        self.scope = outer

    def trait(self, node: Node) -> None:
        self.container(node, loose=_conditional(node), abstract=True)

    def implementation(self, node: Node) -> None:
        kind, trait = node.child_by_field_name("type"), node.child_by_field_name("trait")
        own = re.match(r"\w+", text(kind)) if kind else None
        said = own[0] if own else "?"
        base = re.findall(r"(\w+)(?:<.*)?$", text(trait)[:300], re.S) if trait else []
        if base:
            said = f"{said} as {base[0]}"
            self.define(said, CLASS, node, bases=(base[0],), loose=True)
        self.visit(kind)
        self.visit(trait)
        self.visit(node.child_by_field_name("type_parameters"))
        self.within(said, node.child_by_field_name("body"))

    def module(self, node: Node) -> None:
        self.container(node, loose=True)

    def declared(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name is None:
            return
        listed = node.child_by_field_name("parameters")
        bound = any(True for _ in children(listed, "self_parameter"))
        modifiers = " ".join(text(one) for one in children(node, "function_modifiers"))
        self.function(
            text(name), node, _parameters(node), bound=bound, loose=_conditional(node),
            results="async" if "async" in modifiers else "",
            abstract=node.type == "function_signature_item",
        )  # fmt: skip

    def given(self, node: Node) -> None:
        self.visit(node.child_by_field_name("parameters"))

    def parameter(self, node: Node) -> None:
        self.bind_pattern(node.child_by_field_name("pattern"))
        self.visit(node.child_by_field_name("type"))

    def macro(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name:
            self.bind(text(name))
            self.define(text(name), FUNCTION, node, loose=_conditional(node))

    def fixed(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name:
            self.bind(text(name))
            self.constant(text(name), node, node.child_by_field_name("value"))
        self.inside(node, without=("name",))

    def variant(self, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            return
        self.define(text(name), FIELD, node, loose=True)
        self.claim(("member", *self.scope), text(name), text(name), node, "twice", 0.9)
        if value is not None:
            self.claim(("enum", *self.scope), text(value), text(name), node, "number", 0.9,
                       group=True)  # fmt: skip
        self.inside(node, without=("name",))

    def using(self, node: Node) -> None:
        for argument in node.named_children:
            if argument.type != "visibility_modifier":
                self.path(argument, "")

    def path(self, node: Node, before: str) -> None:
        """The names a tree of `use` brings. before: the path so far."""
        if node.type == "use_wildcard":
            self.bind("*")
        elif node.type == "scoped_use_list":
            inner, listed = node.child_by_field_name("path"), node.child_by_field_name("list")
            for one in listed.named_children if listed else ():
                self.path(one, _joined(before, text(inner) if inner else ""))
        elif node.type == "use_list":
            for one in node.named_children:
                self.path(one, before)
        elif node.type == "use_as_clause":
            path, alias = node.child_by_field_name("path"), node.child_by_field_name("alias")
            if path is not None and alias is not None:
                self.leaf(_joined(before, text(path)), text(alias), node)
        elif node.type in ("identifier", "scoped_identifier", "self", "crate"):
            whole = before if node.type == "self" else _joined(before, text(node))
            self.leaf(whole, whole.rpartition("::")[2], node)

    def leaf(self, path: str, local: str, node: Node) -> None:
        module, _, name = path.rpartition("::")
        self.took(local, module, name, node)

    def letting(self, node: Node) -> None:
        self.bind_pattern(node.child_by_field_name("pattern"))
        self.inside(node)

    def closure(self, node: Node) -> None:
        self.bind_pattern(node.child_by_field_name("parameters"))
        self.visit(node.child_by_field_name("body"))

    def type_parameter(self, node: Node) -> None:
        for part in children(node, "type_identifier"):
            self.bind(text(part))

    def call(self, node: Node) -> None:
        called = node.child_by_field_name("function")
        if called is not None and called.type == "generic_function":
            called = called.child_by_field_name("function")
        arguments = self.arguments(node.child_by_field_name("arguments"))
        self.calling(node, called, arguments, held=node.id in self.held)

    def access(self, node: Node) -> None:
        name, receiver = node.child_by_field_name("field"), node.child_by_field_name("value")
        if name is not None and name.type == "field_identifier":
            self.use(name, dotted(receiver))
        self.visit(receiver)

    def structure(self, node: Node) -> None:
        kind, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        self.visit(kind)
        for one in body.named_children if body else ():
            name = one.child_by_field_name("field")
            if name is not None:
                self.use(name, dotted(kind))
                self.inside(one, without=("field",))
            else:
                self.visit(one)

    def shorthand(self, node: Node) -> None:
        self.inside(node)

    def attribute(self, node: Node) -> None:
        found = _ROUTE.match(text(node))
        if found:
            self.claims += registration("app", found[1], [found[2]], self.scope, line(node))


def _joined(before: str, path: str) -> str:
    return f"{before}::{path}" if before else path


def _conditional(node: Node) -> bool:
    """`#[cfg(…)]` stands before it: another of its name may stand beside it."""
    before = node.prev_named_sibling
    while before is not None and before.type in ("attribute_item", "line_comment"):
        if "cfg" in text(before):
            return True
        before = before.prev_named_sibling
    return False


def _parameters(node: Node) -> Parameters:
    names: list[str] = []
    types: list[str] = []
    for one in children(node.child_by_field_name("parameters"), "parameter"):
        name, kind = one.child_by_field_name("pattern"), one.child_by_field_name("type")
        names.append(text(name) if name else f"#{len(names)}")
        said = re.sub(r"\s+|'\w+\s*", "", text(kind)) if kind else ""
        types.append("" if said.startswith(("impl", "&impl")) or len(said) == 1 else said)
    return Parameters(tuple(names), len(names), len(names), types=tuple(types))
