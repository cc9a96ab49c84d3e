"""Lines in git notes: added each once, or taken out again; those of others stay as they are.

Promises: all notes refs change together, each from the value it was read at, by a commit on top
of it; where nothing changes there is no commit. Refuses: a notes ref that is no commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gitcoord.errors import Contended
from gitcoord.git.objects import FILE, Batch, Entry, Reader, graft
from gitcoord.git.refs import Change, change_refs, read_refs
from gitcoord.git.repository import Repository
from gitcoord.records import between

_TRIES = 12


class Line(NamedTuple):
    """A line of the note that `ref` has on a commit."""

    ref: str
    commit: str
    text: str


@dataclass(frozen=True)
class Notes:
    """One notes ref as it was read. commit: what it pointed at, None when there was none.

    places: commit -> path and blob of each part of its note. Git spreads notes over folders as
    they grow, and two merged trees may have a note in two of them.
    """

    ref: str
    commit: str | None
    places: Mapping[str, list[tuple[str, str]]] = field(default_factory=dict)


def read_notes(repo: Repository, refs: Sequence[str]) -> dict[str, Notes]:
    """Ref -> notes, also for refs that are not there."""
    there = read_refs(repo, *refs)
    return {ref: _read(repo, ref, there.get(ref)) for ref in refs}


def read_lines(repo: Repository, notes: Notes) -> dict[str, list[str]]:
    """Commit -> the lines of its note."""
    blobs = [blob for parts in notes.places.values() for _, blob in parts]
    if not blobs:
        return {}
    with Reader(repo) as reader:
        found = dict(zip(blobs, reader.find_all(blobs), strict=True))
    texts = {blob: _text(read[2]) if read else "" for blob, read in found.items()}
    return {
        commit: [line for _, blob in parts for line in texts[blob].split("\n")]
        for commit, parts in notes.places.items()
    }


def change_lines(
    repo: Repository, wanted: Callable[[], Sequence[Line]], *, author: str, remove: bool = False
) -> list[Line]:
    """Add lines that are not there, or remove those that are. Returns these.

    wanted: asked again when somebody else changed notes first. author: as `signature` gives it.
    Raises Contended when that happens again and again.
    """
    for left in reversed(range(_TRIES)):
        lines = wanted()
        changes, done = _plan(repo, lines, author, remove=remove)
        try:
            change_refs(repo, changes, reason="review export")
        except Contended:
            if not left:
                raise
            time.sleep(between(0.001, 0.05))
        else:
            break
    return done


def missing(repo: Repository, lines: Sequence[Line], *, remove: bool = False) -> list[Line]:
    """Of `lines` those that would be added, or removed."""
    notes = read_notes(repo, sorted({line.ref for line in lines}))
    there = {ref: read_lines(repo, one) for ref, one in notes.items()}
    return [
        line
        for line in dict.fromkeys(lines)
        if (line.text in there[line.ref].get(line.commit, ())) is remove
    ]


def _plan(
    repo: Repository, lines: Sequence[Line], author: str, *, remove: bool
) -> tuple[list[Change], list[Line]]:
    notes = read_notes(repo, sorted({line.ref for line in lines}))
    done: list[Line] = []
    changes = []
    batch = Batch(repo)
    with Reader(repo) as reader:
        for ref, one in notes.items():
            mine = [line for line in dict.fromkeys(lines) if line.ref == ref]
            files, changed = _files(batch, reader, one, mine, remove=remove)
            if changed:
                tree = graft(batch, reader, f"{one.commit}^{{tree}}" if one.commit else None, files)
                verb = "Remove" if remove else "Add"
                parents = [one.commit] if one.commit else []
                made = batch.commit(tree, parents, f"{verb} reviews of gitcoord", author=author)
                changes.append(Change(ref, one.commit, made))
                done += changed
        batch.write()
    return changes, done


def _files(
    batch: Batch, reader: Reader, notes: Notes, lines: Sequence[Line], *, remove: bool
) -> tuple[dict[str, Entry | None], list[Line]]:
    """(path -> its new file or None, the lines that make the difference)."""
    files: dict[str, Entry | None] = {}
    changed: list[Line] = []
    by_commit: dict[str, list[Line]] = {}
    for line in lines:
        by_commit.setdefault(line.commit, []).append(line)
    root = reader.tree(f"{notes.commit}^{{tree}}") if notes.commit else {}
    for commit, mine in by_commit.items():
        parts = notes.places.get(commit, [])
        contents = {path: reader.read(blob)[2] for path, blob in parts}
        if remove:
            files |= _without(batch, contents, mine, changed)
            continue
        there = {line for content in contents.values() for line in _text(content).split("\n")}
        new = [line for line in mine if line.text not in there]
        if new:
            path = next(iter(contents), "") or _place(root, commit)
            old = contents.get(path, b"")
            ending = b"" if not old or old.endswith(b"\n") else b"\n"
            added = "".join(f"{line.text}\n" for line in new).encode("utf-8", "surrogateescape")
            files[path] = Entry(FILE, batch.blob(old + ending + added))
            changed += new
    return files, changed


def _without(
    batch: Batch, contents: Mapping[str, bytes], mine: Sequence[Line], changed: list[Line]
) -> dict[str, Entry | None]:
    files: dict[str, Entry | None] = {}
    wanted = {line.text: line for line in mine}
    for path, content in contents.items():
        kept = [line for line in _text(content).split("\n") if line not in wanted]
        gone = [wanted[line] for line in _text(content).split("\n") if line in wanted]
        if gone:
            left = "\n".join(kept).encode("utf-8", "surrogateescape")
            files[path] = Entry(FILE, batch.blob(left)) if left.strip() else None
            changed += dict.fromkeys(gone)
    return files


def _place(root: Mapping[bytes, Entry], commit: str) -> str:
    """Where a new note goes: as most of the others, in a folder of two characters or in none."""
    folders = sum(len(name) == 2 for name in root)
    return f"{commit[:2]}/{commit[2:]}" if folders > len(root) // 2 else commit


def _read(repo: Repository, ref: str, commit: str | None) -> Notes:
    if commit is None:
        return Notes(ref, None)
    listed = repo.run("ls-tree", "-r", "-z", "--full-tree", f"{commit}^{{commit}}").fields()
    places: dict[str, list[tuple[str, str]]] = {}
    length = len(repo.null_id)
    for line in listed:
        about, _, path = line.partition("\t")
        name = path.replace("/", "")
        if len(name) == length:
            places.setdefault(name, []).append((path, about.split(" ")[2]))
    return Notes(ref, commit, places)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
