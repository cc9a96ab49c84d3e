"""One scan: all worktrees sampled, compared, and every clash explained.

Promises: the user's worktrees, their indexes and the repository's objects are as before.
Refuses: to leave out a worktree or a pair it has no answer for; they are named in `unknown`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

from gitcoord.conflicts.cache import Cache
from gitcoord.conflicts.clashes import list_clashes, list_direct
from gitcoord.conflicts.deltas import PairOf
from gitcoord.conflicts.engine import Comparison, Engine, compare, prepare
from gitcoord.conflicts.explain import explain_all, name_before
from gitcoord.conflicts.merging import merge_all
from gitcoord.conflicts.remembering import remember
from gitcoord.conflicts.sample import Subject, sample_all
from gitcoord.conflicts.scan import CONFLICT, Clash, Scan, Seen, Stale, Unknown
from gitcoord.conflicts.semantic.clashes import list_semantic
from gitcoord.conflicts.verify import Verified, verify_pairs
from gitcoord.errors import NoSuch
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from gitcoord.worktrees.worktree import View, view_worktrees

MAIN_ID = "main"


@dataclass(frozen=True)
class Target:
    """name: as the user knows it. id: its commit."""

    name: str
    id: str


@dataclass(frozen=True)
class Asked:
    """What a scan is to look at: see `scan`."""

    ids: Sequence[str] = ()
    against: str = ""
    path: str = ""
    committed_only: bool = False
    direct: bool = False


@dataclass
class Radar:
    """Scans again and again over one quarantine. repo: where names are the user's, home: the
    same from its common dir, so that answers do not depend on who asks. sampled: the worktrees
    as last seen."""

    repo: Repository
    home: Repository
    aside: Repository
    cache: Cache
    asked: Asked
    sampled: dict[Path, Seen] = field(default_factory=dict)

    def look(self, changed: Container[Path] | None = None) -> Scan:
        """A scan. changed: tops of worktrees in which something happened; None is all.

        Raises NoSuch for a target or an id that is none.
        """
        asked = self.asked
        view = view_worktrees(self.home)
        subjects = list_subjects(view)
        wanted = {_find_id(view, subjects, part) for part in asked.ids}
        target = find_target(self.repo, view, asked.against)
        seen = self._sample(subjects, changed)
        seen = [one for one in seen if one.id != MAIN_ID or _main_matters(one, target)]
        known = [one for one in seen if not one.problem]
        engine = prepare(self.aside, target.id, self.cache)
        found = compare(engine, [one.tree for one in known])
        stale = _explain_stale(engine, known, found)
        if asked.direct:
            clashes, unanswered = list_direct(engine, known, wanted)
        else:
            clashes = list_clashes(engine, known, found, wanted)
            clashes += list_semantic(engine, known, found, wanted)
            unanswered = found.unknown
            if not asked.committed_only:
                remember(self.repo, engine, target.name, known, found)
        self.cache.save()
        unknown = [*_unsampled(seen), *_unanswered(known, found, unanswered)]
        stale = {
            one: [each for each in conflicts if not asked.path or _is_below(each.path, asked.path)]
            for one, conflicts in stale.items()
            if not wanted or one in wanted
        }
        worktrees = [replace(one, stale=tuple(stale.get(one.id, ()))) for one in seen]
        kept = [clash for clash in clashes if not asked.path or _is_within(clash, asked.path)]
        return Scan(target.name, target.id, tuple(worktrees), tuple(kept), tuple(unknown))

    def verify(
        self, found: Scan, command: str, *, timeout: float | None = None
    ) -> list[tuple[str, str, Verified]]:
        """Run a command on the merged tree of every pair of `found`, which `look` gave, that
        merges as text: (id, id, what came of it)."""
        # Landed anew: a cache knows the tree of a landing, not its objects.
        seen = [one for one in found.worktrees if not one.problem and not one.stale]
        landings = merge_all(self.aside, [(found.target_id, one.tree) for one in seen])
        landed = [
            (one.id, merged.tree)
            for one, merged in zip(seen, landings, strict=True)
            if merged is not None and merged.clean
        ]
        conflicts = {frozenset((one.a, one.b)) for one in found.pairs if one.grade == CONFLICT}
        wanted = [
            (one, other)
            for one, other in combinations(range(len(landed)), 2)
            if {landed[one][0], landed[other][0]} not in conflicts
        ]
        sides = {number: tree for number, (_, tree) in enumerate(landed)}
        answers = verify_pairs(self.aside, found.target_id, sides, wanted, command, timeout=timeout)
        return [
            (landed[one][0], landed[other][0], answer)
            for (one, other), answer in zip(wanted, answers, strict=True)
        ]

    def _sample(self, subjects: Sequence[Subject], changed: Container[Path] | None) -> list[Seen]:
        def is_as_seen(subject: Subject) -> bool:
            path, known = subject.linked.path, self.sampled.get(subject.linked.path)
            same = known is not None and known.head == subject.linked.head
            return same and changed is not None and path not in changed

        news = [subject for subject in subjects if not is_as_seen(subject)]
        others = [subject.linked.path for subject in subjects]
        fresh = sample_all(self.aside, news, others, committed_only=self.asked.committed_only)
        for subject, seen in zip(news, fresh, strict=True):
            self.sampled[subject.linked.path] = seen
        return [self.sampled[subject.linked.path] for subject in subjects]


@contextmanager
def open_radar(repo: Repository, asked: Asked) -> Iterator[Radar]:
    """A radar and its quarantine, which goes at the end."""
    home = repo.seen_from(repo.common_dir)
    cache = Cache.load(home)
    with quarantine(home) as aside:
        yield Radar(repo, home, aside, cache, asked)


def scan(
    repo: Repository,
    *,
    ids: Sequence[str] = (),
    against: str = "",
    path: str = "",
    committed_only: bool = False,
    direct: bool = False,
) -> Scan:
    """Every pair of live worktrees, and each with its target.

    ids: only pairs that one of these is part of. against: the target, else what most were cut
    from. path: only clashes at or below it. direct: the tips as they are, not as they would
    be after both took the target in. Raises NoSuch for a target or an id that is none.
    """
    with open_radar(repo, Asked(ids, against, path, committed_only, direct)) as radar:
        return radar.look()


def find_target(repo: Repository, view: View, against: str) -> Target:
    """What all are to land on: as asked, else the base most were cut from, else the main
    worktree's commit."""
    refs = Counter(str(one.base["ref"]) for one in view.mine if one.base.get("ref"))
    for name in [against] if against else [ref for ref, _ in refs.most_common()]:
        commit = repo.find_commit(name)
        if commit is not None:
            return Target(name.removeprefix("refs/heads/").removeprefix("refs/remotes/"), commit)
        if against:
            raise NoSuch(f"{against!r} is no commit", hint="see: git branch --all")
    main = view.main
    if main.head is None:
        raise NoSuch(
            "there is nothing to compare with: the main worktree has no commit",
            hint="name a target: gitcoord conflicts --against REF",
        )
    return Target(main.branch_name or main.head[:12], main.head)


def list_subjects(view: View) -> list[Subject]:
    """What can be sampled: our worktrees, and those others made."""
    ours = [Subject(one.id, one.task, one.linked) for one in view.mine if one.linked]
    others = [
        Subject(MAIN_ID if one.main else one.path.name, "", one)
        for one in view.others
        if not one.bare and one.prunable is None
    ]
    return [*ours, *others]


def _main_matters(seen: Seen, target: Target) -> bool:
    """The user's own worktree takes part when something in it is not in the target."""
    return seen.dirty or seen.head != target.id


def _find_id(view: View, subjects: Sequence[Subject], part: str) -> str:
    """One of ours by any part of its id, another by its name. Raises NoSuch."""
    if any(subject.id == part for subject in subjects):
        return part
    return view.find(part).id


def _unsampled(seen: Sequence[Seen]) -> list[Unknown]:
    return [Unknown(one.id, "", one.problem) for one in seen if one.problem]


def _unanswered(
    known: Sequence[Seen], found: Comparison, pairs: Iterable[PairOf]
) -> Iterator[Unknown]:
    for index in sorted(found.unmerged):
        yield Unknown(known[index].id, "", "git could not merge it with the target")
    for one, other in sorted(pairs):
        yield Unknown(known[one].id, known[other].id, "git gave no answer")


def _explain_stale(
    engine: Engine, known: Sequence[Seen], found: Comparison
) -> dict[str, list[Stale]]:
    indices = sorted(found.stale)
    pairs = [(engine.target, known[index].tree) for index in indices]
    answers = explain_all(engine.bench, pairs, engine.cache)
    return {
        known[index].id: list(
            dict.fromkeys(Stale(name_before(one.path), one.kind) for one in conflicts)
        )
        for index, conflicts in zip(indices, answers, strict=True)
    }


def _is_within(clash: Clash, path: str) -> bool:
    return any(_is_below(one, path) for one in (clash.path, clash.a_path, clash.b_path))


def _is_below(one: str, path: str) -> bool:
    folder = path.rstrip("/")
    return one == folder or one.startswith(f"{folder}/")
