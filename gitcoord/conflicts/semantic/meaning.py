"""What is found: one meaning that two sides break together, and the candidates before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from gitcoord.conflicts.semantic.outline import Outline

REMOVED, SIGNATURE, TWICE, NUMBER, CHANGED = "removed", "signature", "twice", "number", "changed"

# Raised when other rules, or other readers, would say something else of the same trees.
RULES = 4

Lines = tuple[int, int]


@dataclass(frozen=True)
class Meaning:
    """Two sides that merge as text and break in meaning. a, b: the sides, a before b.

    kind: `removed` (or renamed) here and newly used there, `signature` likewise, `twice` the
    same name added, `number` the same number taken, `changed` a value with new users. Lines
    are first and last, from 1, of each side's own file; of what is gone, of the base's.
    confidence: 0 to 1. note: the reason in a sentence.
    """

    a: int
    b: int
    kind: str
    name: str
    a_path: str
    b_path: str
    a_lines: Lines
    b_lines: Lines
    confidence: float
    note: str


def meaning_of(row: Sequence[Any]) -> Meaning:
    """A meaning from its fields, as JSON gives them back."""
    a, b, kind, name, a_path, b_path, a_lines, b_lines, confidence, note = row
    return Meaning(
        int(a), int(b), kind, name, a_path, b_path, (a_lines[0], a_lines[1]),
        (b_lines[0], b_lines[1]), confidence, note,
    )  # fmt: skip


class Result(Protocol):
    """The merge of the two sides as git makes it."""

    def outline(self, path: str) -> Outline | None: ...


class Names(Protocol):
    """Words in the code of the side that changed something."""

    def is_gone(self, name: str) -> bool:
        """No line of code has the word."""

    def is_gone_from_objects(self, name: str) -> bool:
        """No line defines it, or asks an object for it."""

    def is_unique(self, name: str, *, function: bool) -> bool:
        """Exactly one line of code defines it, as a function if one is meant."""


Confirm = Callable[[Result, Names], bool]


@dataclass(frozen=True)
class Candidate:
    """one: the side that took away or changed; other: the side that counts on it."""

    one: int
    other: int
    kind: str
    name: str
    one_path: str
    other_path: str
    one_lines: Lines
    other_lines: Lines
    confidence: float
    note: str
    confirm: Confirm

    def meaning(self) -> Meaning:
        mine = (self.one_path, self.one_lines)
        theirs = (self.other_path, self.other_lines)
        first, second = (mine, theirs) if self.one < self.other else (theirs, mine)
        return Meaning(
            min(self.one, self.other), max(self.one, self.other), self.kind, self.name,
            first[0], second[0], first[1], second[1], round(self.confidence, 2), self.note,
        )  # fmt: skip
