"""The roles there are: found in folders, the nearest of a name counts.

    repository   .claude/agents of the worktree we stand in
    home         ~/.claude/agents
    user         agents/ beside the user's config.toml
    imported     .git/agentcoord/agents, written by `gitcoord agents import`
    shipped      templates/agents

Promises: a file that cannot be used is named, and the others are listed all the same; 500
are listed from an index that knows each by its times and size. Refuses: to use a role in place
of a nearer one of its name whose file is broken.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from gitcoord.config import shipped, user_file
from gitcoord.errors import BadInput, NoSuch
from gitcoord.git.repository import Repository
from gitcoord.runs.role import Role
from gitcoord.runs.role_index import Index, Origin, prompt_in, read_content

REPOSITORY, HOME, USER, IMPORTED, SHIPPED = "repository", "home", "user", "imported", "shipped"
_LIST = "all of them: gitcoord agents list"
_DEEPEST = 4
_MOST_FILES = 5_000
NO_ROLES = frozenset({"readme.md", "claude.md", "agents.md", "license.md", "contributing.md"})


class Listed(NamedTuple):
    """A role where it was found. role: without its prompt. place: REPOSITORY, …"""

    role: Role
    place: str
    origin: Origin | None = None

    @property
    def short(self) -> str:
        """The name without its plugin's: `review` of `shop-review`."""
        plugin = f"{self.origin.plugin}-" if self.origin and self.origin.plugin else ""
        return self.role.name.removeprefix(plugin) or self.role.name


class Broken(NamedTuple):
    """A file that cannot be used, and why in a line."""

    file: str
    place: str
    problem: str
    hint: str


class Roles:
    """All that was found, nearest first. by_name: the nearest of each name."""

    def __init__(self, found: Sequence[Listed], broken: Sequence[Broken] = ()) -> None:
        self.found = tuple(found)
        self.broken = tuple(broken)
        self.by_name: dict[str, Listed] = {}
        for one in found:
            self.by_name.setdefault(one.role.name, one)

    @cached_property
    def counting(self) -> list[Listed]:
        """The nearest of each name, by name."""
        return [self.by_name[name] for name in sorted(self.by_name)]

    def shadowed(self, one: Listed) -> list[Listed]:
        """Those of the same name that are further away."""
        return [other for other in self.found if other.role.name == one.role.name][1:]

    def find(self, name: str) -> Listed:
        """The role of that name; `<plugin>-<name>` answers to `<name>` when it is the only one.

        Raises NoSuch with the nearest names, BadInput when the nearest file of that name is
        broken.
        """
        wanted = name.strip().lower()
        self._refuse_broken(wanted)
        if wanted in self.by_name:
            return self.by_name[wanted]
        answering = [one for one in self.counting if one.short == wanted]
        if len(answering) == 1:
            return answering[0]
        if answering:
            names = ", ".join(one.role.name for one in answering[:8])
            raise NoSuch(f"{name[:60]!r} could be any of {len(answering)}: {names}", hint=_LIST)
        raise NoSuch(f"there is no role {name[:60]!r}", hint=self._nearest(wanted))

    def _refuse_broken(self, name: str) -> None:
        counts = self.by_name.get(name)
        for one in self.broken:
            near = counts is None or _ORDER.index(one.place) < _ORDER.index(counts.place)
            if near and Path(one.file).stem == name:
                raise BadInput(one.problem, hint=one.hint)

    def _nearest(self, name: str) -> str:
        from difflib import get_close_matches

        known = {one.short: one.role.name for one in self.counting}
        known |= {one: one for one in self.by_name}
        near = dict.fromkeys(known[one] for one in get_close_matches(name[:80], known, n=3))
        return f"did you mean {' or '.join(near)}? {_LIST}" if near else _LIST


_ORDER = (REPOSITORY, HOME, USER, IMPORTED, SHIPPED)


def find_role(repo: Repository | None, name: str) -> Role:
    """The role of that name, with its prompt. Raises NoSuch, BadInput."""
    return whole(read_roles(repo).find(name))


def list_roles(repo: Repository | None) -> list[Role]:
    """The nearest role of each name, by name, without their prompts (see `whole`)."""
    return [one.role for one in read_roles(repo).counting]


def whole(one: Listed) -> Role:
    """The role with its prompt. Raises BadInput when its file was broken meanwhile."""
    prompt = prompt_in(read_content(one.role.source))
    if not prompt:
        raise BadInput(f"{one.role.source} has no prompt any more", hint=_LIST)
    return Role(**{**vars(one.role), "prompt": prompt})


def read_roles(repo: Repository | None) -> Roles:
    """All roles and broken files, as seen from a worktree of `repo`; None is no repository."""
    index = Index(repo.own_dir / "cache" / "roles.json" if repo else None)
    found: list[Listed] = []
    broken: list[Broken] = []
    seen: set[str] = set()  # where the repository is one's home, a folder is there twice
    for place, folder in folders(repo):
        files = sorted(islice(_files(str(folder)), _MOST_FILES + 1))
        if len(files) > _MOST_FILES:
            told = f"{folder} has more than {_MOST_FILES:,} files; the others are not read"
            broken.append(Broken(str(folder), place, told, _LIST))
        for path, status in files[:_MOST_FILES]:
            if path in seen:
                continue
            seen.add(path)
            known = index.known(path, status)
            if known.role is None:
                broken.append(Broken(path, place, known.problem, known.hint))
            else:
                found.append(Listed(known.role, place, known.origin if place == IMPORTED else None))
    index.save()
    return Roles(found, broken)


def folders(repo: Repository | None) -> list[tuple[str, Path]]:
    """Where roles are, nearest first."""
    return [
        *([(REPOSITORY, repo.top / ".claude" / "agents")] if repo and repo.top else []),
        (HOME, Path.home() / ".claude" / "agents"),
        (USER, user_file().parent / "agents"),
        *([(IMPORTED, imports_folder(repo))] if repo else []),
        (SHIPPED, shipped("templates") / "agents"),
    ]


def imports_folder(repo: Repository) -> Path:
    return repo.own_dir / "agents"


def _files(folder: str, depth: int = 0) -> Iterator[tuple[str, os.stat_result]]:
    """Regular files `*.md` below a folder, links to files followed, to folders not."""
    try:
        with os.scandir(folder) as entries:
            listed = [one for one in entries if not one.name.startswith(".")]
    except OSError:
        return
    for one in listed:
        if one.name.endswith(".md") and one.name.lower() not in NO_ROLES:
            try:
                status = one.stat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield one.path, status
        elif depth < _DEEPEST and one.is_dir(follow_symlinks=False):
            yield from _files(one.path, depth + 1)
