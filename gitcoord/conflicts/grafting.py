"""The tree of a worktree's files, from HEAD's tree and what `git status` lists.

Three git processes less for each worktree than by way of a copied index, and trees are shared
by all of them. Promises: the tree `git write-tree` would make. Refuses, by None: whatever git
might convert on its way in, and what status alone does not tell; then git is asked.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from gitcoord.errors import Problem
from gitcoord.git.objects import EXECUTABLE, FILE, FOLDER, LINK, Batch, Entry, Reader, graft
from gitcoord.git.quarantine import outside_attributes, put_objects
from gitcoord.git.repository import Repository

# Above, git's own way is as quick, and nothing is held in memory.
_MOST_FILES = 1_000
_LARGEST = 5_000_000
_HELD = 32_000_000

_MODES = {FILE, EXECUTABLE, LINK}
# Attributes by which content is changed on its way in: always, or at line ends alone.
_CONVERTING = (b"filter", b"ident", b"working-tree-encoding")
_OF_LINE_ENDS = (b"text", b"eol", b"crlf")
_ATTRIBUTES = ".gitattributes"


@dataclass(frozen=True)
class Row:
    """A line of `git status --porcelain=v2`. unstaged: its letter for the index against disk,
    "?" for what git knows nothing of. in_index: None for what is not there."""

    path: str
    unstaged: str = "?"
    in_index: Entry | None = None
    on_disk: str = ""
    submodule: bool = False


@dataclass
class Grafter:
    """Use it in a `with`; `write` puts what was made into the quarantine."""

    aside: Repository
    batch: Batch
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _held: int = 0

    def __enter__(self) -> Self:
        settings = self.aside.settings
        self._reader: _Trees | None = None
        self._tops: dict[str, str] = {}
        self._outside = b"\n".join(outside_attributes(self.aside))
        self._same_ends = settings.get("core.autocrlf", ["false"])[-1].lower() in _OFF
        self._usable = not any(map(_is_odd, settings.items()))
        return self

    def __exit__(self, *_: object) -> None:
        if self._reader:
            self._reader.__exit__()

    def tree(
        self, top: Path, git_dir: Path, head: str, rows: Sequence[Row], wanted: Collection[str]
    ) -> str | None:
        """The tree of the worktree at `top`. wanted: paths to take from disk, where the index
        has something else."""
        if not self._usable or len(rows) > _MOST_FILES or _is_special(git_dir, rows):
            return None
        try:
            contents = _from_disk(top, rows, {*wanted})
            if contents is None or not self._is_plain(top, contents):
                return None
            return self._grafted(top, head, rows, contents)
        except (Problem, OSError):
            return None

    def _grafted(
        self, top: Path, head: str, rows: Sequence[Row], contents: Mapping[str, _Content | None]
    ) -> str | None:
        files: dict[str, Entry | None] = {}
        made = Batch(self.aside)
        for row in rows:
            if row.path in contents:
                content = contents[row.path]
                files[row.path] = Entry(content.mode, made.blob(content.body)) if content else None
            elif row.unstaged != "?":
                files[row.path] = row.in_index
        with self._lock:
            self._reader = self._reader or _Trees(self.aside)
            if head not in self._tops:
                self._tops[head] = self._reader.read(f"{head}^{{tree}}")[0]
            self._reader.odd = False
            tree = graft(made, self._reader, self._tops[head], files)
            if self._reader.odd or self._hides_attributes(top, files, self._tops[head]):
                return None
            self._take(made)
        return tree

    def _take(self, made: Batch) -> None:
        self._held += sum(len(body) for _, body in made.pending.values())
        self.batch.pending.update(made.pending)
        if self._held > _HELD:
            put_objects(self.aside, self.batch)
            self._held = 0

    def _is_plain(self, top: Path, contents: Mapping[str, _Content | None]) -> bool:
        """Whether git would take these contents as they are."""
        files = {path: one for path, one in contents.items() if one and one.mode != LINK}
        said = b"\n".join([self._outside, *_attributes(top, _folders(files))])
        if any(word in said for word in _CONVERTING):
            return False
        if self._same_ends and not any(word in said for word in _OF_LINE_ENDS):
            return True
        return not any(b"\r" in one.body for one in files.values())

    def _hides_attributes(self, top: Path, files: Iterable[str], tree: str) -> bool:
        """Whether attributes are in force that are not on disk: git takes those of the index."""
        assert self._reader is not None
        return any(
            not os.path.lexists(os.path.join(top, folder, _ATTRIBUTES))  # noqa: PTH118
            for folder in _folders(files)
            if self._reader.has_attributes(tree, folder)
        )


class _Trees(Reader):
    """Every tree read once. odd: one was met with modes git writes otherwise today."""

    def __init__(self, repo: Repository) -> None:
        super().__init__(repo)
        self.odd = False
        self._known: dict[str, tuple[dict[bytes, Entry], bool]] = {}

    def tree(self, name: str) -> dict[bytes, Entry]:
        if name not in self._known:
            entries = super().tree(name)
            modes = {entry.mode for entry in entries.values()}
            self._known[name] = entries, not modes <= _TREE_MODES
        entries, odd = self._known[name]
        self.odd |= odd
        return dict(entries)

    def has_attributes(self, tree: str, folder: str) -> bool:
        """Of a folder that was read on the way; one that is not in the tree has none."""
        for name in filter(None, folder.split("/")):
            entries = self._known[tree][0] if tree in self._known else {}
            entry = entries.get(os.fsencode(name))
            if entry is None or entry.mode != FOLDER:
                return False
            tree = entry.id
        return tree in self._known and os.fsencode(_ATTRIBUTES) in self._known[tree][0]


@dataclass(frozen=True)
class _Content:
    mode: str
    body: bytes


_OFF = {"", "false", "no", "off", "0"}
_TREE_MODES = {*_MODES, FOLDER, "160000"}


def _is_odd(setting: tuple[str, Sequence[str]]) -> bool:
    """Settings with which modes or content on disk are not what they seem, trees may have to be
    fetched, or another worktree may have other settings."""
    key, values = setting
    value = values[-1].lower()
    return (
        (key in ("core.filemode", "core.symlinks") and value in _OFF)
        or (key == "core.safecrlf" and value not in ("warn", *_OFF))
        or key.startswith("includeif.")
        or key == "extensions.partialclone"
        or key.endswith(".promisor")
    )


def _is_special(git_dir: Path, rows: Sequence[Row]) -> bool:
    """A worktree with settings or patterns of its own, or rows that are no plain files."""
    own = ("config.worktree", "info/sparse-checkout")
    return any((git_dir / name).exists() for name in own) or any(
        row.submodule
        or (row.in_index is not None and row.in_index.mode not in _MODES)
        or row.path.endswith(_ATTRIBUTES)
        or row.unstaged not in ".MTDA?"
        for row in rows
    )


def _from_disk(
    top: Path, rows: Sequence[Row], wanted: Collection[str]
) -> dict[str, _Content | None] | None:
    """Path -> its content, None for what is gone. None as a whole where git has to be asked."""
    found: dict[str, _Content | None] = {}
    for row in rows:
        if row.path not in wanted or row.unstaged == ".":
            continue
        if row.unstaged == "D":
            found[row.path] = None
            continue
        content = _content(os.path.join(top, row.path), row.on_disk)  # noqa: PTH118
        if content is None:
            return None
        found[row.path] = content
    return found


def _content(file: str, mode: str) -> _Content | None:
    """mode: as git saw it, "" where it did not say."""
    seen = os.lstat(file)
    if stat.S_ISLNK(seen.st_mode):
        found = _Content(LINK, os.fsencode(os.readlink(file)))  # noqa: PTH115
    elif stat.S_ISREG(seen.st_mode) and seen.st_size <= _LARGEST:
        with open(file, "rb") as stream:  # noqa: PTH123
            body = stream.read(_LARGEST + 1)
        if len(body) > _LARGEST:
            return None
        found = _Content(EXECUTABLE if seen.st_mode & stat.S_IXUSR else FILE, body)
    else:
        return None
    return found if mode in ("", found.mode) else None


def _folders(files: Iterable[str]) -> set[str]:
    """The folders on the way to files, the top one as ""."""
    found = {""}
    for path in files:
        folder = path.rpartition("/")[0]
        while folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _attributes(top: Path, folders: Iterable[str]) -> Iterable[bytes]:
    for folder in folders:
        try:
            with open(os.path.join(top, folder, _ATTRIBUTES), "rb") as file:  # noqa: PTH118, PTH123
                yield file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
