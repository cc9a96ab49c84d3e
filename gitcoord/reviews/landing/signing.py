"""Commits signed as the user signs theirs, where `commit.gpgSign` says so.

git signs, with the program and the key of the user's settings; a signature that fails is a
failure, never a commit without one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from gitcoord.errors import BadInput, GitFailed, Problem
from gitcoord.git.repository import Repository
from gitcoord.worktrees.start import author_of

_WHO = re.compile(rb"(.*?) ?<(.*)> (\d+ [-+]\d+)", re.DOTALL)


def wants_signature(repo: Repository) -> bool:
    """Whether the user has every commit signed."""
    return repo.setting("commit.gpgsign").lower() in ("true", "yes", "on", "1")


def signed(
    repo: Repository,
    tree: str,
    parents: Sequence[str],
    message: bytes,
    *,
    author: bytes,
    encoding: str = "",
) -> str:
    """A signed commit's id. author: git's line. Raises Problem when git cannot sign."""
    env = {**_who("AUTHOR", author), **_who("COMMITTER", os.fsencode(author_of(repo)))}
    settings = ("-c", f"i18n.commitEncoding={encoding or 'UTF-8'}")
    named = (word for parent in parents for word in ("-p", parent))
    try:
        return repo.run(*settings, "commit-tree", "-S", *named, tree, input=message, env=env).text
    except GitFailed as failure:
        raise Problem(
            f"the commit could not be signed: {failure.stderr}",
            hint="mend it, or land without: git config commit.gpgSign false",
        ) from failure


def _who(role: str, line: bytes) -> dict[str, str]:
    parts = _WHO.fullmatch(line)
    if parts is None:
        raise BadInput(
            f"git cannot sign a commit whose author is {line[:60]!r}",
            hint="see it with: git log --format=%an%ae",
        )
    name, mail, date = (os.fsdecode(part) for part in parts.groups())
    return {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": mail, f"GIT_{role}_DATE": f"@{date}"}
