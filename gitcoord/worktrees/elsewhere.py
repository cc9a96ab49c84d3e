"""What somebody names as a worktree that is none, or not any more: where it is to be seen."""

from __future__ import annotations

from collections.abc import Iterable

from gitcoord.errors import NoSuch
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.state.store import Store
from gitcoord.worktrees.recovery import PREFIX as _TRASH

_TELLING = 3  # characters of an id: fewer are in too many
_RUNS = "refs/agentcoord/runs/"


def find_elsewhere(repo: Repository, part: str) -> NoSuch | None:
    """What is no worktree, or not any more, and where it is to be seen then."""
    refs = read_refs(repo, _TRASH, _RUNS)
    if removed := _one(part, refs, _TRASH):
        return NoSuch(
            f"{removed} was removed, and is in the trash",
            hint=f"bring it back: gitcoord undo {removed}",
        )
    if run := _one(part, refs, _RUNS):
        of = Store(repo).read("runs", run).body.get("worktree", "")
        return NoSuch(f"{run} is a run, in the worktree {of}", hint=f"see: gitcoord show {of}")
    return None


def _one(part: str, refs: Iterable[str], prefix: str) -> str | None:
    """The only id below `prefix` that `part` can mean."""
    ids = [ref.removeprefix(prefix) for ref in refs if ref.startswith(prefix)]
    found = [one for one in ids if len(part) >= _TELLING and part in one]
    return part if part in ids else found[0] if len(found) == 1 else None
