"""Worktrees made, removed and brought back without words, and all that one holds."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitcoord.config import Config
from gitcoord.git.repository import Repository
from gitcoord.worktrees.kinds import Kind
from gitcoord.worktrees.losses import Removal, plan_removal
from gitcoord.worktrees.removal import remove
from gitcoord.worktrees.start import Wish, plan_start, start
from gitcoord.worktrees.trash import find_trashed, restore
from gitcoord.worktrees.worktree import Worktree, view_worktrees
from tests.conftest import Sandbox

KIND = Kind("development", "", (), (), writes=True, source=Path("development.toml"))
# git keeps caches and times in these, and writes them when it likes.
_ADMIN_CACHES = {"index", "ORIG_HEAD", "gitdir", "COMMIT_EDITMSG", "FETCH_HEAD", "locked"}


@dataclass(frozen=True)
class Held:
    """What one worktree holds. files: path -> (kind, executable, content); ignored ones too.

    index: its lines with all flags. state: what git says of it. admin: its private files.
    """

    head: str
    files: dict[bytes, tuple[str, bool, bytes]]
    index: str
    state: str
    refs: str
    admin: dict[str, bytes]


def make(sandbox: Sandbox, task: str = "mend the login", **wish: object) -> Worktree:
    """A worktree started here, without agents."""
    repo = Repository.find(sandbox.path)
    plan = plan_start(repo, Wish(KIND, task, **wish), Config())  # type: ignore[arg-type]
    return start(repo, plan)


def seen(sandbox: Sandbox, worktree_id: str) -> Worktree:
    """The worktree as it is now."""
    return view_worktrees(Repository.find(sandbox.path)).find(worktree_id)


def plan(
    sandbox: Sandbox, worktree_id: str, *, cwd: Path | None = None, together: Sequence[str] = ()
) -> Removal:
    """What removing it would mean now."""
    repo = Repository.find(sandbox.path)
    view = view_worktrees(repo)
    found = view.find(worktree_id)
    return plan_removal(repo, view, found, Config().trash, cwd=cwd, together=together)


def take_away(sandbox: Sandbox, worktree_id: str, *, force: bool = True) -> None:
    remove(Repository.find(sandbox.path), plan(sandbox, worktree_id), force=force)


def bring(
    sandbox: Sandbox, worktree_id: str | None = None, *, path: Path | None = None
) -> Worktree:
    repo = Repository.find(sandbox.path)
    return restore(repo, find_trashed(repo, worktree_id), path=path)


def there_and_back(sandbox: Sandbox, worktree: Worktree, *, gc: bool = False) -> Held:
    """Remove it by force and bring it back. Returns what it holds then. gc: collect all
    garbage, and prune worktrees, in between."""
    take_away(sandbox, worktree.id)
    assert not os.path.lexists(worktree.path)
    assert str(worktree.path) not in sandbox.git("worktree", "list", "--porcelain")
    if gc:
        sandbox.git("reflog", "expire", "--expire=now", "--all")
        sandbox.git("gc", "-q", "--prune=now")
        sandbox.git("worktree", "prune")
    back = bring(sandbox, worktree.id)
    assert back.path == worktree.path
    if gc:
        sandbox.git("fsck", "--no-dangling", "--connectivity-only")
    return held(sandbox, back.path)


def held(sandbox: Sandbox, path: Path) -> Held:
    """All that the worktree at `path` holds, without writing to it."""

    def git(*argv: str) -> str:
        return sandbox.git("--no-optional-locks", *argv, at=path)

    admin = Path(git("rev-parse", "--absolute-git-dir"))
    return Held(
        head=sandbox.git("symbolic-ref", "-q", "HEAD", at=path, ok=False)
        + sandbox.git("rev-parse", "--verify", "-q", "HEAD", at=path, ok=False),
        files=files_in(path),
        index="\n".join(_flags(git("ls-files", "--stage", "--debug", "-v", "-z"))),
        state=git(
            "status", "--porcelain=v2", "-z", "--no-renames", "--ignored", "--untracked-files=all"
        ),
        refs=git("for-each-ref", "refs/worktree", "refs/bisect", "refs/rewritten"),
        admin={
            str(file.relative_to(admin)): file.read_bytes()
            for file in sorted(admin.rglob("*"))
            if file.is_file()
            and file.name not in _ADMIN_CACHES
            and file.relative_to(admin).parts[0] not in ("refs", "modules")
        },
    )


def files_in(top: Path) -> dict[bytes, tuple[str, bool, bytes]]:
    """Every file and link below `top` but its `.git`."""
    found = {}
    for folder, inner, names in os.walk(os.fsencode(top)):
        for name in [*names, *(one for one in inner if os.path.islink(os.path.join(folder, one)))]:
            file = os.path.join(folder, name)
            inside = os.path.relpath(file, os.fsencode(top))
            if inside != b".git":
                found[inside] = _file(file)
    return found


def _file(file: bytes) -> tuple[str, bool, bytes]:
    mode = os.lstat(file).st_mode
    if stat.S_ISLNK(mode):
        return "link", False, os.readlink(file)
    if not stat.S_ISREG(mode):
        return "pipe", False, b""
    with open(file, "rb") as content:
        return "file", bool(mode & stat.S_IXUSR), content.read()


def _flags(listed: str) -> list[str]:
    """Lines of the index with its flags, without the times and numbers of files."""
    lines = []
    for line in listed.replace("\0", "\n").splitlines():
        if not line.startswith("  "):
            lines.append(line)
        elif "flags:" in line:
            lines.append(line.partition("flags:")[2])
    return lines
