"""A role: what an agent is for, what it may use, and the words it begins with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """One role, read from its file.

    prompt: the system prompt. tools: those it may use, None for all of the runner's. runners:
    those it asks for, best first. writes: whether it changes files beside its findings.
    max_turns, budget: 0 is not said; budget in dollars. source: the file it came from.
    """

    name: str
    description: str
    prompt: str
    tools: tuple[str, ...] | None = None
    model: str = ""
    capabilities: tuple[str, ...] = ()
    runners: tuple[str, ...] = ()
    writes: bool = False
    max_turns: int = 0
    budget: float = 0.0
    source: str = ""
