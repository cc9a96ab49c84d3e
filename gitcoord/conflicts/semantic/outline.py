"""What a file defines, uses and claims, as values that no longer depend on its language.

A scope is the tuple of names of the classes and functions around a place; () is the file.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import NamedTuple

Scope = tuple[str, ...]

FUNCTION, CLASS, CONSTANT, FIELD, IMPORT = "function", "class", "constant", "field", "import"


@dataclass(frozen=True, slots=True)
class Touched:
    """Lines a change touched, in order."""

    lines: tuple[int, ...]

    def within(self, first: int, last: int) -> bool:
        """Whether one of them lies between two lines, both included."""
        place = bisect_left(self.lines, first)
        return place < len(self.lines) and self.lines[place] <= last


class Parameters(NamedTuple):
    """What a call has to bring. names: of positional parameters, `required` of them without a
    default, `only` of them by position only. needed: keyword-only ones without a default.
    rest, keywords: it takes any more of them. types: as written, where the language has them."""

    names: tuple[str, ...] = ()
    required: int = 0
    only: int = 0
    keyword: frozenset[str] = frozenset()
    needed: frozenset[str] = frozenset()
    rest: bool = False
    keywords: bool = False
    types: tuple[str, ...] = ()


class Arguments(NamedTuple):
    """What a call brings. spread: more by position (`*x`), spread_keywords: by name (`**x`)."""

    given: int = 0
    keywords: frozenset[str] = frozenset()
    spread: bool = False
    spread_keywords: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """lines: first and last, from 1. value: a constant's, normalised. body: digest of the text
    without the name, so that a renamed definition is known again. loose: may stand twice
    (overloads, definitions under a condition). bound: its first parameter is the receiver.
    results: what it returns, as far as the language says. bases: of a class."""

    name: str
    scope: Scope
    kind: str
    lines: tuple[int, int]
    parameters: Parameters | None = None
    value: str = ""
    body: str = ""
    loose: bool = False
    bound: bool = False
    results: str = ""
    bases: tuple[str, ...] = ()
    abstract: bool = False


class Use(NamedTuple):
    """One mention of a name. receiver: what stands before the dot, "" for a bare name, "?" for
    an expression. awaited: it is waited for, or handed on; in Go, what it returns is dropped."""

    name: str
    line: int
    scope: Scope
    receiver: str = ""
    arguments: Arguments | None = None
    awaited: bool = False


class Claim(NamedTuple):
    """A key that may be taken once in its space. kind: `twice` or `number`. wide: the space
    is not this file's own. group: believed only where the base has more, all different."""

    space: tuple[str, ...]
    key: str
    label: str
    line: int
    kind: str
    confidence: float
    wide: bool = False
    group: bool = False


@dataclass(frozen=True, slots=True)
class Outline:
    """imports: local name -> (module, name in it or ""). bindings: (scope, name) of whatever
    gives a name a meaning. texts: string literals and their lines. open: names can come from
    where nobody sees them (star imports, `__getattr__`)."""

    language: str
    definitions: tuple[Definition, ...] = ()
    uses: tuple[Use, ...] = ()
    claims: tuple[Claim, ...] = ()
    imports: dict[str, tuple[str, str]] = field(default_factory=dict)
    bindings: frozenset[tuple[Scope, str]] = frozenset()
    texts: tuple[tuple[str, int], ...] = ()
    package: str = ""
    open: bool = False
