"""Whole answers, kept by content: when nothing moved nothing is worked out again.

Promises: an answer is only given for the same question about the same worktrees, target,
settings and code. Refuses: to keep more than the newest few.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gitcoord.conflicts.scan import Clash, Scan, Seen, Stale, Unknown
from gitcoord.conflicts.whole import read_whole, write_whole

_MOST = 8


def key_of(context: str, question: Sequence[object], seen: Sequence[Seen]) -> str:
    """question: all that is asked. seen: the worktrees as sampled."""
    said = hashlib.blake2b(digest_size=16)
    said.update(repr((context, _code(), question)).encode("utf-8", "surrogateescape"))
    for one in seen:
        fields = [
            sorted(value) if isinstance(value, frozenset) else value for value in vars(one).values()
        ]
        said.update(repr(fields).encode("utf-8", "surrogateescape"))
    return said.hexdigest()


def find_answer(
    own_dir: Path, key: str, seen: Sequence[Seen], target: tuple[str, str]
) -> tuple[Scan, Any] | None:
    """The answer that was kept, and what was kept beside it. target: name and id."""
    try:
        kept = read_whole(_file(own_dir, key))
        stale = [tuple(Stale(*one) for one in rows) for rows in kept["stale"]]
        scan = Scan(
            *target,
            tuple(_with_stale(one, rows) for one, rows in zip(seen, stale, strict=True)),
            tuple(_clash(row) for row in kept["pairs"]),
            tuple(Unknown(*row) for row in kept["unknown"]),
        )
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return scan, kept["beside"]


def keep_answer(own_dir: Path, key: str, scan: Scan, beside: Any) -> None:
    """Never raises for the disk."""
    file = _file(own_dir, key)
    write_whole(
        file,
        {
            "stale": [[[one.path, one.kind] for one in seen.stale] for seen in scan.worktrees],
            "pairs": [[*vars(clash).values()] for clash in scan.pairs],
            "unknown": [[*vars(one).values()] for one in scan.unknown],
            "beside": beside,
        },
    )
    with suppress(OSError):
        kept = sorted(file.parent.glob("*.json"), key=lambda one: one.stat().st_mtime)
        for old in kept[:-_MOST]:
            old.unlink(missing_ok=True)


def _file(own_dir: Path, key: str) -> Path:
    return own_dir / "cache" / "answers" / f"{key}.json"


def _with_stale(seen: Seen, stale: tuple[Stale, ...]) -> Seen:
    return Seen(**{**vars(seen), "stale": stale}) if stale else seen


def _clash(row: Sequence[Any]) -> Clash:
    fields = dict(zip(Clash.__dataclass_fields__, row, strict=True))
    fields |= {name: _lines(fields[name]) for name in ("a_lines", "b_lines")}
    return Clash(**fields)


def _lines(rows: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((first, last) for first, last in rows)


def _code() -> int:
    """When our own code was changed last: other rules give other answers."""
    here = os.path.dirname(__file__)  # noqa: PTH120
    folders = (here, os.path.join(here, "semantic"))  # noqa: PTH118
    return max(
        entry.stat().st_mtime_ns
        for folder in folders
        for entry in os.scandir(folder)
        if entry.name.endswith(".py")
    )
