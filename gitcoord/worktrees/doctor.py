"""Everything that can be out of step between records, git and the disk, and its mend.

Promises: looking changes nothing; a mend deletes nothing that could be somebody's work.
Refuses: to mend what a newer gitcoord wrote, and to guess where facts do not decide.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from gitcoord.errors import Problem
from gitcoord.git.refs import find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import admin_dirs, git_dir_of, repair_worktree
from gitcoord.records import counted
from gitcoord.state.store import Store
from gitcoord.worktrees.adoption import adopt, plan_adoption
from gitcoord.worktrees.ailment import Ailment
from gitcoord.worktrees.aside import points_at
from gitcoord.worktrees.leftovers import find_leftovers
from gitcoord.worktrees.settle import find_unfinished, settle_one
from gitcoord.worktrees.trash import list_trash
from gitcoord.worktrees.worktree import (
    KIND,
    LIVE,
    View,
    Worktree,
    read_mark,
    view_worktrees,
    write_mark,
)

# A mend may bring something else to light: a dropped record leaves its parked work ownerless.
_ROUNDS = 3

Outcome = tuple[Ailment, str]


def examine(repo: Repository, *, trash_days: float) -> list[Ailment]:
    """All that is out of step, what unfinished work left first."""
    here = repo.top
    # Asked from inside `.git`: a flipped core.worktree leads git astray anywhere else.
    repo = Repository(None, repo.common_dir, repo.common_dir, repo.object_format)
    view = view_worktrees(repo)
    return [
        *_unfinished(repo, view),
        *_unreadable(view),
        *_flipped_settings(repo, view),
        *_moved_or_gone(repo, view, here),
        *_unmarked(view),
        *_without_record(repo, view),
        *find_leftovers(repo, view),
        *_trash(repo, trash_days),
    ]


def mend_all(repo: Repository, *, trash_days: float) -> list[Outcome]:
    """Mend what can be mended, until nothing more is found. Each ailment with what came of it:
    "" or why it is still there."""
    mended: list[Outcome] = []
    for _ in range(_ROUNDS):
        found = examine(repo, trash_days=trash_days)
        outcomes = mend(found)
        mended += [outcome for outcome in outcomes if not outcome[1]]
        if not any(not said for _, said in outcomes):
            return [*mended, *outcomes]
    return [*mended, *((one, "needs you") for one in examine(repo, trash_days=trash_days))]


def mend(ailments: Sequence[Ailment]) -> list[Outcome]:
    """Mend those that can be mended. Returns each with what came of it: "" or why not."""
    outcome = []
    for ailment in ailments:
        if ailment.mend is None:
            outcome.append((ailment, "needs you"))
            continue
        try:
            ailment.mend()
            outcome.append((ailment, ""))
        except (Problem, OSError) as problem:
            outcome.append((ailment, str(problem)))
    return outcome


def _unfinished(repo: Repository, view: View) -> Iterator[Ailment]:
    for one in find_unfinished(repo, view):
        yield Ailment(
            "unfinished", one.id, f"was {one.state} when its process died",
            "complete it or take it back",
            lambda one=one: settle_one(repo, one),  # type: ignore[misc]
        )  # fmt: skip


def _unreadable(view: View) -> Iterator[Ailment]:
    for problem in view.bad:
        yield Ailment("unreadable", "record", problem.message, problem.hint)


def _flipped_settings(repo: Repository, view: View) -> Iterator[Ailment]:
    """`git init` with GIT_DIR set, or an agent, makes a repository with files call itself bare."""
    has_files = repo.common_dir.name == ".git" and (repo.common_dir / "index").exists()
    if view.main.bare and has_files:
        yield Ailment(
            "core.bare", str(repo.common_dir.parent),
            "the repository has files but calls itself bare", "set core.bare to false",
            lambda: repo.run("config", "--local", "core.bare", "false", at=repo.common_dir),
        )  # fmt: skip
    # By its file: with the setting wrong, git opens nothing here.
    config = ("config", "--file", str(repo.common_dir / "config"))
    wrong = repo.run(*config, "--get", "core.worktree", ok=(0, 1), at=repo.common_dir)
    if wrong.out and repo.common_dir.name == ".git" and not _leads_back(repo, wrong.text):
        yield Ailment(
            "core.worktree", wrong.text, "the shared configuration points at another folder",
            f"if you did not set it: git config --file '{repo.common_dir / 'config'}' "
            "--unset core.worktree",
        )  # fmt: skip


def _leads_back(repo: Repository, worktree: str) -> bool:
    folder = repo.common_dir / worktree
    return folder.is_dir() and folder.resolve() == repo.common_dir.parent.resolve()


def _moved_or_gone(repo: Repository, view: View, here: Path | None) -> Iterator[Ailment]:
    for one in view.mine:
        if one.state == LIVE and not points_at(one.path, one.admin):
            yield _broken_link(repo, one)
        if one.state != "missing":
            continue
        moved = _find_moved(repo, one, here)
        if len(moved) == 1:
            yield Ailment(
                "moved", one.id, f"its folder is now {moved[0]}", "tell git where it is",
                lambda one=one, place=moved[0]: _repair(repo, one, place),  # type: ignore[misc]
            )  # fmt: skip
        elif moved:
            yield Ailment(
                "moved", one.id, f"its folder could be any of {', '.join(map(str, moved))}",
                f"say which: git worktree repair '{moved[0]}'",
            )  # fmt: skip
        elif one.linked is not None:
            yield Ailment(
                "missing", one.id, f"its folder {one.path} is gone (or on a disk that is not here)",
                f"look again from inside it: gitcoord -C DIR doctor --fix; if it is gone for good: "
                f"gitcoord remove --force {one.id}",
            )  # fmt: skip
        else:
            yield _without_worktree(repo, one)


def _broken_link(repo: Repository, one: Worktree) -> Ailment:
    """Git lists it there, and the `.git` there leads elsewhere: the repository was moved."""
    if one.admin is not None and _could_be(one.path, one.admin):
        return Ailment(
            "moved", one.id, "the repository was moved, and its worktree looks for it in vain",
            "have them find each other",
            lambda: _repair(repo, one, one.path),
        )  # fmt: skip
    return Ailment(
        "not ours", one.id, f"{one.path} holds something else now",
        f"move that away, or forget the worktree: git worktree prune && gitcoord remove {one.id}",
    )  # fmt: skip


def _without_worktree(repo: Repository, one: Worktree) -> Ailment:
    """git knows no such worktree any more. A branch that is left keeps its record's task."""
    branch = str(one.record.body.get("branch", ""))
    if branch and find_ref(repo, f"refs/heads/{branch}"):
        return Ailment(
            "removed elsewhere", one.id, "others removed its worktree; its branch is there",
            f"gitcoord remove {one.id}, or take it up again: git worktree add {one.path} {branch}",
        )  # fmt: skip
    return Ailment(
        "record without worktree", one.id, "neither its worktree nor its branch exist any more",
        "drop the record", lambda: Store(repo).remove(one.record),
    )  # fmt: skip


def _find_moved(repo: Repository, one: Worktree, here: Path | None) -> list[Path]:
    """Folders near its old place, near the repository, or where we stand, that look for this
    worktree's git dir: more than one when somebody copied it."""
    if one.admin is None:
        return []
    top = repo.common_dir.parent
    near = [one.path.parent, one.path.parent.parent, top, top.parent]
    near += [*top.parent.glob("*.worktrees"), top / ".worktrees"]
    folders = dict.fromkeys(folder for folder in near if folder.is_dir())
    candidates = dict.fromkeys(child for folder in folders for child in _children(folder))
    candidates |= {here: None} if here else {}
    return [child for child in candidates if _could_be(child, one.admin)]


def _children(folder: Path) -> list[Path]:
    with os.scandir(folder) as found:
        return sorted(Path(one.path) for one in found if one.is_dir(follow_symlinks=False))


def _could_be(folder: Path, admin: Path) -> bool:
    """Its `.git` leads to `admin`, or to where `admin` was before the repository was moved."""
    if not (folder / ".git").is_file():
        return False
    pointed = git_dir_of(folder)
    if pointed is None or points_at(folder, admin):
        return pointed is not None
    same_name = (pointed.parent.name, pointed.name) == ("worktrees", admin.name)
    return same_name and not pointed.exists()


def _repair(repo: Repository, one: Worktree, place: Path) -> None:
    repair_worktree(repo, place)
    body = {**one.record.body, "path": str(place)}
    with Store(repo).transaction("doctor: moved") as change:
        change.put(one.record, body)


def _unmarked(view: View) -> Iterator[Ailment]:
    for one in view.mine:
        if one.admin is not None and one.state == LIVE and read_mark(one.admin) != one.id:
            yield Ailment(
                "unmarked", one.id, "its git dir does not name its record", "write the name",
                lambda one=one: write_mark(one.admin, one.id),  # type: ignore[misc]
            )  # fmt: skip


def _without_record(repo: Repository, view: View) -> Iterator[Ailment]:
    """Worktrees that bear our mark, and whose record is gone."""
    admins, kept = admin_dirs(repo), set(Store(repo).ids(KIND))
    for linked in view.others:
        mark = read_mark(admins[linked.path]) if linked.path in admins else None
        if mark is not None and mark not in kept and linked.path.is_dir():
            yield Ailment(
                "worktree without record", str(linked.path), f"its record {mark} is gone",
                "write the record anew from its committed context",
                lambda path=linked.path: adopt(  # type: ignore[misc]
                    repo, plan_adoption(repo, view_worktrees(repo), path)
                ),
            )  # fmt: skip


def _trash(repo: Repository, days: float) -> Iterator[Ailment]:
    bad: list[Problem] = []
    old = [one for one in list_trash(repo, bad) if one.older_than(days)]
    for problem in bad:
        yield Ailment("unreadable", "trash", problem.message, problem.hint)
    if old:
        yield Ailment(
            "old trash", counted(len(old), "worktree"), f"removed more than {days:g} days ago",
            "gitcoord trash empty",
        )  # fmt: skip
