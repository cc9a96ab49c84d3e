"""A worktree as one commit under refs/agentcoord/trash, and back.

The commit's parents are the branch tip and every commit only this worktree referred to.
Its tree:

    trash.toml     what it was: id, branch, path, lock, time, what was kept aside
    files/         all tracked and untracked files as they were on disk
    staged/        the index as a tree; conflicts/<stage>/ what was in conflict
    index          the index file itself, flags and conflicts included
    admin/         what its git dir held besides (MERGE_HEAD, rebase-merge/, …)

What fits no tree (ignored files, nested repositories, very large files) is moved to
.git/agentcoord/trash/<id>/aside and moved back by undo.
"""

from __future__ import annotations

import os
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from gitcoord.errors import Corrupt, NewerSchema
from gitcoord.git.objects import FILE, FOLDER, Batch, Entry, Reader, graft, signature
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import Snapshot, conflict_trees, take_snapshot
from gitcoord.records import SCHEMA, now

PREFIX = "refs/agentcoord/trash/"
# Beyond this a file is moved aside on the same disk, which costs nothing, instead of hashed.
LARGEST = 20_000_000
_ADMIN_LIMIT = 1_000_000
_NOT_KEPT = {"index", "HEAD", "gitdir", "commondir", "locked", "agentcoord-id", "ORIG_HEAD.lock"}


@dataclass(frozen=True)
class Kept:
    """A recovery commit, read back. commit: its id. about: trash.toml."""

    commit: str
    tip: str | None
    about: Mapping[str, Any]
    files: str
    staged: str
    index: bytes | None
    admin: Mapping[str, bytes]


def keep(
    repo: Repository,
    path: Path,
    admin: Path,
    *,
    head: str | None,
    about: Mapping[str, Any],
    exclude: Sequence[Path] = (),
) -> tuple[str, Snapshot]:
    """Write a recovery commit for the worktree at `path`; no ref points at it yet.

    Returns (commit id, what was seen). about: goes into trash.toml.
    """
    snapshot = take_snapshot(repo, path, largest=LARGEST, exclude=exclude)
    private = _private_refs(repo, path)
    batch = Batch(repo)
    files = _admin_files(admin)
    files["admin/refs.toml"] = tomli_w.dumps({"refs": private}).encode()
    if snapshot.index is not None:
        files["index"] = snapshot.index
    entries = {name: Entry(FILE, batch.blob(body)) for name, body in files.items()}
    entries["files"] = Entry(FOLDER, snapshot.files)
    entries["staged"] = Entry(FOLDER, snapshot.staged)
    with Reader(repo) as reader:
        for stage, tree in conflict_trees(batch, reader, snapshot).items():
            entries[f"conflicts/{stage}"] = tree
        commits = [value for value in private.values() if _is_commit(reader, value)]
        parents = list(dict.fromkeys([*([head] if head else []), *commits]))
        about = {**about, "left_out": list(snapshot.left_out)}
        return _commit(batch, reader, entries, parents, about), snapshot


def keep_commit(repo: Repository, tip: str, about: Mapping[str, Any]) -> str:
    """A recovery commit for a worktree whose folder is gone: its branch tip is all there is."""
    batch = Batch(repo)
    with Reader(repo) as reader:
        tree = Entry(FOLDER, reader.read(f"{tip}^{{tree}}")[0])
        return _commit(batch, reader, {"files": tree, "staged": tree}, [tip], about)


def read_kept(repo: Repository, commit: str) -> Kept:
    """Raises Corrupt when `commit` is no recovery commit, NewerSchema when it is a newer one."""
    with Reader(repo) as reader:
        top = reader.tree(f"{commit}^{{tree}}")
        if b"trash.toml" not in top or b"files" not in top:
            raise Corrupt(f"{commit[:12]} is no recovery commit", hint="see: gitcoord doctor")
        about = tomllib.loads(reader.read(top[b"trash.toml"].id)[2].decode())
        if about.get("schema", 0) > SCHEMA:
            raise NewerSchema(
                f"{commit[:12]} was kept by a newer gitcoord",
                hint="upgrade this one, then: gitcoord undo",
            )
        index = reader.read(top[b"index"].id)[2] if b"index" in top else None
        admin = dict(_read_folder(reader, top.get(b"admin"), ""))
        tip = about.get("tip") or None
    return Kept(commit, tip, about, top[b"files"].id, top[b"staged"].id, index, admin)


def restore_admin(repo: Repository, path: Path, admin: Path, kept: Kept) -> None:
    """Put back what the worktree was in the middle of, and its private refs."""
    refs: dict[str, str] = {}
    for name, body in kept.admin.items():
        if name == "refs.toml":
            refs = tomllib.loads(body.decode()).get("refs", {})
        elif ".." not in Path(name).parts and name not in _NOT_KEPT:
            target = admin / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
    for name, value in refs.items():
        if name.startswith(("refs/worktree/", "refs/bisect/", "refs/rewritten/")):
            repo.run("update-ref", name, value, at=path)


def _commit(
    batch: Batch,
    reader: Reader,
    entries: Mapping[str, Entry],
    parents: Sequence[str],
    about: Mapping[str, Any],
) -> str:
    described = {"schema": SCHEMA, "kept": now(), **about}
    blob = Entry(FILE, batch.blob(tomli_w.dumps(described).encode()))
    top = graft(batch, reader, None, {**entries, "trash.toml": blob})
    who = signature("gitcoord", "gitcoord@localhost", int(time.time()))
    message = f"Keep {about.get('id', '')}\n\nMade by gitcoord; back with: gitcoord undo"
    commit = batch.commit(top, parents, message, author=who)
    batch.write()
    return commit


def _admin_files(admin: Path) -> dict[str, bytes]:
    found = {}
    for folder, _, names in os.walk(admin):
        for name in names:
            file = Path(folder) / name
            inside = str(file.relative_to(admin))
            first = inside.split("/")[0]
            if first in _NOT_KEPT or first in ("refs", "modules") or name.endswith(".lock"):
                continue
            if name.startswith("sharedindex.") or not file.is_file() or file.is_symlink():
                continue
            if file.stat().st_size <= _ADMIN_LIMIT:
                found[f"admin/{inside}"] = file.read_bytes()
    return found


def _private_refs(repo: Repository, path: Path) -> dict[str, str]:
    """Refs that vanish with the worktree, by full name."""
    return read_refs(repo.seen_from(path), "refs/worktree", "refs/bisect", "refs/rewritten")


def _is_commit(reader: Reader, name: str) -> bool:
    found = reader.find(name)
    return found is not None and found[1] == "commit"


def _read_folder(reader: Reader, entry: Entry | None, prefix: str) -> Iterator[tuple[str, bytes]]:
    for name, inner in (reader.tree(entry.id) if entry else {}).items():
        path = prefix + os.fsdecode(name)
        if inner.mode == FOLDER:
            yield from _read_folder(reader, inner, f"{path}/")
        elif inner.mode == FILE:
            yield path, reader.read(inner.id)[2]
