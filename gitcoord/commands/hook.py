"""hook EVENT: what git's hooks return through. Hidden; reached from main before typer is.

    hook pre-commit                 0: go on, 1: stop. Words on stderr
    hook pre-merge-commit           the same of a merge
    hook commit-msg FILE            the same of a message
    hook pre-push REMOTE URL        the same of a push; stdin as git gives it
    hook reference-transaction prepared     the same of refs; stdin as git gives it
    hook post-commit | post-merge | post-rewrite     in a process apart, as long as it takes
    hook post-checkout              nothing

Any other event is nothing too: a shim of a newer gitcoord does not stop git.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gitcoord.commands.asked import Asked
    from gitcoord.config import Config
    from gitcoord.git.repository import Repository
    from gitcoord.hooks.objection import Objection
    from gitcoord.hooks.push import Judged, Pushed


@dataclass(frozen=True)
class Called:
    """words: after the event. index: GIT_INDEX_FILE. merged: commits a merge is about to join."""

    words: Sequence[str]
    index: str
    merged: Sequence[str]


def hook(words: Sequence[str], asked: Asked, *, index: str, merged: Sequence[str]) -> int:
    """Do what is to be done at that event. Returns 1 where git is to stop."""
    event, *rest = words or ("",)
    if event not in _EVENTS:
        return 0
    return _EVENTS[event](asked, Called(rest, index, merged))


def _commit(asked: Asked, called: Called) -> int:
    from gitcoord.hooks.staged import list_objections

    repo = asked.repository
    merged = called.merged or _being_merged(asked)
    found = list_objections(repo, asked.config, index=called.index, merged=merged)
    return _say(found, "git commit --no-verify")


def _merge(asked: Asked, called: Called) -> int:
    from gitcoord.hooks.staged import list_objections

    merged = called.merged or _being_merged(asked)
    found = list_objections(asked.repository, asked.config, index=called.index, merged=merged)
    return _say(found, "git merge --no-verify")


def _being_merged(asked: Asked) -> list[str]:
    try:
        return (asked.repository.git_dir / "MERGE_HEAD").read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []


def _message(asked: Asked, called: Called) -> int:
    from gitcoord.hooks.message import list_objections

    content = asked.file(called.words[0]).read_bytes()
    return _say(list_objections(content, asked.config), "git commit --no-verify")


def _refs(asked: Asked, called: Called) -> int:
    from gitcoord.hooks.guard import list_objections, parse_moves

    if called.words[:1] != ["prepared"]:
        return 0
    moves = parse_moves(os.fsdecode(sys.stdin.buffer.read()))
    return _say(list_objections(asked.repository, asked.config, moves), "")


def _push(asked: Asked, called: Called) -> int:
    from gitcoord.hooks.objection import OFF
    from gitcoord.hooks.push import list_objections, parse_push

    level, said = asked.config.hooks.push, os.fsdecode(sys.stdin.buffer.read())
    pushed = parse_push(said) if level != OFF else []
    if not pushed:
        return 0
    judged = {one.commit: _judged(asked, one.commit) for one in pushed}
    expected = _expected(asked, pushed)
    found = list_objections(pushed, judged, level=level, expected=expected)
    return _say(found, "git push --no-verify")


def _judged(asked: Asked, commit: str) -> Judged:
    """What is on record of a commit, by its latest verdict of each validator."""
    from gitcoord.hooks.push import Judged
    from gitcoord.reviews.verdicts.verdict import REFUSED, list_verdicts

    latest = {one.validator: one for one in list_verdicts(asked.repository, commit=commit)}
    refused = tuple(name for name, one in latest.items() if one.state == REFUSED)
    return Judged(refused, tuple(name for name in latest if name not in refused))


def _expected(asked: Asked, pushed: Sequence[Pushed]) -> list[Pushed]:
    """What is to be validated, as hooks.validate has it: branches of ours, or everything."""
    from gitcoord.worktrees.worktree import view_worktrees

    wanted = asked.config.hooks.validate
    if wanted != "agents":
        return list(pushed) if wanted == "all" else []
    mine = view_worktrees(asked.repository).mine
    ours = {f"refs/heads/{one.branch}" for one in mine if one.branch}
    heads = {one.linked.head for one in mine if one.linked}
    return [one for one in pushed if one.ref in ours or one.commit in heads]


def _after(asked: Asked, called: Called) -> int:
    """Called apart from git: the shim has put it into the background."""
    from gitcoord.hooks.after import note, work, write_log

    repo, config = asked.repository, asked.config
    if repo.top is None or not _is_looked_at(repo, config):
        return 0
    note(repo.own_dir, repo.top)

    def look(folder: Path) -> None:
        _look(repo, config, folder)

    def log(line: str) -> None:
        write_log(repo.own_dir, line, largest=config.log.max_bytes)

    work(repo.own_dir, look, quiet=config.hooks.quiet_seconds, log=log)
    return 0


def _is_looked_at(repo: Repository, config: Config) -> bool:
    """In the user's own worktree only where all commits are to be validated."""
    from gitcoord.worktrees.mark import read_mark

    return config.hooks.validate == "all" or read_mark(repo.git_dir) is not None


def _look(repo: Repository, config: Config, folder: Path) -> None:
    """Who edits what is looked up first: agents ask that before each of their edits."""
    from gitcoord.conflicts.radar import open_radar
    from gitcoord.conflicts.scan import Asked as Scanned
    from gitcoord.runtime.validating import validate_after_commit

    with open_radar(repo, Scanned(text_only=True)) as radar:
        radar.look()
    validate_after_commit(repo, config, folder)


def _nothing(asked: Asked, called: Called) -> int:
    return 0


def _say(objections: Sequence[Objection], past: str) -> int:
    from gitcoord.hooks.objection import BLOCK
    from gitcoord.view.hook import objection_lines

    sys.stderr.writelines(f"{line}\n" for line in objection_lines(objections, past))
    return int(any(one.level == BLOCK for one in objections))


_EVENTS: Mapping[str, Callable[[Asked, Called], int]] = {
    "pre-commit": _commit,
    "pre-merge-commit": _merge,
    "commit-msg": _message,
    "reference-transaction": _refs,
    "pre-push": _push,
    "post-commit": _after,
    "post-merge": _after,
    "post-rewrite": _after,
    "post-checkout": _nothing,
}
