"""Everything that can be out of step between records, git and the disk, and its mend.

Promises: looking changes nothing; a mend deletes nothing that could be somebody's work.
Refuses: to mend what a newer gitcoord wrote, and to guess where facts do not decide.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import Problem
from gitcoord.git.refs import Change, change_refs, find_ref, read_refs
from gitcoord.git.repository import Repository
from gitcoord.git.scratch import list_leftovers, remove_leftovers
from gitcoord.git.worktrees import git_dir_of, unlock_worktree
from gitcoord.process import is_held
from gitcoord.state.store import Store
from gitcoord.worktrees import parking, recovery
from gitcoord.worktrees.removal import delete_folder
from gitcoord.worktrees.settle import find_unfinished, settle
from gitcoord.worktrees.start import LOCK
from gitcoord.worktrees.trash import list_trash
from gitcoord.worktrees.worktree import LIVE, View, Worktree, read_mark, view_worktrees, write_mark

# A lock git holds for longer than this was left by a process that died.
_STALE_SECONDS = 600
_EXPECTED_REFS = (
    "claims", "checkpoints", "decisions", "findings", "journal", "learnings", "memory",
    "messages", "parked", "reviews", "runs", "tasks", "trash", "worktrees",
)  # fmt: skip


@dataclass(frozen=True)
class Ailment:
    """One thing out of step. kind: a stable word. mend: None when a person must decide.

    advice: the command for that person, or what the mend will do.
    """

    kind: str
    subject: str
    what: str
    advice: str
    mend: Callable[[], object] | None = None


def examine(repo: Repository, *, trash_days: float) -> list[Ailment]:
    """All that is out of step, what unfinished work left first."""
    view = view_worktrees(repo)
    return [
        *_unfinished(repo, view),
        *_unreadable(view),
        *_flipped_settings(repo, view),
        *_moved_or_gone(repo, view),
        *_unmarked(view),
        *_stale_locks(repo, view),
        *_leftovers(repo, view),
        *_ownerless_refs(repo, view),
        *_trash(repo, trash_days),
    ]


def mend(ailments: list[Ailment]) -> list[tuple[Ailment, str]]:
    """Mend what can be mended. Returns each with what came of it: "" or why not."""
    outcome = []
    for ailment in ailments:
        if ailment.mend is None:
            outcome.append((ailment, "needs you"))
            continue
        try:
            ailment.mend()
            outcome.append((ailment, ""))
        except Problem as problem:
            outcome.append((ailment, problem.message))
    return outcome


def _unfinished(repo: Repository, view: View) -> Iterator[Ailment]:
    for one in find_unfinished(repo, view):
        yield Ailment(
            "unfinished", one.id, f"was {one.state} when its process died",
            "complete it or take it back", lambda: settle(repo),
        )  # fmt: skip


def _unreadable(view: View) -> Iterator[Ailment]:
    for problem in view.bad:
        yield Ailment("unreadable", "record", problem.message, problem.hint)


def _flipped_settings(repo: Repository, view: View) -> Iterator[Ailment]:
    """`git init` with GIT_DIR set, or an agent, makes a repository with files call itself bare."""
    main = view.main
    files = repo.common_dir.parent
    has_files = repo.common_dir.name == ".git" and (repo.common_dir / "index").exists()
    if main.bare and has_files:
        yield Ailment(
            "core.bare", str(files), "the repository has files but calls itself bare",
            "set core.bare to false",
            lambda: repo.run("config", "--local", "core.bare", "false", at=repo.common_dir),
        )  # fmt: skip
    wrong = repo.run("config", "--local", "--get", "core.worktree", ok=(0, 1), at=repo.common_dir)
    if wrong.out and repo.common_dir.name == ".git" and not Path(wrong.text).is_dir():
        yield Ailment(
            "core.worktree", wrong.text, "the shared configuration points at a folder that is gone",
            "git config --local --unset core.worktree",
        )  # fmt: skip


def _moved_or_gone(repo: Repository, view: View) -> Iterator[Ailment]:
    for one in view.mine:
        if one.state != "missing":
            continue
        moved = _find_moved(one)
        if moved is not None:
            yield Ailment(
                "moved", one.id, f"its folder is now {moved}", "tell git where it is",
                lambda one=one, moved=moved: _repair(repo, one, moved),  # type: ignore[misc]
            )  # fmt: skip
        elif one.linked is not None:
            yield Ailment(
                "missing", one.id, f"its folder {one.path} is gone (or on a disk that is not here)",
                f"if it is gone for good: gitcoord remove {one.id}",
            )  # fmt: skip
        else:
            yield _without_worktree(repo, one)


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


def _find_moved(one: Worktree) -> Path | None:
    """A folder near the old place whose `.git` leads to this worktree's git dir."""
    if one.admin is None:
        return None
    above = [folder for folder in (one.path.parent, one.path.parent.parent) if folder.is_dir()]
    for folder in above:
        for candidate in sorted(folder.iterdir()):
            if (candidate / ".git").is_file() and git_dir_of(candidate) == one.admin:
                return candidate
    return None


def _repair(repo: Repository, one: Worktree, moved: Path) -> None:
    repo.run("worktree", "repair", str(moved), at=repo.common_dir)
    body = {**one.record.body, "path": str(moved)}
    with Store(repo).transaction("doctor: moved") as change:
        change.put(one.record, body)


def _unmarked(view: View) -> Iterator[Ailment]:
    for one in view.mine:
        if one.admin is not None and one.state == LIVE and read_mark(one.admin) != one.id:
            yield Ailment(
                "unmarked", one.id, "its git dir does not name its record", "write the name",
                lambda one=one: write_mark(one.admin, one.id),  # type: ignore[misc]
            )  # fmt: skip


def _stale_locks(repo: Repository, view: View) -> Iterator[Ailment]:
    for linked in view.others:
        if linked.locked == LOCK:
            yield Ailment(
                "locked", str(linked.path), "it is locked by a start that nobody finishes",
                "take the lock off", lambda path=linked.path: unlock_worktree(repo, path),  # type: ignore[misc]
            )  # fmt: skip
    for one in view.mine:
        if one.state == LIVE and one.linked and one.linked.locked == LOCK:
            yield Ailment(
                "locked", one.id, "it is still locked by its start", "take the lock off",
                lambda path=one.path: unlock_worktree(repo, path),  # type: ignore[misc]
            )  # fmt: skip
    dirs = [repo.common_dir, *(one.admin for one in view.mine if one.admin)]
    for folder in dirs:
        for name in ("index.lock", "HEAD.lock", "config.lock"):
            age = _age(folder / name)
            if age is not None and age > _STALE_SECONDS:
                yield Ailment(
                    "git lock", str(folder / name), f"has been there for {age / 60:.0f} minutes",
                    f"if no git is at work: rm '{folder / name}'",
                )  # fmt: skip


def _leftovers(repo: Repository, view: View) -> Iterator[Ailment]:
    """Folders renamed for a removal that ended, half-made git dirs, scratch worktrees."""
    live = {one.id for one in view.mine}
    for trashed in list_trash(repo, bad=[]):
        limbo = trashed.path.parent / f".{trashed.path.name}.{trashed.id}.removing"
        if trashed.id not in live and limbo.is_dir() and not is_held(repo.own_dir, trashed.id):
            yield Ailment(
                "half-removed", str(limbo), "its removal ended before the folder was deleted",
                "delete it; the trash has what it held",
                lambda limbo=limbo: delete_folder(limbo),  # type: ignore[misc]
            )  # fmt: skip
    for admin in sorted((repo.common_dir / "worktrees").glob("*")):
        age = _age(admin)
        if not (admin / "gitdir").exists() and _is_ours(admin) and age is not None and age > 5:
            yield Ailment(
                "half-made", str(admin), "git died before it made this worktree",
                "delete its empty git dir",
                lambda admin=admin: delete_folder(admin),  # type: ignore[misc]
            )  # fmt: skip
    leftovers = list_leftovers(repo)
    if leftovers:
        yield Ailment(
            "scratch", f"{len(leftovers)} folder(s)", "scratch worktrees of a process that died",
            "delete them", lambda: remove_leftovers(repo),
        )  # fmt: skip


def _is_ours(admin: Path) -> bool:
    """Locked by our start, or so young a death that git had written nothing at all."""
    with suppress(OSError):
        return (admin / "locked").read_text().startswith(LOCK)
    return not any(admin.iterdir())


def _ownerless_refs(repo: Repository, view: View) -> Iterator[Ailment]:
    refs = read_refs(repo, "refs/agentcoord/")
    ids = {one.id for one in view.mine}
    trash = {ref.removeprefix(recovery.PREFIX) for ref in refs if ref.startswith(recovery.PREFIX)}
    for ref, value in refs.items():
        kind = ref.split("/")[2]
        if kind not in _EXPECTED_REFS:
            yield Ailment(
                "unknown ref", ref, "no part of this gitcoord knows it",
                f"if nothing else does: git update-ref -d {ref} {value}",
            )  # fmt: skip
        owner = ref.removeprefix(parking.PREFIX).split("/")[0]
        if ref.startswith(parking.PREFIX) and owner not in ids | trash:
            saved = f"{recovery.PREFIX}{owner}-parked-{ref.rpartition('/')[2]}"
            yield Ailment(
                "ownerless", ref, "parked work of a worktree that is gone", "move it to the trash",
                lambda ref=ref, value=value, saved=saved: change_refs(  # type: ignore[misc]
                    repo, [Change(ref, value, None), Change(saved, None, value)]
                ),
            )  # fmt: skip
    for one in ids & trash:
        state = next(worktree.state for worktree in view.mine if worktree.id == one)
        if state == LIVE and not is_held(repo.own_dir, one):
            yield Ailment(
                "ownerless", recovery.PREFIX + one, "a recovery copy of a worktree that is there",
                f"if it is superfluous: gitcoord trash empty {one}",
            )  # fmt: skip


def _trash(repo: Repository, days: float) -> Iterator[Ailment]:
    bad: list[Problem] = []
    old = [one for one in list_trash(repo, bad) if one.older_than(days)]
    for problem in bad:
        yield Ailment("unreadable", "trash", problem.message, problem.hint)
    if old:
        yield Ailment(
            "old trash", f"{len(old)} worktree(s)", f"removed more than {days:g} days ago",
            "gitcoord trash empty",
        )  # fmt: skip


def _age(file: Path) -> float | None:
    """Seconds since it was written; never negative, clocks jump."""
    import time

    try:
        return max(0.0, time.time() - os.stat(file, follow_symlinks=False).st_mtime)  # noqa: PTH116
    except OSError:
        return None
