"""A worktree as one commit under refs/agentcoord/trash, and back.

The commit's parents are the branch tip and every commit only this worktree referred to: by
its private refs, by its reflog, by what it was in the middle of. Its tree:

    trash.toml     what it was: id, branch, path, time, what was kept aside
    files/         all tracked and untracked files as they were on disk
    absent         paths in files/ that a sparse checkout left out, each ended by NUL
    staged/        the index as a tree; conflicts/<stage>/ what was in conflict
    index          the index file itself, flags and conflicts included
    admin/         what its git dir held besides (MERGE_HEAD, rebase-merge/, …)

What fits no tree (see aside.py) is named in trash.toml.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcoord.errors import Corrupt, GitFailed
from gitcoord.git.objects import FILE, FOLDER, Batch, Entry, Reader, graft, signature
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import (
    Snapshot,
    conflict_trees,
    find_unlike,
    take_index,
    take_snapshot,
)
from gitcoord.records import now
from gitcoord.state.documents import decode, encode

PREFIX = "refs/agentcoord/trash/"
# Beyond this a file is moved aside on the same disk, which costs nothing, instead of hashed.
LARGEST = 20_000_000
_NOT_KEPT = {
    "index", "HEAD", "gitdir", "commondir", "commondir.new", "locked", "locked.new",
    "agentcoord-id", "agentcoord-id.new",
}  # fmt: skip
# Written by git from other sources, or moved aside as a whole.
_NOT_KEPT_FOLDERS = {"refs", "modules", "reftable"}
_PRIVATE = ("refs/worktree", "refs/bisect", "refs/rewritten")
_MOST_ASKED = 200
_OBJECT_ID = re.compile(rb"\b(?:[0-9a-f]{64}|[0-9a-f]{40})\b")


@dataclass(frozen=True)
class Kept:
    """A recovery commit, read back. commit: its id. about: trash.toml.

    absent: paths that `files` holds and the disk did not.
    """

    commit: str
    tip: str | None
    about: Mapping[str, Any]
    files: str
    staged: str
    index: bytes | None
    absent: tuple[str, ...]
    admin: Mapping[str, bytes]

    @property
    def outside(self) -> tuple[str, ...]:
        """Paths that are, or were on disk, other than `files` has them."""
        return (*self.about.get("aside", ()), *self.about.get("left_out", ()))


def keep(
    repo: Repository,
    path: Path,
    admin: Path,
    *,
    head: str | None,
    about: Mapping[str, Any],
    exclude: Sequence[Path] = (),
    largest: int = LARGEST,
) -> tuple[str, Snapshot]:
    """Write a recovery commit for the worktree at `path`; no ref points at it yet.

    Returns (commit id, what was seen). about: goes into trash.toml. Of a worktree whose
    folder is gone, what is staged is kept.
    """
    if path.is_dir():
        snapshot = take_snapshot(repo, path, largest=largest, exclude=exclude)
        unlike = find_unlike(repo, path, head, snapshot.files)
    else:
        snapshot, unlike = take_index(repo, admin), []
    left_out = dict.fromkeys((*snapshot.left_out, *snapshot.submodules, *unlike))
    private = _private_refs(repo, admin)
    batch = Batch(repo)
    files = _admin_files(admin)
    named = _named_objects(repo, admin, [*files.values(), *map(str.encode, private.values())])
    files["admin/refs.toml"] = encode({"refs": private})
    files["absent"] = os.fsencode("".join(f"{name}\0" for name in snapshot.absent))
    if snapshot.index is not None:
        files["index"] = snapshot.index
    entries = {name: Entry(FILE, batch.blob(body)) for name, body in files.items()}
    entries["files"] = Entry(FOLDER, snapshot.files)
    entries["staged"] = Entry(FOLDER, snapshot.staged)
    with Reader(repo) as reader:
        for stage, tree in conflict_trees(batch, reader, snapshot).items():
            entries[f"conflicts/{stage}"] = tree
        parents = [*([head] if head else []), *_unreached(repo, reader, named, head)]
        about = {**about, "left_out": list(left_out)}
        return _commit(batch, reader, entries, parents, about), snapshot


def keep_commit(repo: Repository, tip: str, about: Mapping[str, Any]) -> str:
    """A recovery commit for a worktree git knows nothing of: its branch tip is all there is."""
    batch = Batch(repo)
    with Reader(repo) as reader:
        tree = Entry(FOLDER, reader.read(f"{tip}^{{tree}}")[0])
        return _commit(batch, reader, {"files": tree, "staged": tree}, [tip], about)


def read_kept(repo: Repository, commit: str) -> Kept:
    """Raises Corrupt when `commit` is no recovery commit, NewerSchema when it is a newer one."""
    with Reader(repo) as reader:
        about = read_about(reader, commit)
        top = reader.tree(f"{commit}^{{tree}}")
        index = reader.read(top[b"index"].id)[2] if b"index" in top else None
        absent = reader.read(top[b"absent"].id)[2] if b"absent" in top else b""
        admin = dict(_read_folder(reader, top.get(b"admin"), ""))
    return Kept(
        commit, about.get("tip") or None, about, top[b"files"].id, top[b"staged"].id, index,
        tuple(os.fsdecode(absent).split("\0")[:-1]), admin,
    )  # fmt: skip


def read_about(reader: Reader, commit: str) -> dict[str, Any]:
    """The trash.toml of a recovery commit. Raises Corrupt and NewerSchema."""
    found = reader.find(f"{commit}:trash.toml")
    if found is None or found[1] != "blob" or reader.find(f"{commit}:files") is None:
        raise Corrupt(f"{commit[:12]} is no recovery commit", hint="see: gitcoord doctor")
    return decode(found[2], f"{commit[:12]}:trash.toml")


def restore_admin(repo: Repository, path: Path, admin: Path, kept: Kept) -> None:
    """Put back what the worktree was in the middle of, and its private refs."""
    for name in ("config.worktree", "info/sparse-checkout"):
        # `worktree add` gives a new worktree those of the one it was called from.
        (admin / name).unlink(missing_ok=True)
    refs: dict[str, str] = {}
    for name, body in kept.admin.items():
        if name == "refs.toml":
            refs = decode(body, f"{kept.commit[:12]}:admin/refs.toml").get("refs", {})
        elif ".." not in Path(name).parts and name not in _NOT_KEPT:
            target = admin / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body)
    below = tuple(f"{one}/" for one in _PRIVATE)
    with Reader(repo) as reader:
        there = zip(refs.items(), reader.find_all(refs.values()), strict=True)
        wanted = [pair for pair, found in there if found and pair[0].startswith(below)]
    script = "".join(f"update {name}\0{value}\0\0" for name, value in wanted)
    if script:
        repo.run("update-ref", "--stdin", "-z", input=os.fsencode(script), at=path)


def _commit(
    batch: Batch,
    reader: Reader,
    entries: Mapping[str, Entry],
    parents: Sequence[str],
    about: Mapping[str, Any],
) -> str:
    blob = Entry(FILE, batch.blob(encode({"kept": now(), **about})))
    top = graft(batch, reader, None, {**entries, "trash.toml": blob})
    who = signature("gitcoord", "gitcoord@localhost", int(time.time()))
    message = f"Keep {about.get('id', '')}\n\nMade by gitcoord; back with: gitcoord undo"
    commit = batch.commit(top, parents, message, author=who)
    batch.write()
    return commit


def _admin_files(admin: Path) -> dict[str, bytes]:
    found = {}
    for folder, inner, names in os.walk(admin):
        if Path(folder) == admin:
            inner[:] = [name for name in inner if name not in _NOT_KEPT_FOLDERS]
        for name in names:
            file = Path(folder) / name
            inside = str(file.relative_to(admin))
            if inside in _NOT_KEPT or name.endswith(".lock") or name.startswith("sharedindex."):
                continue
            if file.is_file() and not file.is_symlink():
                found[f"admin/{inside}"] = file.read_bytes()
    return found


def _named_objects(repo: Repository, admin: Path, texts: Iterable[bytes]) -> list[str]:
    """Object ids in a worktree's own files (MERGE_HEAD, a rebase's todo, …) and its reflog."""
    length = len(repo.null_id)
    found = [match.decode() for text in texts for match in _OBJECT_ID.findall(text)]
    where = {"GIT_DIR": str(admin)}
    logged = repo.run("log", "-g", "--format=%H", "HEAD", "--", ok=(0, 128), env=where, at=admin)
    return list(dict.fromkeys(one for one in (*found, *logged.lines()) if len(one) == length))


def _unreached(
    repo: Repository, reader: Reader, named: Sequence[str], head: str | None
) -> list[str]:
    """Of the commits `named`, those that keep all of them alive together with `head`."""
    found = reader.find_all(f"{one}^{{commit}}" for one in named)
    commits = {one[0] for one in found if one is not None}
    if not commits:
        return []
    try:
        listed = _list_between(repo, sorted(commits), head)
    except GitFailed:
        # A reflog may name commits whose history was pruned: a parent of ours must be whole.
        whole = [one for one in sorted(commits)[:_MOST_ASKED] if _is_whole(repo, one, head)]
        listed = _list_between(repo, whole, head)
    below = {parent for _, *parents in listed for parent in parents}
    return [commit for commit, *_ in listed if commit in commits and commit not in below]


def _list_between(repo: Repository, tips: Sequence[str], head: str | None) -> list[list[str]]:
    """Every commit that `tips` reach and `head` does not, with its parents."""
    script = "".join(f"{commit}\n" for commit in tips) + (f"^{head}\n" if head else "")
    said = repo.run("rev-list", "--parents", "--stdin", input=script.encode())
    return [line.split(" ") for line in said.lines()] if tips else []


def _is_whole(repo: Repository, commit: str, head: str | None) -> bool:
    try:
        return bool(_list_between(repo, [commit], head))
    except GitFailed:
        return False


def _private_refs(repo: Repository, admin: Path) -> dict[str, str]:
    """Refs that vanish with the worktree, by full name."""
    seen = Repository(None, admin, repo.common_dir, repo.object_format)
    return read_refs(seen, *_PRIVATE)


def _read_folder(reader: Reader, entry: Entry | None, prefix: str) -> Iterator[tuple[str, bytes]]:
    for name, inner in (reader.tree(entry.id) if entry else {}).items():
        path = prefix + os.fsdecode(name)
        if inner.mode == FOLDER:
            yield from _read_folder(reader, inner, f"{path}/")
        elif inner.mode == FILE:
            yield path, reader.read(inner.id)[2]
