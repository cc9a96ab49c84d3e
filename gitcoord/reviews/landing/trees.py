"""Two commits merged in memory, as a checkout of the one they are merged into would merge them.

Promises: the answer depends on the commits, the settings and that commit's `.gitattributes`, not
on what anybody has checked out. Refuses: commits without common history.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.recall import prepare
from gitcoord.errors import Problem, Refused
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository


def merge_trees(repo: Repository, onto: str, other: str) -> tuple[str, tuple[str, ...]]:
    """(tree, paths in conflict) of merging two commits. Raises Refused when they share nothing."""
    said = repo.run("merge-tree", "--write-tree", "--name-only", "-z", onto, other, ok=range(256))
    if said.code not in (0, 1):
        raise _why_not(repo, onto, other)
    tree, *rest = said.fields()
    if said.code == 0:
        return tree, ()
    return tree, tuple(dict.fromkeys(_conflicted(rest))) or ("(git names no path)",)


def _conflicted(fields: Sequence[str]) -> Iterator[str]:
    """Paths in conflict; where git lists none, those its messages are about: a count, as many
    paths, a kind and a text each, after an empty field (git-merge-tree(1))."""
    end = fields.index("") if "" in fields else len(fields)
    yield from fields[:end]
    at = end + 1
    while not end and at < len(fields):
        count = int(fields[at])
        if fields[at + count + 1].startswith("CONFLICT"):
            yield from fields[at + 1 : at + 1 + count]
        at += count + 3


def _why_not(repo: Repository, onto: str, other: str) -> Problem:
    if repo.run("merge-base", onto, other, ok=(0, 1, 128)).code:
        return Refused(
            f"{other[:12]} and {onto[:12]} have no common history: nothing tells what changed",
            hint=f"see both: git log --oneline --graph {onto[:12]} {other[:12]}",
        )
    return Problem(
        f"git gives no answer for merging {other[:12]} into {onto[:12]}",
        hint=f"see what it says: git merge-tree --write-tree {onto[:12]} {other[:12]}",
    )


@contextmanager
def bench_of(repo: Repository, onto: str) -> Iterator[Repository]:
    """`repo` as a checkout of `onto` would see it: its attributes, so that what is merged does
    not depend on who has what checked out. What is written is written for good."""
    with quarantine(repo) as aside:
        bench = prepare(aside, onto, Cache()).bench
        away = dict(aside.overlay).keys() - dict(repo.overlay).keys()
        kept = {key: value for key, value in bench.overlay if key not in away}
        kept |= dict(repo.overlay)
        yield replace(bench, overlay=tuple(kept.items()))
