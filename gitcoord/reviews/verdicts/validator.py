"""Validators: who is asked whether a commit is good.

    builtin   a check of ours (see checks/)        command   a shell command that ends with 0
    role      an agent that reads the change and says what it thinks

They come from the setting validate.commands and from templates: `validators/*.toml` of
`.git/agentcoord`, of the user's configuration folder, and those shipped, nearest first.
Refuses: templates that are tracked files of a repository. Who clones one has not agreed to
run what it says.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from gitcoord.config import Config, shipped, user_file
from gitcoord.errors import BadInput
from gitcoord.git.repository import Repository
from gitcoord.records import check_id
from gitcoord.redaction import redact

BUILTIN, COMMAND, ROLE = "builtin", "command", "role"
LARGE_FILES = "large-files"
BUILTINS = ("conflict-markers", "secrets", LARGE_FILES, "syntax")
# What a built-in says depends on its code as well: a verdict of before is stale when this moves.
_CODE = "1"
_KEYS = {
    COMMAND: {"kind", "description", "command", "seconds"},
    ROLE: {"kind", "description", "role", "runner", "seconds", "prompt"},
}


@dataclass(frozen=True)
class Validator:
    """One validator as it is configured.

    command: of a command, for /bin/sh. role, runner: of a role; runner "" is yet to be chosen.
    prompt: what to look at, beside what every role is told. seconds: until it is ended.
    config: what else its answer depends on. largest: bytes a file may have, of a built-in.
    """

    name: str
    kind: str
    command: str = ""
    role: str = ""
    runner: str = ""
    seconds: int = 900
    prompt: str = ""
    config: str = ""
    largest: int = 0
    description: str = ""

    @property
    def digest(self) -> str:
        """Of all its answer depends on: 16 hexadecimal digits."""
        parts = {key: value for key, value in vars(self).items() if key != "description"}
        text = json.dumps(parts, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def list_validators(repo: Repository, config: Config, names: Sequence[str] = ()) -> list[Validator]:
    """The validators of these names; none given: those of validate.use and validate.commands.

    Raises BadInput for a name that is none, and a template that cannot be used.
    """
    commands = _of_commands(config)
    if not names:
        commanded = [name for name in commands if name not in config.validate.use]
        names = [*dict.fromkeys(config.validate.use), *commanded]
    templates = _templates(repo)
    return [_named(name, config, commands, templates) for name in dict.fromkeys(names)]


def known_validators(repo: Repository, config: Config) -> list[str]:
    """The names of all there are."""
    return [*dict.fromkeys([*BUILTINS, *_of_commands(config), *sorted(_templates(repo))])]


def folders(repo: Repository) -> list[Path]:
    """Where templates are, nearest first."""
    return [
        repo.own_dir / "validators",
        user_file().parent / "validators",
        shipped("templates") / "validators",
    ]


def _named(
    name: str, config: Config, commands: dict[str, Validator], templates: dict[str, Path]
) -> Validator:
    if name in BUILTINS:
        largest = config.hooks.largest if name == LARGE_FILES else 0
        return Validator(name, BUILTIN, config=_CODE, largest=largest)
    if name in commands:
        return commands[name]
    if name in templates:
        return _read(templates[name], config)
    known = [*BUILTINS, *commands, *templates]
    near = get_close_matches(name, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise BadInput(
        f"there is no validator {name[:60]!r}; there are: {', '.join(known)[:600]}",
        hint=f"{meant}what runs: gitcoord validate --dry-run",
    )


def _of_commands(config: Config) -> dict[str, Validator]:
    found: dict[str, Validator] = {}
    for command in config.validate.commands:
        if command.strip():
            name = _name_of(command)
            found[name] = Validator(name, COMMAND, command=command, seconds=config.validate.seconds)
    return found


def _name_of(command: str) -> str:
    """A command is called by its words: `pytest -q` is its own name, as long as it is short."""
    words = redact(" ".join(command.split()))
    if len(words) <= 60:
        return words
    return f"{words[:48]}… {hashlib.sha256(words.encode()).hexdigest()[:6]}"


def _templates(repo: Repository) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders(repo):
        for file in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
            found.setdefault(file.stem, file)
    return found


def _read(file: Path, config: Config) -> Validator:
    """Raises BadInput naming the file and what is wrong with it."""
    try:
        said = tomllib.loads(file.read_text("utf-8"))
        check_id(file.stem, what="name")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, BadInput) as error:
        raise _unusable(file, str(error)) from error
    kind = said.get("kind")
    if kind not in (COMMAND, ROLE):
        raise _unusable(file, 'kind is neither "command" nor "role"')
    unknown = sorted(said.keys() - _KEYS[kind])
    if unknown:
        raise _unusable(file, f"{unknown[0]!r} is no key of a {kind}")
    if not _text(file, said, kind):
        raise _unusable(file, f"{kind} is missing")
    seconds = said.get("seconds", config.validate.seconds)
    if type(seconds) is not int or seconds < 1:
        raise _unusable(file, "seconds is no whole number from 1 on")
    return Validator(
        file.stem, kind,
        command=_text(file, said, "command"), role=_text(file, said, "role"),
        runner=(_text(file, said, "runner") or _runner(config)) if kind == ROLE else "",
        seconds=seconds, prompt=_text(file, said, "prompt"),
        description=_text(file, said, "description"),
    )  # fmt: skip


def _runner(config: Config) -> str:
    return config.validate.runner or config.agents.runner


def _text(file: Path, said: dict[str, Any], key: str) -> str:
    value = said.get(key, "")
    if not isinstance(value, str):
        raise _unusable(file, f"{key} is not text")
    return value.strip()


def _unusable(file: Path, why: str) -> BadInput:
    return BadInput(f"{file} is no validator: {why}", hint=f"mend it: $EDITOR '{file}'")
