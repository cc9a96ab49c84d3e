"""What a review becomes on its target: the commit that would land, made in memory.

    compose(repo, review, onto, method=…, findings=…)  ->  Candidate

Promises: no worktree, index or ref is touched; merge, squash and rebase give one and the same
tree, that of merging the two under the target's own attributes; authors, dates and messages of
replayed commits stay. What the target has in `.agentcoord` stays as it is there unless findings
are to land.
Refuses: unrelated histories, and a rebase that would lose what a merge commit resolved.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from gitcoord.errors import Refused
from gitcoord.git.objects import Batch, Entry, Reader, graft
from gitcoord.git.quarantine import WHO
from gitcoord.git.repository import Repository
from gitcoord.reviews.landing.replaying import Original, read_originals, replay, replayed
from gitcoord.reviews.landing.signing import signed, wants_signature
from gitcoord.reviews.landing.trailers import landing_message
from gitcoord.reviews.landing.trees import bench_of, merge_trees
from gitcoord.reviews.review import Review
from gitcoord.worktrees.start import author_of

MERGE, SQUASH, REBASE = "merge", "squash", "rebase"
METHODS = (MERGE, SQUASH, REBASE)
FINDINGS = ".agentcoord"


@dataclass(frozen=True)
class Candidate:
    """commit: "" when it conflicts. tree: of the result, with markers where it conflicts.

    onto: the commit it is made for. conflicts: paths. dropped: commits a rebase leaves out, as
    nothing is left of them there. empty: nothing but the history would change.
    """

    commit: str
    tree: str
    onto: str
    conflicts: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    empty: bool = False


def compose(
    repo: Repository,
    review: Review,
    onto: str,
    *,
    method: str = MERGE,
    findings: bool = False,
    sign: bool = True,
) -> Candidate:
    """What `review` becomes on the commit `onto`. Its objects are written; no ref has them.

    sign: as `commit.gpgSign` says; else never. Raises Refused for unrelated histories and for a
    rebase that is not the same as a merge.
    """
    with Reader(repo) as reader, bench_of(repo, onto) as bench:
        below = reader.read(f"{onto}^{{tree}}")[0]
        there = None if findings else _Findings(reader.tree(below).get(FINDINGS.encode()))
        table = _Table(repo, bench, reader, onto, below, there, sign and wants_signature(repo))
        tree, conflicts = merge_trees(bench, onto, _plain(table, review.head))
        if conflicts:
            return Candidate("", tree, onto, conflicts)
        if method == REBASE:
            return _rebased(table, review, tree)
        parents = [onto] if method == SQUASH else [onto, review.head]
        text = landing_message(repo, review, onto, squash=method == SQUASH)
        return Candidate(_commit(table, tree, parents, text), tree, onto, empty=tree == below)


@dataclass(frozen=True)
class _Findings:
    """What the target has of findings; entry None: nothing."""

    entry: Entry | None


@dataclass(frozen=True)
class _Table:
    """What a commit is made with. below: the tree of `onto`. there: None when findings land."""

    repo: Repository
    bench: Repository
    reader: Reader
    onto: str
    below: str
    there: _Findings | None
    sign: bool

    def without_findings(self, batch: Batch, tree: str) -> str:
        """A tree that has of findings what the target has."""
        if self.there is None:
            return tree
        if self.reader.tree(tree).get(FINDINGS.encode()) == self.there.entry:
            return tree
        return graft(batch, self.reader, tree, {FINDINGS: self.there.entry})


def _plain(table: _Table, commit: str) -> str:
    """`commit`, or a commit upon it without the findings that are not to land."""
    batch, tree = Batch(table.repo), table.reader.read(f"{commit}^{{tree}}")[0]
    bare = table.without_findings(batch, tree)
    if bare == tree:
        return commit
    made = batch.commit(bare, [commit], "without findings", author=WHO)
    batch.write()
    return made


def _rebased(table: _Table, review: Review, tree: str) -> Candidate:
    """Each commit of the review again, one upon the other. tree: what has to come of it."""
    tip, now, dropped = table.onto, table.below, []
    for one in read_originals(table.repo, table.reader, table.onto, review.head):
        batch = Batch(table.repo)
        before, after = (table.without_findings(batch, side) for side in (one.before, one.tree))
        new, conflicts = replay(batch, table.bench, before, after, now)
        if conflicts:
            raise _not_alone(review, one, conflicts)
        if new == now:
            dropped.append(one.id)
            continue
        tip, now = _again(table, one, tip, new), new
    if now != tree:
        raise Refused(
            f"the commits of {review.id} one by one give something else than merging it: what "
            "its merge commits resolved would be lost",
            hint=f"land it another way: gitcoord review merge {review.id} --squash",
        )
    return Candidate(tip, tree, table.onto, (), tuple(dropped), empty=tip == table.onto)


def _not_alone(review: Review, one: Original, conflicts: Sequence[str]) -> Refused:
    return Refused(
        f"{review.id} merges, but its commit {one.id[:12]} conflicts when it is replayed alone: "
        f"{', '.join(conflicts[:5])}",
        hint=f"land it another way: gitcoord review merge {review.id} --squash",
    )


def _again(table: _Table, one: Original, parent: str, tree: str) -> str:
    """The commit on another parent; the very same where nothing of it would change."""
    if one.parents == (parent,) and one.tree == tree:
        return one.id
    if table.sign:
        return signed(
            table.repo, tree, [parent], one.message, author=one.author, encoding=one.encoding
        )
    batch = Batch(table.repo)
    made = batch.raw("commit", replayed(one, parent, tree, author_of(table.repo)))
    batch.write()
    return made


def _commit(table: _Table, tree: str, parents: Sequence[str], text: str) -> str:
    author = author_of(table.repo)
    if table.sign:
        message = text.encode("utf-8", "surrogateescape")
        return signed(table.repo, tree, parents, message, author=os.fsencode(author))
    batch = Batch(table.repo)
    made = batch.commit(tree, parents, text, author=author)
    batch.write()
    return made
