"""A conflict in git's own words and in lines: what kind, where on each side.

Kinds come from the types `git merge-tree` documents as stable, not from its prose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gitcoord.conflicts.cache import Cache
from gitcoord.git.repository import Repository
from gitcoord.process import at_once

_KINDS = {
    "CONFLICT (contents)": "content",
    "CONFLICT (binary)": "binary",
    "CONFLICT (file/directory)": "file/directory",
    "CONFLICT (distinct modes)": "mode",
    "CONFLICT (modify/delete)": "modify/delete",
    "CONFLICT (rename/rename)": "rename/rename",
    "CONFLICT (rename involved in collision)": "rename/rename",
    "CONFLICT (rename/delete)": "rename/delete",
    "CONFLICT (directory rename suggested)": "directory rename",
    "CONFLICT (directory rename unclear split)": "directory rename",
}
_SUBMODULE = "160000"
_ASIDE = re.compile(r"~[0-9a-f]{40,64}(?:_\d{1,6})?(?=/|$)")


@dataclass(frozen=True)
class Conflict:
    """One conflict of a merge. paths: the file, and where a rename is involved its other
    names. stages: stage -> (mode, object id) of the first path that has any."""

    kind: str
    paths: tuple[str, ...]
    stages: dict[int, tuple[str, str]]

    @property
    def path(self) -> str:
        return self.paths[0] if self.paths else ""


def explain_all(
    repo: Repository,
    pairs: Sequence[tuple[str, str]],
    cache: Cache,
    have_trees: Callable[[Sequence[int]], None] | None = None,
) -> list[list[Conflict]]:
    """The conflicts of each pair of commits.

    have_trees: is told the places of those that git will be asked about, before it is.
    """
    keys = [f"{cache.context}:{one}:{other}" for one, other in pairs]
    said = [cache.find("kinds", key) for key in keys]
    missing = [place for place, known in enumerate(said) if known is False]
    if missing and have_trees:
        have_trees(missing)
    fresh = at_once(lambda place: explain(repo, *pairs[place]), missing)
    for place, conflicts in zip(missing, fresh, strict=True):
        said[place] = [_as_kept(one) for one in conflicts]
        cache.keep("kinds", keys[place], said[place])
    return [[_from_kept(one) for one in known] for known in said]


def explain(repo: Repository, one: str, other: str) -> list[Conflict]:
    """The conflicts of merging two commits, by path. Empty when they merge clean."""
    said = repo.run("merge-tree", "--write-tree", "-z", "--messages", one, other, ok=(0, 1))
    if said.code == 0:
        return []
    fields = said.fields()
    end = fields.index("", 1) if "" in fields[1:] else len(fields)
    stages = _stages(fields[1:end])
    found = list(_conflicts(fields[end + 1 :], stages))
    named = {path for conflict in found for path in conflict.paths}
    found += [
        Conflict(_kind_of(stages[path]), (path,), stages[path])
        for path in stages
        if path not in named
    ]
    return _without_echoes(found) or [Conflict("content", ("",), {})]


def name_before(path: str) -> str:
    """A path as the sides know it: git writes `place~<commit>` where a folder has the name."""
    return _ASIDE.sub("", path)


def _as_kept(conflict: Conflict) -> list[object]:
    stages = {str(stage): list(entry) for stage, entry in conflict.stages.items()}
    return [conflict.kind, list(conflict.paths), stages]


def _from_kept(kept: Sequence[Any]) -> Conflict:
    kind, paths, stages = kept
    found = {int(stage): (mode, oid) for stage, (mode, oid) in stages.items()}
    return Conflict(kind, tuple(paths), found)


def _stages(lines: Sequence[str]) -> dict[str, dict[int, tuple[str, str]]]:
    found: dict[str, dict[int, tuple[str, str]]] = {}
    for line in lines:
        head, _, path = line.partition("\t")
        mode, oid, stage = head.split(" ")
        found.setdefault(path, {})[int(stage)] = (mode, oid)
    return found


def _conflicts(
    fields: Sequence[str], stages: dict[str, dict[int, tuple[str, str]]]
) -> Iterator[Conflict]:
    """Messages: a count, that many paths, a type, a text."""
    place = 0
    while place < len(fields) and fields[place].isdigit():
        count = int(fields[place])
        paths = tuple(fields[place + 1 : place + 1 + count])
        kind = fields[place + 1 + count]
        place += count + 3
        if not kind.startswith("CONFLICT"):
            continue
        at = next((stages[path] for path in paths if path in stages), {})
        word = "submodule" if "submodule" in kind else _KINDS.get(kind, kind[10:].rstrip(")"))
        yield Conflict(_kind_of(at) if word == "content" else word, paths, at)


def _kind_of(stages: dict[int, tuple[str, str]]) -> str:
    if any(mode == _SUBMODULE for mode, _ in stages.values()):
        return "submodule"
    if 1 not in stages and len(stages) == 2:
        return "add/add"
    if len(stages) == 2:
        return "modify/delete"
    modes = {mode for mode, _ in stages.values()}
    return "mode" if len({oid for _, oid in stages.values()}) == 1 and len(modes) > 1 else "content"


def _without_echoes(found: Sequence[Conflict]) -> list[Conflict]:
    """git says some conflicts once for each name they have: one line per path and kind."""
    kept: dict[tuple[str, str], Conflict] = {}
    for conflict in found:
        kept.setdefault((conflict.kind, conflict.path), conflict)
    told = {path for one in kept.values() if "rename" in one.kind for path in one.paths}
    told |= {one.path for one in kept.values() if one.kind == "binary"}
    return [
        one
        for one in kept.values()
        if "rename" in one.kind
        or not (one.path in told and one.kind in ("content", "modify/delete"))
    ]
