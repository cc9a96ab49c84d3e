"""How much waits for the agents of worktrees. Apart from inputs.py because `list` asks it each
time, and that file would cost it 5 ms of imports."""

from __future__ import annotations

from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.records import counted
from gitcoord.state.store import Store

KIND = "inputs"
WAITING = "waiting"


def count_waiting(repo: Repository, bad: list[Problem] | None = None) -> dict[str, int]:
    """Worktree id -> how many inputs wait; only where some do. One that cannot be read raises, or
    goes to `bad`. 1 git process where nobody ever said anything, else 3."""
    store, counts = Store(repo), dict[str, int]()
    if store.ids(KIND):
        for record in store.all(KIND, bad):
            if record.body.get("state") == WAITING:
                worktree_id = str(record.body.get("worktree", ""))
                counts[worktree_id] = counts.get(worktree_id, 0) + 1
    return counts


def waits(count: int) -> str:
    """`1 thing waits`, `3 things wait`."""
    return f"{counted(count, 'thing')} {'waits' if count == 1 else 'wait'}"


def for_agent(worktree_id: str, count: int) -> str:
    """A line that says so, with what to do."""
    return f"{waits(count)} for its agent: gitcoord resume {worktree_id}"
