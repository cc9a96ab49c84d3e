"""One scan: all worktrees sampled, compared, and every clash explained.

Promises: the user's worktrees, their indexes and the repository's objects are as before.
Refuses: to leave out a worktree or a pair it has no answer for; they are named in `unknown`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from gitcoord.conflicts.answers import find_answer, keep_answer, key_of
from gitcoord.conflicts.cache import Cache, context_of
from gitcoord.conflicts.edits import same_edits, touch_edits
from gitcoord.conflicts.sample import Subject, sample_all
from gitcoord.conflicts.scan import CONFLICT, Asked, Scan, Seen, Target
from gitcoord.errors import NoSuch
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import Linked
from gitcoord.worktrees.worktree import MISSING, View, Worktree, view_worktrees

if TYPE_CHECKING:
    from gitcoord.conflicts.recall import Engine
    from gitcoord.conflicts.verify import Verified

MAIN_ID = "main"


@dataclass
class Radar:
    """Scans again and again over one quarantine. repo: where names are the user's, home: the
    same from its common dir, so that answers do not depend on who asks. sampled: the worktrees
    as last seen. engines: by target."""

    repo: Repository
    home: Repository
    aside: Repository
    asked: Asked
    sampled: dict[tuple[str, Path], Seen] = field(default_factory=dict)
    engines: dict[str, Engine] = field(default_factory=dict)

    @cached_property
    def cache(self) -> Cache:
        """What is known already; read when an answer is not known as a whole."""
        return Cache.load(self.home, self.context)

    @cached_property
    def context(self) -> str:
        return context_of(self.home)

    def engine(self, target_id: str) -> Engine:
        from gitcoord.conflicts.recall import prepare

        if target_id not in self.engines:
            self.engines[target_id] = prepare(self.aside, target_id, self.cache)
        return self.engines[target_id]

    def look(
        self,
        changed: Container[Path] | None = None,
        *,
        view: View | None = None,
        target: Target | None = None,
    ) -> Scan:
        """A scan. changed: tops of worktrees in which something happened; None is all. view,
        target: all worktrees as they are now and what they are to land on, where that was
        found out already.

        Raises NoSuch for a target or an id that is none.
        """
        asked = self.asked
        view = view or view_worktrees(self.home)
        subjects = list_subjects(view)
        wanted = {_find_id(view, subjects, part) for part in asked.ids}
        target = target or find_target(self.repo, view, asked.against)
        seen = self._sample(subjects, changed)
        seen = [one for one in seen if one.id != MAIN_ID or _main_matters(one, target)]
        return self._answer(seen, target, wanted)

    def _answer(self, seen: Sequence[Seen], target: Target, wanted: set[str]) -> Scan:
        """As it was worked out before, while nothing moved."""
        asked, own_dir = self.asked, self.repo.own_dir
        how = (asked.path, asked.committed_only, asked.direct, asked.text_only)
        key = key_of(self.context, (target.name, target.id, sorted(wanted), *how), seen)
        remembers = not (asked.committed_only or asked.direct)
        known = find_answer(own_dir, key, seen, (target.name, target.id))
        if known and (not remembers or touch_edits(own_dir, known[1])):
            return known[0]

        from gitcoord.conflicts.comparing import work_out
        from gitcoord.conflicts.remembering import remember

        answer = work_out(self.engine(target.id), target, asked, seen, wanted)
        if remembers:
            remember(self.repo, self.engine(target.id), target.name, answer.known, answer.found)
        self.cache.save()
        if answer.complete:
            keep_answer(own_dir, key, answer.scan, same_edits(own_dir) if remembers else "")
        return answer.scan

    def verify(
        self, found: Scan, command: str, *, timeout: float | None = None
    ) -> list[tuple[str, str, Verified]]:
        """Run a command on the merged tree of every pair of `found`, which `look` gave, that
        merges as text: (id, id, what came of it)."""
        from gitcoord.conflicts.merging import merge_all
        from gitcoord.conflicts.verify import verify_pairs

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
        def place(subject: Subject) -> tuple[str, Path]:
            return subject.id, subject.linked.path  # a vanished one's may be another's by now

        def is_as_seen(subject: Subject) -> bool:
            path, known = subject.linked.path, self.sampled.get(place(subject))
            same = known is not None and known.head == subject.linked.head
            return same and changed is not None and path not in changed

        news = [subject for subject in subjects if not is_as_seen(subject)]
        others = [subject.linked.path for subject in subjects]
        fresh = sample_all(self.aside, news, others, committed_only=self.asked.committed_only)
        for subject, seen in zip(news, fresh, strict=True):
            self.sampled[place(subject)] = seen
        return [self.sampled[place(subject)] for subject in subjects]


@contextmanager
def open_radar(
    repo: Repository, asked: Asked, *, home: Repository | None = None
) -> Iterator[Radar]:
    """A radar and its quarantine, which goes at the end. home: `repo` seen from its common dir,
    where that has been asked already."""
    home = home or repo.seen_from(repo.common_dir)
    with quarantine(home) as aside:
        yield Radar(repo, home, aside, asked)


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
            return name_target(name, commit)
        if against:
            raise NoSuch(f"{against!r} is no commit", hint="see: git branch --all")
    main = view.main
    if main.head is None:
        raise NoSuch(
            "there is nothing to compare with: the main worktree has no commit",
            hint="name a target: gitcoord conflicts --against REF",
        )
    return Target(main.branch_name or main.head[:12], main.head)


def name_target(name: str, commit: str) -> Target:
    """A target as it is told: by its name without what all branches have in common."""
    return Target(name.removeprefix("refs/heads/").removeprefix("refs/remotes/"), commit)


def list_subjects(view: View) -> list[Subject]:
    """What is to be sampled: our worktrees and those others made, vanished ones too."""
    ours = [
        Subject(one.id, one.task, one.linked or _unlisted(one)) for one in view.mine
        if one.linked or one.state == MISSING
    ]  # fmt: skip
    others = [
        Subject(MAIN_ID if one.main else one.path.name, "", one)
        for one in view.others
        if not one.bare
    ]
    return [*ours, *others]


def _unlisted(one: Worktree) -> Linked:
    """As git would list what was pruned."""
    gone = "its folder is not there, and git lists it no more; see: gitcoord doctor"
    return Linked(one.path, None, None, False, False, None, gone)


def _main_matters(seen: Seen, target: Target) -> bool:
    """The user's own worktree takes part when something in it is not in the target."""
    return seen.dirty or seen.head != target.id


def _find_id(view: View, subjects: Sequence[Subject], part: str) -> str:
    """One of ours by any part of its id, another by its name. Raises NoSuch."""
    if any(subject.id == part for subject in subjects):
        return part
    return view.find(part).id
