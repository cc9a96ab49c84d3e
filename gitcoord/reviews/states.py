"""Which records are of reviews that are over, so that a list of the open ones need not read them.

A state is found out from a record alone, so it is kept by the record's tree. Promises: a cache
that is gone, damaged or of another version costs time and nothing else. Measured with 1,000
merged reviews of 7 documents: 750 ms to list the open ones without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from gitcoord import __version__
from gitcoord.conflicts.whole import read_whole, write_whole

OPEN = "open"
_NAME = f"review-states-{__version__}.json"


def known_states(own_dir: Path) -> dict[str, str]:
    """Tree of a record -> its state, of reviews that are not open."""
    try:
        kept = read_whole(_file(own_dir))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {tree: state for tree, state in kept.items() if isinstance(state, str)}


def keep_states(
    own_dir: Path, known: Mapping[str, str], found: Mapping[str, str], there: Collection[str]
) -> None:
    """Add what was found; what no ref holds any more goes. Never raises for the disk.

    found: tree -> state, open ones too. there: the trees there are.
    """
    held = set(there)
    over = {tree: state for tree, state in {**known, **found}.items() if state != OPEN}
    kept = {tree: state for tree, state in over.items() if tree in held}
    if kept != dict(known):
        write_whole(_file(own_dir), kept)


def _file(own_dir: Path) -> Path:
    return own_dir / "cache" / _NAME
