"""What changed, as files to examine: between two trees, in commits, or in what is staged.

Promises: three git processes whatever the number of files; names in any bytes; the text of a
file, whatever it says, is never mistaken for the shape of a patch, because every hunk is read
by the counts in its head. Refuses: links, submodules and unmerged paths, and to read a file of
more than LARGEST bytes: of it only the size is told.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gitcoord.checks.content import File
from gitcoord.git.blame import unquoted
from gitcoord.git.objects import Reader, object_id
from gitcoord.git.repository import Repository

LARGEST = 10_000_000
DIFF = (
    "--raw", "-p", "-U0", "--inter-hunk-context=0", "--abbrev=64", "--no-renames", "--no-color",
    "--no-ext-diff", "--no-textconv", "--no-relative", "--src-prefix=a/", "--dst-prefix=b/",
    "--submodule=short", "--ignore-submodules=none", f"-O{os.devnull}",
)  # fmt: skip
# Of what is larger no patch is made: it would be read for nothing.
_NO_LARGE = ("-c", f"core.bigFileThreshold={LARGEST}")
_RAW = re.compile(rb":(\d{6}) (\d{6}) ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ([A-Z])\d*\t")
_HUNK = re.compile(rb"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_REGULAR = (b"100644", b"100755")


class _Change(NamedTuple):
    path: str
    old: str | None
    new: str


def changed_files(repo: Repository, base: str | None, tree: str) -> list[File]:
    """The files of `tree` that are not as in `base`. base: None is the empty tree.

    base, tree: anything that names a tree, commits too.
    """
    empty = object_id(repo.object_format, "tree", b"")
    words = ("diff-tree", "-r", *DIFF, "--end-of-options", base or empty, tree)
    return _files(repo, repo.run(*_NO_LARGE, *words).out)[0]


def committed_files(repo: Repository, commits: Iterable[str]) -> list[tuple[str, File]]:
    """(commit, file): every version of every file that these commits made, also what a later one
    took out again. Of a merge, what none of its parents has. Which lines are new is not said.
    """
    words = ("diff-tree", "--stdin", "-r", "-z", "-c", "--root", "--no-renames")
    asked = "".join(f"{one}\n" for one in commits).encode()
    made = list(_made(iter(repo.run(*words, input=asked).fields())))
    sizes, bodies = _contents(repo, [one for _, change in made for one in change[1:] if one])
    return [(commit, _file(change, bodies, sizes, {})) for commit, change in made]


def _made(fields: Iterator[str]) -> Iterator[tuple[str, _Change]]:
    """(commit, what it made of a regular file). A merge has a colon for each parent."""
    commit = ""
    for field in fields:
        if not field.startswith(":"):
            commit = field
            continue
        path = next(fields)
        parts = field.lstrip(":").split(" ")
        parents = len(field) - len(field.lstrip(":"))
        old, new = parts[parents + 1], parts[2 * parents + 1]
        if parts[parents].encode() in _REGULAR and new.strip("0"):
            yield commit, _Change(path, old if old.strip("0") else None, new)


def staged_files(
    repo: Repository, *, index: str = "", against: str = "HEAD"
) -> tuple[list[File], dict[str, bytes]]:
    """The files a commit would change, and those it would remove, with what they were.

    index: the index file git named, "" for the usual one.
    """
    env = {"GIT_INDEX_FILE": index} if index else {}
    found = repo.find_commit(against) or object_id(repo.object_format, "tree", b"")
    words = ("diff-index", "--cached", *DIFF, found, "--")
    return _files(repo, repo.run(*_NO_LARGE, *words, env=env).out)


class _Patch(NamedTuple):
    """added: path -> numbers of its new lines; a path is missing where git showed no hunk."""

    changes: list[_Change]
    removed: dict[str, str]
    added: dict[str, list[int]]


def read_patch(said: bytes) -> _Patch:
    """What `--raw -p -U0` said of regular files."""
    lines = iter(said.split(b"\n"))
    changes, removed = [], {}
    for line in lines:
        match = _RAW.match(line)
        if match is None:
            break
        old_mode, new_mode, old, new, status = match.groups()
        path = unquoted(os.fsdecode(line[match.end() :]))
        if new_mode in _REGULAR and status in b"AMT" and old != new:
            before = old.decode() if old_mode in _REGULAR and old.strip(b"0") else None
            changes.append(_Change(path, before, new.decode()))
        elif status == b"D":
            removed[path] = old.decode()
    return _Patch(changes, removed, _added(lines))


def _added(lines: Iterator[bytes]) -> dict[str, list[int]]:
    added: dict[str, list[int]] = {}
    path = ""
    for line in lines:
        if line.startswith(b"+++ "):
            path = unquoted(os.fsdecode(line[4:].removesuffix(b"\t")))[2:]
        elif line.startswith(b"@@ ") and (match := _HUNK.match(line)):
            removed, start, count = (1 if one is None else int(one) for one in match.groups())
            added.setdefault(path, []).extend(range(start, start + count))
            _skip(lines, removed, count)
    return added


def _skip(lines: Iterator[bytes], removed: int, count: int) -> None:
    """A backslash says that the last line has no end; it counts for nothing."""
    while removed or count:
        line = next(lines, None)
        if line is None:
            return
        removed -= line.startswith(b"-")
        count -= line.startswith(b"+")


def _files(repo: Repository, said: bytes) -> tuple[list[File], dict[str, bytes]]:
    changes, removed, added = read_patch(said)
    if not changes and not removed:
        return [], {}
    ids = [one for change in changes for one in change[1:] if one]
    sizes, bodies = _contents(repo, [*ids, *removed.values()])
    files = [_file(change, bodies, sizes, added) for change in changes]
    return files, {path: bodies.get(name, b"") for path, name in removed.items()}


def _contents(repo: Repository, blobs: Iterable[str]) -> tuple[dict[str, int], dict[str, bytes]]:
    """The size of each, and what those hold that are not too large: two processes."""
    sizes = _sizes(repo, list(dict.fromkeys(blobs)))
    small = [one for one, size in sizes.items() if size <= LARGEST]
    with Reader(repo) as reader:
        found = zip(small, reader.find_all(small), strict=True)
        return sizes, {name: one[2] for name, one in found if one is not None}


def _file(
    change: _Change,
    bodies: Mapping[str, bytes],
    sizes: Mapping[str, int],
    added: Mapping[str, list[int]],
) -> File:
    old = bodies.get(change.old, b"") if change.old else None
    size = sizes.get(change.new, -1)
    return File(change.path, bodies.get(change.new, b""), old, added.get(change.path), size)


def _sizes(repo: Repository, names: list[str]) -> dict[str, int]:
    asked = "".join(f"{name}\n" for name in names).encode()
    said = repo.run("cat-file", "--batch-check=%(objectname) %(objectsize)", input=asked).lines()
    pairs = (line.split(" ") for line in said)
    return {name: int(size) for name, size in pairs if size.isdigit()}
