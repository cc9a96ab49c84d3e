"""What can be started: each kind is a workflow template, shipped or the user's own.

A template names the roles of the worktree's agents and what they must keep to; how they
work together is read from the same file by `runs`. Nearest first: the repository's
.git/agentcoord/workflows, the user's configuration folder, those shipped.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import BadInput


@dataclass(frozen=True)
class Kind:
    """name: the template's file name. writes: whether its agents change code."""

    name: str
    description: str
    roles: tuple[str, ...]
    constraints: tuple[str, ...]
    writes: bool
    source: Path


def list_kinds(folders: Sequence[Path]) -> dict[str, Path]:
    """name -> template, from the `*.toml` of `folders`, where an earlier folder wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            found.setdefault(file.stem, file)
    return found


def find_kind(name: str, folders: Sequence[Path]) -> Kind:
    """Only its own template is read: a broken one is in nobody else's way.

    Raises BadInput naming what there is, or the template that cannot be used.
    """
    kinds = list_kinds(folders)
    if name not in kinds:
        from difflib import get_close_matches

        near = get_close_matches(name, kinds, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise BadInput(
            f"{name!r} is no kind of worktree; there are: {', '.join(sorted(kinds))}",
            hint=f'{meant}try: gitcoord start {near[0] if near else "investigation"} "…"',
        )
    return _read_kind(kinds[name])


def _read_kind(file: Path) -> Kind:
    try:
        template = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(
            f"{file} is no workflow: {error}", hint=f"mend it: $EDITOR '{file}'"
        ) from error
    return Kind(
        name=file.stem,
        description=_text(template, "description", file),
        roles=_texts(template, "roles", file),
        constraints=_texts(template, "constraints", file),
        writes=bool(template.get("writes", False)),
        source=file,
    )


def _text(template: dict[str, object], key: str, file: Path) -> str:
    value = template.get(key, "")
    if not isinstance(value, str):
        raise BadInput(f"{file}: {key} is not text", hint=f"mend it: $EDITOR '{file}'")
    return value


def _texts(template: dict[str, object], key: str, file: Path) -> tuple[str, ...]:
    value = template.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput(f"{file}: {key} is not a list of texts", hint=f"mend it: $EDITOR '{file}'")
    return tuple(value)
