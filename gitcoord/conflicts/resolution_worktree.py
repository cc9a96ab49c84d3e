"""What no strategy could decide, laid out in a worktree of its own: a merge that has begun.

The later side's branch goes on there under another name, with the earlier one's work merged
into it: what merges clean is done, what was decided is staged, the rest is unmerged, which
git itself refuses to commit. Recorded rerere resolutions of the user's apply, as in any merge.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gitcoord.config import Config, shipped, user_file
from gitcoord.conflicts.resolution import Resolution, Side, Step
from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import git_dir_of
from gitcoord.worktrees.kinds import find_kind
from gitcoord.worktrees.start import Plan, Wish, plan_start, start
from gitcoord.worktrees.worktree import LIVE, Worktree, view_worktrees

_KIND = "development"


def plan_place(repo: Repository, first: Side, second: Side, config: Config) -> Plan:
    """A worktree on a new branch that grows from the later side."""
    own, user = repo.own_dir / "workflows", user_file().parent / "workflows"
    kind = find_kind(_KIND, [own, user, shipped("templates") / "workflows"])
    # Not of their words: a part of one of their ids would then mean this one too.
    task = f"Bring {first.id} and {second.id} together"
    wish = Wish(kind, task, from_ref=second.ref or second.head, slug="merge")
    return plan_start(repo, wish, config)


def lay_out_merge(repo: Repository, resolution: Resolution, keep: Sequence[int]) -> None:
    """Start the plan's worktree, and the merge in it. keep: file descriptors git inherits, so
    that a lease stays held while it lives on after us."""
    assert resolution.place is not None, "asked only of a plan that has one"
    made = start(repo, resolution.place)
    begin_merge(repo, made.path, resolution.first.commit, resolution.steps, keep)


def begin_merge(
    repo: Repository, path: Path, commit: str, steps: Sequence[Step], keep: Sequence[int]
) -> None:
    """Merge `commit` into the worktree at `path` without committing, and stage what was
    decided. Of a merge that is under way, what nobody has staged yet."""
    git_dir = git_dir_of(path)
    if git_dir is None:
        raise Problem(f"there is no worktree at {path}", hint="see: gitcoord doctor")
    if not (git_dir / "MERGE_HEAD").exists():
        repo.run(
            "merge", "-q", "--no-ff", "--no-commit", "--no-verify-signatures", "--no-stat",
            commit, at=path, ok=(0, 1), keep=keep,
        )  # fmt: skip
    if not (git_dir / "MERGE_HEAD").exists():
        raise Problem(
            f"git did not begin the merge in {path}",
            hint=f"see why: git -C '{path}' merge --no-commit {commit[:12]}",
        )
    said = repo.run("ls-files", "--unmerged", "-z", at=path).fields()
    unmerged = {line.partition("\t")[2] for line in said}
    _stage(repo, path, [step for step in steps if step.done and step.path in unmerged])


def find_place(repo: Repository, worktree_id: str) -> Worktree | None:
    """The worktree a resolution was left in, None when it is gone."""
    mine = {one.id: one for one in view_worktrees(repo).mine}
    found = mine.get(worktree_id)
    return found if found is not None and found.state == LIVE else None


def _stage(repo: Repository, path: Path, steps: Sequence[Step]) -> None:
    lines = b""
    for step in steps:
        name = os.fsencode(step.path)
        lines += b"0 %s\t%s\0" % (repo.null_id.encode(), name)
        if step.result:
            lines += b"%s %s\t%s\0" % (*map(str.encode, step.result), name)
        else:
            with suppress(OSError):
                (path / step.path).unlink()
    if not lines:
        return
    repo.run("update-index", "-z", "--index-info", input=lines, at=path)
    there = b"".join(os.fsencode(step.path) + b"\0" for step in steps if step.result)
    repo.run("checkout-index", "-f", "-u", "-z", "--stdin", input=there, at=path)
