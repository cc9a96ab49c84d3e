"""Claims in a table and in JSON. Reads no git, decides nothing.

claims --json          [{id, worktree, patterns, why, by, since, until, state}]; state is live,
                       expired, or gone: of a worktree that is no more; times are RFC 3339
claim, release --json  the same of what was claimed or released (claim: one document), and dry_run
"""

from __future__ import annotations

from typing import Any

from gitcoord.conflicts.claims import Claim
from gitcoord.view.plain import one_line

COLUMNS = ("id", "worktree", "until", "paths", "why")
FREE = ("paths", "why")
_LONGEST = 120


def claim_json(one: Claim) -> dict[str, Any]:
    fields = {name: value for name, value in vars(one).items() if name != "gone"}
    return {**fields, "patterns": list(one.patterns), "state": state(one)}


def claim_cells(one: Claim) -> tuple[str, ...]:
    until = one.until[:16].replace("T", " ") if one.live else state(one)
    return (one.id, one.worktree, until, paths(one), one_line(one.why, _LONGEST))


def claimed_line(one: Claim, *, dry_run: bool) -> str:
    verb = "would claim" if dry_run else "claimed"
    return f"{verb} {paths(one)} for {one.worktree} until {one.until}: {one.id}"


def released_line(one: Claim, *, dry_run: bool) -> str:
    return f"{'would release' if dry_run else 'released'} {paths(one)}: {one.id}"


def paths(one: Claim) -> str:
    return one_line(", ".join(one.patterns), _LONGEST)


def state(one: Claim) -> str:
    return "gone" if one.gone else "expired" if one.expired else "live"
