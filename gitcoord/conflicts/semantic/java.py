"""Outlines of Java."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from gitcoord.conflicts.semantic.outline import CLASS, Parameters
from gitcoord.conflicts.semantic.registers import registration
from gitcoord.conflicts.semantic.treereader import (
    Members,
    TreeReader,
    children,
    dotted,
    line,
    text,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_INT = re.compile(r"-?\d+\Z")


class JavaReader(TreeReader):
    language = "java"
    members: ClassVar[Members] = {"field_access": ("field", "object")}

    def __init__(self) -> None:
        super().__init__()
        classes = ("class_declaration", "interface_declaration", "enum_declaration",
                   "record_declaration", "annotation_type_declaration")  # fmt: skip
        locals_ = ("formal_parameter", "catch_formal_parameter", "enhanced_for_statement",
                   "resource")  # fmt: skip
        self.ways |= {
            **dict.fromkeys(classes, self.klass),
            **dict.fromkeys(locals_, self.naming),
            "package_declaration": self.packaged,
            "import_declaration": self.importing,
            "method_declaration": self.method,
            "constructor_declaration": self.method,
            "field_declaration": self.field,
            "constant_declaration": self.field,
            "enum_constant": self.enumerated,
            "variable_declarator": self.naming,
            "lambda_expression": self.anonymous,
            "type_pattern": self.pattern,
            "record_pattern_component": self.pattern,
            "type_parameter": self.type_parameter,
            "method_invocation": self.call,
            "object_creation_expression": self.creation,
            "method_reference": self.reference,
            "instanceof_expression": self.naming,
        }

    def packaged(self, node: Node) -> None:
        self.package = text(node.named_children[-1]) if node.named_children else ""

    def importing(self, node: Node) -> None:
        if any(child.type == "asterisk" for child in node.named_children):
            self.open = True
            return
        path = text(node.named_children[-1])
        static = any(child.type == "static" for child in node.children)
        if static:
            module, _, name = path.rpartition(".")
            self.took(name, module, name, node)
        else:
            self.took(path.rpartition(".")[2], path, "", node)

    def klass(self, node: Node) -> None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        said = text(name) if name else ""
        heirs = list(children(node, "superclass", "super_interfaces", "extends_interfaces"))
        plain = [re.sub(r"<[^<>]*>", "", text(heir)) for heir in heirs]
        bases = tuple(base for said in plain for base in re.findall(r"[A-Z]\w*", said))
        modifiers = " ".join(text(one) for one in children(node, "modifiers"))
        made = list(children(body, "constructor_declaration"))
        wanted = _parameters(made[0]) if len(made) == 1 else None
        if node.type == "record_declaration":
            wanted = _parameters(node)
        self.bind(said)
        interface = node.type == "interface_declaration"
        self.define(
            said, CLASS, node, bases=bases, parameters=wanted,
            abstract=interface or "abstract" in modifiers,
        )  # fmt: skip
        for heir in heirs:
            self.visit(heir)
        for one in children(node, "modifiers", "type_parameters"):
            self.visit(one)
        outer = self.scope
        self.scope = (*outer, said)
        if node.type == "record_declaration":
            self.visit(node.child_by_field_name("parameters"))
        self.interface, before = (
            node.type == "interface_declaration",
            getattr(self, "interface", False),
        )
        self.visit(body)
        self.interface = before
        self.scope = outer

    def method(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name is None:
            return
        said = text(name)
        modifiers = " ".join(text(one) for one in children(node, "modifiers"))
        body = node.child_by_field_name("body")
        for one in children(node, "modifiers"):
            self.marks(one, said)
            self.visit(one)
        wanted = _parameters(node)
        if not self.depth:
            key = f"{said}({', '.join(wanted.types)})"
            self.claim(("method", *self.scope), key, said, node, "twice", 0.9)
        if node.type == "constructor_declaration":
            said = "<init>"
        abstract = body is None and ("abstract" in modifiers or self.interface)
        self.bindings.add((self.scope, said))
        self.function(said, node, wanted, bind=False, loose=True, abstract=abstract)

    def marks(self, node: Node, method: str) -> None:
        for mark in children(node, "annotation"):
            verb = mark.child_by_field_name("name")
            given = mark.child_by_field_name("arguments")
            words = re.findall(r'"([^"]*)"', text(given)) if given else []
            if verb is not None and words:
                self.claims += registration(
                    self.scope[-1] if self.scope else "", text(verb), words[:1], self.scope,
                    line(mark), decorated=method, more=_verb(given),
                )  # fmt: skip

    def given(self, node: Node) -> None:
        self.visit(node.child_by_field_name("parameters"))

    def field(self, node: Node) -> None:
        for one in children(node, "variable_declarator"):
            name = one.child_by_field_name("name")
            if name is not None:
                self.bind(text(name))
                self.constant(text(name), node, one.child_by_field_name("value"), field=True)
                self.number(text(name), one.child_by_field_name("value"), one)
        self.inside(node)

    def number(self, name: str, value: Node | None, node: Node) -> None:
        prefix = re.match(r"[A-Z][A-Z0-9]*_", name)
        if value is not None and prefix and _INT.match(text(value)):
            self.claim(("numbers", *self.scope, prefix[0]), text(value), name, node, "number", 0.7,
                       group=True)  # fmt: skip

    def enumerated(self, node: Node) -> None:
        name, given = node.child_by_field_name("name"), node.child_by_field_name("arguments")
        if name is None:
            return
        self.bind(text(name))
        self.constant(text(name), node, given, field=True)
        self.claim(("member", *self.scope), text(name), text(name), node, "twice", 0.9)
        first = given.named_children[:1] if given else []
        if first and ("integer" in first[0].type or "string" in first[0].type):
            self.claim(("enum", *self.scope), text(first[0]), text(name), node, "number", 0.85,
                       group=True)  # fmt: skip
        self.visit(given)

    def closure(self, node: Node) -> None:
        given = node.child_by_field_name("parameters")
        if given is not None and given.type in ("identifier", "inferred_parameters"):
            self.bind_pattern(given)
        else:
            self.visit(given)
        self.visit(node.child_by_field_name("body"))

    def pattern(self, node: Node) -> None:
        parts = node.named_children
        if parts and parts[-1].type == "identifier":
            self.bind(text(parts[-1]))
        for part in parts[:-1]:
            self.visit(part)

    def type_parameter(self, node: Node) -> None:
        for part in children(node, "type_identifier", "identifier"):
            self.bind(text(part))
        for part in children(node, "type_bound"):
            self.visit(part)

    def call(self, node: Node) -> None:
        name, receiver = node.child_by_field_name("name"), node.child_by_field_name("object")
        given = node.child_by_field_name("arguments")
        if name is not None:
            self.use(name, dotted(receiver), self.arguments(given))
        self.visit(receiver)
        self.visit(given)

    def creation(self, node: Node) -> None:
        kind, given = node.child_by_field_name("type"), node.child_by_field_name("arguments")
        name = kind
        if kind is not None and kind.type == "generic_type" and kind.named_children:
            name = kind.named_children[0]
        if name is not None and name.type == "type_identifier":
            self.use(name, "", self.arguments(given))
        else:
            self.visit(kind)
        self.inside(node, without=("type",))

    def reference(self, node: Node) -> None:
        parts = node.named_children
        if len(parts) > 1:
            self.use(parts[-1], dotted(parts[0]))
        for part in parts[:1]:
            self.visit(part)

    interface = False


def _parameters(node: Node) -> Parameters:
    names: list[str] = []
    types: list[str] = []
    rest = False
    listed = node.child_by_field_name("parameters")
    for one in children(listed, "formal_parameter", "spread_parameter"):
        if one.type == "spread_parameter":
            rest = True
            continue
        name, kind = one.child_by_field_name("name"), one.child_by_field_name("type")
        names.append(text(name) if name else f"#{len(names)}")
        said = text(kind) if kind else ""
        types.append("" if said == "Object" else said)
    return Parameters(tuple(names), len(names), len(names), rest=rest, types=tuple(types))


def _verb(given: Node | None) -> str:
    found = re.search(r"RequestMethod\.(\w+)", text(given)) if given else None
    return found[1] if found else ""
