"""Outlines of Ruby. What `send`, `method_missing` and mixins bring nobody sees: a name counts as
gone only when no code has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from gitcoord.conflicts.semantic.outline import CLASS, FIELD, Arguments, Parameters, Use
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

_ACCESSORS = {"attr_reader", "attr_writer", "attr_accessor"}


class RubyReader(TreeReader):
    language = "ruby"
    members: ClassVar[Members] = {"scope_resolution": ("name", "scope")}

    def __init__(self) -> None:
        super().__init__()
        self.ways |= {
            "constant": self.bare,
            "class": self.klass,
            "module": self.klass,
            "method": self.declared,
            "singleton_method": self.declared,
            "assignment": self.assignment,
            "operator_assignment": self.assignment,
            "block": self.anonymous,
            "do_block": self.anonymous,
            "lambda": self.anonymous,
            "call": self.call,
            "exception_variable": self.pattern,
            "for": self.loop,
        }

    def klass(self, node: Node) -> None:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        above = node.child_by_field_name("superclass")
        said = dotted(name).rpartition(".")[2] if name is not None else "?"
        bases = tuple(dotted(one).rpartition(".")[2] for one in children(above, "constant"))
        made = [one for one in children(body, "method")
                if text(one.child_by_field_name("name") or one) == "initialize"]  # fmt: skip
        self.bind(said)
        self.define(
            said, CLASS, node, bases=bases, loose=True,
            parameters=_parameters(made[0]) if made else None,
        )  # fmt: skip
        self.visit(above)
        self.within(said, body)

    def declared(self, node: Node) -> None:
        name = node.child_by_field_name("name")
        if name is not None:
            # One of the class and one of its objects may have one name.
            self.function(
                text(name), node, _parameters(node), loose=node.type == "singleton_method"
            )

    def given(self, node: Node) -> None:
        listed = node.child_by_field_name("parameters")
        for one in listed.named_children if listed else ():
            self.bind_pattern(one.child_by_field_name("name") or one)
            self.visit(one.child_by_field_name("value"))

    def assignment(self, node: Node) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and left.type == "constant":
            self.bind(text(left))
            self.constant(text(left), node, right)
        elif left is not None and left.type in ("identifier", "left_assignment_list"):
            self.pattern(left)
        else:
            self.visit(left)
        self.visit(right)

    def pattern(self, node: Node) -> None:
        self.bind_pattern(node)

    def closure(self, node: Node) -> None:
        self.given(node)
        self.inside(node, without=("parameters",))

    def loop(self, node: Node) -> None:
        self.bind_pattern(node.child_by_field_name("pattern"))
        self.inside(node, without=("pattern",))

    def call(self, node: Node) -> None:
        name, receiver = node.child_by_field_name("method"), node.child_by_field_name("receiver")
        given, block = node.child_by_field_name("arguments"), node.child_by_field_name("block")
        arguments, before = self.arguments(given), dotted(receiver)
        if name is not None and text(name) == "new" and before[:1].isupper():
            module, _, last = before.rpartition(".")
            self.uses.append(Use(last, line(name), self.scope, module, arguments))
        elif name is not None:
            self.use(name, before, arguments)
            self.declares(text(name), before, given, node, has_block=block is not None)
        self.visit(receiver)
        self.visit(given)
        self.visit(block)

    def declares(
        self, name: str, receiver: str, given: Node | None, node: Node, *, has_block: bool
    ) -> None:
        if receiver or self.depth:
            return
        if name in _ACCESSORS:
            for symbol in children(given, "simple_symbol"):
                self.define(text(symbol)[1:], FIELD, symbol, loose=True)
        first = given.named_children[:1] if given else []
        if has_block and first and first[0].type == "string":
            self.claims += registration("app", name, [literal(first[0])], self.scope, line(node))

    def arguments(self, node: Node | None) -> Arguments:
        parts = [one for one in node.named_children if "comment" not in one.type] if node else []
        pairs = [one for one in parts if one.type == "pair"]
        plain = [one for one in parts if one.type not in ("pair", "block_argument")]
        spread = any("splat" in one.type for one in parts)
        keys = [one.child_by_field_name("key") for one in pairs]
        names = frozenset(text(key).strip(":\"'") for key in keys if key is not None)
        return Arguments(len(plain), names, spread, spread)


def _parameters(node: Node) -> Parameters:
    names: list[str] = []
    required, rest, keywords = 0, False, False
    keyed: set[str] = set()
    needed: set[str] = set()
    listed = node.child_by_field_name("parameters")
    for one in listed.named_children if listed else ():
        name = one.child_by_field_name("name") or one
        if one.type in ("identifier", "destructured_parameter"):
            names.append(text(name))
            required += 1
        elif one.type == "optional_parameter":
            names.append(text(name))
        elif one.type == "keyword_parameter":
            keyed.add(text(name))
            if one.child_by_field_name("value") is None:
                needed.add(text(name))
        elif one.type == "splat_parameter":
            rest = True
        elif one.type in ("hash_splat_parameter", "forward_parameter"):
            keywords = True
            rest = rest or one.type == "forward_parameter"
    return Parameters(
        tuple(names), required, len(names), frozenset(keyed), frozenset(needed), rest, keywords
    )
