"""The part of a command line that all commands share, free of what parses command lines.

Promises: the folder, the repository and the settings are looked at once, and only when a
command wants them, so that help works anywhere. Refuses: to read the environment; main does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gitcoord.errors import BadInput, NotARepository, Problem

if TYPE_CHECKING:
    from gitcoord.config import Config
    from gitcoord.git.repository import Repository
    from gitcoord.git.run import Several
    from gitcoord.view.screen import Screen


@dataclass
class Asked:
    """The part of a command line that all commands share.

    plain: the environment wants no colour. dumb: its terminal can do nothing but print.
    shell: the name of the user's shell. shell_folder: where that shell believes it is ($PWD),
    for when that folder is gone. agent: what GITCOORD_AGENT says, set for all that an agent of
    ours runs. moves: what `-C` was given, in order. early: the repository
    here, and the worktrees' statuses, when main has begun to ask for them.
    """

    plain: bool = False
    dumb: bool = False
    shell: str = ""
    shell_folder: str = ""
    agent: str = ""
    moves: list[str] = field(default_factory=list)
    quiet: bool = False
    no_color: bool = False
    early: tuple[Repository, Several] | None = None

    @cached_property
    def folder(self) -> Path:
        """Where to work: the current folder, after every `-C`. Raises BadInput, Problem."""
        folder = Path()
        for move in self.moves:
            folder = folder / move
            if not folder.is_dir():
                what = "it is not a folder" if folder.exists() else "there is no such folder"
                raise BadInput(
                    f"cannot work in {move!r}: {what}",
                    hint="name one that exists: gitcoord -C DIR …",
                )
        return folder if folder.is_absolute() else self._current() / folder

    def file(self, name: str | Path) -> Path:
        """A file named on the command line: relative to `folder`, as with git -C."""
        return self.folder / name

    @cached_property
    def repository(self) -> Repository:
        """The repository `folder` is in. Raises NotARepository."""
        from gitcoord.git.repository import Repository

        return self.early[0] if self.early else Repository.find(self.folder)

    def find_repository(self) -> Repository | None:
        """The repository `folder` is in, None outside of one."""
        try:
            return self.repository
        except NotARepository:
            return None

    @cached_property
    def config(self) -> Config:
        """The settings that hold here. Raises BadInput, naming key, file and line."""
        from gitcoord.config import Config

        repo = self.find_repository()
        return Config.load(repo.own_dir if repo else None)

    @cached_property
    def screen(self) -> Screen:
        """Where answers and narration go, coloured as flags, settings and terminal have it."""
        return self._screen(self.config.ui.color)

    @cached_property
    def bare_screen(self) -> Screen:
        """A screen that asks no settings, for commands that must work when those are broken."""
        return self._screen("auto")

    @property
    def answered(self) -> bool:
        """Whether a JSON document was printed: there must not be a second one."""
        screens = (self.__dict__.get(name) for name in ("screen", "bare_screen"))
        return any(screen is not None and screen.answered for screen in screens)

    def _screen(self, wish: str) -> Screen:
        from gitcoord.view.screen import Screen

        color = {"always": True, "never": False}.get(wish, False if self.plain else None)
        return Screen(quiet=self.quiet, color=False if self.no_color else color, dumb=self.dumb)

    def _current(self) -> Path:
        try:
            return Path.cwd()
        except FileNotFoundError:
            return self._recreated()

    def _recreated(self) -> Path:
        """The folder the shell names, if it was made anew since this process's went."""
        shell = Path(self.shell_folder)
        if shell.is_absolute() and shell.is_dir():
            return shell
        there = next((parent for parent in shell.parents if parent.is_dir()), Path("/"))
        raise Problem(
            "the folder you are in no longer exists",
            hint=f"go to one that does: cd {there if there.is_absolute() else '/'}",
        )
