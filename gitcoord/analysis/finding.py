"""What an analyser returns: findings with evidence and a confidence.

Promises: every piece of evidence names where it is and the command that shows it.
Refuses: a confidence outside 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Evidence:
    """One fact somebody else can check.

    command: a shell command, run in the worktree, that shows it. note: what to see there.
    lines: first and last line, counted from 1, both included, as of `commit`.
    """

    command: str
    note: str
    commit: str | None = None
    path: str | None = None
    lines: tuple[int, int] | None = None


@dataclass(frozen=True)
class Suspect:
    """A file or a commit the evidence points at. name: a path, or a full commit id.

    score: 0 to 1, comparable within one list only. reasons: short, strongest first.
    """

    name: str
    score: float
    reasons: tuple[str, ...] = ()
    title: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing that was found out.

    role: who found it. title: one line. confidence: 0 to 1, from `factors` by the formula
    that the analyser documents. body: Markdown below the front matter.
    """

    role: str
    title: str
    confidence: float
    evidence: tuple[Evidence, ...] = ()
    body: str = ""
    factors: Mapping[str, float] = field(default_factory=dict)
    files: tuple[Suspect, ...] = ()
    commits: tuple[Suspect, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence {self.confidence} is not within 0 to 1")
