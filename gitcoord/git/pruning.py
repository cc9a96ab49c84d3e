"""Objects looked through, and single ones deleted for good, wherever git keeps them.

Promises: only the named objects go, and only those that nothing refers to: no ref, reflog or
index of any worktree; all else in a pack stays in one, reachable or not.
Refuses: packs that are kept on purpose or come from a promisor, and what another repository
lends; such an object is named as left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path

from gitcoord.git.repository import Repository
from gitcoord.git.run import end_group, start

_PACK_PARTS = (".idx", ".pack", ".rev", ".bitmap", ".mtimes")


def scan_objects(repo: Repository, wanted: Callable[[str, bytes], bool]) -> dict[str, str]:
    """Object id -> kind of each object here, reachable or not, that `wanted(kind, body)`; trees
    are not asked about."""
    argv = ("cat-file", "--batch-all-objects", "--unordered", "--batch")
    process = start(*argv, cwd=repo.home)
    found = {}
    try:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        while head := process.stdout.readline().split():
            body = process.stdout.read(int(head[2]) + 1)
            kind = head[1].decode()
            if kind != "tree" and wanted(kind, body):
                found[head[0].decode()] = kind
    finally:
        process.stdin = None
        end_group(process)
    return found


def list_named(repo: Repository, tips: Collection[str], without: Collection[str]) -> dict[str, str]:
    """Object id -> path, "" for commits: of all that `tips` reach and `without` do not."""
    script = "".join([*(f"{one}\n" for one in tips), *(f"^{one}\n" for one in without)])
    said = repo.run("rev-list", "--objects", "--stdin", input=os.fsencode(script))
    return {oid: path for oid, _, path in (line.partition(" ") for line in said.lines())}


def still_reachable(repo: Repository, among: Collection[str]) -> set[str]:
    """Those of `among` that a ref, a reflog or an index still leads to."""
    argv = ("--objects", "--all", "--reflog", "--indexed-objects", "--ignore-missing")
    said = repo.run("rev-list", *argv, "--missing=allow-any")
    return {line[: len(repo.null_id)] for line in said.lines()} & set(among)


def drop_objects(repo: Repository, unwanted: Collection[str]) -> dict[str, str]:
    """Delete the objects. Returns those that are left: id -> why.

    A pack that has some is written anew without them. Nothing may refer to any of them.
    """
    folder, gone = repo.common_dir / "objects", set(unwanted)
    why: dict[str, str] = {}
    for index in sorted((folder / "pack").glob("*.idx")):
        held = set(_packed(repo, index)) & gone
        if held:
            kept = next((one for one in (".keep", ".promisor") if _beside(index, one).exists()), "")
            if kept:
                why |= dict.fromkeys(held, f"it is in {index.name}, which is {kept[1:]}")
            else:
                _repack_without(repo, index, gone)
    for oid in gone:
        with suppress(FileNotFoundError):
            (folder / oid[:2] / oid[2:]).unlink()
    return why | dict.fromkeys(_there(repo, gone) - why.keys(), "another repository lends it")


def _packed(repo: Repository, index: Path) -> Iterator[str]:
    said = repo.run("show-index", f"--object-format={repo.object_format}", input=index.read_bytes())
    return (line.split(" ")[1] for line in said.lines())


def _repack_without(repo: Repository, index: Path, gone: Collection[str]) -> None:
    """The new pack is complete before the old one goes; an index over several packs and the
    graph of commits would name what is gone, and git makes them again."""
    pack = index.parent
    rest = [oid for oid in _packed(repo, index) if oid not in gone]
    if rest:
        asked = ("pack-objects", "-q", "--no-reuse-delta", str(pack / "pack"))
        repo.run(*asked, input="".join(f"{oid}\n" for oid in rest).encode())
    info = repo.common_dir / "objects" / "info"
    for stale in (pack / "multi-pack-index", info / "commit-graph"):
        stale.unlink(missing_ok=True)
    for stale in (info / "commit-graphs").glob("*"):
        stale.unlink(missing_ok=True)
    for ending in _PACK_PARTS:
        _beside(index, ending).unlink(missing_ok=True)


def _beside(index: Path, ending: str) -> Path:
    return index.with_suffix(ending)


def _there(repo: Repository, oids: Collection[str]) -> set[str]:
    if not oids:
        return set()
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    said = repo.run("cat-file", "--batch-check=%(objectname)", input=asked)
    return {line for line in said.lines() if not line.endswith(" missing")}
