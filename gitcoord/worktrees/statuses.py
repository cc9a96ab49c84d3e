"""What is uncommitted, asked of all worktrees at once.

Promises: little is imported and nothing waited for, so that git can be at work while the
rest of a command is still being read.
"""

from __future__ import annotations

from gitcoord.git.repository import Repository
from gitcoord.git.run import Several
from gitcoord.git.worktrees import STATUS, admin_dirs
from gitcoord.process import cores
from gitcoord.worktrees.mark import read_mark


def ask_statuses(repo: Repository) -> Several:
    """Ask in the worktrees that bear our mark; which there are, git is asked later."""
    marked = [path for path, admin in admin_dirs(repo).items() if read_mark(admin)]
    folders = [path for path in marked if path.is_dir()]
    return Several(STATUS, folders, at_once=cores())
