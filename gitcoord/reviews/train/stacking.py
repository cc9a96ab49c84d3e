"""Reviews stacked on each other in memory, as they would land: no ref, worktree or index moves.

Promises: a stack is made once; each review is a commit of its own on those below it, made by
`compose`. Refuses: to guess when a review does not fit; it is set aside, with the paths.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gitcoord.conflicts.deltas import read_deltas
from gitcoord.conflicts.order import order_commits
from gitcoord.errors import Refused
from gitcoord.git.repository import Repository
from gitcoord.reviews.landing.composing import Candidate, compose
from gitcoord.reviews.landing.signing import wants_signature
from gitcoord.reviews.review import Review
from gitcoord.reviews.train.search import Stack
from gitcoord.reviews.versions import contains


@dataclass(frozen=True)
class Misfit:
    """A review that does not merge with what is below it. meets: reviews it conflicts with, none
    when it is the target, or all of them together. said: why, where it is not for `paths`."""

    review: str
    paths: tuple[str, ...]
    meets: tuple[str, ...] = ()
    said: str = ""


@dataclass
class Stacks:
    """Stacks on the commit `base`. made: those there are. whys: why one does not fit, where that
    is no conflict."""

    repo: Repository
    base: str
    reviews: Mapping[str, Review]
    method: str
    findings: bool
    made: dict[Stack, Candidate] = field(default_factory=dict)
    whys: dict[Stack, str] = field(default_factory=dict)

    def candidate(self, stack: Stack) -> Candidate:
        """The top of a stack; one without commit when some review in it does not fit."""
        if stack not in self.made:
            self.made[stack] = self._compose(stack)
        return self.made[stack]

    def misfit(self, stack: Stack) -> Misfit | None:
        """The lowest review of a stack that does not fit, None when all do."""
        for height in range(1, len(stack) + 1):
            made = self.candidate(stack[:height])
            if not made.commit:
                below = stack[:height]
                return Misfit(below[-1], made.conflicts, (), self.whys.get(below, ""))
        return None

    def commits(self, stack: Stack, height: int) -> list[Candidate]:
        """What lands of a stack above `height`, the lowest first; signed, where the user has
        all commits signed: only here, since every signature may ask for a passphrase."""
        if not wants_signature(self.repo):
            return [self.candidate(stack[: one + 1]) for one in range(height, len(stack))]
        chain = [self.candidate(stack[:height])]
        for review in stack[height:]:
            chain.append(self._on(chain[-1], self.reviews[review], sign=True))
        return chain[1:]

    def settle(self, stack: Stack, made: Candidate) -> None:
        """From now on `made`, which has landed, is that stack."""
        if self.made.get(stack, made).commit != made.commit:
            self.made.clear()
        self.made[stack] = made

    def _compose(self, stack: Stack) -> Candidate:
        if not stack:
            tree = self.repo.run("rev-parse", "--verify", f"{self.base}^{{tree}}").text
            return Candidate(self.base, tree, self.base)
        below = self.candidate(stack[:-1])
        if not below.commit:
            return below
        try:
            return self._on(below, self.reviews[stack[-1]], sign=False)
        except Refused as refusal:
            self.whys[stack] = refusal.message
            return Candidate("", "", below.commit)

    def _on(self, below: Candidate, review: Review, *, sign: bool) -> Candidate:
        """One with all its commits in those below it, as of a branch that another grew from,
        adds nothing to them. Raises Refused when it would change nothing though it has not."""
        made = compose(
            self.repo, review, below.commit, method=self.method, findings=self.findings, sign=sign
        )
        if not made.empty:
            return made
        if contains(self.repo, below.commit, review.head):
            return below
        raise Refused("nothing of it would land: what it changes is there already")


def plan_stack(stacks: Stacks) -> tuple[Stack, list[Misfit]]:
    """All reviews that fit on each other, in the order that conflicts least, those that came
    first first; and those that do not fit."""
    ids = list(stacks.reviews)
    heads = [stacks.reviews[one].head for one in ids]
    order, met = order_commits(stacks.repo, stacks.base, heads)
    stack: Stack = ()
    misfits = []
    for index in order:
        made = stacks.candidate((*stack, ids[index]))
        if made.commit:
            stack = (*stack, ids[index])
            continue
        meets = tuple(ids[other] for other in met.get(index, ()) if ids[other] in stack)
        why = stacks.whys.get((*stack, ids[index]), "")
        misfits.append(Misfit(ids[index], made.conflicts, meets, why))
    return stack, misfits


def only_one_named(stacks: Stacks, stack: Stack, group: Sequence[str], output: str) -> str:
    """The one of `group`, on top of `stack`, of whose files alone a failing output speaks; ""
    when it speaks of none's or of several's. It is a hint, no proof."""
    if len(group) < 2:
        return ""
    whole = stack[: len(stack) - len(group)]
    pairs = []
    for review in group:
        below, whole = stacks.candidate(whole), (*whole, review)
        pairs.append((below.tree, stacks.candidate(whole).tree))
    named = [
        review
        for review, delta in zip(group, read_deltas(stacks.repo, pairs), strict=True)
        if any(_speaks_of(output, path) for path in delta.files)
    ]
    return named[0] if len(named) == 1 else ""


def _speaks_of(output: str, path: str) -> bool:
    return len(os.path.basename(path)) > 2 and path in output  # noqa: PTH119 - a path of git's
