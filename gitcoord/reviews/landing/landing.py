"""A target moved to what was composed for it, and its checkout, if it has one, along with it.

    check_landing(repo, target, old, new)              ->  Where, or Refused in words
    land(repo, target, old, new, reason=…, also=…)     ->  None: it happened
    settle_landings(repo)                              ->  what dead landings left, put right

Promises: compare-and-swap, with other refs in one transaction; a checked-out target is moved only
if that touches nothing anybody changed there, and everything uncommitted stays as it is. While
files move, `index.lock` keeps the user's git out. After `kill -9` a landing is completed if its
refs had moved, and taken back if not.
Refuses: what is no local branch, a target in the middle of an operation, checked out twice, or in
a folder that is gone, files in the way (ignored ones too), and a move that drops commits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gitcoord.errors import BadInput, Contended, NoSuch, Problem, Refused
from gitcoord.git.objects import SUBMODULE
from gitcoord.git.refs import Change, change_refs, find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import (
    Linked,
    branch_before,
    find_operation,
    git_dir_of,
    list_worktrees,
)
from gitcoord.reviews.landing.checkout import (
    Asker,
    Checkout,
    Steps,
    copied_index,
    in_the_way,
    read_steps,
)
from gitcoord.reviews.landing.intent import catch_up, find_dead, move_along, settle_one
from gitcoord.reviews.landing.intent import settle_landings as settle_landings
from gitcoord.reviews.review import VERSIONS, Review
from gitcoord.worktrees.ailment import Ailment

_HEADS = "refs/heads/"


@dataclass(frozen=True)
class Where:
    """Where a landing happens.

    worktree: the folder its target is checked out in, None when it is not. admin: its git dir.
    steps: the paths that change there. submodules: those of which another commit is recorded.
    """

    worktree: Path | None = None
    admin: Path | None = None
    steps: Steps = field(default_factory=dict)

    @property
    def submodules(self) -> tuple[str, ...]:
        both = ((path, side) for path, step in self.steps.items() for side in step)
        return tuple(dict.fromkeys(path for path, side in both if side and side.mode == SUBMODULE))


def check_landing(repo: Repository, target: str, old: str, new: str) -> Where:
    """Where it would happen; nothing is changed.

    Raises NoSuch, BadInput for what is no local branch, Contended when it is not at `old`, and
    Refused with the way to do it when its checkout cannot be moved safely.
    """
    where = _find_place(repo, target, old, new)
    if where.worktree is not None and where.admin is not None:
        checkout = Checkout(where.worktree, where.admin)
        with copied_index(checkout) as copy:
            obstacles = in_the_way(Asker(repo, checkout, copy), checkout, old, where.steps)
        if obstacles:
            raise _obstructed(checkout, target, obstacles)
    return where


def land(
    repo: Repository,
    target: str,
    old: str,
    new: str,
    *,
    reason: str,
    also: Sequence[Change] = (),
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Move `target`, a full ref, from commit `old` to `new`, and `also` in the same transaction.

    reason: for the reflog. say: hears what was settled of an earlier landing that died, and of a
    checkout that was made meanwhile and could not be moved along. Raises what `check_landing`
    raises, Contended also when one of `also` is not as it says: then nothing happened.
    """
    for line in settle_landings(repo):
        say(line)
    where = _find_place(repo, target, old, new)
    changes = [Change(target, old, new), *also]
    if where.worktree is None or where.admin is None:
        change_refs(repo, changes, reason=reason)
        _follow_late(repo, target, (old, new), say)
        return
    checkout = Checkout(where.worktree, where.admin)
    try:
        obstacles = move_along(
            repo, checkout, target, (old, new), where.steps, changes, reason=reason
        )
    except OSError as error:
        raise Problem(
            f"{checkout.path} could not be moved along: {error.filename}: {error.strerror}",
            hint="mend that, then: gitcoord doctor --fix",
        ) from error
    if obstacles:
        raise _obstructed(checkout, target, obstacles)


def kept_head(repo: Repository, review: Review) -> list[Change]:
    """Keeps what was reviewed when its branch is gone: a squash or a rebase does not contain it,
    and `gitcoord why` leads there."""
    ref = f"{VERSIONS}{review.id}/{review.version.number}"
    there = find_ref(repo, ref)
    return [] if there == review.head else [Change(ref, there, review.head)]


def _find_place(repo: Repository, target: str, old: str, new: str) -> Where:
    """Where, without a look at the files there."""
    _check_branch(repo, target, old)
    if repo.run("merge-base", "--is-ancestor", old, new, ok=(0, 1)).code:
        raise Refused(
            f"{new[:12]} does not have all of {_short(target)}: commits would be dropped",
            hint=f"see what is there: git log --oneline {new[:12]}..{_short(target)}",
        )
    checkout = find_checkout(repo, target)
    if checkout is None:
        return Where()
    return Where(checkout.path, checkout.admin, read_steps(repo, old, new))


def unfinished_landings(repo: Repository) -> list[Ailment]:
    """Landings whose process died, as doctor tells them."""
    return [
        Ailment(
            "unfinished landing", _short(one.target), f"it died while {one.path} was moved along",
            "complete it or take it back",
            lambda one=one: settle_one(repo, one),  # type: ignore[misc]
        )
        for one in find_dead(repo)
    ]  # fmt: skip


def find_checkout(repo: Repository, target: str) -> Checkout | None:
    """The worktree `target` is checked out in. Raises Refused when it must not move there."""
    listed = list_worktrees(repo)
    holders = [one for one in listed if one.branch == target and not one.bare]
    for one in listed:
        admin = git_dir_of(one.path) if one.branch is None and not one.bare else None
        if admin is not None:
            _check_not_begun(one, admin, target)
    if not holders:
        return None
    if len(holders) > 1:
        folders = " and ".join(str(one.path) for one in holders)
        raise Refused(
            f"{_short(target)} is checked out twice, in {folders}: only one could be moved along",
            hint=f"detach one of them: git -C '{holders[-1].path}' checkout --detach",
        )
    return _at_rest(holders[0], target)


def _at_rest(holder: Linked, target: str) -> Checkout:
    admin = git_dir_of(holder.path)
    if holder.prunable is not None or admin is None:
        raise Refused(
            f"{_short(target)} is checked out in {holder.path}, which is not there",
            hint="if it is gone for good, git forgets it with: git worktree prune",
        )
    operation = find_operation(admin)
    if operation:
        abort = "reset" if operation == "bisect" else "--abort"
        raise Refused(
            f"{holder.path}, where {_short(target)} is checked out, is in the middle of a "
            f"{operation}",
            hint=f"end it first: git -C '{holder.path}' {operation} {abort}",
        )
    return Checkout(holder.path, admin)


def _check_not_begun(one: Linked, admin: Path, target: str) -> None:
    operation = find_operation(admin)
    if operation and branch_before(admin) == _short(target):
        abort = "reset" if operation == "bisect" else "--abort"
        raise Refused(
            f"{one.path} is in the middle of a {operation} of {_short(target)}",
            hint=f"end it first: git -C '{one.path}' {operation} {abort}",
        )


def _check_branch(repo: Repository, target: str, old: str) -> None:
    if not target.startswith(_HEADS):
        raise BadInput(
            f"{target} is no local branch: nothing lands there",
            hint="land on a branch of yours, and push it: gitcoord review open ID --into BRANCH",
        )
    asked = ("for-each-ref", "--format=%(refname) %(objectname) %(symref)", target)
    lines = [line.split(" ") for line in repo.run(*asked).lines()]
    found = next((line for line in lines if line[0] == target), None)
    if found is None:
        raise NoSuch(f"there is no branch {_short(target)}", hint="see: git branch --list")
    if found[2]:
        raise Refused(
            f"{_short(target)} only stands for {_short(found[2])}",
            hint=f"land there: gitcoord review open ID --into {_short(found[2])}",
        )
    if found[1] != old:
        raise Contended(f"{_short(target)} moved from {old[:12]} to {found[1][:12]}")


def _obstructed(checkout: Checkout, target: str, obstacles: Sequence[tuple[str, str]]) -> Refused:
    told = "; ".join(f"{path} {why}" for path, why in obstacles[:5])
    more = f"; and {len(obstacles) - 5} more" if len(obstacles) > 5 else ""
    return Refused(
        f"{_short(target)} is checked out in {checkout.path}, and what lands would overwrite "
        f"work there: {told}{more}",
        hint="commit it or move it out of the way there, then land again; see: "
        f"git -C '{checkout.path}' status --ignored",
    )


def _follow_late(
    repo: Repository, target: str, ends: tuple[str, str], say: Callable[[str], None]
) -> None:
    """Somebody may have checked the target out between our look and the move."""
    holders = [one for one in list_worktrees(repo) if one.branch == target and not one.bare]
    for holder in holders:
        admin = git_dir_of(holder.path)
        try:
            if admin is not None:
                catch_up(repo, Checkout(holder.path, admin), target, ends)
        except Problem as problem:
            say(
                f"{_short(target)} moved while it was checked out in {holder.path}: "
                f"{problem.message}; {problem.hint}"
            )


def _short(ref: str) -> str:
    return ref.removeprefix(_HEADS)
