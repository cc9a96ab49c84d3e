"""What an agent's hands can reach: the files of its worktree, and no others.

Promises: a path is resolved through every symbolic link before it is judged, and opened folder
by folder without following any, so a link swapped in between leads nowhere. `.git`, the settings
of agent programs, hooks and our own records are out of reach, whatever their case.
Refuses: devices, pipes and sockets.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gitcoord.errors import BadInput, NoSuch, Refused
from gitcoord.records import random_text

OWN = ".agentcoord"
# Read by git, by agent programs or by editors, which run what these say.
SETTINGS = frozenset(
    (".git", ".claude", ".codex", ".gemini", ".opencode", ".cursor", ".aider.conf.yml", ".mcp.json",
     ".claude.json", "opencode.json", "opencode.jsonc", ".agentcoord.toml")
)  # fmt: skip
HOOKS = frozenset((".husky", ".githooks", ".pre-commit-config.yaml", "lefthook.yml", ".envrc"))
LARGEST = 4 * 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Parts = tuple[str, ...]


@dataclass(frozen=True)
class Reach:
    """top: the worktree. own: the folder of its agents, `.agentcoord/ID`, or "". hooks: folders
    below it that git takes hooks from."""

    top: Path
    own: str = ""
    hooks: tuple[str, ...] = ()

    @cached_property
    def root(self) -> str:
        return os.path.realpath(self.top)

    def place(self, name: str, *, writing: bool = False) -> Parts:
        """The parts of a path below the worktree, with no link left in them; () is the worktree.

        Raises Refused where it may not go, BadInput on what is no path.
        """
        if not name.strip() or "\0" in name:
            raise BadInput("name a path in the worktree, such as src/main.py")
        given = os.path.join(self.root, name)  # noqa: PTH118 - an absolute one stays as it is
        real = os.path.realpath(given)
        for path in (os.path.normpath(given), real):
            below = os.path.relpath(path, self.root)
            if below == ".." or below.startswith("../"):
                raise Refused(f"{name} is outside of the worktree")
            self._judge(name, _parts(below), writing=writing)
        return _parts(os.path.relpath(real, self.root))

    def is_hidden(self, parts: Parts) -> bool:
        """Whether reading it would be refused."""
        try:
            self._judge("", parts, writing=False)
        except Refused:
            return True
        return False

    def read(self, parts: Parts, *, most: int = LARGEST) -> bytes:
        """The content of a file. Raises NoSuch, BadInput on what is no file or larger."""
        with self._folder(parts[:-1]) as folder:
            fd = _opened(parts, os.O_RDONLY | os.O_NONBLOCK, folder)
        try:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                raise BadInput(f"{'/'.join(parts) or '.'} is no file")
            if about.st_size > most:
                raise BadInput(f"{'/'.join(parts)} has {about.st_size:,} bytes: search it")
            with os.fdopen(fd, "rb", closefd=False) as file:
                return file.read(most)
        finally:
            os.close(fd)

    def find(self, parts: Parts) -> bytes | None:
        """The content of a file, None where there is none."""
        try:
            return self.read(parts)
        except NoSuch:
            return None

    def names(self, parts: Parts) -> list[str]:
        """What a folder holds, sorted; folders end with a slash. Raises NoSuch."""
        with self._folder(parts) as folder, os.scandir(folder) as entries:
            named = [
                entry.name + "/" * entry.is_dir(follow_symlinks=False)
                for entry in entries
                if not self.is_hidden((*parts, entry.name))
            ]
        return sorted(named)

    def write(self, parts: Parts, content: bytes) -> None:
        """Put a whole file in place, or leave the old one; its mode is kept, folders are made."""
        if not parts:
            raise BadInput("the worktree itself is no file")
        with self._folder(parts[:-1], make=True) as folder:
            mode = _mode(parts, folder)
            draft = f".{random_text(8)}.new"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(draft, flags, 0o666, dir_fd=folder)
            try:
                with os.fdopen(fd, "wb") as file:
                    if mode is not None:
                        os.fchmod(fd, mode)
                    file.write(content)
                os.rename(draft, parts[-1], src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(draft, dir_fd=folder)
                raise

    @contextmanager
    def _folder(self, parts: Parts, *, make: bool = False) -> Iterator[int]:
        """A folder, opened one step at a time: a link that appears on the way is not followed."""
        fd = os.open(self.root, _FOLDER)
        try:
            for index, part in enumerate(parts):
                if make:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=fd)
                inner = _opened(parts[: index + 1], _FOLDER, fd)
                os.close(fd)
                fd = inner
            yield fd
        finally:
            os.close(fd)

    def _judge(self, name: str, parts: Parts, *, writing: bool) -> None:
        plain = tuple(map(_plain, parts))
        if any(part in SETTINGS for part in plain):
            raise Refused(f"{name}: settings of git and of agents are out of reach")
        mine = bool(self.own) and parts[:2] == _parts(self.own)
        if plain[:1] == (OWN,) and (writing or not (mine or len(plain) == 1)):
            raise Refused(f"{name}: records are out of reach; findings: use record_finding")
        path = "/".join(parts)
        hooked = any(path == one or path.startswith(f"{one}/") for one in self.hooks)
        if writing and (hooked or any(part in HOOKS for part in plain)):
            raise Refused(f"{name}: hooks are out of reach")


def _opened(parts: Parts, flags: int, folder: int) -> int:
    """Open the last of `parts`, which is in the open `folder`; the folder itself where there is
    none. Raises NoSuch, Refused, BadInput."""
    path = "/".join(parts) or "."
    try:
        return os.open(
            parts[-1] if parts else ".", flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder
        )
    except FileNotFoundError:
        raise NoSuch(f"there is no {path}") from None
    except OSError as error:
        # ELOOP, and ENOTDIR for a folder: a link, put there after the path was resolved.
        raise BadInput(f"{path} cannot be opened: {os.strerror(error.errno or 0)}") from None


def _mode(parts: Parts, folder: int) -> int | None:
    """The mode of a file to be replaced, None where there is none. Raises BadInput."""
    try:
        there = os.stat(parts[-1], dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(there.st_mode) or not (stat.S_ISREG(there.st_mode) or _is_link(there)):
        raise BadInput(f"{'/'.join(parts)} is no file")
    return None if _is_link(there) else stat.S_IMODE(there.st_mode)


def _is_link(there: os.stat_result) -> bool:
    return stat.S_ISLNK(there.st_mode)


def _parts(path: str) -> Parts:
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _plain(part: str) -> str:
    """A name as a file system without case sees it; HFS+ leaves out what cannot be seen."""
    seen = part if part.isascii() else _without_unseen(part)
    return seen.casefold().rstrip(" .")


def _without_unseen(part: str) -> str:
    return "".join(char for char in part if unicodedata.category(char) != "Cf")
