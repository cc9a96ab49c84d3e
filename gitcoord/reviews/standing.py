"""Where reviews stand now: against their target, against each other, against live worktrees.

Promises: the same answers as `gitcoord conflicts`, from the same cache; for any number of
reviews the same few git processes, and one `merge-tree` for all that is not known yet. What
could not be answered is in `unknown`, never left out. Reviews that do not merge with their
target are compared with nothing else: that comes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gitcoord.conflicts.answers import find_answer, keep_answer, key_of
from gitcoord.conflicts.radar import list_subjects, open_radar
from gitcoord.conflicts.sample import sample_all
from gitcoord.conflicts.scan import CONFLICT, SEMANTIC, Asked, Scan, Seen, Target
from gitcoord.git.graph import count_apart
from gitcoord.git.history import LOCAL_ONLY
from gitcoord.git.objects import Reader
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.reviews.review import OPEN, Review, list_reviews, short
from gitcoord.worktrees.worktree import view_worktrees

if TYPE_CHECKING:
    from gitcoord.conflicts.radar import Radar
    from gitcoord.reviews.verdicts.validator import Validator
    from gitcoord.reviews.verdicts.verdict import Verdict

TARGET, REVIEW, WORKTREE = "target", "review", "worktree"
_OF_REVIEW = "review:"


@dataclass(frozen=True)
class Conflict:
    """What a review collides with. kind: target, review or worktree. id: of that; of a target
    its name. paths: where. grade: conflict, or semantic where it merges as text and breaks in
    meaning. notes: why it does, a sentence each."""

    id: str
    kind: str
    paths: tuple[str, ...]
    grade: str = CONFLICT
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Check:
    """A validator's verdict on a review. fresh: tree, base and validator are as they were."""

    verdict: Verdict
    fresh: bool


@dataclass(frozen=True)
class Standing:
    """target: its commit, "" when it is gone. ahead, behind: commits only here, only there; None
    when it cannot be told. conflicts: with the target, other open reviews, live worktrees.
    unknown: why something could not be answered. checks: the latest of each validator.
    missing: names of validators that have no fresh verdict, but for the built-in ones, which a
    merge asks itself."""

    target: str = ""
    ahead: int | None = None
    behind: int | None = None
    conflicts: tuple[Conflict, ...] = ()
    unknown: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def conflicts_target(self) -> tuple[str, ...]:
        """The paths on which it conflicts with its target."""
        return tuple(path for one in self.conflicts if one.kind == TARGET for path in one.paths)


def standing(
    repo: Repository,
    reviews: Sequence[Review],
    *,
    among: Sequence[Review] | None = None,
    uncommitted: bool = False,
    meaning: bool = False,
    validators: Sequence[Validator] = (),
) -> dict[str, Standing]:
    """Review id -> where it stands.

    among: all open reviews, where they are known. uncommitted: against worktrees as they are on
    disk, not only as committed. meaning: also what merges as text and breaks in meaning, for
    which files are parsed. validators: those that have to have judged it.
    """
    if not reviews:
        return {}
    others = list_reviews(repo, bad=[]) if among is None else among
    every = list({one.id: one for one in [*others, *reviews]}.values())
    refs = read_refs(repo, *filter(None, dict.fromkeys(one.target for one in reviews)))
    here = _commits_here(repo, every)
    known = [one for one in reviews if one.target in refs and one.head in here]
    apart = count_apart(repo, [(refs[one.target], one.head) for one in known])
    checks = _checks(repo, reviews, validators)
    clashes: dict[str, list[Conflict]] = defaultdict(list)
    unknown: dict[str, list[str]] = defaultdict(list)
    for target in dict.fromkeys(one.target for one in reviews if one.state == OPEN):
        if target in refs:
            sides = [one for one in every if one.target == target and one.head in here]
            wanted = {one.id for one in reviews if one.state == OPEN}
            asked = Asked(committed_only=not uncommitted, text_only=not meaning)
            found = _scan(repo, Target(short(target), refs[target]), sides, wanted, asked)
            _tell(found, {one.id: one for one in sides}, clashes, unknown)
    return {
        one.id: _standing(one, refs, here, apart, clashes[one.id], unknown[one.id], checks[one.id])
        for one in reviews
    }


def _standing(
    review: Review,
    refs: Mapping[str, str],
    here: set[str],
    apart: Mapping[tuple[str, str], tuple[int, int]],
    clashes: Sequence[Conflict],
    unknown: Sequence[str],
    checks: tuple[tuple[Check, ...], tuple[str, ...]],
) -> Standing:
    target = refs.get(review.target, "")
    reasons = list(unknown)
    if not target:
        reasons.append(f"its target {short(review.target) or '(unknown)'} is gone")
    if review.head not in here:
        reasons.append(f"its commit {review.head[:12] or '(unknown)'} is not in this clone")
    known = bool(target) and review.head in here
    ahead, behind = apart.get((target, review.head), (0, 0)) if known else (None, None)
    return Standing(target, ahead, behind, tuple(clashes), tuple(reasons), *checks)


def _commits_here(repo: Repository, reviews: Sequence[Review]) -> set[str]:
    """Those heads of which this clone has the commit."""
    heads = list(dict.fromkeys(one.head for one in reviews if one.head))
    # A partial clone would fetch what is missing, one by one: here it is missing.
    alone = replace(repo, overlay=(*repo.overlay, *LOCAL_ONLY.items()))
    with Reader(alone) as reader:
        found = list(reader.find_all(heads))
    return {head for head, one in zip(heads, found, strict=True) if one and one[1] == "commit"}


def _scan(
    repo: Repository, target: Target, reviews: Sequence[Review], wanted: set[str], asked: Asked
) -> Scan:
    """Who conflicts, by the radar's own pipeline over heads; kept until something moves."""
    home = repo.seen_from(repo.common_dir)
    with open_radar(repo, asked, home=home) as radar:
        heads = [
            Seen(f"{_OF_REVIEW}{one.id}", short(one.branch), "", "live", one.head, one.head)
            for one in reviews
        ]
        sides = [*heads, *_worktrees(radar, reviews, target)]
        mine = {f"{_OF_REVIEW}{one}" for one in wanted}
        question = ("reviews", target.name, target.id, sorted(mine), asked.text_only)
        key = key_of(radar.context, question, sides)
        known = find_answer(repo.own_dir, key, sides, (target.name, target.id))
        if known:
            return known[0]
        from gitcoord.conflicts.comparing import work_out

        answer = work_out(radar.engine(target.id), target, asked, sides, mine)
        radar.cache.save()
        if answer.complete:
            keep_answer(repo.own_dir, key, answer.scan, "")
        return answer.scan


def _worktrees(radar: Radar, reviews: Sequence[Review], target: Target) -> list[Seen]:
    """Live worktrees that hold something their branch's review does not."""
    view = view_worktrees(radar.home)
    subjects = list_subjects(view)
    others = [one.linked.path for one in subjects]
    seen = sample_all(radar.aside, subjects, others, committed_only=radar.asked.committed_only)
    heads = {one.branch: one.head for one in reviews}
    return [
        one
        for one in seen
        if not one.problem
        and (one.dirty or one.head not in (target.id, heads.get(f"refs/heads/{one.branch}")))
    ]


def _tell(
    found: Scan,
    reviews: Mapping[str, Review],
    clashes: dict[str, list[Conflict]],
    unknown: dict[str, list[str]],
) -> None:
    for seen in found.worktrees:
        if seen.id.startswith(_OF_REVIEW) and seen.stale:
            paths = tuple(dict.fromkeys(one.path for one in seen.stale))
            clashes[seen.id.removeprefix(_OF_REVIEW)].append(Conflict(found.target, TARGET, paths))
    branches = {seen.id: f"refs/heads/{seen.branch}" for seen in found.worktrees}
    for (one, other, grade), met in _pairs(found).items():
        mine = one.removeprefix(_OF_REVIEW)
        own = reviews[mine].branch == branches.get(other) or reviews[mine].worktree == other
        if not own or other.startswith(_OF_REVIEW):
            kind = REVIEW if other.startswith(_OF_REVIEW) else WORKTREE
            paths, notes = (
                tuple(dict.fromkeys(filter(None, part))) for part in zip(*met, strict=True)
            )
            clashes[mine].append(
                Conflict(other.removeprefix(_OF_REVIEW), kind, paths, grade, notes)
            )
    for lost in found.unknown:
        for one, other in ((lost.a, lost.b), (lost.b, lost.a)):
            if one.startswith(_OF_REVIEW):
                whom = other.removeprefix(_OF_REVIEW) or found.target
                unknown[one.removeprefix(_OF_REVIEW)].append(f"{whom}: {lost.reason}")


def _pairs(found: Scan) -> dict[tuple[str, str, str], list[tuple[str, str]]]:
    """(review, what it collides with, grade) -> (path as that review calls it, why); both ways."""
    pairs: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    for clash in found.pairs:
        if clash.grade in (CONFLICT, SEMANTIC):
            for one, other, path in (
                (clash.a, clash.b, clash.a_path),
                (clash.b, clash.a, clash.b_path),
            ):
                if one.startswith(_OF_REVIEW):
                    pairs[one, other, clash.grade].append((path, clash.note))
    return pairs


def _checks(
    repo: Repository, reviews: Sequence[Review], validators: Sequence[Validator]
) -> dict[str, tuple[tuple[Check, ...], tuple[str, ...]]]:
    """Review id -> the latest verdict of each validator, and the names of those without one."""
    from gitcoord.reviews.verdicts.validator import BUILTIN
    from gitcoord.reviews.verdicts.verdict import list_verdicts

    digests = {one.name: one.digest for one in validators}
    asked = [one.name for one in validators if one.kind != BUILTIN]
    listed = list_verdicts(repo)
    found = {}
    for review in reviews:
        latest: dict[str, Check] = {}
        for verdict in _about(review, listed):
            same = (verdict.tree, verdict.base) == (review.tree, review.base)
            fresh = same and digests.get(verdict.validator, verdict.config) == verdict.config
            if fresh or not _is_fresh(latest.get(verdict.validator)):
                latest[verdict.validator] = Check(verdict, fresh)
        missing = [name for name in asked if not _is_fresh(latest.get(name))]
        found[review.id] = (tuple(latest.values()), tuple(missing))
    return found


def _about(review: Review, verdicts: Sequence[Verdict]) -> Iterator[Verdict]:
    """Those on a version of the review, oldest first."""
    trees = {one.tree for one in review.versions}
    return (one for one in verdicts if one.tree in trees)


def _is_fresh(check: Check | None) -> bool:
    return check is not None and check.fresh
