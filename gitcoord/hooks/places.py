"""Where hooks are in force here, and which of three ways ours get there.

FOLDER     nothing is there: our files go into `hooks` of the git dir
REDIRECT   somebody else's hook or core.hooksPath is there: core.hooksPath leads to our folder,
           and each file in it runs what git would have run, at its own path, before ours
CONFIG     git 2.54 or newer runs several hooks for an event: ours stand in the configuration
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from gitcoord.git.repository import Repository, git_version
from gitcoord.hooks.events import OURS

FOLDER, REDIRECT, CONFIG = "folder", "redirect", "config"
WAYS = (FOLDER, REDIRECT, CONFIG)
CONFIGURED = (2, 54)


@dataclass(frozen=True)
class Place:
    """Where what is ours is kept: for all worktrees, or for one (`here`).

    hooks: `hooks` of the git dir. own: the folder for our files outside of it. record: what was
    installed. config: the file of git's configuration that is changed.
    """

    here: bool
    hooks: Path
    own: Path
    record: Path
    config: Path


def place_of(repo: Repository, *, here: bool) -> Place:
    """here: of this worktree alone."""
    folder = (repo.git_dir if here else repo.common_dir) / "agentcoord"
    name = "hooks-here" if here else "hooks"
    config = repo.git_dir / "config.worktree" if here else repo.common_dir / "config"
    return Place(here, repo.common_dir / "hooks", folder / name, folder / f"{name}.toml", config)


def hooks_path(
    repo: Repository, *, here: bool, ours: str = "", instead: Sequence[str] = ()
) -> str | None:
    """core.hooksPath as git would use it, None where it is not set.

    here: as this worktree sees it; else as one would that has no configuration of its own.
    ours, instead: a value of ours, and those that stood in its place before it.
    """
    said = repo.run(
        "config", "--show-scope", "-z", "--type=path", "--get-all", "core.hooksPath", ok=(0, 1)
    ).fields()
    values = [
        value
        for scope, value in zip(said[::2], said[1::2], strict=True)
        if scope != "command" and (here or scope != "worktree")
    ]
    if ours and values and values[-1] == ours:
        values[-1:] = [os.path.expanduser(value) for value in instead]  # noqa: PTH111
    return values[-1] if values else None


def choose_way(place: Place, path: str | None, *, ours: Collection[str]) -> str:
    """path: what core.hooksPath is, without us. ours: files in `hooks` that are."""
    if git_version() >= CONFIGURED:
        return CONFIG
    taken = any(os.path.lexists(place.hooks / event) for event in OURS if event not in ours)
    return REDIRECT if place.here or taken or path is not None else FOLDER
