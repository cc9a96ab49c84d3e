"""Full segments of journals as blobs: `refs/agentcoord/journal/<host>` -> a tree of them.

A host here is one clone on one machine, so that two clones that fetch from each other never
overwrite one another's events. Imported only where sealed segments are asked for: who only
appends starts no git.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping

from gitcoord.errors import Contended, Corrupt
from gitcoord.git.objects import FILE, Batch, Entry, Reader, object_id
from gitcoord.git.refs import Change, change_refs, read_refs
from gitcoord.git.repository import Repository
from gitcoord.state.documents import DOCTOR

PREFIX = "refs/agentcoord/journal"
_TRIES = 5


def list_sealed(repo: Repository) -> dict[str, dict[str, str]]:
    """host -> segment name -> blob, in two git processes."""
    refs = read_refs(repo, f"{PREFIX}/")
    if not refs:
        return {}
    with Reader(repo) as reader:
        return {
            ref.removeprefix(f"{PREFIX}/"): _segments(reader.tree(tree))
            for ref, tree in sorted(refs.items())
        }


def contents(repo: Repository, blobs: Iterable[str]) -> Iterator[bytes]:
    """The bytes of sealed segments, in the order asked, one in memory at a time."""
    with Reader(repo) as reader:
        for blob, found in zip(blobs, reader.find_all(blobs), strict=True):
            if found is None:
                raise Corrupt(f"the sealed segment {blob} of a journal is missing", hint=DOCTOR)
            yield found[2]


def add(repo: Repository, host: str, segments: Mapping[str, bytes]) -> None:
    """Put segments into a host's tree. One that is there already stays as it is.

    Raises Contended when others were first several times in a row.
    """
    ref = f"{PREFIX}/{host}"
    for left in reversed(range(_TRIES)):
        old = read_refs(repo, ref).get(ref)
        batch = Batch(repo)
        entries: dict[bytes, Entry] = {}
        for name, content in segments.items():
            entries[f"{name}.toml".encode()] = Entry(FILE, batch.blob(content))
        if old is not None:
            with Reader(repo) as reader:
                entries.update(reader.tree(old))
        change = Change(ref, old, batch.tree(entries))
        batch.write()
        try:
            return change_refs(repo, [change], reason="seal the journal")
        except Contended:
            if not left:
                raise
        time.sleep(0.01)
    return None


def blob_id(repo: Repository, content: bytes) -> str:
    return object_id(repo.object_format, "blob", content)


def _segments(entries: Mapping[bytes, Entry]) -> dict[str, str]:
    return {
        os.fsdecode(name).removesuffix(".toml"): entry.id
        for name, entry in sorted(entries.items())
        if name.endswith(b".toml") and entry.mode == FILE
    }
