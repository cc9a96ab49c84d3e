"""What removing a worktree would lose, found out without changing anything.

Promises: every reason is named, and what could not be found out counts as a reason.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from gitcoord.config import Trash
from gitcoord.errors import GitFailed, Refused
from gitcoord.git.refs import find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.snapshot import find_hidden
from gitcoord.git.worktrees import find_operation, list_ignored, read_status
from gitcoord.process import processes_in
from gitcoord.records import counted
from gitcoord.worktrees.aside import points_at, submodule_git_dirs
from gitcoord.worktrees.integration import find_integration
from gitcoord.worktrees.parking import parked_refs
from gitcoord.worktrees.worktree import View, Worktree


@dataclass(frozen=True)
class Removal:
    """What removing one worktree means, found out without changing anything.

    never: reasons that force does not overrule, each with the way out. losses: what would be
    lost without force. aside: paths kept outside the recovery commit. rebuilt: folders that
    are not kept; regenerable: their names. deletes_branch: None when the branch stays.
    """

    worktree: Worktree
    never: tuple[str, ...]
    losses: tuple[str, ...]
    aside: tuple[str, ...]
    rebuilt: tuple[str, ...]
    deletes_branch: str | None
    regenerable: tuple[str, ...] = ()
    way_out: str = "see what it is: gitcoord list"

    def refuse(self, *, force: bool) -> None:
        """Raise Refused when this must not be done."""
        name = self.worktree.id
        if self.never:
            raise Refused(f"{name} is not removed: {self.never[0]}", hint=self.way_out)
        if self.losses and not force:
            raise Refused(
                f"{name} is not removed, it holds what is nowhere else: {'; '.join(self.losses)}",
                hint=f"remove it with a copy to undo from: gitcoord remove --force {name}",
            )


def plan_removal(
    repo: Repository,
    view: View,
    worktree: Worktree,
    keeping: Trash,
    *,
    cwd: Path | None,
    together: Collection[str] = (),
) -> Removal:
    """keeping: which ignored files count. cwd: where the user stands, None when that is gone.

    together: ids of all that is to be removed with it; none of them vouches for another.
    """
    never = dict(_never(view, worktree, cwd))
    besides = [f"refs/heads/{one.branch}" for one in view.mine if one.id in together and one.branch]
    losses = [*_branch_losses(repo, worktree, besides), *_parked(repo, worktree)]
    ignored: list[str] = []
    if worktree.linked is not None and not worktree.path.is_dir():
        losses += _unseen(worktree)
        losses += _staged(repo, worktree)
    elif worktree.linked is not None and not never:
        try:
            losses += _uncommitted(repo, worktree)
            ignored = list_ignored(repo, worktree.path)
        except GitFailed as failure:
            way_out = f"mend it first: git -C '{worktree.path}' status"
            never[f"its uncommitted state cannot be read: {failure.message}"] = way_out
    aside, rebuilt = part_ignored(worktree.path, ignored, keeping.regenerable)
    losses += _precious(view.main.path, worktree.path, aside, keeping.precious)
    losses += _submodules(repo, worktree)
    return Removal(
        worktree, tuple(never), tuple(losses), tuple(aside), tuple(rebuilt), _own_branch(worktree),
        keeping.regenerable, next(iter(never.values()), Removal.way_out),
    )  # fmt: skip


def part_ignored(
    top: Path, ignored: Sequence[str], regenerable: Collection[str]
) -> tuple[list[str], list[str]]:
    """(those kept aside, folders that a build makes again) of the ignored paths below `top`."""
    rebuilt = {name for name in ignored if Path(name).name in regenerable}
    rebuilt -= {name for name in rebuilt if (top / name).is_symlink() or (top / name).is_file()}
    return [name for name in ignored if name not in rebuilt], sorted(rebuilt)


def tip_of(repo: Repository, worktree: Worktree) -> str | None:
    """The commit checked out, or where git has no worktree the tip of its branch."""
    if worktree.linked:
        return worktree.linked.head
    return find_ref(repo, f"refs/heads/{worktree.branch}") if worktree.branch else None


def _own_branch(worktree: Worktree) -> str | None:
    """Only the branch we made, while it still is what is checked out, is ours to delete."""
    made = worktree.record.body.get("branch")
    if worktree.record.body.get("adopted") or not made or made != worktree.branch:
        return None
    return str(made)


def _never(view: View, worktree: Worktree, cwd: Path | None) -> Iterator[tuple[str, str]]:
    """(why it must not be, what to do about it), the first to be told first."""
    linked, path, again = worktree.linked, worktree.path.resolve(), f"gitcoord remove {worktree.id}"
    if linked is None:
        return
    if linked.main:
        yield "it is the main worktree", "see which are not: gitcoord list"
    if linked.locked is not None:
        reason = f" ({linked.locked})" if linked.locked else ""
        yield f"it is locked{reason}", f"take the lock off: git worktree unlock '{linked.path}'"
    if not path.is_dir():
        return
    if not points_at(path, worktree.admin):
        yield f"{path} holds something else now", "have it found again: gitcoord doctor --fix"
    inside = [one for one in _paths(view) if one != path and one.is_relative_to(path)]
    if inside:
        yield f"the worktree {inside[0]} lies in it", f"move it: git worktree move '{inside[0]}' …"
    if cwd is not None and cwd.resolve().is_relative_to(path):
        yield "you are standing in it", f"go elsewhere first: cd '{view.main.path}' && {again}"
    living = [one for one in processes_in(path) if one.cwd != cwd]
    if living:
        names = ", ".join(f"{one.name} ({one.pid})" for one in living[:4])
        yield f"{len(living)} process(es) live in it: {names}", f"end them, then: {again}"


def _paths(view: View) -> Iterator[Path]:
    linked = [*view.others, *(one.linked for one in view.mine if one.linked)]
    return (one.path.resolve() for one in linked)


def _uncommitted(repo: Repository, worktree: Worktree) -> Iterable[str]:
    status = read_status(repo, worktree.path)
    words = {
        "staged": status.staged, "changed": status.unstaged,
        "untracked": status.untracked, "in conflict": status.unmerged,
        "changed and hidden from status": len(find_hidden(repo, worktree.path)),
    }  # fmt: skip
    if any(words.values()):
        counted = ", ".join(f"{count} {word}" for word, count in words.items() if count)
        yield f"uncommitted files ({counted})"
    operation = find_operation(worktree.admin) if worktree.admin else None
    if operation:
        yield f"a {operation} in progress"


def _unseen(worktree: Worktree) -> list[str]:
    """A folder that is not where git has it may be on another disk, or moved: not gone."""
    return [f"whatever is uncommitted in its folder, which is not at {worktree.path}"]


def _staged(repo: Repository, worktree: Worktree) -> Iterable[str]:
    """Of a worktree whose folder is gone, or on a disk that is not here."""
    if worktree.admin is None:
        return
    where = {"GIT_DIR": str(worktree.admin)}
    asked = repo.run(
        "diff-index", "--cached", "--quiet", "HEAD", "--", env=where, at=worktree.admin,
        ok=(0, 1, 128),
    )  # fmt: skip
    if asked.code:
        yield "what is staged in it"
    operation = find_operation(worktree.admin)
    if operation:
        yield f"a {operation} in progress"


def _branch_losses(repo: Repository, worktree: Worktree, besides: Collection[str]) -> Iterable[str]:
    tip = tip_of(repo, worktree)
    detached = worktree.linked is not None and worktree.branch is None
    if tip is None or not (detached or _own_branch(worktree)):
        return
    found = find_integration(
        repo, tip,
        besides={*besides, f"refs/heads/{worktree.branch}"},
        base=str(worktree.base.get("id", "")), base_ref=str(worktree.base.get("ref", "")),
        folder=worktree.folder,
    )  # fmt: skip
    if not found:
        count = "commits" if found.missing is None else counted(found.missing, "commit")
        verb = "is" if found.missing == 1 else "are"
        yield f"{count} on {worktree.branch or 'a detached HEAD'} that {verb} merged nowhere"


def _parked(repo: Repository, worktree: Worktree) -> Iterable[str]:
    count = len(parked_refs(repo, worktree.id))
    if count:
        yield f"{counted(count, 'piece')} of parked work"


def _precious(
    main: Path, path: Path, aside: Sequence[str], patterns: Sequence[str]
) -> Iterable[str]:
    """Ignored files that are work, unless the main worktree has the very same."""
    found = [
        name
        for name in _files(path, aside)
        if any(fnmatchcase(Path(name).name, pattern) for pattern in patterns)
        and not _same(main / name, path / name)
    ]
    if found:
        yield f"ignored files that count: {', '.join(found[:5])}{' …' if len(found) > 5 else ''}"


def _files(top: Path, names: Sequence[str]) -> Iterator[str]:
    """`names`, and of those that are folders the files in them."""
    for name in names:
        yield name
        if not (top / name).is_symlink():
            for folder, _, files in os.walk(top / name):
                inside = Path(folder).relative_to(top)
                yield from (str(inside / file) for file in files)


def _same(one: Path, other: Path) -> bool:
    import filecmp

    try:
        return one.is_file() and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _submodules(repo: Repository, worktree: Worktree) -> Iterable[str]:
    """A linked worktree's submodules keep their commits in its git dir, which goes with it."""
    for git_dir in submodule_git_dirs(worktree.admin) if worktree.admin else ():
        ahead = repo.run(
            "--git-dir", str(git_dir), "rev-list", "--max-count=1", "--all", "--reflog", "HEAD",
            "--not", "--remotes", ok=(0, 128), at=repo.common_dir,
        )  # fmt: skip
        if ahead.code or ahead.out:
            assert worktree.admin is not None
            name = git_dir.relative_to(worktree.admin / "modules")
            yield f"commits in submodule {name} that no remote has"
