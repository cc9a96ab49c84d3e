"""One worktree: its record joined with what git says.

The mark in the worktree's git dir ties the two together.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitcoord.errors import NoSuch, Problem
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import Linked, admin_dirs, list_worktrees
from gitcoord.records import match_id
from gitcoord.state.store import NAMESPACE, Record, Store
from gitcoord.worktrees.mark import read_mark as read_mark
from gitcoord.worktrees.mark import write_mark as write_mark

KIND = "worktrees"
LOCK = "gitcoord: being made"

MAKING, LIVE, REMOVING, RESTORING = "making", "live", "removing", "restoring"
MISSING = "missing"


@dataclass(frozen=True)
class Worktree:
    """record: what was intended. linked: what git lists, None when git knows of none.

    admin: the worktree's own git dir, None when git has none.
    """

    record: Record
    linked: Linked | None
    admin: Path | None

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def kind(self) -> str:
        return str(self.record.body.get("kind", ""))

    @property
    def task(self) -> str:
        return str(self.record.body.get("task", ""))

    @property
    def path(self) -> Path:
        """Where it is by git, else where it was made."""
        return self.linked.path if self.linked else Path(self.record.body["path"])

    @property
    def branch(self) -> str | None:
        """The branch checked out now; where git has no worktree, the one it was made with."""
        if self.linked:
            return self.linked.branch_name
        return self.record.body.get("branch") or None

    @property
    def base(self) -> Mapping[str, Any]:
        """`name` as the user knows it, full `ref` or "", and the commit `id` it was then."""
        base: Mapping[str, Any] = self.record.body.get("base", {})
        return base

    @property
    def folder(self) -> str:
        """Where its agents write, relative to the top of the worktree."""
        return f".agentcoord/{self.id}"

    @property
    def state(self) -> str:
        """making, live, removing or restoring by the record; missing when the folder is gone."""
        state = str(self.record.body.get("state", LIVE))
        gone = self.linked is None or self.linked.prunable is not None
        return MISSING if state == LIVE and (gone or not self.path.is_dir()) else state


@dataclass(frozen=True)
class Unreadable:
    """A worktree of ours whose record says what this gitcoord cannot read.

    path: where git has it by its mark, None where git has none with that mark.
    """

    id: str
    path: Path | None
    problem: Problem


@dataclass(frozen=True)
class View:
    """All worktrees of a repository at one moment.

    mine: with a record, oldest first. others: linked worktrees without one that can be read,
    and the main. bad: records that could not be read. listed: git's own list. unreadable:
    what is ours by its ref, though its record is among `bad`.
    """

    mine: tuple[Worktree, ...]
    others: tuple[Linked, ...]
    bad: tuple[Problem, ...]
    listed: tuple[Linked, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def main(self) -> Linked:
        return next(linked for linked in self.others if linked.main)

    @property
    def adoptable(self) -> list[Linked]:
        """Worktrees that others made, and that are there."""
        ours = {one.path for one in self.unreadable}
        there = (one for one in self.others if not one.main and one.prunable is None)
        return [one for one in there if one.path not in ours]

    def find(self, part: str) -> Worktree:
        """By id, any unambiguous part of it, or its folder.

        Raises NoSuch, or what is wrong with its record.
        """
        by_id = {worktree.id: worktree for worktree in self.mine}
        bad = {one.id: one.problem for one in self.unreadable}
        if part not in by_id and ("/" in part or part in (".", "..")):
            return self._at(Path(part).absolute())
        if not by_id and not bad:
            raise NoSuch(
                f"no worktree {part!r}: there are none yet",
                hint='start one with: gitcoord start investigation "…"',
            )
        found = match_id(part, [*by_id, *bad])
        if found in bad:
            raise bad[found]
        return by_id[found]

    def _at(self, path: Path) -> Worktree:
        here = path.resolve()
        around = [one for one in self.mine if here.is_relative_to(one.path.resolve())]
        if around:
            return max(around, key=lambda one: len(one.path.parts))
        for one in self.unreadable:
            if one.path is not None and here.is_relative_to(one.path.resolve()):
                raise one.problem
        raise self._nothing_at(path, here)

    def _nothing_at(self, path: Path, here: Path) -> NoSuch:
        """Whose it is instead: of nested ones the innermost."""
        around = [one for one in self.others if here.is_relative_to(one.path.resolve())]
        whose = max(around, key=lambda one: len(one.path.parts), default=None)
        said, hint = f"no worktree of ours at {path}", "list them with: gitcoord list"
        if whose is not None and whose.main and not whose.bare:
            said += ": the main worktree is yours, and stays so"
        elif whose is not None and not whose.main:
            said += ": others made it"
            hint = f"make it ours first: gitcoord adopt {shlex.quote(str(whose.path))}"
        return NoSuch(said, hint=hint)


def view_worktrees(repo: Repository, *, listed: Sequence[Linked] | None = None) -> View:
    """Records and git's list, joined. Three git processes, whatever their number."""
    bad: list[Problem] = []
    records = Store(repo).all(KIND, bad=bad)
    linked = list(listed) if listed is not None else list_worktrees(repo)
    admins = admin_dirs(repo)
    marks = {path: read_mark(admin) for path, admin in admins.items()}
    by_path = {one.path: one for one in linked if not one.main}
    mine = [_join(record, by_path, admins, marks) for record in records]
    taken = {one.linked.path for one in mine if one.linked}
    others = tuple(one for one in linked if one.path not in taken)
    mine.sort(key=lambda one: (str(one.record.body.get("created", "")), one.id))
    unreadable = tuple(_unreadable(bad, by_path, marks))
    return View(tuple(mine), others, tuple(bad), tuple(linked), unreadable)


def lock_of(worktree_id: str) -> str:
    """The reason a worktree is locked with while it is made: git writes it first of all."""
    return f"{LOCK} ({worktree_id})"


def _unreadable(
    bad: Sequence[Problem], by_path: Mapping[Path, Linked], marks: Mapping[Path, str | None]
) -> Iterator[Unreadable]:
    for problem in bad:
        worktree_id = problem.about.removeprefix(f"{NAMESPACE}/{KIND}/")
        marked = (path for path, mark in marks.items() if mark == worktree_id)
        yield Unreadable(
            worktree_id, next((one for one in marked if one in by_path), None), problem
        )


def _join(
    record: Record,
    by_path: Mapping[Path, Linked],
    admins: Mapping[Path, Path],
    marks: Mapping[Path, str | None],
) -> Worktree:
    marked = next((path for path, mark in marks.items() if mark == record.id), None)
    made_at = Path(str(record.body.get("path", "")))
    # Killed between `worktree add` and the mark: the path it was made for says it.
    path = marked or (made_at if marks.get(made_at, record.id) in (None, record.id) else None)
    linked = by_path.get(path) if path else None
    if linked is None or not (marked or _may_be(record, linked)):
        return Worktree(record, None, None)
    return Worktree(record, linked, admins.get(linked.path))


def _may_be(record: Record, linked: Linked) -> bool:
    """At one place there may be another start's worktree, or one that others made there after
    ours was gone: only the lock or the branch tells whose it is."""
    branch = record.body.get("branch") or None
    return linked.locked == lock_of(record.id) or linked.branch_name == branch
