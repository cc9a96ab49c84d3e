"""Reviews read from their refs, any number by two git processes, and one event written.

A review's record is a tree: `record.toml`, written once, and a document for each event. Two
clones' records merge by taking the files of both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from gitcoord.errors import Corrupt, Problem
from gitcoord.git.objects import FILE, Batch, Entry, Reader, parse_tree
from gitcoord.git.refs import Change, read_refs
from gitcoord.git.repository import Repository
from gitcoord.records import check_id
from gitcoord.reviews.events import PREFIX, Event, in_order, new_event, parse_event
from gitcoord.state.documents import DOCTOR, decode, encode
from gitcoord.state.store import MAIN, NAMESPACE, Record

KIND = "reviews"
REFS = f"{NAMESPACE}/{KIND}/"
_SUFFIX = ".toml"

Read = tuple[Record, list[Event], list[Problem]]


def read_records(
    repo: Repository, bad: list[Problem] | None, refs: Mapping[str, str] | None = None
) -> list[Read]:
    """Every review: its record, its events in order, and what of them cannot be read.

    refs: those to read, ref -> tree; all when left out. A review whose record cannot be read
    raises, or goes to `bad`.
    """
    wanted = read_refs(repo, REFS) if refs is None else refs
    if not wanted:
        return []
    with Reader(repo) as reader:
        return list(_read(reader, wanted, bad))


def _read(reader: Reader, refs: Mapping[str, str], bad: list[Problem] | None) -> Iterator[Read]:
    trees = dict(zip(refs, list(reader.find_all(refs.values())), strict=True))
    entries: dict[str, dict[bytes, Entry]] = {}
    for ref, found in trees.items():
        try:
            entries[ref] = _entries(ref, found)
        except Problem as problem:
            _pass_over(problem, ref, bad)
    blobs = {one.id for listed in entries.values() for one in listed.values() if one.mode == FILE}
    asked = list(blobs)
    contents = dict(zip(asked, list(reader.find_all(asked)), strict=True))
    for ref, listed in entries.items():
        try:
            yield _record(ref, refs[ref], listed, contents)
        except Problem as problem:
            _pass_over(problem, ref, bad)


def _record(
    ref: str,
    tree: str,
    entries: Mapping[bytes, Entry],
    contents: Mapping[str, tuple[str, str, bytes] | None],
) -> Read:
    documents: dict[str, dict[str, Any]] = {}
    events: list[Event] = []
    damaged: list[Problem] = []
    for file, entry in entries.items():
        name = os.fsdecode(file).removesuffix(_SUFFIX)
        if entry.mode != FILE or not file.endswith(_SUFFIX.encode()):
            continue
        if name != MAIN and not name.startswith(PREFIX):
            continue
        try:
            document = decode(_content(ref, name, contents[entry.id]), f"{ref}:{name}{_SUFFIX}")
        except Problem as problem:
            if name == MAIN:
                raise
            damaged.append(problem)
            continue
        documents[name] = document
        if name != MAIN:
            events.append(parse_event(name, document))
    if MAIN not in documents:
        raise Corrupt(f"{ref} has no {MAIN}{_SUFFIX}", hint=DOCTOR)
    record = Record(KIND, check_id(ref.removeprefix(REFS)), tree, documents, entries)
    return record, in_order(events), damaged


def grown(
    batch: Batch, record: Record, events: list[tuple[str, Mapping[str, Any]]], seen: int
) -> Change:
    """The change of a review's ref that adds events, (kind, fields) each. seen: how many there
    are. The objects are in `batch`, to be written first."""
    entries = dict(record.entries)
    for number, (kind, fields) in enumerate(events):
        name, document = new_event(kind, fields, seen + number)
        entries[f"{name}{_SUFFIX}".encode()] = Entry(FILE, batch.blob(encode(document)))
    if not record.version:
        entries[f"{MAIN}{_SUFFIX}".encode()] = Entry(FILE, batch.blob(encode(record.body)))
    return Change(record.ref, record.version or None, batch.tree(entries))


def _entries(ref: str, found: tuple[str, str, bytes] | None) -> dict[bytes, Entry]:
    if found is None or found[1] != "tree":
        what = "an object that is missing" if found is None else f"a {found[1]}"
        raise Corrupt(f"{ref} points at {what}, not at a record's tree", hint=DOCTOR)
    check_id(ref.removeprefix(REFS))
    return parse_tree(found[2], len(found[0]) // 2)


def _content(ref: str, name: str, found: tuple[str, str, bytes] | None) -> bytes:
    if found is None or found[1] != "blob":
        raise Corrupt(f"{ref}:{name}{_SUFFIX} is missing from the object store", hint=DOCTOR)
    return found[2]


def _pass_over(problem: Problem, ref: str, bad: list[Problem] | None) -> None:
    problem.about = ref
    if bad is None:
        raise problem
    bad.append(problem)
