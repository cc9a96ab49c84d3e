"""Records: TOML documents in a tree, one ref per record, changed by compare-and-swap.

`refs/agentcoord/<kind>/<id>` points at a tree with `record.toml` and any other documents.

Promises: a change is computed from the version it replaces or it does not happen; several
records change together or not at all; keys and files this version does not know survive.
Refuses: to guess at a newer schema, and to read a damaged record as an absent one.

Git processes: 3 for a change, 2 for a creation, 1 for a reading, 2 for reading any number.
"""

# ruff: noqa: A001, A002 - an id is called `id` in the whole house

from __future__ import annotations

import copy
import fcntl
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from gitcoord.errors import BadInput, Contended, Corrupt, NoSuch, Problem, Taken
from gitcoord.git.objects import FILE, Batch, Entry, Reader, parse_tree
from gitcoord.git.refs import Change, change_refs, find_ref, read_refs
from gitcoord.git.repository import Repository
from gitcoord.records import between, check_id
from gitcoord.state.documents import DOCTOR, decode, encode

NAMESPACE = "refs/agentcoord"
MAIN = "record"

_CHANGE_SECONDS = 10.0
_TURN_SECONDS = 3.0
_STRIPES = 64


@dataclass(frozen=True)
class Record:
    """One record as it was read.

    version: the tree its ref held, what a change is compared with.
    documents: file name without `.toml` -> document without its `schema`.
    entries: all files of the tree, also those this version does not know.
    """

    kind: str
    id: str
    version: str
    documents: Mapping[str, dict[str, Any]]
    entries: Mapping[bytes, Entry] = field(default_factory=dict, repr=False, compare=False)

    @property
    def body(self) -> dict[str, Any]:
        """The main document."""
        return self.documents[MAIN]

    @property
    def ref(self) -> str:
        return ref_of(self.kind, self.id)


class Store:
    """The records of one repository, the same from each of its worktrees."""

    def __init__(self, repo: Repository) -> None:
        self.repo = repo

    def create(
        self, kind: str, id: str, body: Mapping[str, Any], /, **documents: Mapping[str, Any]
    ) -> Record:
        """A new record. Raises Taken when there is one already."""
        with self.transaction(f"create {kind} {id}") as change:
            return change.create(kind, id, body, **documents)

    def find(self, kind: str, id: str) -> Record | None:
        """The record, or None. Raises Corrupt or NewerSchema when it cannot be read."""
        with Reader(self.repo) as reader:
            return self._find(reader, kind, id)

    def read(self, kind: str, id: str) -> Record:
        """The record. Raises NoSuch, and what `find` raises."""
        return _there(self.find(kind, id), kind, id)

    def all(self, kind: str, bad: list[Problem] | None = None) -> list[Record]:
        """Every record of a kind, by id. One that cannot be read raises, or goes to `bad`."""
        refs = read_refs(self.repo, f"{NAMESPACE}/{check_id(kind, what='kind')}/")
        with Reader(self.repo) as reader:
            return list(_read_all(reader, refs, bad))

    def ids(self, kind: str) -> list[str]:
        """The ids of a kind, sorted."""
        prefix = f"{NAMESPACE}/{check_id(kind, what='kind')}/"
        return sorted(ref.removeprefix(prefix) for ref in read_refs(self.repo, prefix))

    def change(
        self,
        kind: str,
        id: str,
        edit: Callable[[dict[str, Any]], dict[str, Any] | None],
        *,
        document: str = MAIN,
    ) -> Record:
        """Replace a document by what `edit` makes of a copy of it; None or equal: no change.

        `edit` is pure: when somebody else was first it is called again with what they wrote.
        A document the record does not have is given as {}. Raises NoSuch; Contended after 10 s.
        """
        until = time.monotonic() + _CHANGE_SECONDS
        with Reader(self.repo) as reader, self._turn(kind, id):
            while True:
                record = _there(self._find(reader, kind, id), kind, id)
                old = record.documents.get(document, {})
                new = _edited(edit, old)
                if new is None or new == old:
                    return record
                try:
                    with self.transaction(f"change {kind} {id}") as change:
                        return change.put(record, **{document: new})
                except Contended:
                    if time.monotonic() > until:
                        raise
                time.sleep(between(0.001, 0.02))

    def remove(self, record: Record) -> None:
        """Remove a record. Raises Contended when it is no longer the version that was read."""
        with self.transaction(f"remove {record.kind} {record.id}") as change:
            change.remove(record)

    def transaction(self, reason: str = "", batch: Batch | None = None) -> Transaction:
        """Several changes, made together at the end of a `with`. `reason` is for the reflog.

        batch: objects the changed refs will point at, to be written along.
        """
        return Transaction(self.repo, reason, batch)

    def _find(self, reader: Reader, kind: str, id: str) -> Record | None:
        ref = ref_of(kind, id)
        found = reader.find(ref)
        if found is None and find_ref(self.repo, ref) is not None:
            # The ref came between the two questions, or what it points at is missing.
            found = reader.find(ref)
            if found is None:
                raise _not_a_tree(ref, "an object that is missing")
        return next(_read_all(reader, {ref: found[0]}, None)) if found else None

    @contextmanager
    def _turn(self, kind: str, id: str) -> Iterator[None]:
        """Wait for other processes that change the same record, a few seconds at most.

        Only to save the work of losing: with 12 writers and no turns most of what git does
        is thrown away. What makes a change safe is the compare-and-swap, so anything that
        goes wrong here is passed over.
        """
        folder = self.repo.own_dir / "turns"
        stripe = zlib.crc32(f"{kind}/{id}".encode()) % _STRIPES
        fd = -1
        try:
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                fd = os.open(folder / f"{stripe:02}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                _wait_for(fd, _TURN_SECONDS)
            yield
        finally:
            if fd >= 0:
                os.close(fd)


class Transaction:
    """Changes of records and other refs that happen together, or not at all.

    Nothing is written before the end of the `with`, and nothing when it ends in an exception.
    Raises Taken when a created record exists, Contended when another ref has moved.
    """

    def __init__(self, repo: Repository, reason: str, batch: Batch | None = None) -> None:
        self._batch = batch or Batch(repo)
        self._reason = reason
        self._changes: dict[str, Change] = {}

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and self._changes:
            self._batch.write()
            self._commit()

    def create(
        self, kind: str, id: str, body: Mapping[str, Any], /, **documents: Mapping[str, Any]
    ) -> Record:
        """A new record, as it will be."""
        return self._write(Record(kind, id, "", {}), {MAIN: body, **documents}, old=None)

    def put(
        self,
        record: Record,
        body: Mapping[str, Any] | None = None,
        /,
        **documents: Mapping[str, Any] | None,
    ) -> Record:
        """`record` with other documents, as it will be. Those not named stay; None removes one.

        The main document cannot be removed: a body of None stays as it is.
        """
        wanted = documents if body is None else {MAIN: body, **documents}
        return self._write(record, wanted, old=record.version)

    def remove(self, record: Record) -> None:
        self.ref(Change(record.ref, record.version, None))

    def ref(self, change: Change) -> None:
        """Any other ref, such as a branch."""
        if change.ref in self._changes:
            raise ValueError(f"{change.ref} is changed twice in one transaction")
        self._changes[change.ref] = change

    def _write(
        self, record: Record, wanted: Mapping[str, Mapping[str, Any] | None], *, old: str | None
    ) -> Record:
        entries, documents = dict(record.entries), dict(record.documents)
        for name, document in wanted.items():
            file = f"{check_id(name, what='document')}.toml"
            if document is None:
                entries.pop(file.encode(), None)
                documents.pop(name, None)
            else:
                content = encode(document)
                entries[file.encode()] = Entry(FILE, self._batch.blob(content))
                documents[name] = decode(content, f"{record.ref}:{file}")
        tree = self._batch.tree(entries)
        self.ref(Change(record.ref, old, tree))
        return Record(record.kind, record.id, tree, documents, entries)

    def _commit(self) -> None:
        repo = self._batch.repo
        try:
            change_refs(repo, self._changes.values(), reason=self._reason or "gitcoord")
        except Contended as lost:
            created = [change.ref for change in self._changes.values() if change.old is None]
            there = sorted(read_refs(repo, *created).keys() & set(created))
            if there:
                name = there[0].removeprefix(f"{NAMESPACE}/")
                raise Taken(
                    f"{name} exists already", hint="choose another name, or see: gitcoord list"
                ) from lost
            raise


def ref_of(kind: str, id: str) -> str:
    """The full name of a record's ref. Raises BadInput for what cannot be part of one."""
    return f"{NAMESPACE}/{check_id(kind, what='kind')}/{check_id(id)}"


def _kind_and_id(ref: str) -> tuple[str, str]:
    kind, _, id = ref.removeprefix(f"{NAMESPACE}/").partition("/")
    try:
        return check_id(kind, what="kind"), check_id(id)
    except BadInput as problem:
        raise Corrupt(f"{ref!r} is not the name of a record", hint=DOCTOR) from problem


def _read_all(
    reader: Reader, refs: Mapping[str, str], bad: list[Problem] | None
) -> Iterator[Record]:
    """Two rounds of questions for any number of records: their trees, then their documents."""
    trees = dict(zip(refs, reader.find_all(refs.values()), strict=True))
    names: dict[str, dict[str, str]] = {}
    entries: dict[str, dict[bytes, Entry]] = {}
    for ref in sorted(refs):
        with _collected(bad, ref):
            _kind_and_id(ref)
            entries[ref] = _entries(ref, trees[ref])
            names[ref] = _documents(ref, entries[ref])
    wanted = {blob for listed in names.values() for blob in listed.values()}
    blobs = dict(zip(wanted, reader.find_all(wanted), strict=True))
    for ref, listed in names.items():
        with _collected(bad, ref):
            documents = {
                name: decode(_content(ref, name, blobs[blob]), f"{ref}:{name}.toml")
                for name, blob in listed.items()
            }
            yield Record(*_kind_and_id(ref), refs[ref], documents, entries[ref])


@contextmanager
def _collected(bad: list[Problem] | None, ref: str) -> Iterator[None]:
    try:
        yield
    except Problem as problem:
        problem.about = ref
        if bad is None:
            raise
        bad.append(problem)


def _entries(ref: str, found: tuple[str, str, bytes] | None) -> dict[bytes, Entry]:
    if found is None:
        raise _not_a_tree(ref, "an object that is missing")
    oid, kind, body = found
    if kind != "tree":
        raise _not_a_tree(ref, f"a {kind}")
    return parse_tree(body, len(oid) // 2)


def _documents(ref: str, entries: Mapping[bytes, Entry]) -> dict[str, str]:
    """Document name -> blob, of those files that are documents."""
    found = {
        os.fsdecode(name.removesuffix(b".toml")): entry.id
        for name, entry in entries.items()
        if name.endswith(b".toml") and entry.mode == FILE
    }
    if MAIN not in found:
        raise Corrupt(f"{ref} has no {MAIN}.toml", hint=DOCTOR)
    return found


def _content(ref: str, name: str, found: tuple[str, str, bytes] | None) -> bytes:
    if found is None or found[1] != "blob":
        raise Corrupt(f"{ref}:{name}.toml is missing from the object store", hint=DOCTOR)
    return found[2]


def _not_a_tree(ref: str, what: str) -> Corrupt:
    return Corrupt(f"{ref} points at {what}, not at a record's tree", hint=DOCTOR)


def _there(record: Record | None, kind: str, id: str) -> Record:
    if record is None:
        raise NoSuch(f"there is no {kind} {id}", hint="see what there is: gitcoord list")
    return record


def _edited(
    edit: Callable[[dict[str, Any]], dict[str, Any] | None], old: dict[str, Any]
) -> dict[str, Any] | None:
    draft = copy.deepcopy(old)
    new = edit(draft)
    if new is None and draft != old:
        raise TypeError("an edit changed its copy but returned None, which means no change")
    return new


def _wait_for(fd: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(between(0.001, 0.004))
        else:
            return
