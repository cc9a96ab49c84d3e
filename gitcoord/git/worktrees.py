"""git's own view of the worktrees of a repository, and the few things done to them.

Promises: names and paths in any bytes (`--porcelain -z`). Refuses: a global
`git worktree prune`, which unregisters absent worktrees for good.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitcoord.git.repository import Repository

# A daemon started by `worktree add` would inherit the lease we pass and hold it for ever.
_NO_DAEMON = ("-c", "core.fsmonitor=false")

# Files in a worktree's git dir that say what it is in the middle of, as git's own prompt does.
_OPERATIONS = {
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "BISECT_LOG": "bisect",
}


@dataclass(frozen=True)
class Linked:
    """One line of `git worktree list`. main: the worktree the repository came with.

    head: object id, None when unborn or bare. branch: full ref name, None when detached.
    locked, prunable: the reason, None when not; "" is a lock without a reason.
    """

    path: Path
    head: str | None
    branch: str | None
    main: bool
    bare: bool
    locked: str | None
    prunable: str | None

    @property
    def branch_name(self) -> str | None:
        return self.branch.removeprefix("refs/heads/") if self.branch else None


@dataclass(frozen=True)
class Status:
    """How many paths differ, by where. unmerged: paths in conflict."""

    staged: int = 0
    unstaged: int = 0
    untracked: int = 0
    unmerged: int = 0

    @property
    def clean(self) -> bool:
        return not (self.staged or self.unstaged or self.untracked or self.unmerged)


def list_worktrees(repo: Repository) -> list[Linked]:
    """All worktrees git knows, the main one first."""
    listed = repo.run("worktree", "list", "--porcelain", "-z", at=repo.common_dir)
    blocks = os.fsdecode(listed.out).split("\0\0")
    found = [_parse(block, main=index == 0) for index, block in enumerate(blocks) if block]
    return [_in_submodule(repo, one) if one.main else one for one in found]


def admin_dirs(repo: Repository) -> dict[Path, Path]:
    """Worktree folder -> its folder below `.git/worktrees`, also where the worktree is absent."""
    found = {}
    for admin in sorted((repo.common_dir / "worktrees").glob("*")):
        try:
            pointer = os.fsdecode((admin / "gitdir").read_bytes()).rstrip("\n")
        except OSError:
            continue
        found[Path(os.path.normpath(admin / pointer)).parent] = admin
    return found


def add_worktree(
    repo: Repository, path: Path, branch: str, commit: str, *, lock: str, keep: Sequence[int] = ()
) -> None:
    """A worktree at `path` on the new branch `branch` at `commit`, locked with a reason.

    `--no-track`: 24 at once otherwise fail on `config.lock` and leave orphan branches.
    """
    repo.run(
        *_NO_DAEMON, "worktree", "add", "--quiet", "--no-track", "--lock", "--reason", lock,
        "-b", branch, str(path), commit, keep=keep, at=repo.home,
    )  # fmt: skip


def readd_worktree(
    repo: Repository, path: Path, branch: str | None, commit: str, *, keep: Sequence[int] = ()
) -> None:
    """Bring a worktree back without files: on the existing `branch`, else detached at `commit`."""
    where = ["--force", str(path), branch] if branch else ["--detach", str(path), commit]
    repo.run(
        *_NO_DAEMON, "worktree", "add", "--quiet", "--no-checkout", *where, keep=keep
    )  # fmt: skip


def forget_worktree(repo: Repository, path: Path, *, keep: Sequence[int] = ()) -> None:
    """Remove the worktree at `path` with all in it, locked or dirty; only its registration
    where the folder is gone. Whoever calls has saved what is worth saving."""
    repo.run(
        *_NO_DAEMON, "worktree", "remove", "--force", "--force", str(path),
        keep=keep, at=repo.common_dir,
    )  # fmt: skip


def unlock_worktree(repo: Repository, path: Path) -> None:
    """Take the lock off; not locked is as good."""
    repo.run("worktree", "unlock", str(path), ok=(0, 128), at=repo.common_dir)


def read_status(repo: Repository, path: Path) -> Status:
    """What differs in the worktree at `path`. Raises GitFailed: unknown is not clean."""
    fields = repo.run("status", "--porcelain=v2", "-z", "--no-renames", at=path).fields()
    staged = sum(line[0] == "1" and line[2] != "." for line in fields)
    unstaged = sum(line[0] == "1" and line[3] != "." for line in fields)
    return Status(
        staged,
        unstaged,
        untracked=sum(line[0] == "?" for line in fields),
        unmerged=sum(line[0] == "u" for line in fields),
    )


def find_operation(git_dir: Path) -> str | None:
    """What a worktree is in the middle of: rebase, merge, cherry-pick, revert or bisect."""
    return next((name for file, name in _OPERATIONS.items() if (git_dir / file).exists()), None)


def git_dir_of(path: Path) -> Path | None:
    """Where the `.git` of the folder `path` leads, None where there is none to follow."""
    dot_git = path / ".git"
    if dot_git.is_dir():
        return dot_git
    try:
        pointer = os.fsdecode(dot_git.read_bytes())
    except OSError:
        return None
    if not pointer.startswith("gitdir: "):
        return None
    return Path(os.path.normpath(path / pointer.removeprefix("gitdir: ").rstrip("\n")))


def _parse(block: str, *, main: bool) -> Linked:
    said = dict(line.partition(" ")[::2] for line in block.split("\0") if line)
    head = said.get("HEAD")
    return Linked(
        path=Path(said["worktree"]),
        head=head if head and head.strip("0") else None,
        branch=said.get("branch"),
        main=main,
        bare="bare" in said,
        locked=said.get("locked"),
        prunable=said.get("prunable"),
    )


def _in_submodule(repo: Repository, main: Linked) -> Linked:
    """Inside a submodule git names its git dir as the main worktree; core.worktree knows better."""
    configured = repo.setting("core.worktree") if main.path == repo.common_dir else ""
    if not configured:
        return main
    path = Path(os.path.normpath(repo.common_dir / configured))
    return Linked(path, main.head, main.branch, True, False, main.locked, main.prunable)
