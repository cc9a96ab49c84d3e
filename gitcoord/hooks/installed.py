"""The record of what was put where: written before it is done, kept until it is taken out.

Promises: after `kill -9` at any instant the record names all that may be there; it holds when the
repository was moved, its paths being relative.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gitcoord.errors import Corrupt
from gitcoord.git.repository import Repository
from gitcoord.hooks.editing import Edit
from gitcoord.state.documents import decode, encode

INSTALLING, INSTALLED, UNINSTALLING = "installing", "installed", "uninstalling"


@dataclass(frozen=True)
class Installed:
    """state: of the three above. way: of places.WAYS. chain: what runs before ours, as in shims;
    "" for nothing. folder: where the files are, made: whether we made it. files: name -> digest.
    edits: of git's configuration, in the order they are made."""

    state: str
    way: str
    chain: str
    folder: Path
    made: bool
    files: Mapping[str, str] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read_installed(file: Path) -> Installed | None:
    """None where nothing was installed. Raises Corrupt, NewerSchema."""
    try:
        body = decode(file.read_bytes(), str(file))
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return Installed(
            state=body["state"],
            way=body["way"],
            chain=body["chain"],
            folder=_absolute(file, body["folder"]),
            made=body["made"],
            files=body["files"],
            edits=tuple(_edit(file, one) for one in body.get("edits", ())),
        )
    except (KeyError, TypeError) as error:
        raise Corrupt(
            f"{file} does not say what was installed: {error}",
            hint=f"take our hooks out by hand, then: rm '{file}'",
        ) from error


def write_installed(file: Path, installed: Installed, state: str) -> Installed:
    """Whole or not at all, and on the disk before anything depends on it. 0600: git's
    configuration may hold what only its owner should read."""
    installed = replace(installed, state=state)
    body = {
        "state": state,
        "way": installed.way,
        "chain": installed.chain,
        "folder": _relative(file, installed.folder),
        "made": installed.made,
        "files": dict(installed.files),
        "edits": [_edit_body(file, one) for one in installed.edits],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = begun(file)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(encode(body))
        opened.flush()
        os.fsync(opened.fileno())
    fresh.rename(file)
    return installed


def begun(file: Path) -> Path:
    """The record while it is written; it may be left by a process that was killed."""
    return file.with_name(f"{file.name}.new")


@contextmanager
def alone(repo: Repository) -> Iterator[None]:
    """One install or uninstall at a time. The lock is on a folder: a killed process leaves
    nothing behind."""
    repo.own_dir.mkdir(exist_ok=True)
    fd = os.open(repo.own_dir, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _edit_body(record: Path, edit: Edit) -> dict[str, Any]:
    return {
        "file": _relative(record, edit.file),
        "before": None if edit.before is None else os.fsdecode(edit.before),
        "after": None if edit.after is None else os.fsdecode(edit.after),
        "keys": [
            {"key": key, "ours": ours, "before": list(had)}
            for key, (ours, had) in edit.keys.items()
        ],
    }


def _edit(record: Path, body: Mapping[str, Any]) -> Edit:
    before, after = body.get("before"), body.get("after")
    return Edit(
        _absolute(record, body["file"]),
        None if before is None else os.fsencode(before),
        None if after is None else os.fsencode(after),
        {one["key"]: (one["ours"], tuple(one["before"])) for one in body["keys"]},
    )


def _relative(record: Path, path: Path) -> str:
    return os.path.relpath(path, record.parent)


def _absolute(record: Path, path: str) -> Path:
    return Path(os.path.normpath(record.parent / path))
