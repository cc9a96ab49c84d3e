"""Outlines of JavaScript and TypeScript."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from gitcoord.conflicts.semantic.outline import CLASS, FIELD, Parameters
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

_FUNCTIONS = {"arrow_function", "function_expression", "generator_function", "function"}


class ScriptReader(TreeReader):
    members: ClassVar[Members] = {
        "member_expression": ("property", "object"),
        "nested_type_identifier": ("name", "module"),
    }

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language = language
        declared = ("function_declaration", "generator_function_declaration", "function_signature")
        methods = ("method_definition", "method_signature", "abstract_method_signature")
        classes = ("class_declaration", "abstract_class_declaration", "interface_declaration",
                   "class")  # fmt: skip
        fields = ("field_definition", "public_field_definition", "property_signature")
        self.ways |= {
            **dict.fromkeys(declared, self.declared),
            **dict.fromkeys(methods, self.method),
            **dict.fromkeys(classes, self.klass),
            **dict.fromkeys(fields, self.field),
            **dict.fromkeys(_FUNCTIONS, self.anonymous),
            "variable_declarator": self.variable,
            "enum_declaration": self.enum,
            "type_alias_declaration": self.alias,
            "import_statement": self.importing,
            "export_statement": self.exporting,
            "call_expression": self.call,
            "new_expression": self.call,
            "assignment_expression": self.assignment,
            "await_expression": self.holding,
            "return_statement": self.holding,
            "catch_clause": self.catching,
            "for_in_statement": self.looping,
            "type_parameter": self.naming,
        }

    def declared(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name:
            self.function(
                text(name), node, self.parameters(node), results=self.awaits(node),
                loose=node.type == "function_signature",
            )  # fmt: skip

    def method(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name is None:
            return
        pair = any(text(child) in ("get", "set", "static") for child in node.children)
        self.function(
            text(name), node, self.parameters(node), bind=False, results=self.awaits(node),
            loose=pair or node.type != "method_definition",
            abstract=node.type != "method_definition" and "?" not in
            [child.type for child in node.children],
        )  # fmt: skip

    def klass(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        said = text(name) if name else ""
        heirs = [child for child in node.named_children
                 if child.type in ("class_heritage", "extends_type_clause")]  # fmt: skip
        named = re.compile(r"(?:extends|implements|,)\s+([\w$]+)")
        bases = tuple(base for heir in heirs for base in named.findall(text(heir)))
        body = node.child_by_field_name("body")
        if name:
            made = [one for one in children(body, "method_definition")
                    if text(one.child_by_field_name("name") or one) == "constructor"]  # fmt: skip
            self.bind(said)
            self.define(
                said, CLASS, node, bases=bases, loose=node.type == "interface_declaration",
                parameters=self.parameters(made[0]) if made else None,
                abstract=node.type in ("interface_declaration", "abstract_class_declaration"),
            )  # fmt: skip
        for heir in heirs:
            self.visit(heir)
        self.visit(node.child_by_field_name("type_parameters"))
        self.within(said, body)

    def field(self, node: Node) -> None:
        name = node.child_by_field_name("name") or node.child_by_field_name("property")
        if name is not None and name.type == "property_identifier":
            kind = node.child_by_field_name("type")
            self.define(text(name), FIELD, node, results=text(kind) if kind else "", loose=True)
        self.inside(node, without=("name", "property"))

    def variable(self, node: Node) -> None:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        module = _required(value)
        if name is not None and name.type == "identifier":
            if module:
                self.took(text(name), module, "", node)
                return
            if value is not None and value.type in _FUNCTIONS:
                self.function(text(name), value, self.parameters(value), results=self.awaits(value))
                return
            self.constant(text(name), node, value)
            if value is not None and value.type == "object" and not self.depth:
                self.keys(text(name), value)
        elif name is not None and module:
            for local, original in _destructured(name):
                self.took(local, module, original, node)
            return
        self.bind_pattern(name)
        self.visit(node.child_by_field_name("type"))
        self.visit(value)

    def keys(self, name: str, node: Node) -> None:
        for pair in children(node, "pair", "method_definition"):
            key = pair.child_by_field_name("key") or pair.child_by_field_name("name")
            if key is not None and key.type in ("property_identifier", "string", "number"):
                said = literal(key)
                self.claim(("keys", *self.scope, name), said, said, key, "twice", 0.9)

    def enum(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        said = text(name) if name else ""
        self.bind(said)
        self.define(said, CLASS, node)
        self.scope, outer = (*self.scope, said), self.scope
        body = node.child_by_field_name("body")
        for member in children(body, "enum_assignment", "property_identifier"):
            named = member.child_by_field_name("name") or member
            value = member.child_by_field_name("value")
            self.constant(text(named), member, value, field=True)
            if value is not None:
                self.claim(("enum", *self.scope), text(value), text(named), member, "number", 0.85,
                           group=True)  # fmt: skip
            self.claim(("member", *self.scope), text(named), text(named), member, "twice", 0.9)
        self.scope = outer

    def alias(self, node: Node) -> None:
        self.container(node, "value")

    def importing(self, node: Node) -> None:
        source = node.child_by_field_name("source")
        module = literal(source) if source else ""
        for clause in children(node, "import_clause"):
            for part in clause.named_children:
                if part.type == "identifier":
                    self.took(text(part), module, "default", node)
                elif part.type == "namespace_import":
                    self.took(text(part.named_children[-1]), module, "", node)
                for one in children(part, "import_specifier"):
                    name = one.child_by_field_name("name") or one
                    local = one.child_by_field_name("alias") or name
                    self.took(text(local), module, text(name), one)

    def exporting(self, node: Node) -> None:
        source = node.child_by_field_name("source")
        if source is None:
            self.inside(node)
            return
        for clause in children(node, "export_clause"):
            for one in children(clause, "export_specifier"):
                name = one.child_by_field_name("name") or one
                local = one.child_by_field_name("alias") or name
                self.took(text(local), literal(source), text(name), one)

    def call(self, node: Node) -> None:
        called = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        given = node.child_by_field_name("arguments")
        if called is None:
            self.inside(node)
            return
        if called.type == "member_expression":
            name, receiver = self.parts(called)
            promised = receiver is not None and receiver.type == "call_expression"
            if promised and receiver and name and text(name) in ("then", "catch", "finally"):
                self.held.add(receiver.id)
        arguments = self.arguments(given) if given else None
        self.calling(node, called, arguments, held=node.id in self.held)

    def registering(self, receiver: str, verb: str, given: Node | None, node: Node) -> None:
        first = given.named_children[:1] if given else []
        # A route has a handler: `cache.get("/x")` has none.
        if first and first[0].type == "string" and given and given.named_child_count > 1:
            self.claims += registration(receiver, verb, [literal(first[0])], self.scope, line(node))

    def assignment(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or left.type != "member_expression":
            self.inside(node)
            return
        name = left.child_by_field_name("property")
        receiver = dotted(left.child_by_field_name("object"))
        if name is None:
            return
        if receiver in ("exports", "module.exports", "?"):
            scope = self.scope
        elif receiver == "this":
            scope = self.scope[:-1]
        else:
            scope = (receiver.removesuffix(".prototype").rpartition(".")[2],)
        top = not self.depth or receiver == "this"
        if right is not None and right.type in _FUNCTIONS and top:
            self.function(
                text(name), right, self.parameters(right), bind=False, scope=scope, always=True,
                results=self.awaits(right),
            )  # fmt: skip
            return
        if top and receiver != "?" and text(left) != "module.exports":
            self.define(text(name), FIELD, node, scope=scope, loose=True, always=True)
        self.visit(left.child_by_field_name("object"))
        self.visit(right)

    def catching(self, node: Node) -> None:
        self.bind_pattern(node.child_by_field_name("parameter"))
        self.visit(node.child_by_field_name("body"))

    def looping(self, node: Node) -> None:
        if node.child_by_field_name("kind"):
            self.bind_pattern(node.child_by_field_name("left"))
        else:
            self.visit(node.child_by_field_name("left"))
        self.inside(node, without=("left",))

    def awaits(self, node: Node) -> str:
        return "async" if any(child.type == "async" for child in node.children) else ""

    def parameters(self, node: Node) -> Parameters:
        single = node.child_by_field_name("parameter")
        if single is not None:
            return Parameters((text(single),), 0)
        names: list[str] = []
        required, rest = 0, False
        body = node.child_by_field_name("body")
        said = text(body) if body else ""
        listed = node.child_by_field_name("parameters")
        for one in listed.named_children if listed else ():
            inner = one.child_by_field_name("pattern") or one
            if "comment" in one.type or text(inner) == "this":
                continue
            if inner.type == "rest_pattern":
                rest = True
                continue
            given = one.child_by_field_name("value") or one.child_by_field_name("right")
            names.append(text(inner.child_by_field_name("left") or inner)[:80])
            optional = given is not None or one.type == "optional_parameter"
            if not optional and not (self.language == "javascript" and _spared(names[-1], said)):
                required = len(names)
        return Parameters(tuple(names), required, len(names), rest=rest or "arguments" in said)


def _spared(name: str, body: str) -> bool:
    """JavaScript: whether the body looks whether the argument was given at all."""
    if not name.isidentifier():
        return False
    return bool(
        re.search(
            rf"\b{name}\s*(?:\|\||\?\?|\?\.|&&|[!=]==?|=(?!=)|\?)|typeof {name}\b|!{name}\b"
            rf"|if \({name}\b",
            body,
        )
    )


def _required(value: Node | None) -> str:
    """`m` of `require('m')`, "" for any other value."""
    if value is None or value.type != "call_expression":
        return ""
    called, given = value.child_by_field_name("function"), value.child_by_field_name("arguments")
    if called is None or text(called) != "require" or given is None:
        return ""
    first = given.named_children[:1]
    return literal(first[0]) if first and first[0].type == "string" else ""


def _destructured(pattern: Node) -> list[tuple[str, str]]:
    """(local name, name there) of each part of `{a, b: c}`."""
    found = []
    for part in pattern.named_children:
        if part.type == "shorthand_property_identifier_pattern":
            found.append((text(part), text(part)))
        elif part.type == "pair_pattern":
            key, value = part.child_by_field_name("key"), part.child_by_field_name("value")
            if key is not None and value is not None and value.type == "identifier":
                found.append((text(value), text(key)))
    return found
