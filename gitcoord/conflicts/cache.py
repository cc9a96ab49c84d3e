"""What was once found out, by content: one file that may be deleted at any time.

    landings    context:target:side            -> [clean, tree, stages]
    deltas      base tree:tree                 -> git's lines
    hunks       context:base blob:blob                 -> [[start, end, new, new end]…] or null
    contents    context:base blob:lesser:greater       -> 1 where git merges them clean, 0
    merges      context:base:lesser tree:greater -> [clean, tree, stages]
    kinds       context:commit:commit          -> the conflicts, explained
    attributes  target                         -> {path: content}
    ways        context:target                 -> {path: its `merge` attribute}

Keys are object ids, so nothing goes stale; the context is git's version and every setting
and attribute file outside of commits that a verdict depends on. Promises: a damaged file is
an empty one; it is replaced whole or not at all. Refuses: to grow without end: what was not
used for longest goes first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gitcoord.conflicts.whole import read_whole, write_whole
from gitcoord.git.quarantine import outside_attributes
from gitcoord.git.repository import Repository, git_version

_SCHEMA = 1
# Entries that are kept: about 8 MB in all at 150 changed paths a side.
_MOST = {
    "landings": 2_000, "deltas": 1_000, "hunks": 30_000, "contents": 60_000, "merges": 30_000,
    "kinds": 5_000, "attributes": 20, "ways": 20, "semantic": 40,
}  # fmt: skip
_LARGEST_FILE = 64_000_000

_DECIDING = ("merge.", "diff.", "core.", "filter.")


class Cache:
    """The tables, as dictionaries. file: None for a cache of this process only."""

    def __init__(self, file: Path | None = None, context: str = "") -> None:
        self.file = file
        self.context = context
        self.changed = False
        self.tables: dict[str, dict[str, Any]] = {name: {} for name in _MOST}

    @classmethod
    def load(cls, repo: Repository, context: str = "") -> Cache:
        """The cache of a repository; empty when there is none or it cannot be read."""
        cache = cls(repo.own_dir / "cache" / "radar.json", context or context_of(repo))
        with suppress(OSError, ValueError, RecursionError):
            assert cache.file is not None
            if cache.file.stat().st_size < _LARGEST_FILE:
                cache._take(read_whole(cache.file))
        return cache

    def find(self, table: str, key: str) -> Any:
        """What is known, False when nothing is. None can be an answer."""
        rows = self.tables[table]
        if key not in rows:
            return False
        found = rows[key] = rows.pop(key)
        return found

    def keep(self, table: str, key: str, value: Any) -> None:
        self.tables[table][key] = value
        self.changed = True

    def save(self) -> None:
        """Write the file when something is new; a disk that is full or read-only is no error."""
        if self.file is None or not self.changed:
            return
        for name, most in _MOST.items():
            rows = self.tables[name]
            for key in list(rows)[: max(0, len(rows) - most)]:
                del rows[key]
        write_whole(self.file, {"schema": _SCHEMA, **self.tables})
        self.changed = False

    def _take(self, document: Any) -> None:
        if not isinstance(document, dict) or document.get("schema") != _SCHEMA:
            return
        for name in _MOST:
            rows = document.get(name)
            if isinstance(rows, dict):
                self.tables[name] = rows


def context_of(repo: Repository) -> str:
    """What a verdict depends on besides the commits, as a short hash."""
    settings = sorted(
        (key, values) for key, values in repo.settings.items() if key.startswith(_DECIDING)
    )
    said = hashlib.blake2b(repr((git_version(), settings)).encode("utf-8", "surrogateescape"))
    for content in outside_attributes(repo):
        said.update(hashlib.blake2b(content).digest())
    return said.hexdigest()[:16]


def stages_json(stages: Mapping[str, Mapping[int, tuple[str, str]]]) -> dict[str, Any]:
    return {
        path: {str(stage): list(entry) for stage, entry in found.items()}
        for path, found in stages.items()
    }
