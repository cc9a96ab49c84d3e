"""Comments put on lines, and found again in the version that is under review now.

Promises: a comment is bound to the content it was made on; where the file was renamed, its
lines moved or the branch was rebased it is followed; what cannot be found is outdated, with
where it was. Three git processes for all comments of a review, plus one for each version in
which a commented file is gone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gitcoord.errors import BadInput, NoSuch, Problem
from gitcoord.git.objects import EXECUTABLE, FILE, FOLDER, Entry, Reader
from gitcoord.git.repository import Repository
from gitcoord.redaction import redact
from gitcoord.reviews.anchors import AROUND, follow, is_binary, split
from gitcoord.reviews.review import Review
from gitcoord.reviews.threads import NEW, OLD, Place, Thread

_LINES = re.compile(r"(.+):(\d{1,9})(?:-(\d{1,9}))?", re.DOTALL)
_LONGEST_LINE = 300
_MOST_QUOTED = 20
_LARGEST = 20_000_000  # bytes; of a larger file lines are not followed


@dataclass
class _Files:
    """Files of trees, each read once."""

    repo: Repository
    reader: Reader
    trees: dict[str, Mapping[bytes, Entry]] = field(default_factory=dict)
    blobs: dict[str, list[bytes] | None] = field(default_factory=dict)
    moves: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def entry(self, tree: str, path: str) -> Entry | None:
        """Walked folder by folder: `tree:path` cannot be asked for where a name has a newline."""
        *folders, name = os.fsencode(path).split(b"/")
        for folder in folders:
            found = self._tree(tree).get(folder)
            if found is None or found.mode != FOLDER:
                return None
            tree = found.id
        return self._tree(tree).get(name)

    def lines(self, blob: str) -> list[bytes] | None:
        """None where there are none: binary, too large, or not in this clone."""
        if blob not in self.blobs:
            found = self.reader.find(blob)
            content = found[2] if found and found[1] == "blob" else None
            usable = content is not None and len(content) <= _LARGEST and not is_binary(content)
            self.blobs[blob] = split(content) if usable and content is not None else None
        return self.blobs[blob]

    def renamed(self, old: str, new: str) -> dict[str, str]:
        """Path in tree `old` -> in tree `new`, of what was renamed, or copied from a file that
        was changed as well."""
        if (old, new) not in self.moves:
            said = self.repo.run(
                "diff-tree", "-r", "-z", "-M", "-C", "--diff-filter=RC", "--name-status",
                old, new, ok=(0, 128),
            ).fields()  # fmt: skip
            self.moves[old, new] = dict(zip(said[1::3], said[2::3], strict=False))
        return self.moves[old, new]

    def _tree(self, tree: str) -> Mapping[bytes, Entry]:
        if tree not in self.trees:
            try:
                self.trees[tree] = self.reader.tree(tree)
            except Problem:
                self.trees[tree] = {}
        return self.trees[tree]


def find_places(repo: Repository, review: Review) -> dict[str, Place]:
    """Thread id -> where it is in the version under review now."""
    threads = [thread for thread in review.threads if thread.path]
    if not threads or not review.versions:
        return {}
    with Reader(repo) as reader:
        files = _Files(repo, reader)
        return {thread.id: _place(files, review, thread) for thread in threads}


def anchor(
    repo: Repository, review: Review, place: str, *, side: str = NEW, inside: str = ""
) -> dict[str, Any]:
    """What a comment event says of where it is: version, head, path, side, blob, line and last
    (from 1), and the lines there and around; of a whole file without lines.

    place: FILE, FILE:LINE or FILE:LINE-LINE. inside: the folder the user stands in, from the
    top; a file is looked for there first. Raises NoSuch for a file that is not there, BadInput
    for lines it has not.
    """
    now = review.version
    with Reader(repo) as reader:
        files = _Files(repo, reader)
        tree = _tree_of(files, now.tree, now.base, side)
        meant = [(path, lines, files.entry(tree, path)) for path, lines in _meant(place, inside)]
        path, lines, entry = next((one for one in meant if one[2] is not None), meant[-1])
        if entry is None:
            raise _no_file(review, path, side)
        if entry.mode == FOLDER:
            raise BadInput(
                f"{path} is a folder: a comment is on a file",
                hint=f"see the files: gitcoord review diff {review.id} --stat",
            )
        found: dict[str, Any] = {
            "version": now.number, "head": now.head, "path": path, "side": side, "blob": entry.id,
        }  # fmt: skip
        if lines is None:
            return found
        content = files.lines(entry.id) if entry.mode in (FILE, EXECUTABLE) else None
        return {**found, **_quoted(path, content, *lines)}


def names_file(repo: Repository, review: Review, text: str, *, inside: str = "") -> bool:
    """Whether a text is no more than the name of a file under review, with lines or without."""
    if not text or len(text.split()) != 1:
        return False
    with Reader(repo) as reader:
        files = _Files(repo, reader)
        tree = _tree_of(files, review.version.tree, review.version.base, NEW)
        entries = [files.entry(tree, path) for path, _ in _meant(text, inside)]
    return any(entry is not None and entry.mode != FOLDER for entry in entries)


def _meant(place: str, inside: str) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """What a place can mean, the likelier first: a file may be called `a:1`."""
    folders = (f"{inside}/", "") if inside else ("",)
    for folder in folders:
        yield folder + place, None
    found = _LINES.fullmatch(place)
    for folder in folders if found else ():
        assert found is not None
        yield folder + found[1], (int(found[2]), int(found[3] or found[2]))


def _quoted(path: str, lines: list[bytes] | None, line: int, last: int) -> dict[str, Any]:
    if lines is None:
        raise BadInput(
            f"{path} has no lines to comment on: it is binary, or larger than "
            f"{_LARGEST // 1_000_000} MB",
            hint="comment on the file as a whole: gitcoord review comment REVIEW FILE TEXT",
        )
    if not 1 <= line <= last <= len(lines):
        said = f"{line}" if line == last else f"{line}-{last}"
        raise BadInput(
            f"{path} has {len(lines):,} lines, not a line {said}",
            hint="name a line of it, or a range: gitcoord review comment REVIEW FILE:10-12 TEXT",
        )
    begin = line - 1
    return {
        "line": line,
        "last": last,
        "quoted": "\n".join(_texts(lines[begin : min(last, begin + _MOST_QUOTED)])),
        "before": _texts(lines[max(0, begin - AROUND) : begin]),
        "behind": _texts(lines[last : last + AROUND]),
    }


def _place(files: _Files, review: Review, thread: Thread) -> Place:
    then = next((one for one in review.versions if one.head == thread.head), None)
    now = review.version
    tree = _tree_of(files, now.tree, now.base, thread.side)
    entry = files.entry(tree, thread.path)
    if entry is not None and entry.id == thread.blob:
        return Place(thread.path, thread.line, thread.last)
    found = _in_file(files, thread, thread.path, entry)
    if found is None and then is not None:
        before = _tree_of(files, then.tree, then.base, thread.side)
        path = files.renamed(before, tree).get(thread.path, "") if before and tree else ""
        if path:
            found = _in_file(files, thread, path, files.entry(tree, path))
            entry = entry or files.entry(tree, path)
    return found or Place(
        thread.path, thread.line, thread.last,
        "the lines were changed" if entry is not None else "the file is gone",
    )  # fmt: skip


def _in_file(files: _Files, thread: Thread, path: str, entry: Entry | None) -> Place | None:
    if entry is None or entry.mode == FOLDER:
        return None
    if entry.id == thread.blob or not thread.line:
        return Place(path, thread.line, thread.last)
    old, new = files.lines(thread.blob), files.lines(entry.id)
    if old is None or new is None:
        return None
    there = follow(old, new, thread.line, thread.last)
    return Place(path, *there) if there else None


def _tree_of(files: _Files, tree: str, base: str, side: str) -> str:
    """The tree a side of a version has its files in, "" when it is not here."""
    if side != OLD:
        return tree
    found = files.reader.find(f"{base}^{{tree}}") if base else None
    return found[0] if found else ""


def _texts(lines: Sequence[bytes]) -> list[str]:
    return [redact(os.fsdecode(line[:_LONGEST_LINE])) for line in lines]


def _no_file(review: Review, path: str, side: str) -> NoSuch:
    where = "what the branch started from" if side == OLD else "the branch"
    return NoSuch(
        f"{path} is no file of {where} as it is under review",
        hint=f"see the files: gitcoord review diff {review.id} --stat",
    )
