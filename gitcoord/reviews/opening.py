"""What a review is to be opened of: a worktree or a branch, where it would land, its title.

Refuses: to guess between a branch and a worktree of other names, and a target that is no local
branch: there is nothing to land on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gitcoord.errors import BadInput, NoSuch
from gitcoord.git.history import Commit, list_commits
from gitcoord.git.refs import read_refs
from gitcoord.git.repository import Repository
from gitcoord.reviews.events import LONGEST_TITLE
from gitcoord.reviews.review import Review, open_review, plan_review, short
from gitcoord.worktrees.worktree import View, Worktree, view_worktrees

_HEADS = "refs/heads/"
_USUAL = ("main", "master", "trunk", "develop")
_TRAILER = re.compile(r"^Gitcoord-([A-Za-z]{1,20}): (.{1,400})$", re.MULTILINE)
_MOST_COMMITS = 500


@dataclass(frozen=True)
class Opening:
    """branch, target: full refs. about: worktree, run, task, agent, model, as far as known."""

    branch: str
    target: str
    title: str
    body: str
    head: str
    base: str
    tree: str
    commits: int
    about: Mapping[str, str] = field(default_factory=dict)


def plan_opening(
    repo: Repository,
    part: str,
    *,
    folder: Path,
    into: str = "",
    title: str = "",
    body: str = "",
) -> Opening:
    """What `open_planned` will open, changing nothing.

    part: part of a worktree's id, or a branch; "" for what is checked out in `folder`. into: a
    branch; "" for the one it was cut from. Raises what `review.open_review` raises.
    """
    view = view_worktrees(repo)
    worktree, branch = _subject(repo, view, part, folder)
    target = _target(repo, view, worktree, branch, into)
    head, base, tree = plan_review(repo, branch=branch, target=target)
    commits = list(
        list_commits(
            repo, head, *([f"^{base}"] if base else []), limit=_MOST_COMMITS, with_paths=False
        )
    )
    said = title or (worktree.task if worktree else "") or _title(commits) or short(branch)
    about = {"worktree": worktree.id} if worktree else {}
    return Opening(
        branch, target, " ".join(said.split())[:LONGEST_TITLE],
        body or (commits[0].body if len(commits) == 1 and not worktree else ""),
        head, base, tree, len(commits), {**about, **_trailers(commits)},
    )  # fmt: skip


def open_planned(repo: Repository, opening: Opening, *, by: str) -> Review:
    """Open it. The branch may have moved since: it is looked at again."""
    return open_review(
        repo, branch=opening.branch, target=opening.target, title=opening.title,
        body=opening.body, by=by, about=opening.about,
    )  # fmt: skip


def _subject(repo: Repository, view: View, part: str, folder: Path) -> tuple[Worktree | None, str]:
    """The worktree, if it is one of ours, and the branch."""
    if not part or part in (".", "..") or ("/" in part and (folder / part).is_dir()):
        return _standing_in(view, (folder / part).resolve())
    branches = read_refs(repo, _branch(part)) if _may_be_ref(part) else {}
    by_id = {one.id: one for one in view.mine}
    if _branch(part) in branches and part not in by_id:
        return _of_branch(view, _branch(part)), _branch(part)
    try:
        worktree = view.find(part)
    except NoSuch as problem:
        raise NoSuch(
            f"{part[:60]!r} is neither a worktree of ours nor a branch",
            hint="see: gitcoord list && git branch",
        ) from problem
    return worktree, _branch_of(worktree)


def _standing_in(view: View, folder: Path) -> tuple[Worktree | None, str]:
    around = [one for one in view.listed if folder.is_relative_to(one.path.resolve())]
    linked = max(around, key=lambda one: len(one.path.parts), default=None)
    if linked is None or linked.branch is None:
        raise BadInput(
            "no branch is checked out here, so nobody knows what to review",
            hint="name a worktree or a branch: gitcoord review open ID",
        )
    return _of_branch(view, linked.branch), linked.branch


def _of_branch(view: View, ref: str) -> Worktree | None:
    return next((one for one in view.mine if one.branch and _HEADS + one.branch == ref), None)


def _branch_of(worktree: Worktree) -> str:
    """Its own branch, also while another commit is checked out there."""
    branch = worktree.record.body.get("branch") or worktree.branch
    if not branch:
        raise BadInput(
            f"{worktree.id} is on no branch, so there is nothing to review",
            hint=f"make one: git -C '{worktree.path}' switch -c NAME",
        )
    return f"{_HEADS}{branch}"


def _target(repo: Repository, view: View, worktree: Worktree | None, branch: str, into: str) -> str:
    if into:
        return _named_target(repo, into)
    base = str(worktree.base.get("ref", "")) if worktree else ""
    guesses = [_local(repo, base), *(_HEADS + name for name in _USUAL)]
    guesses += [view.main.branch or ""]
    asked = [ref for ref in guesses if ref]
    there = read_refs(repo, *asked)
    found = next((ref for ref in asked if ref in there), None)
    if found is None:
        raise BadInput(
            f"nobody knows where {short(branch)} is to land",
            hint="say it: gitcoord review open --into BRANCH",
        )
    return found


def _local(repo: Repository, ref: str) -> str:
    """The branch of this repository that a base means, "" when it is none."""
    if not ref.startswith("refs/remotes/"):
        return ref if ref.startswith(_HEADS) else ""
    name = ref.split("/", 3)[-1]
    if name == "HEAD":
        said = repo.run("symbolic-ref", "-q", ref, ok=(0, 1, 128)).text
        name = said.split("/", 3)[-1]
    return _HEADS + name if name else ""


def _named_target(repo: Repository, name: str) -> str:
    ref = _branch(name)
    if _may_be_ref(name) and ref in read_refs(repo, ref):
        return ref
    remote = f"refs/remotes/{name}"
    if _may_be_ref(name) and remote in read_refs(repo, remote):
        own = name.partition("/")[2]
        raise NoSuch(
            f"{name} is a remote's branch: work lands on one of this repository",
            hint=f"make one: git branch {own} {name}",
        )
    raise NoSuch(f"there is no branch {name[:60]!r} to land on", hint="see: git branch")


def _branch(name: str) -> str:
    return name if name.startswith(_HEADS) else f"{_HEADS}{name}"


def _may_be_ref(name: str) -> bool:
    """Whether it can be asked for: `for-each-ref` takes patterns."""
    return bool(name) and not any(char in name for char in "*?[\\\0\n")


def _title(commits: Sequence[Commit]) -> str:
    """The subject of the first commit that is somebody's work, not the start of ours."""
    said = [one.subject for one in reversed(commits) if not one.subject.startswith("Start ")]
    return next(iter(said), "")


def _trailers(commits: Sequence[Commit]) -> dict[str, str]:
    """Of the newest commit that names a run: run, task, agent (its role) and model."""
    for commit in commits:
        said = {name.lower(): value.strip() for name, value in _TRAILER.findall(commit.body)}
        if "run" in said:
            names = {"run": "run", "task": "task", "role": "agent", "model": "model"}
            return {ours: said[name][:200] for name, ours in names.items() if name in said}
    return {}
