"""How far commits are apart, for any number of pairs by one walk.

`rev-list --count a...b` costs a process per pair. One `rev-list --parents` over all tips,
down to their common base, and a bit per tip give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gitcoord.git.repository import Repository

Pair = tuple[str, str]


def count_apart(repo: Repository, pairs: Iterable[Pair]) -> dict[Pair, tuple[int, int]]:
    """(base, tip) -> (ahead, behind): commits only in tip, commits only in base.

    pairs: object ids of commits. The walk stops at a commit all of them share.
    """
    wanted = [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]
    commits = list(dict.fromkeys(commit for pair in wanted for commit in pair))
    if not commits:
        return {}
    bits = {commit: 1 << index for index, commit in enumerate(commits)}
    counts = dict.fromkeys(wanted, (0, 0))
    masks: dict[int, int] = {}
    for mask in _reached_by(repo, commits, bits):
        masks[mask] = masks.get(mask, 0) + 1
    for base, tip in wanted:
        of_base, of_tip = bits[base], bits[tip]
        ahead = sum(n for mask, n in masks.items() if mask & of_tip and not mask & of_base)
        behind = sum(n for mask, n in masks.items() if mask & of_base and not mask & of_tip)
        counts[base, tip] = (ahead, behind)
    return counts


def _reached_by(repo: Repository, commits: Sequence[str], bits: dict[str, int]) -> Iterable[int]:
    """For every commit above the common base, which of `commits` reach it, as a bit mask."""
    shared = repo.run("merge-base", "--octopus", *commits, ok=(0, 1)).text
    stop = [f"^{shared}"] if shared else []
    script = "\n".join([*commits, *stop]) + "\n"
    listed = repo.run("rev-list", "--topo-order", "--parents", "--stdin", input=script.encode())
    reached = dict(bits)
    for line in listed.lines():
        commit, *parents = line.split(" ")
        mask = reached.pop(commit, 0)
        for parent in parents:
            reached[parent] = reached.get(parent, 0) | mask
        yield mask
