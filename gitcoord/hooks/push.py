"""Before a push: commits nobody validated, and such that were refused.

Promises: nothing is asked of a remote. Verdicts are handed in as values, since who keeps them
is not known here. Refuses: to object to a push of tags, or one that only removes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from gitcoord.hooks.objection import OFF, Objection

_HEADS = "refs/heads/"


@dataclass(frozen=True)
class Pushed:
    """ref: what is pushed, a full local name, or HEAD. commit: its id."""

    ref: str
    commit: str


@dataclass(frozen=True)
class Judged:
    """What validators said of a commit. refused: the names of those that refused it."""

    refused: tuple[str, ...]
    others: tuple[str, ...]


def parse_push(said: str) -> list[Pushed]:
    """What a pre-push hook reads: `<local ref> <id> <remote ref> <id>`; branches alone."""
    found = []
    for line in said.split("\n"):
        local, _, rest = line.partition(" ")
        commit, _, rest = rest.partition(" ")
        if rest.startswith(_HEADS) and commit.strip("0"):
            found.append(Pushed(local, commit))
    return found


def list_objections(
    pushed: Iterable[Pushed],
    judged: Mapping[str, Judged],
    *,
    level: str,
    expected: Collection[Pushed],
) -> list[Objection]:
    """judged: by commit. expected: what somebody should have validated."""
    if level == OFF:
        return []
    found = []
    for one in pushed:
        said = judged.get(one.commit, Judged((), ()))
        place, hint = one.ref.removeprefix(_HEADS), f"gitcoord validate {one.commit[:12]}"
        if said.refused:
            text = f"commit {one.commit[:12]} was refused by {', '.join(said.refused)}"
            found.append(Objection("push", level, place, text, f"see why: {hint}"))
        elif not said.others and one in expected:
            text = f"nobody validated commit {one.commit[:12]}"
            found.append(Objection("push", level, place, text, f"do it now: {hint}"))
    return found
