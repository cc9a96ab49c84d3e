"""Blobs and their outlines, each read once and parsed once for the lines that are asked about.

Promises: a blob over LARGEST is never read into memory, and has no outline.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass, field

from gitcoord.conflicts.deltas import Delta
from gitcoord.conflicts.semantic.change import LARGEST, MOST_FILES, is_code
from gitcoord.conflicts.semantic.languages import ENDINGS, read_outline
from gitcoord.conflicts.semantic.outline import Outline, Touched
from gitcoord.git.objects import Reader
from gitcoord.git.repository import Repository


@dataclass
class Shelf:
    """bodies: of blobs, None for what is too large or missing."""

    aside: Repository
    reader: Reader
    bodies: dict[str, bytes | None] = field(default_factory=dict)
    outlines: dict[tuple[str, str, Touched | None], Outline | None] = field(default_factory=dict)

    def fetch(self, deltas: Iterable[Delta]) -> None:
        """Read what the deltas name, in two processes."""
        self._read(sorted({blob for delta in deltas for blob in _blobs(delta)}))

    def body(self, blob: str) -> bytes | None:
        if blob not in self.bodies:
            self._read([blob])
        return self.bodies[blob]

    def lines(self, blob: str) -> list[bytes]:
        return (self.body(blob) or b"").splitlines()

    def outline(self, blob: str, path: str, touched: Touched | None = None) -> Outline | None:
        """touched: functions without such a line are not looked into."""
        ending = posixpath.splitext(path)[1]
        key = (blob, ending, touched)
        if ending not in ENDINGS:
            return None
        if key not in self.outlines:
            body = self.body(blob)
            self.outlines[key] = None if body is None else read_outline(ending, body, touched)
        return self.outlines[key]

    def _read(self, blobs: list[str]) -> None:
        asked = "".join(f"{blob}\n" for blob in blobs).encode()
        said = self.aside.run(
            "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", input=asked
        )
        fitting = [
            words[0]
            for words in (line.split(" ") for line in said.lines())
            if len(words) == 3 and words[1] == "blob" and int(words[2]) <= LARGEST
        ]
        self.bodies |= dict.fromkeys(blobs)
        for blob, found in zip(fitting, self.reader.find_all(fitting), strict=True):
            self.bodies[blob] = found[2] if found else None


@dataclass(frozen=True)
class Merge:
    """The merged tree of a pair, file by file as it is asked for."""

    shelf: Shelf
    tree: str

    def outline(self, path: str) -> Outline | None:
        if "\n" in path:
            return None
        said = self.shelf.reader.find(f"{self.tree}:{path}")
        if said is None or said[1] != "blob":
            return None
        self.shelf.bodies.setdefault(said[0], said[2] if len(said[2]) <= LARGEST else None)
        return self.shelf.outline(said[0], path)


def _blobs(delta: Delta) -> Iterable[str]:
    paths = [
        path for path in delta.files if posixpath.splitext(path)[1] in ENDINGS and is_code(path)
    ]
    for path in paths[:MOST_FILES]:
        change = delta.files[path]
        if change.old_mode.startswith("100"):
            yield change.old
        if change.new_mode.startswith("100"):
            yield change.new
