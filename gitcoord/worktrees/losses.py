"""What removing a worktree would lose, found out without changing anything.

Promises: every reason is named, and what could not be found out counts as a reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from gitcoord.config import Trash
from gitcoord.errors import GitFailed, Refused
from gitcoord.git.refs import find_ref
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import find_operation, read_status
from gitcoord.process import processes_in
from gitcoord.worktrees.integration import find_integration
from gitcoord.worktrees.parking import parked_refs
from gitcoord.worktrees.worktree import View, Worktree


@dataclass(frozen=True)
class Removal:
    """What removing one worktree means, found out without changing anything.

    never: reasons that force does not overrule. losses: what would be lost without force.
    aside: paths kept outside the recovery commit. rebuilt: folders that are not kept.
    deletes_branch: None when the branch stays.
    """

    worktree: Worktree
    never: tuple[str, ...]
    losses: tuple[str, ...]
    aside: tuple[str, ...]
    rebuilt: tuple[str, ...]
    deletes_branch: str | None

    def refuse(self, *, force: bool) -> None:
        """Raise Refused when this must not be done."""
        name = self.worktree.id
        if self.never:
            raise Refused(f"{name} is not removed: {self.never[0]}", hint=_way_out(self))
        if self.losses and not force:
            raise Refused(
                f"{name} is not removed, it holds what is nowhere else: {'; '.join(self.losses)}",
                hint=f"remove it with a copy to undo from: gitcoord remove --force {name}",
            )


def plan_removal(
    repo: Repository, view: View, worktree: Worktree, keeping: Trash, *, cwd: Path | None
) -> Removal:
    """keeping: which ignored files count. cwd: where the user stands, None when that is gone."""
    if worktree.linked is None or not worktree.path.is_dir():
        return Removal(worktree, (), _branch_losses(repo, worktree), (), (), _own_branch(worktree))
    ignored = _ignored(repo, worktree.path)
    rebuilt = [name for name in ignored if Path(name).name in keeping.regenerable]
    aside = [name for name in ignored if name not in rebuilt]
    losses = (
        *_uncommitted(repo, worktree),
        *_branch_losses(repo, worktree),
        *_parked(repo, worktree),
        *_precious(view.main.path, worktree.path, aside, keeping.precious),
        *_submodules(repo, worktree),
    )
    never = tuple(_never(worktree, cwd))
    return Removal(worktree, never, losses, tuple(aside), tuple(rebuilt), _own_branch(worktree))


def tip_of(repo: Repository, worktree: Worktree) -> str | None:
    if worktree.linked and worktree.linked.head:
        return worktree.linked.head
    return find_ref(repo, f"refs/heads/{worktree.branch}") if worktree.branch else None


def _own_branch(worktree: Worktree) -> str | None:
    """Only the branch we made, while it still is what is checked out, is ours to delete."""
    made = worktree.record.body.get("branch")
    if worktree.record.body.get("adopted") or not made or made != worktree.branch:
        return None
    return str(made)


def _never(worktree: Worktree, cwd: Path | None) -> Iterable[str]:
    linked, path = worktree.linked, worktree.path.resolve()
    if linked and linked.main:
        yield "it is the main worktree"
    if linked and linked.locked is not None:
        yield f"it is locked{f' ({linked.locked})' if linked.locked else ''}"
    if cwd is not None and cwd.resolve().is_relative_to(path):
        yield "you are standing in it"
    living = [one for one in processes_in(path) if one.cwd != cwd or cwd is None]
    if living:
        names = ", ".join(f"{one.name} ({one.pid})" for one in living[:4])
        yield f"{len(living)} process(es) live in it: {names}"


def _way_out(removal: Removal) -> str:
    reason, path = removal.never[0], removal.worktree.path
    if "locked" in reason:
        return f"take the lock off: git worktree unlock '{path}'"
    if "standing" in reason:
        return f"go elsewhere first: cd .. && gitcoord remove {removal.worktree.id}"
    if "process" in reason:
        return "end them, then try again: gitcoord remove " + removal.worktree.id
    return "see: gitcoord list"


def _uncommitted(repo: Repository, worktree: Worktree) -> Iterable[str]:
    try:
        status = read_status(repo, worktree.path)
    except GitFailed:
        yield "its uncommitted state cannot be read"
        return
    words = {
        "staged": status.staged, "changed": status.unstaged,
        "untracked": status.untracked, "in conflict": status.unmerged,
    }  # fmt: skip
    if not status.clean:
        counted = ", ".join(f"{count} {word}" for word, count in words.items() if count)
        yield f"uncommitted files ({counted})"
    operation = find_operation(worktree.admin) if worktree.admin else None
    if operation:
        yield f"a {operation} in progress"


def _branch_losses(repo: Repository, worktree: Worktree) -> tuple[str, ...]:
    tip = tip_of(repo, worktree)
    detached = worktree.linked is not None and worktree.branch is None
    if tip is None or not (detached or _own_branch(worktree)):
        return ()
    found = find_integration(
        repo, tip,
        branch=f"refs/heads/{worktree.branch}" if worktree.branch else None,
        base=str(worktree.base.get("id", tip)), base_ref=str(worktree.base.get("ref", "")),
        folder=worktree.folder,
    )  # fmt: skip
    if found:
        return ()
    count = "commits" if found.missing is None else f"{found.missing} commit(s)"
    return (f"{count} on {worktree.branch or 'a detached HEAD'} that are merged nowhere",)


def _parked(repo: Repository, worktree: Worktree) -> Iterable[str]:
    count = len(parked_refs(repo, worktree.id))
    if count:
        yield f"{count} piece(s) of parked work"


def _ignored(repo: Repository, path: Path) -> list[str]:
    listed = repo.run(
        "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z", at=path
    )
    return [name.rstrip("/") for name in listed.fields()]


def _precious(
    main: Path, path: Path, aside: Sequence[str], patterns: Sequence[str]
) -> Iterable[str]:
    """Ignored files that are work, unless the main worktree has the very same."""
    found = [
        name
        for name in aside
        if any(fnmatchcase(Path(name).name, pattern) for pattern in patterns)
        and not _same(main / name, path / name)
    ]
    if found:
        yield f"ignored files that count: {', '.join(found[:5])}{' …' if len(found) > 5 else ''}"


def _same(one: Path, other: Path) -> bool:
    import filecmp

    try:
        return one.is_file() and filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def _submodules(repo: Repository, worktree: Worktree) -> Iterable[str]:
    modules = worktree.admin / "modules" if worktree.admin else None
    if modules is None or not modules.is_dir():
        return
    for config in sorted(modules.rglob("config")):
        if not (config.parent / "HEAD").is_file():
            continue
        ahead = repo.run(
            "--git-dir", str(config.parent), "rev-list", "--max-count=1", "--all", "HEAD",
            "--not", "--remotes", ok=(0, 128), at=repo.common_dir,
        )  # fmt: skip
        if ahead.code or ahead.out:
            yield f"commits in submodule {config.parent.relative_to(modules)} that no remote has"
