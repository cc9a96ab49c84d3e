"""git's own view of the worktrees of a repository, and the few things done to them.

Promises: names and paths in any bytes (`--porcelain -z`). Refuses: a global
`git worktree prune`, which unregisters absent worktrees for good.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import GitFailed, Problem
from gitcoord.git.repository import Repository
from gitcoord.git.run import Output
from gitcoord.records import between

# A daemon started by `worktree add` would inherit the lease we pass and hold it for ever.
_NO_DAEMON = ("-c", "core.fsmonitor=false")

_TRIES = 12

LIST = ("worktree", "list", "--porcelain", "-z")
_STATUS = ("-c", "core.preloadIndex=false", "status", "--porcelain=v2", "-z", "--no-renames")
STATUS = (*_STATUS, "--untracked-files=normal")

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


def list_worktrees(repo: Repository, *, said: Output | None = None) -> list[Linked]:
    """All worktrees git knows, the main one first. said: git's answer to LIST, when it is known."""
    listed = said or _among_others(repo, *LIST, at=repo.common_dir)
    blocks = os.fsdecode(listed.out).split("\0\0")
    found = [_parse(block, main=index == 0) for index, block in enumerate(blocks) if block]
    return [_in_submodule(repo, one) if one.main else one for one in found]


def admin_dirs(repo: Repository) -> dict[Path, Path]:
    """Worktree folder -> its folder below `.git/worktrees`, also where the worktree is absent."""
    found = {}
    folder = os.path.join(repo.common_dir, "worktrees")  # noqa: PTH118 - Path: 9 ms for 200
    for name in sorted(os.listdir(folder) if os.path.isdir(folder) else ()):  # noqa: PTH112, PTH208
        admin = os.path.join(folder, name)  # noqa: PTH118
        try:
            with open(f"{admin}/gitdir", "rb") as file:  # noqa: PTH123
                pointer = os.fsdecode(file.read()).rstrip("\n")
        except OSError:
            continue
        dot_git = os.path.normpath(os.path.join(admin, pointer))  # noqa: PTH118
        found[Path(os.path.dirname(dot_git))] = Path(admin)  # noqa: PTH120
    return found


def add_worktree(
    repo: Repository,
    path: Path,
    branch: str | None,
    *,
    lock: str,
    commit: str = "",
    keep: Sequence[int] = (),
) -> None:
    """Register a worktree at `path` on the existing `branch`, else detached at `commit`, locked
    with a reason, without files yet.

    The lock is the first that git writes, so that what a killed git left can be told. Not
    with `-b`: 24 at once fail on `config.lock` and leave orphan branches. Not with `--force`,
    which would take over the place of a worktree that is only absent.
    """
    where = [str(path), branch] if branch else ["--detach", str(path), commit]
    _among_others(
        repo, *_NO_DAEMON, "worktree", "add", "--quiet", "--no-checkout", "--lock",
        "--reason", lock, *where, keep=keep, at=repo.home,
    )  # fmt: skip


def check_out(repo: Repository, path: Path, *, keep: Sequence[int] = ()) -> None:
    """Write the files of the worktree at `path`, as `git worktree add` does it, but with all
    cores where the user has not said how many (git's default is one)."""
    workers = () if repo.setting("checkout.workers") else ("-c", "checkout.workers=0")
    repo.run(
        *_NO_DAEMON, *workers, "reset", "--hard", "--quiet", "--no-recurse-submodules",
        keep=keep, at=path,
    )  # fmt: skip


def forget_worktree(admin: Path, attic: Path) -> None:
    """Take a worktree off git's list in one step: its git dir moves to `attic`, whole.

    `git worktree remove` deletes one by one whatever is at the worktree's path by then, can
    be killed half-way, and fails where somebody made a folder anew at that path.
    """
    attic.parent.mkdir(parents=True, exist_ok=True)
    admin.rename(attic)
    # A lock its dead owner left would stop whoever brings this back.
    for lock in attic.glob("*.lock"):
        lock.unlink(missing_ok=True)


def lock_worktree(admin: Path, reason: str) -> None:
    """Keep a worktree registered while its folder is away: no prune takes a locked one."""
    write_whole(admin / "locked", f"{reason}\n")


def write_whole(file: Path, text: str) -> None:
    """Whole or not at all: a process killed between making and filling a file of a worktree's
    git dir would leave a lock of nobody's, a mark of nothing, or git unable to list any."""
    begun = file.with_name(f"{file.name}.new")
    begun.write_text(text, "utf-8")
    begun.replace(file)


def repair_worktree(repo: Repository, path: Path) -> None:
    """Have git's list and the worktree at `path` point at each other, after one of them moved.

    Told by the outcome: exit code 1 may be about another worktree. Raises Problem.
    """
    _among_others(repo, "worktree", "repair", str(path), at=repo.common_dir, ok=(0, 1))
    admin, pointed = admin_dirs(repo).get(path), git_dir_of(path)
    if admin is None or pointed is None or admin.resolve() != pointed.resolve():
        raise Problem(
            f"git cannot be told that a worktree is at {path}",
            hint=f"see what it says: git worktree repair '{path}'",
        )


def unlock_worktree(repo: Repository, path: Path) -> None:
    """Take the lock off; not locked is as good.

    Its file is removed here: `git worktree unlock` reads all worktrees first and dies, with the
    code of "not locked", while a sibling is being made.
    """
    admin = admin_dirs(repo).get(path) or git_dir_of(path)
    if admin is not None:
        (admin / "locked").unlink(missing_ok=True)
        (admin / "locked.new").unlink(missing_ok=True)


def show_in_sparse(repo: Repository, path: Path, admin: Path, folder: str) -> None:
    """Have `folder` on disk where the worktree at `path` took over a sparse checkout."""
    if repo.setting("core.sparsecheckout") != "true":
        return
    if (admin / "info" / "sparse-checkout").exists():
        cone = repo.setting("core.sparsecheckoutcone") == "true"
        repo.run("sparse-checkout", "add", folder if cone else f"/{folder}/", at=path)


def read_status(repo: Repository, path: Path) -> Status:
    """What differs in the worktree at `path`, whatever status.* and diff.* settings hide.

    Raises GitFailed: unknown is not clean.
    """
    return parse_status(repo.run(*STATUS, at=path))


def parse_status(said: Output) -> Status:
    """What `git status` with the words of STATUS says."""
    fields = said.fields()
    staged = sum(line[0] == "1" and line[2] != "." for line in fields)
    unstaged = sum(line[0] == "1" and line[3] != "." for line in fields)
    return Status(
        staged,
        unstaged,
        untracked=sum(line[0] == "?" for line in fields),
        unmerged=sum(line[0] == "u" for line in fields),
    )


def list_ignored(repo: Repository, path: Path) -> list[str]:
    """Ignored files of the worktree at `path`; a folder that a rule names counts as one.

    Submodules are not looked into: where the folder was moved, git cannot.
    """
    asked = (*_STATUS, "--untracked-files=all", "--ignored=matching", "--ignore-submodules=all")
    fields = repo.run(*asked, at=path).fields()
    return [line[2:].rstrip("/") for line in fields if line.startswith("! ")]


def find_operation(git_dir: Path) -> str | None:
    """What a worktree is in the middle of: rebase, merge, cherry-pick, revert or bisect."""
    try:
        there = set(os.listdir(git_dir))  # noqa: PTH208 - one question instead of six
    except OSError:
        return None
    return next((name for file, name in _OPERATIONS.items() if file in there), None)


def branch_before(git_dir: Path) -> str:
    """The branch a rebase or a bisect was begun on, "" when there is none or nobody says."""
    for file in ("rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"):
        with suppress(OSError):
            named = os.fsdecode((git_dir / file).read_bytes()).rstrip("\n")
            return "" if " " in named else named.removeprefix("refs/heads/")
    return ""


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


def _among_others(
    repo: Repository,
    *argv: str,
    at: Path,
    keep: Sequence[int] = (),
    ok: Sequence[int] = (0,),
) -> Output:
    """git dies of a worktree that another git is just making: its `commondir` is there and
    empty (seen in 1 of 1,000 lists beside 24 starts, and in 1 of 24 starts, git 2.39). A
    moment later it is made; with 24 at once a few moments, as each makes its own. A git that
    was killed at that instant never makes it, and then no git can list worktrees any more."""
    for tried in range(_TRIES - 1):
        with suppress(GitFailed):
            return repo.run(*argv, at=at, keep=keep, ok=ok)
        time.sleep(between(0.003, 0.006 * (tried + 1)))
    _complete_half_made(repo)
    return repo.run(*argv, at=at, keep=keep, ok=ok)


def _complete_half_made(repo: Repository) -> None:
    """Write what git was about to write: the same text into every worktree's git dir, so that
    it is also right beside a git that lives and is only slow."""
    for file in (repo.common_dir / "worktrees").glob("*/commondir"):
        with suppress(OSError):
            if file.stat().st_size == 0:
                write_whole(file, "../..\n")


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
