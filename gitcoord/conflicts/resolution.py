"""What can be done about two worktrees that conflict, as values; nothing here runs git.

A resolution is a plan first: shown by `--dry-run`, carried out as it is, and kept as a record.
Promises: each step says which strategy decided it and why. Refuses: to take a side without
saying so; what a strategy cannot decide is left, by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from gitcoord.config import Resolve
from gitcoord.errors import BadInput
from gitcoord.worktrees.start import Plan

KIND = "resolutions"

QUEUE, SPLIT, REBASE, UNION = "queue", "split", "rebase", "union"
STRUCTURAL, OWNER, PERSON = "structural", "owner", "person"
REMEMBERED = "remembered"

STRATEGIES = {
    QUEUE: "one goes first, by priority, then age; the other takes its work in afterwards",
    SPLIT: "each path goes to the side that changed more of it, else changed it first",
    REBASE: "the later one takes the earlier one's work in now, on a branch of its own",
    UNION: "the lines of both are kept, the first one's first",
    STRUCTURAL: "a merge driver that knows the syntax decides: mergiraf, or resolve.driver",
    OWNER: "whoever changed the file most before decides",
    PERSON: "a person decides; it stays open until somebody closes it",
}
"""Name -> what it does, in the words a user is shown."""

TEXTUAL = ("content", "add/add")
"""Kinds in which both sides have lines."""
ONE_PATH = (*TEXTUAL, "modify/delete", "rename/delete", "binary", "mode")
"""Kinds in which a whole file can go to one side."""

# Of one resolution: what is made by machine, what waits for a turn or for somebody.
RESOLVED, QUEUED, OPEN, FAILED, CLOSED, UNDONE = (
    "resolved", "queued", "open", "failed", "closed", "undone",
)  # fmt: skip

Stages = Mapping[int, tuple[str, str]]


@dataclass(frozen=True)
class Side:
    """One of the two. ref: full name of its branch, "" when detached. head: its commit.
    commit: what is merged: head, or its uncommitted files on top.

    created: RFC 3339, "" when nobody knows. path: of its worktree.
    """

    id: str
    ref: str
    head: str
    commit: str
    path: str
    task: str = ""
    created: str = ""
    priority: int = 0

    @property
    def branch(self) -> str:
        return self.ref.removeprefix("refs/heads/")

    @property
    def merge_name(self) -> str:
        """What to give `git merge`."""
        return self.branch or self.head[:12]


@dataclass(frozen=True)
class Step:
    """One conflict and what becomes of it.

    done: whether its content is decided. to: the side, or the person, it goes to.
    stages: 1 base, 2 first side, 3 second -> (mode, blob). result: (mode, blob), None when
    the file is gone or nothing is decided.
    """

    path: str
    kind: str
    strategy: str
    done: bool
    why: str
    to: str = ""
    stages: Stages = field(default_factory=dict)
    result: tuple[str, str] | None = None


@dataclass(frozen=True)
class Resolution:
    """A plan: everything that will be made, by id. first: who goes first, and why.

    branch, commit, tree: "" when something is left and nothing can be committed. pack: the
    new objects. parents: of the commit. target: the branch both are to land on.
    """

    id: str
    first: Side
    second: Side
    why_first: str
    steps: tuple[Step, ...]
    target: str
    branch: str = ""
    commit: str = ""
    tree: str = ""
    pack: bytes = field(default=b"", repr=False)
    place: Plan | None = None

    @property
    def left(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if not step.done)

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(step.strategy for step in self.steps))

    @property
    def state(self) -> str:
        """What the record will say."""
        if self.commit:
            return RESOLVED
        return QUEUED if {step.strategy for step in self.left} == {QUEUE} else OPEN

    @property
    def next(self) -> tuple[str, ...]:
        """What has to happen now, each line ending in a command."""
        return tuple(_next(self))


def check_strategy(name: str) -> str:
    """The name, when there is such a strategy. Raises BadInput naming the nearest."""
    if name in STRATEGIES:
        return name
    near = get_close_matches(name, STRATEGIES, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]}? " if near else ""
    raise BadInput(
        f"there is no strategy {name[:60]!r}; there are {', '.join(STRATEGIES)}",
        hint=f"{meant}what each does: gitcoord resolve --help",
    )


def choose(kind: str, wished: str, settings: Resolve) -> str:
    """The strategy for a kind of conflict: as asked, else by its setting, else by the general
    one. Raises BadInput when none is said."""
    named = str(getattr(settings, kind.replace("/", "_").replace(" ", "_"), ""))
    chosen = wished or named or settings.strategy
    if not chosen:
        raise BadInput(
            f"how to resolve a {kind} conflict is not said: {', '.join(STRATEGIES)}",
            hint="say it now: gitcoord resolve A B --with rebase, "
            f"or for good: gitcoord config set resolve.strategy {REBASE}",
        )
    return check_strategy(chosen)


def in_turn(one: Side, other: Side, wished: str = "") -> tuple[Side, Side, str]:
    """Who goes first, who second, and why. wished: the id of who is to be first, if said."""
    if wished in (one.id, other.id):
        first, second = (one, other) if wished == one.id else (other, one)
        return first, second, "as was asked"
    first, second = sorted((one, other), key=lambda side: (-side.priority, _age(side), side.id))
    if first.priority != second.priority:
        return first, second, f"its priority is {first.priority}, the other's {second.priority}"
    if _age(first) != _age(second):
        return first, second, f"it is older, begun {first.created[:19]}Z"
    return first, second, "by name, as nothing else tells them apart"


def named(path: str) -> str:
    """A path in a line of text: as it is, or with what cannot be printed as escapes."""
    return path if path.isprintable() else ascii(path)


def step_body(step: Step) -> dict[str, Any]:
    """A step as a record keeps it."""
    body: dict[str, Any] = {
        "path": step.path, "kind": step.kind, "strategy": step.strategy,
        "outcome": "done" if step.done else "left", "why": step.why, "to": step.to or None,
    }  # fmt: skip
    body |= {
        name: f"{step.stages[stage][0]} {step.stages[stage][1]}"
        for stage, name in ((1, "base"), (2, "first"), (3, "second"))
        if stage in step.stages
    }
    if step.done:
        body |= {"result": " ".join(step.result or ())}
    return body


def _age(side: Side) -> str:
    return side.created or "~"


def _next(plan: Resolution) -> list[str]:
    first, second, left = plan.first, plan.second, plan.left
    if plan.commit:
        return [
            f"look at it: git show -m --first-parent {plan.branch}",
            f"take it up in {first.id}: git -C '{first.path}' merge {plan.branch}",
        ]
    done = f"when it is done: gitcoord resolve --done {plan.id}"
    if plan.place is not None:
        return [f"go on there, then commit: git -C '{plan.place.path}' status", done]
    lines = []
    if any(step.strategy == QUEUE for step in left):
        target = plan.target
        lines += [
            f"{first.id} lands on {target} first: git merge {first.merge_name}",
            f"then {second.id} takes it in: git -C '{second.path}' merge {target}",
        ]
    paths = ", ".join(named(step.path) for step in left[:4]) + (" …" if len(left) > 4 else "")
    if any(step.strategy != QUEUE for step in left):
        lines.append(f"by hand: {paths}; see: gitcoord conflicts show {first.id} {second.id}")
    return [*lines, done]
