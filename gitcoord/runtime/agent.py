"""What every runner is: an assignment in, events on the way, an outcome at the end.

    claude, codex, …   a program on PATH       api    our own loop
    command            any argv                human  a person
    local              an analyser (its products are findings, see local.py)

Promises: the outcome of a runner is its own word only; what was done is read from git by who
called it. What cannot be known is UNKNOWN, never DONE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gitcoord.process import AGENT
from gitcoord.runs.role import Role
from gitcoord.runs.usage import Usage

DONE, FAILED, STOPPED, PARKED, UNKNOWN = "done", "failed", "stopped", "parked", "unknown"


@dataclass(frozen=True)
class Limits:
    """When an agent is ended; 0 is no limit. wall, stall: seconds in all, and without a sign
    of life. dollars, tokens, turns: of this assignment."""

    wall: float = 3600.0
    stall: float = 300.0
    turns: int = 0
    dollars: float = 0.0
    tokens: int = 0


@dataclass(frozen=True)
class Assignment:
    """What an agent is asked to do.

    prompt: the task in words, with what earlier tasks found. top: its worktree. own_dir:
    `.git/agentcoord` of the repository. mark: the session id, minted and on record before the
    start. resumed: an earlier attempt began under that mark. log: where the raw transcript
    goes, mode 0600; exists when resumed. model: "" for the runner's own choice. argv: of the
    command runner. environment: passed on beside the allow-list. asks: tools that need a
    person's word for each call. ask: puts a tool call before a person, by the call's id, what it
    is in a line and its input; gives the approval's id, None when nobody can be asked.
    decision_on: what a person said of the call with that id, ("approved" or "denied", why), None
    while nobody has.
    """

    run_id: str
    task: str
    role: Role
    prompt: str
    top: Path
    own_dir: Path
    mark: str
    log: Path
    resumed: bool = False
    model: str = ""
    limits: Limits = field(default_factory=Limits)
    argv: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    ask: Callable[[str, str, Mapping[str, Any]], str | None] | None = None
    decision_on: Callable[[str], tuple[str, str] | None] | None = None

    @property
    def sign(self) -> str:
        """What all that this agent starts bears in its environment, and is found by."""
        return f"{AGENT}={self.run_id}/{self.task}"


@dataclass(frozen=True)
class Event:
    """Something an agent did or said. kind: "text", "tool", "result", "usage", "warning",
    "waiting". text: one line for people, not yet made fit for a terminal."""

    kind: str
    text: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How an agent ended.

    state: DONE, FAILED, STOPPED (limit, Ctrl-C), PARKED (waits for a person, or for a usage
    limit to end), UNKNOWN. usage, dollars: of this attempt alone; dollars None when nobody
    can say. model: that which was used. mark: the session as the runner names it, to resume.
    reason: why it is not DONE. hint: what to do about it. until: when a usage limit ends,
    RFC 3339. retry: worth another attempt as it is.
    """

    state: str
    summary: str = ""
    usage: Usage = field(default_factory=Usage)
    dollars: float | None = None
    model: str = ""
    mark: str = ""
    reason: str = ""
    hint: str = ""
    until: str = ""
    turns: int = 0
    retry: bool = False


Say = Callable[[Event], None]
Agent = Callable[[Assignment, Say], Outcome]
"""A runner at work, in the thread that calls it: blocks until the agent has ended. It must end
what it started when KeyboardInterrupt or any other exception passes through it."""
