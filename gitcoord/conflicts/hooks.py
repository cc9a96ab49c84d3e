"""Who collides with one worktree, as committed: a function call for hooks and for agents.

Promises: only that worktree's pairs are looked at; git is at work while Python still imports.
"""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

from gitcoord.conflicts.edits import find_place
from gitcoord.errors import NoSuch
from gitcoord.git.repository import COMMIT, SETTINGS, Repository, parse_settings
from gitcoord.git.run import Output, end_group, start
from gitcoord.git.worktrees import LIST, list_worktrees

if TYPE_CHECKING:
    import subprocess

    from gitcoord.conflicts.scan import Scan


def clashes_of(
    folder: str | os.PathLike[str] = ".", *, against: str = "", text_only: bool = True
) -> Scan:
    """The pairs of the worktree `folder` is in, and whether it conflicts with the target.

    text_only: without what merges as text and breaks in meaning, for which files are parsed.
    Raises NotARepository; NoSuch outside of a worktree, or for a target that is none.
    """
    collects = gc.isenabled()
    gc.disable()  # imports and a large cache set it off 60 times: 6 of 60 ms
    try:
        return _clashes_of(os.fspath(folder), against, text_only=text_only)
    finally:
        if collects:
            gc.enable()


def _clashes_of(folder: str, against: str, *, text_only: bool) -> Scan:
    place = find_place(folder)
    repo = Repository.find(folder)
    if place is None or repo.top is None:
        raise NoSuch("this is not in a worktree", hint="see: gitcoord list")
    home = repo.seen_from(repo.common_dir)
    asking = [start(*words, cwd=home.home) for words in (SETTINGS, LIST)]
    if against and not against.startswith(("-", "^")) and "\0" not in against:
        asking.append(start(*COMMIT, f"{against}^{{commit}}", cwd=repo.home))
    try:
        import gitcoord.conflicts.comparing  # noqa: F401 - 25 ms, while git is at work
        from gitcoord.conflicts.radar import name_target, open_radar
        from gitcoord.conflicts.scan import Asked
        from gitcoord.worktrees.worktree import view_worktrees

        settings, listed, *commit = map(_answer, asking)
    except BaseException:
        for process in asking:
            end_group(process)
        raise
    if settings:
        vars(home)["settings"] = parse_settings(settings)
    view = view_worktrees(home, listed=list_worktrees(home, said=listed))
    asked = Asked((place[2],), against, committed_only=True, text_only=text_only)
    target = name_target(against, commit[0].text) if commit and commit[0] else None
    with open_radar(repo, asked, home=home) as radar:
        return radar.look(view=view, target=target)


def _answer(process: subprocess.Popen[bytes]) -> Output | None:
    """What fails here is asked once more, by who wants it and says why."""
    out, err = process.communicate()
    return Output(0, out, err) if process.returncode == 0 else None
