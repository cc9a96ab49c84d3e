"""Blobs and their outlines, each read once and parsed once for the lines that are asked about.

Promises: a blob over LARGEST is never read into memory, and has no outline.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from gitcoord.conflicts.deltas import Delta
from gitcoord.conflicts.semantic.change import LARGEST, MOST_FILES, is_read
from gitcoord.conflicts.semantic.languages import ENDINGS, read_outline
from gitcoord.conflicts.semantic.outline import Outline, Touched
from gitcoord.git.objects import Reader
from gitcoord.git.repository import Repository


class Shelf:
    """Use it in a `with`: git is started when the first object is asked for, and ended there."""

    def __init__(self, aside: Repository) -> None:
        self.aside = aside
        self._open = ExitStack()
        self._bodies: dict[str, bytes | None] = {}
        self._absent: set[str] = set()
        self._outlines: dict[tuple[str, str, Touched | None], Outline | None] = {}
        self._folders: dict[tuple[str, str], list[str]] = {}
        self._whole: dict[tuple[str, str], Outline | None] = {}

    def __enter__(self) -> Shelf:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @cached_property
    def reader(self) -> Reader:
        return self._open.enter_context(Reader(self.aside))

    def fetch(self, paths: Iterable[tuple[Delta, Collection[str]]]) -> None:
        """Read what some paths of deltas name, in two processes."""
        self.read({blob for delta, some in paths for blob in _blobs(delta, some)})

    def lacks(self, delta: Delta) -> bool:
        """Whether something of it was asked for that is not there."""
        return not self._absent.isdisjoint(_blobs(delta, delta.files))

    def body(self, blob: str) -> bytes | None:
        """None for what is too large, no blob, or absent."""
        if blob not in self._bodies:
            self.read([blob])
        return self._bodies[blob]

    def lines(self, blob: str) -> list[bytes]:
        return (self.body(blob) or b"").splitlines()

    def outline(self, blob: str, path: str, touched: Touched | None = None) -> Outline | None:
        """touched: functions without such a line are not looked into."""
        ending = posixpath.splitext(path)[1]
        key = (blob, ending, touched)
        if ending not in ENDINGS:
            return None
        if key not in self._outlines:
            body = self.body(blob)
            self._outlines[key] = None if body is None else read_outline(ending, body, touched)
        return self._outlines[key]

    def at(self, tree: str, path: str) -> Outline | None:
        """Of a file of a tree, whole."""
        if (tree, path) not in self._whole:
            self._whole[tree, path] = self._read_whole(tree, path)
        return self._whole[tree, path]

    def _read_whole(self, tree: str, path: str) -> Outline | None:
        said = None if "\n" in path else self.reader.find(f"{tree}:{path}")
        if said is None or said[1] != "blob":
            return None
        self._bodies.setdefault(said[0], said[2] if len(said[2]) <= LARGEST else None)
        return self.outline(said[0], path)

    def names_in(self, tree: str, folder: str) -> list[str]:
        """The names in a folder of a tree; none where there is no such folder."""
        if (tree, folder) not in self._folders:
            name = f"{tree}:{folder}"
            said = None if "\n" in folder else self.reader.find(name)
            is_folder = said is not None and said[1] == "tree"
            entries = self.reader.tree(name) if is_folder else {}
            self._folders[tree, folder] = [os.fsdecode(entry) for entry in entries]
        return self._folders[tree, folder]

    def read(self, blobs: Iterable[str]) -> None:
        """Read blobs that were not read yet, in two processes."""
        missing = sorted(set(blobs) - self._bodies.keys())
        if not missing:
            return
        asked = "".join(f"{blob}\n" for blob in missing).encode()
        said = self.aside.run(
            "cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", input=asked
        )
        rows = [line.split(" ") for line in said.lines()]
        fitting = [
            row[0] for row in rows if len(row) == 3 and row[1] == "blob" and int(row[2]) <= LARGEST
        ]
        self._absent |= {row[0] for row in rows if row[1:] == ["missing"]}
        self._bodies |= dict.fromkeys(missing)
        for blob, found in zip(fitting, self.reader.find_all(fitting), strict=True):
            self._bodies[blob] = found[2] if found else None


@dataclass(frozen=True)
class Merge:
    """The merged tree of a pair, file by file as it is asked for."""

    shelf: Shelf
    tree: str

    def outline(self, path: str) -> Outline | None:
        return self.shelf.at(self.tree, path)


def _blobs(delta: Delta, paths: Iterable[str]) -> Iterator[str]:
    read = (path for path in paths if is_read(path, delta.files[path]))
    for path in islice(read, MOST_FILES):
        change = delta.files[path]
        if change.old_mode.startswith("100"):
            yield change.old
        if change.new_mode.startswith("100"):
            yield change.new
