"""Worktrees as commands see them: what a dead process left is settled first, and said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitcoord.errors import BadInput, NoSuch, Problem
from gitcoord.worktrees.worktree import LIVE, MISSING, view_worktrees

if TYPE_CHECKING:
    from gitcoord.commands.asked import Asked
    from gitcoord.worktrees.worktree import View, Worktree


def find(asked: Asked, part: str) -> Worktree:
    """The worktree `part` means, after what a dead process left was settled."""
    seen = view_worktrees(asked.repository)
    if settled(asked, seen):
        seen = view_worktrees(asked.repository)
    return choose(asked, seen, part)


def choose(asked: Asked, seen: View, part: str) -> Worktree:
    """The one of `seen` that `part` means. Raises NoSuch, saying where it is to be seen."""
    try:
        return seen.find(here(asked, part))
    except NoSuch as problem:
        from gitcoord.worktrees.elsewhere import find_elsewhere

        if elsewhere := find_elsewhere(asked.repository, part):
            raise elsewhere from problem
        raise


def settled(asked: Asked, seen: View) -> bool:
    """Complete or take back what a dead process began, and say so."""
    settle_landings(asked)
    if all(one.state in (LIVE, MISSING) for one in seen.mine):
        return False
    from gitcoord.worktrees.settle import settle  # with all of removal: 20 ms, and rarely needed

    try:
        done = settle(asked.repository, seen)
    except Problem as problem:
        asked.screen.warn(f"{problem.message}; see: gitcoord doctor")
        return False
    for line in done:
        asked.screen.warn(line)
    return bool(done)


def settle_landings(asked: Asked) -> None:
    """Settle landings on a target that died, and say so. Costs nothing where there are none."""
    if not any((asked.repository.own_dir / "landings").glob("*.toml")):
        return
    from gitcoord.reviews.landing.landing import settle_landings as settle

    try:
        for line in settle(asked.repository):
            asked.screen.warn(line)
    except Problem as problem:
        asked.screen.warn(f"{problem.message}; see: gitcoord doctor")


def here(asked: Asked, part: str) -> str:
    """A part that is a path is taken from where the user stands."""
    if not part:
        raise BadInput("an empty id means nothing", hint="list them with: gitcoord list")
    return str(asked.file(part)) if part in (".", "..") or "/" in part else part
