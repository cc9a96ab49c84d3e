"""The commits of a branch, read whole, so that they can be made again on another parent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from gitcoord.errors import Corrupt
from gitcoord.git.objects import Batch, Reader, object_id
from gitcoord.git.quarantine import WHO
from gitcoord.git.repository import Repository
from gitcoord.reviews.landing.trees import merge_trees


@dataclass(frozen=True)
class Original:
    """A commit as it is. before: the tree of its parent, the empty one where it has none.

    author: git's line, without the word. message: its bytes, in `encoding`, "" for UTF-8.
    """

    id: str
    parents: tuple[str, ...]
    tree: str
    before: str
    author: bytes
    message: bytes
    encoding: str = ""


def read_originals(repo: Repository, reader: Reader, onto: str, head: str) -> Iterator[Original]:
    """The commits of `head` that `onto` lacks, parents first, merge commits left out."""
    asked = ("rev-list", "--reverse", "--topo-order", "--no-merges", head, f"^{onto}", "--")
    ids = repo.run(*asked).lines()
    for id, found in zip(ids, list(reader.find_all(ids)), strict=True):  # noqa: A001
        if found is None:
            raise Corrupt(f"commit {id} is missing", hint="see: git fsck")
        yield _parsed(repo, reader, id, found[2])


def replayed(one: Original, parent: str, tree: str, committer: str) -> bytes:
    """The raw commit `one` becomes on `parent`: of its signature nothing would be true."""
    lines = [
        b"tree " + tree.encode(),
        b"parent " + parent.encode(),
        b"author " + one.author,
        b"committer " + os.fsencode(committer),
    ]
    if one.encoding:
        lines.append(b"encoding " + os.fsencode(one.encoding))
    return b"\n".join(lines) + b"\n\n" + one.message


def replay(
    batch: Batch, bench: Repository, before: str, after: str, now: str
) -> tuple[str, tuple[str, ...]]:
    """(tree `now` with what changed from tree `before` to `after`, paths in conflict).

    batch: has what of the trees is not written yet. git 2.39 takes no merge base: it is shown a
    history in which `before` is where the two part.
    """
    if before == after:
        return now, ()
    if before == now:
        batch.write()
        return after, ()
    parting = batch.commit(before, [], "base", author=WHO)
    mine, theirs = (batch.commit(tree, [parting], "side", author=WHO) for tree in (now, after))
    batch.write()
    return merge_trees(bench, mine, theirs)


def _parsed(repo: Repository, reader: Reader, id: str, body: bytes) -> Original:  # noqa: A002
    head, _, message = body.partition(b"\n\n")
    fields: dict[bytes, list[bytes]] = {}
    for line in head.split(b"\n"):
        if not line.startswith(b" "):
            key, _, value = line.partition(b" ")
            fields.setdefault(key, []).append(value)
    parents = tuple(one.decode() for one in fields.get(b"parent", ()))
    nothing = object_id(repo.object_format, "tree", b"")
    before = reader.read(f"{parents[0]}^{{tree}}")[0] if parents else nothing
    return Original(
        id, parents, fields[b"tree"][0].decode(), before, fields[b"author"][0], message,
        os.fsdecode(fields.get(b"encoding", [b""])[0]),
    )  # fmt: skip
