"""Merging two commits again by other rules for some paths, in a quarantine.

The rules are git's own merge attributes, given to the paths in conflict only, so renames,
modes and several merge bases are treated as in every other merge of git's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.engine import prepare
from gitcoord.conflicts.explain import Conflict, explain
from gitcoord.conflicts.merging import Merged, merge_all
from gitcoord.conflicts.resolution import TEXTUAL
from gitcoord.errors import Problem
from gitcoord.git.quarantine import checkout_of
from gitcoord.git.repository import Repository

FIRST, SECOND, STRUCTURAL_WAY, UNION_WAY = (
    "gitcoord-first", "gitcoord-second", "gitcoord-structural", "union",
)  # fmt: skip

# `|| exit 1`: an exit code over 128, as of a crash, would end the whole merge. A driver has
# git's own streams unless it is given others.
_DRIVERS = {
    FIRST: "git merge-file -q --ours --marker-size=%L %A %O %B || exit 1",
    SECOND: "git merge-file -q --theirs --marker-size=%L %A %O %B || exit 1",
}


@dataclass(frozen=True)
class Table:
    """Where two commits are merged. aside: in a quarantine. attributes: path of each
    `.gitattributes` of the target -> its content."""

    aside: Repository
    bench: Repository
    attributes: Mapping[str, bytes]
    pair: tuple[str, str]

    @classmethod
    def lay(cls, aside: Repository, target: str, pair: tuple[str, str]) -> Table:
        """target: the commit whose attributes are in force."""
        cache = Cache()
        bench = prepare(aside, target, cache).bench
        said: dict[str, str] = cache.find("attributes", target)
        files = {path: os.fsencode(content) for path, content in said.items()}
        return cls(aside, bench, files, pair)

    def merge(self) -> tuple[Merged, list[Conflict]]:
        """git's own merge, and its conflicts. Raises Problem when git gives no answer."""
        return _merged(self.bench, self.pair)

    def merge_by(
        self, ways: Mapping[str, str], structural: str = ""
    ) -> tuple[Merged, list[Conflict]]:
        """The merge with another rule for some paths. ways: path -> name of a rule.

        structural: the command of the merge driver that STRUCTURAL_WAY stands for.
        """
        drivers = {**_DRIVERS, STRUCTURAL_WAY: f"({structural}) </dev/null >&2 || exit 1"}
        settings = {f"merge.{name}.driver": drivers[name] for name in {*ways.values()} & {*drivers}}
        env = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings.items()):
            env |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        bench = checkout_of(self.aside, _with_ways(self.attributes, ways))
        over = tuple({**dict(bench.overlay), **env}.items())
        return _merged(replace(bench, overlay=over), self.pair)


def place_of(conflict: Conflict, merged: Merged) -> str | None:
    """The one path at which a conflict's stages are; None when it has several or none."""
    found = [path for path in dict.fromkeys(conflict.paths) if path in merged.stages]
    return found[0] if len(found) == 1 else None


def list_entries(
    repo: Repository, tree: str, paths: Sequence[str]
) -> dict[str, tuple[str, str] | None]:
    """Path -> (mode, object id) in a tree; None where it is not there."""
    found: dict[str, tuple[str, str] | None] = dict.fromkeys(paths)
    for line in repo.run("ls-tree", "-r", "-z", "--full-tree", tree).fields():
        head, _, path = line.partition("\t")
        if path in found:
            mode, _, oid = head.split(" ")
            found[path] = (mode, oid)
    return found


def _merged(bench: Repository, pair: tuple[str, str]) -> tuple[Merged, list[Conflict]]:
    [merged] = merge_all(bench, [pair])
    if merged is None:
        raise Problem(
            "git gives no answer for this pair: it is unknown whether they conflict",
            hint=f"see what it says: git merge-tree --write-tree {pair[0][:12]} {pair[1][:12]}",
        )
    return merged, [] if merged.clean else _without_twins(explain(bench, *pair))


def _without_twins(found: Sequence[Conflict]) -> list[Conflict]:
    """git 2.39 says of a file that is no text that its contents conflict, too."""
    binary = {one.paths for one in found if one.kind == "binary"}
    return [one for one in found if one.kind not in TEXTUAL or one.paths not in binary]


def _with_ways(attributes: Mapping[str, bytes], ways: Mapping[str, str]) -> dict[str, bytes]:
    """Each rule in the `.gitattributes` nearest to its path, last, so that nothing in a commit
    overrides it."""
    files = dict(attributes)
    for path, way in ways.items():
        folder, slash, name = path.rpartition("/")
        file = f"{folder}{slash}.gitattributes"
        line = _pattern(name) + b" merge=" + way.encode() + b"\n"
        files[file] = files.get(file, b"").rstrip(b"\n") + b"\n" + line
    return files


def _pattern(name: str) -> bytes:
    """The pattern that means a file beside the `.gitattributes` and nothing else: no wildcards,
    and quoted as C does (gitattributes(5))."""
    raw = b"/" + b"".join(
        b"\\" + bytes([byte]) if byte in b"\\*?[" else bytes([byte]) for byte in os.fsencode(name)
    )
    quoted = b"".join(
        b"\\%03o" % byte if byte < 32 or byte in b'"\\' or byte > 126 else bytes([byte])
        for byte in raw
    )
    return b'"' + quoted + b'"'
