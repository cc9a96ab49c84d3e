"""A collection of roles in a folder or a git repository: its files, plugins and licences.

    plugins/<plugin>/agents/<name>.md     a plugin's role
    agents/<name>.md, .claude/agents/…    a role of no plugin
    *.md                                  where there is no folder `agents` at all

Promises: of a git repository files are read from its objects, of a folder only regular files,
links never followed. Refuses: more than _MOST files, and larger ones than a role may be.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from gitcoord.errors import BadInput, NotARepository
from gitcoord.git.objects import EXECUTABLE, FILE, Reader
from gitcoord.git.remote import remote, shown
from gitcoord.git.repository import Repository
from gitcoord.runs.role_index import MOST_BYTES
from gitcoord.runs.roles import NO_ROLES

_MOST = 5_000
_MOST_SEEN = 200_000
_DEEPEST = 8
_LICENCE = re.compile(r"(?:un)?licen[cs]e(?:[.-].*)?|copying(?:[.-].*)?", re.IGNORECASE)
_PLUGIN = "plugin.json"
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|(?:[\w.-]+@)?[\w.-]+:(?!\\)")
# Words that only this licence has -> its SPDX name; the first that fits counts.
_KNOWN = (
    (r"GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3", "AGPL-3.0"),
    (r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3", "LGPL-3.0"),
    (r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1", "LGPL-2.1"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 3", "GPL-3.0"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 2", "GPL-2.0"),
    (r"Apache License,?\s+Version 2\.0", "Apache-2.0"),
    (r"Mozilla Public License,?\s+(?:Version|v\.) ?2\.0", "MPL-2.0"),
    (r"Permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"),
    (r"Permission to use, copy, modify, and(?:/or)? distribute this software", "ISC"),
    (r"Redistribution and use in source and binary forms[\s\S]{0,2000}Neither the name",
     "BSD-3-Clause"),
    (r"Redistribution and use in source and binary forms", "BSD-2-Clause"),
    (r"This is free and unencumbered software released into the public domain", "Unlicense"),
    (r"CC0 1\.0 Universal", "CC0-1.0"),
    (r"Attribution-ShareAlike 4\.0 International", "CC-BY-SA-4.0"),
    (r"Attribution-NonCommercial", "CC-BY-NC"),
    (r"Attribution 4\.0 International", "CC-BY-4.0"),
)  # fmt: skip


@dataclass(frozen=True)
class Collection:
    """What was read. source: URL without credentials, or folder. commit: "" when unknown.

    files: path -> content of the roles; beside: of licences and plugin.json; too_large: paths.
    """

    source: str
    commit: str
    files: Mapping[str, bytes]
    beside: Mapping[str, bytes]
    too_large: tuple[str, ...] = ()

    def licence(self, path: str) -> str:
        """What the nearest plugin.json or licence file above a path says, "" for nothing."""
        for folder in PurePosixPath(path).parents:
            here = {
                PurePosixPath(name): content
                for name, content in self.beside.items()
                if PurePosixPath(name).parent in (folder, folder / ".claude-plugin")
            }
            found = [
                _said(name, content) for name, content in sorted(here.items(), key=_plugin_first)
            ]
            if any(found):
                return next(one for one in found if one)
        return ""


def plugin_of(path: str) -> str:
    """`shop` of plugins/shop/agents/review.md, "" for a role of no plugin."""
    parts = PurePosixPath(path).parts
    at = parts.index("agents") if "agents" in parts else 0
    above = parts[at - 1] if at else ""
    named = re.sub(r"[^a-z0-9_-]+", "-", above.lower()).strip("-")
    return "" if above.startswith(".") or at < 2 else named[:40]


def read_collection(
    place: str, folder: Path, say: Callable[[str], None] = lambda _: None
) -> Collection:
    """The collection at `place`: DIR, DIR@COMMIT, URL or URL@COMMIT. DIR is seen from `folder`.

    Raises BadInput, NoSuch, or Problem when it cannot be fetched.
    """
    local = folder / place
    if place.strip() and local.is_dir() and not _is_git_dir(local):
        return _from_folder(local)
    where, name = split_place(place)
    local = folder / where
    if where.strip() and local.is_dir():
        where = str(local.resolve())
    elif not _REMOTE.match(where):
        raise BadInput(
            f"{place[:120]!r} is neither a folder nor a URL",
            hint="as in: gitcoord agents import https://github.com/OWNER/NAME",
        )
    say(f"fetching {shown(where)}")
    with remote(where, name) as (repo, commit):
        return _from_commit(repo, commit, shown(where))


def split_place(place: str) -> tuple[str, str]:
    """A URL or folder, and the commit behind its `@`; one in `git@host:` or `user@` is none."""
    head = re.match(r"[a-z][a-z0-9+.-]*://[^/]*|(?:[\w.-]+@)?[\w.-]+:(?!//)", place)
    start = head.end() if head else 0
    at = place.rfind("@", start)
    return (place, "") if at < 0 else (place[:at], place[at + 1 :])


def _is_git_dir(folder: Path) -> bool:
    """A bare repository, whose roles are in its objects."""
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir()


def _from_commit(repo: Repository, commit: str, source: str) -> Collection:
    lines = repo.run("ls-tree", "-r", "-l", "-z", "--full-tree", commit).fields()
    listed = {}
    for line in lines:
        told, _, path = line.partition("\t")
        mode, _, blob, size = told.split()
        if mode in (FILE, EXECUTABLE):
            listed[path] = (blob, int(size))
    wanted, too_large = _wanted({path: size for path, (_, size) in listed.items()})
    with Reader(repo) as reader:
        found = reader.find_all([listed[path][0] for path in wanted])
        read = {path: one[2] for path, one in zip(wanted, found, strict=True) if one is not None}
    return _collection(source, commit, read, too_large)


def _from_folder(folder: Path) -> Collection:
    top = folder.resolve()
    sizes = dict(islice(_walk(str(top), ""), _MOST_SEEN))
    if len(sizes) == _MOST_SEEN:
        raise BadInput(
            f"{top} has more than {_MOST_SEEN:,} files: too many for a collection",
            hint="name the folder of the roles: gitcoord agents import DIR",
        )
    wanted, too_large = _wanted(sizes)
    contents = {path: _content(top / path) for path in wanted}
    read = {path: content for path, content in contents.items() if content is not None}
    return _collection(str(top), _commit_of(top), read, too_large)


def _collection(
    source: str, commit: str, read: Mapping[str, bytes], too_large: tuple[str, ...]
) -> Collection:
    beside = {path: content for path, content in read.items() if _is_beside(path)}
    files = {path: content for path, content in read.items() if path not in beside}
    return Collection(source, commit, files, beside, too_large)


def _wanted(sizes: Mapping[str, int]) -> tuple[list[str], tuple[str, ...]]:
    """The paths to read, and those of roles that are too large."""
    markdown = [
        path
        for path in sizes
        if path.endswith(".md") and PurePosixPath(path).name.lower() not in NO_ROLES
    ]
    agents = [path for path in markdown if "agents" in PurePosixPath(path).parts[:-1]]
    roles = sorted(agents or markdown)
    if len(roles) > _MOST:
        raise BadInput(
            f"{len(roles):,} files could be roles; at most {_MOST:,} are read",
            hint="name a folder within: gitcoord agents import DIR",
        )
    beside = [path for path in sizes if _is_beside(path)]
    fitting = [path for path in (*roles, *beside) if sizes[path] <= MOST_BYTES]
    return fitting, tuple(path for path in roles if sizes[path] > MOST_BYTES)


def _is_beside(path: str) -> bool:
    name = PurePosixPath(path).name
    return name == _PLUGIN or bool(_LICENCE.fullmatch(name))


def _walk(top: str, below: str, depth: int = 0) -> Iterator[tuple[str, int]]:
    """(path, size) of regular files; folders of git, of packages and behind links left out."""
    try:
        with os.scandir(os.path.join(top, below)) as entries:  # noqa: PTH118
            listed = sorted(entries, key=lambda one: one.name)
    except OSError:
        return
    for one in listed:
        path = f"{below}/{one.name}" if below else one.name
        if one.is_file(follow_symlinks=False):
            yield path, one.stat(follow_symlinks=False).st_size
        elif (
            depth < _DEEPEST
            and one.name not in (".git", "node_modules", ".venv")
            and one.is_dir(follow_symlinks=False)
        ):
            yield from _walk(top, path, depth + 1)


def _content(file: Path) -> bytes | None:
    """At most one byte more than a role may have; None where it cannot be read."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as stream:
        return stream.read(MOST_BYTES + 1)


def _commit_of(folder: Path) -> str:
    """The commit a folder shows, "" when it is in no repository or differs from it."""
    try:
        repo = Repository.find(folder)
    except NotARepository:
        return ""
    commit = repo.find_commit("HEAD")
    if commit is None or repo.top is None:
        return ""
    changed = repo.run("status", "--porcelain", "-z", "--", str(folder), at=folder).out
    return "" if changed else commit


def _plugin_first(named: tuple[PurePosixPath, bytes]) -> tuple[bool, str]:
    return (named[0].name != _PLUGIN, str(named[0]))


def _said(path: PurePosixPath, content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    if path.name == _PLUGIN:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return ""
        licence = found.get("license") if isinstance(found, dict) else None
        return _one_line(licence) if isinstance(licence, str) else ""
    for pattern, name in _KNOWN:
        if re.search(pattern, text[:20_000], re.IGNORECASE):
            return name
    first = next((line for line in text.splitlines() if line.strip()), "")
    return _one_line(first)


def _one_line(text: str) -> str:
    return "".join(char for char in " ".join(text.split()) if char.isprintable())[:80]
