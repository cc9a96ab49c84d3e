"""What readers of all tree-sitter languages share: scopes, names, calls, claims.

A reader maps types of nodes to methods; a node without one is walked through.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from gitcoord.conflicts.semantic.gathering import Gathering
from gitcoord.conflicts.semantic.outline import (
    CLASS,
    CONSTANT,
    FIELD,
    FUNCTION,
    IMPORT,
    Arguments,
    Definition,
    Parameters,
    Touched,
    Use,
)
from gitcoord.conflicts.semantic.registers import is_port

if TYPE_CHECKING:
    from tree_sitter import Node

_LONGEST_TEXT = 120
_NAMES = {"identifier", "shorthand_property_identifier_pattern", "shorthand_field_identifier"}
_STRINGS = {
    "string", "interpreted_string_literal", "raw_string_literal", "string_literal",
    "template_string",
}  # fmt: skip
# What stands in a pattern and is no name given there.
_NOT_IN_PATTERNS = {"right", "value", "type", "default_value"}


Members = Mapping[str, tuple[str, str]]


class TreeReader(Gathering):
    """members: a node that asks something for a name -> the fields of the name and of what it
    is asked of. nameless: what it is asked of, where nothing says."""

    members: ClassVar[Members] = {}
    nameless = ""
    touched: Touched | None = None

    def __init__(self) -> None:
        super().__init__()
        self.held: set[int] = set()
        self.ways: dict[str, Callable[[Node], None]] = {
            "identifier": self.bare,
            "type_identifier": self.bare,
            "shorthand_property_identifier": self.bare,
            "comment": self.nothing,
            "line_comment": self.nothing,
            "block_comment": self.nothing,
            **dict.fromkeys(_STRINGS, self.string),
            **dict.fromkeys(self.members, self.member),
        }

    def visit(self, node: Node | None) -> None:
        if node is None:
            return
        way = self.ways.get(node.type)
        if way:
            way(node)
        else:
            self.inside(node)

    def inside(self, node: Node, *, without: Sequence[str] = ()) -> None:
        """Visit the parts of a node; without: fields left out."""
        left = {part.id for name in without for part in node.children_by_field_name(name)}
        for child in node.named_children:
            if child.id not in left:
                self.visit(child)

    def is_same(self, node: Node) -> bool:
        """Nothing in the node changed: what it uses, both sides of the change use."""
        return self.touched is not None and not self.touched.within(
            line(node), int(node.end_point[0]) + 1
        )

    def nothing(self, node: Node) -> None:
        """Comments mean nothing here."""

    def bare(self, node: Node) -> None:
        self.uses.append(Use(text(node), line(node), self.scope))

    def string(self, node: Node) -> None:
        said = literal(node)
        if 0 < len(said) <= _LONGEST_TEXT:
            self.texts.append((said, line(node)))
        self.inside(node)

    def bind_pattern(self, node: Node | None) -> None:
        """All names a pattern gives, and the uses in its defaults and types."""
        if node is None:
            return
        if node.type in _NAMES:
            self.bind(text(node))
            return
        for place, child in enumerate(node.children):
            if not child.is_named:
                continue
            if node.field_name_for_child(place) in _NOT_IN_PATTERNS and node.type != "pair_pattern":
                self.visit(child)
            else:
                self.bind_pattern(child)

    def define(self, name: str, kind: str, node: Node, **more: Any) -> None:
        if not self.depth or more.pop("always", False):
            scope = more.pop("scope", self.scope)
            place = (line(node), node.end_point[0] + 1)
            more.pop("always", None)
            self.definitions.append(Definition(name, scope, kind, place, **more))

    def function(
        self,
        name: str,
        node: Node,
        parameters: Parameters | None,
        *,
        bind: bool = True,
        **more: Any,
    ) -> None:
        """A function by name: its definition, its parameters' names and its body."""
        body = node.child_by_field_name("body")
        self.define(name, FUNCTION, node, parameters=parameters, body=digest(body), **more)
        if bind:
            self.bind(name)
        for field in ("type_parameters", "return_type", "result", "type"):
            self.visit(node.child_by_field_name(field))
        if self.is_same(node):
            return
        outer = self.scope
        self.scope = (*more.get("scope", self.scope), name)
        self.depth += 1
        self.given(node)
        self.visit(body)
        self.depth -= 1
        self.scope = outer

    def given(self, node: Node) -> None:
        """Bind what a function's parameters name."""
        self.bind_pattern(node.child_by_field_name("parameters"))
        self.bind_pattern(node.child_by_field_name("parameter"))

    def anonymous(self, node: Node) -> None:
        """A function without a name."""
        if not self.is_same(node):
            self.depth += 1
            self.closure(node)
            self.depth -= 1

    def closure(self, node: Node) -> None:
        self.given(node)
        self.visit(node.child_by_field_name("return_type"))
        self.visit(node.child_by_field_name("body"))

    def within(self, name: str, node: Node | None) -> None:
        """Visit a body in the scope `name`."""
        outer = self.scope
        self.scope = (*outer, name)
        self.visit(node)
        self.scope = outer

    def container(self, node: Node, body: str = "body", **more: Any) -> None:
        """A class, type or module by name. body: the field that holds what is in it."""
        name = node.child_by_field_name("name")
        if name is not None:
            self.bind(text(name))
            self.define(text(name), CLASS, node, **more)
            self.within(text(name), node.child_by_field_name(body))

    def field(self, node: Node) -> None:
        """Of a class or type, by name."""
        kind = node.child_by_field_name("type")
        for name in node.children_by_field_name("name"):
            self.define(text(name), FIELD, node, results=text(kind) if kind else "", loose=True)
        self.inside(node, without=("name",))

    def naming(self, node: Node) -> None:
        """What gives a name a meaning, and nothing else."""
        for name in node.children_by_field_name("name"):
            self.bind(text(name))
        self.inside(node, without=("name",))

    def holding(self, node: Node) -> None:
        """What is in it is waited for, or handed on."""
        self.held |= {child.id for child in node.named_children}
        self.inside(node)

    def member(self, node: Node) -> None:
        """A name that something is asked for, without a call."""
        name, receiver = self.parts(node)
        if name is not None:
            self.use(name, dotted(receiver) or self.nameless)
        self.visit(receiver)

    def parts(self, node: Node) -> tuple[Node | None, Node | None]:
        """The name of one of `members`, and what it is asked of."""
        name, receiver = self.members[node.type]
        return node.child_by_field_name(name), node.child_by_field_name(receiver)

    def calling(
        self, node: Node, called: Node | None, arguments: Arguments | None, *, held: bool = False
    ) -> None:
        """A call, of a bare name or of one of `members`."""
        given = node.child_by_field_name("arguments")
        if called is not None and called.type == "identifier":
            self.use(called, "", arguments, held=held)
        elif called is not None and called.type in self.members:
            name, receiver = self.parts(called)
            if name is not None:
                self.use(name, dotted(receiver) or self.nameless, arguments, held=held)
                self.registering(dotted(receiver), text(name), given, node)
            self.visit(receiver)
        else:
            self.visit(called)
        self.visit(given)

    def registering(self, receiver: str, verb: str, given: Node | None, node: Node) -> None:
        """What a call of `receiver.verb` claims: nothing, unless a language says so."""

    def use(
        self, name: Node, receiver: str, arguments: Arguments | None = None, *, held: bool = False
    ) -> None:
        self.uses.append(Use(text(name), line(name), self.scope, receiver, arguments, held))

    def took(self, local: str, module: str, name: str, node: Node) -> None:
        """An import: a name of the file that comes from elsewhere."""
        self.imported(local, module, name, line(node))
        self.define(local, IMPORT, node, value=f"{module}:{name}", loose=True)

    def constant(self, name: str, node: Node, value: Node | None, *, field: bool = False) -> None:
        said = f"{value.type}({' '.join(text(value)[:2000].split())})" if value else ""
        self.define(name, FIELD if field else CONSTANT, node, value=said, loose=field)
        if value is not None and not self.depth and is_port(name, text(value)):
            self.claim(("port",), text(value), name, node, "number", 0.75)

    def claim(
        self, space: tuple[str, ...], key: str, label: str, node: Node, kind: str,
        confidence: float, *, group: bool = False,
    ) -> None:  # fmt: skip
        self.claim_at(space, key, label, line(node), kind, confidence, group=group)

    def arguments(self, node: Node | None) -> Arguments:
        """Of a call. A single call as the only argument can stand for several (Go)."""
        parts = [one for one in node.named_children if "comment" not in one.type] if node else []
        spread = any("spread" in one.type or text(one).endswith("...") for one in parts)
        spread = spread or (node is not None and text(node).rstrip(")").rstrip().endswith("..."))
        if self.language == "go" and len(parts) == 1 and parts[0].type == "call_expression":
            spread = True
        for one in parts:
            self.held.add(one.id)
        return Arguments(len(parts), frozenset(), spread)


def text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def line(node: Node) -> int:
    return int(node.start_point[0]) + 1


def literal(node: Node) -> str:
    """A string literal without its quotes."""
    return text(node).strip("\"'`")


def dotted(node: Node | None) -> str:
    """`a.b.c` as written, "?" where it is more than names."""
    if node is None:
        return ""
    said = text(node) if node.end_byte - node.start_byte < 200 else "?"
    said = said.replace("::", ".").replace("?.", ".").replace("!", "")
    return said if all(part.isidentifier() for part in said.split(".")) else "?"


def digest(node: Node | None) -> str:
    if node is None or node.end_byte - node.start_byte < 12:
        return ""
    return hashlib.sha1(node.text or b"", usedforsecurity=False).hexdigest()


def children(node: Node | None, *types: str) -> Iterator[Node]:
    for child in node.named_children if node else ():
        if child.type in types:
            yield child
