"""What a scan answers, as values.

Grades, from light to grave: `near` (the same file), `touching` (the same or adjacent lines,
and git still merges them), `semantic` (merges as text, breaks in meaning), `conflict` (git's
merge fails). What could not be answered is in
`unknown`, never left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NEAR, TOUCHING, SEMANTIC, CONFLICT = "near", "touching", "semantic", "conflict"

Lines = tuple[tuple[int, int], ...]
"""First and last line of each region, counted from 1, both included; an empty region between
lines n and n + 1 is (n + 1, n)."""


@dataclass(frozen=True)
class Target:
    """name: as the user knows it. id: its commit."""

    name: str
    id: str


@dataclass(frozen=True)
class Asked:
    """What a scan is to look at: see `radar.scan`. text_only: without semantic clashes."""

    ids: Sequence[str] = ()
    against: str = ""
    path: str = ""
    committed_only: bool = False
    direct: bool = False
    text_only: bool = False


@dataclass(frozen=True)
class Stale:
    """A path on which a worktree conflicts with the target. kind: as git names it."""

    path: str
    kind: str


@dataclass(frozen=True)
class Seen:
    """One worktree, or branch, as it was sampled.

    head: its commit. tree: its files, uncommitted ones too. state: live, moving (written while
    it was sampled), merging (an unmerged index: its HEAD is looked at), unknown.
    uncommitted: paths whose content is in no commit. untracked: of these, those git knows
    nothing of. not_compared: too large, or unreadable.
    problem: why nothing is known, "" when something is.
    """

    id: str
    branch: str
    path: str
    state: str
    head: str
    tree: str
    task: str = ""
    dirty: bool = False
    uncommitted: frozenset[str] = frozenset()
    untracked: frozenset[str] = frozenset()
    not_compared: tuple[str, ...] = ()
    stale: tuple[Stale, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Clash:
    """Two worktrees on one path. a, b: ids. Lines are those of each side's own file.

    untracked: git knows of it on neither side, as of scratch files of one name.
    confidence, note: of a semantic clash, how sure it is and the reason in a sentence; the
    lines of what is gone are the target's.
    """

    a: str
    b: str
    grade: str
    kind: str
    path: str
    a_path: str
    b_path: str
    a_lines: Lines = ()
    b_lines: Lines = ()
    a_committed: bool = True
    b_committed: bool = True
    confidence: float = 1.0
    note: str = ""
    untracked: bool = False


@dataclass(frozen=True)
class Unknown:
    """A pair without an answer. b: "" when it is about a and the target."""

    a: str
    b: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """target: name and commit of what all are to land on."""

    target: str
    target_id: str
    worktrees: tuple[Seen, ...]
    pairs: tuple[Clash, ...]
    unknown: tuple[Unknown, ...]

    @property
    def has_conflict(self) -> bool:
        stale = any(seen.stale for seen in self.worktrees)
        return stale or any(clash.grade == CONFLICT for clash in self.pairs)
