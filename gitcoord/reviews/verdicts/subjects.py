"""What is validated: a worktree's branch, a branch or a commit, and what it is compared with."""

from __future__ import annotations

from gitcoord.errors import NoSuch
from gitcoord.git.repository import Repository
from gitcoord.reviews.verdicts.verdict import Subject
from gitcoord.worktrees.worktree import View, Worktree, view_worktrees

_FORMAT = "--format=%H%n%T%n%P"


def subject_of(repo: Repository, name: str, *, base: str = "") -> Subject:
    """What a worktree's id or a part of it, a branch or a revision means; "" is what is checked
    out here.

    base: compared with where it parted from this; where none is given, from what the worktree
    was cut from, or the main worktree's HEAD. A commit that lies in that already is compared
    with its first parent. Raises NoSuch.
    """
    view = view_worktrees(repo)
    mine = _worktree(repo, view, name)
    wanted = _head_of(mine) if mine else name or "HEAD"
    commit, tree, parent = _parts(repo, wanted)
    onto = repo.commit(base) if base else _default_base(repo, view, mine)
    parted = repo.run("merge-base", commit, onto, ok=(0, 1)).text if onto else ""
    compared = parted if parted not in ("", commit) else parent
    branch = _branch(repo, view, mine, name)
    return Subject(commit, tree, compared, mine.id if mine else "", branch)


def _worktree(repo: Repository, view: View, name: str) -> Worktree | None:
    """The worktree that is meant: a revision of that name comes before a part of an id."""
    for one in view.mine:
        if (name and name in (one.id, one.branch)) or (not name and one.path == repo.top):
            return one
    if not name or repo.find_commit(name):
        return None
    try:
        return view.find(name)
    except NoSuch as problem:
        raise NoSuch(
            f"{name[:60]!r} is neither a worktree nor a commit here: {problem.message}",
            hint=problem.hint,
        ) from problem


def _head_of(mine: Worktree) -> str:
    if mine.branch:
        return f"refs/heads/{mine.branch}"
    return (mine.linked.head if mine.linked else None) or "HEAD"


def _parts(repo: Repository, name: str) -> tuple[str, str, str]:
    """(commit, tree, first parent or ""). Raises NoSuch."""
    if name.startswith(("-", "^")) or "\0" in name:
        repo.commit(name)
    words = ("log", "-1", "--no-show-signature", "--no-color", _FORMAT, name, "--")
    asked = repo.run(*words, ok=(0, 128))
    if asked.code or not asked.out:
        repo.commit(name)
    said, tree, parents = (*asked.lines(), "", "")[:3]
    return said, tree, parents.partition(" ")[0]


def _default_base(repo: Repository, view: View, mine: Worktree | None) -> str:
    if mine is None:
        return view.main.head or ""
    ref, then = str(mine.base.get("ref", "")), str(mine.base.get("id", ""))
    return (repo.find_commit(ref) if ref else None) or repo.find_commit(then) or ""


def _branch(repo: Repository, view: View, mine: Worktree | None, name: str) -> str:
    """The full name of the branch meant, "" where it is none."""
    if mine:
        return f"refs/heads/{mine.branch}" if mine.branch else ""
    if not name:
        return next((one.branch or "" for one in view.listed if one.path == repo.top), "")
    asked = repo.run("rev-parse", "--quiet", "--symbolic-full-name", name, ok=(0, 128))
    return asked.text if asked.text.startswith("refs/heads/") else ""


def branch_here(repo: Repository) -> str:
    """The full name of the branch checked out here, "" when HEAD is detached."""
    return repo.run("symbolic-ref", "--quiet", "HEAD", ok=(0, 1)).text
