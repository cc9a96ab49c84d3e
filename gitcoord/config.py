"""The settings as they hold in one place, and where each value comes from.

Layers, later ones win: default < the user's file < `.git/agentcoord/config.toml` <
`GITCOORD_*` in the environment (`GITCOORD_WORKTREE_PATH` for `worktree.path`; an empty one
counts as not set). What can be set stands in settings.py. Refuses: a key that does not exist and
a value of the wrong type, naming the key, the file, the line and the nearest known key.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from gitcoord import configfile
from gitcoord.errors import BadInput, NoSuch
from gitcoord.settings import KEYS as KEYS
from gitcoord.settings import (
    PLACE,
    Budget,
    Hooks,
    Log,
    Review,
    Run,
    Setup,
    Train,
    Ui,
    Validate,
    Worktree,
    frozen,
    thawed,
)
from gitcoord.settings import Agents as Agents
from gitcoord.settings import Key as Key
from gitcoord.settings import Resolve as Resolve
from gitcoord.settings import Trash as Trash
from gitcoord.settings import Value as Value
from gitcoord.settings import amount as amount


class Config:
    """All settings as they hold in one place: `config.worktree.path`.

    values: key -> value, where it is not the default. sources: key -> the path of the file or
    the name of the variable that has it.
    """

    def __init__(
        self, values: Mapping[str, Value] | None = None, sources: Mapping[str, str] | None = None
    ) -> None:
        given = values or {}
        self.sources = dict(sources or {})
        self.worktree = Worktree(given)
        self.setup = Setup(given)
        self.trash = Trash(given)
        self.resolve = Resolve(given)
        self.run = Run(given)
        self.agents = Agents(given)
        self.budget = Budget(given)
        self.hooks = Hooks(given)
        self.validate = Validate(given)
        self.review = Review(given)
        self.train = Train(given)
        self.log = Log(given)
        self.ui = Ui(given)

    @classmethod
    def load(cls, own_dir: Path | None = None) -> Config:
        """The settings of the repository whose `.git/agentcoord` is `own_dir`; None: of none.

        Raises BadInput on a file or a variable that is not usable as a whole.
        """
        values: dict[str, Value] = {}
        sources: dict[str, str] = {}
        for file in files(own_dir):
            read_here = read(file)
            values |= read_here
            sources |= dict.fromkeys(read_here, str(file))
        for key, value in _from_environment().items():
            values[key.name], sources[key.name] = value, key.variable
        return cls(values, sources)

    def value(self, name: str) -> Value:
        """The value of a key. Raises BadInput on an unknown one."""
        section, _, key = known(name).name.partition(".")
        found: Value = getattr(getattr(self, section), key)
        return found

    def source(self, name: str) -> str:
        """The file or variable a value comes from, or `default`."""
        return self.sources.get(name, "default")


class Edit(NamedTuple):
    """A change of one key in one file: from `before` to `after`; None is not set there."""

    file: Path
    key: str
    before: Value | None
    after: Value | None

    def apply(self) -> None:
        """Write it. Other keys are kept as they are by then. Raises BadInput."""
        configfile.change(self.file, self.key, thawed(self.after))


def plan(file: Path, name: str, value: Value | None) -> Edit:
    """The change of a key in a file; value None takes it out. Raises BadInput, NoSuch.

    A key we do not know can be taken out, so that a file can be mended with it.
    """
    there = dict(configfile.leaves(configfile.parsed(configfile.text_of(file), file)))
    if value is not None or name not in there:
        known(name)
    if value is None and name not in there:
        raise NoSuch(f"{name} is not set in {file}", hint="see: gitcoord config list --sources")
    before = there.get(name)
    return Edit(file, name, None if before is None else frozen(before), value)


def known(name: str) -> Key:
    """The key of this name. Raises BadInput naming the nearest one."""
    if name in KEYS:
        return KEYS[name]
    raise BadInput(f"there is no setting {name!r}", hint=_nearest(name))


def parse(name: str, words: Sequence[str]) -> Value:
    """The value of a key from words of a command line. Raises BadInput."""
    try:
        return known(name).parse(words)
    except ValueError as error:
        raise BadInput(f"{name}: {error}", hint=f"see: gitcoord config get {name}") from None


def read(file: Path) -> dict[str, Value]:
    """Key -> value as one file has them, {} where there is no file. Raises BadInput."""
    text = configfile.text_of(file)
    found: dict[str, Value] = {}
    for name, value in configfile.leaves(configfile.parsed(text, file)):
        if name in KEYS and not KEYS[name].refuse(value):
            found[name] = frozen(value)
        elif value != {} or not any(key.startswith(f"{name}.") for key in KEYS):
            raise _unusable(file, configfile.line_of(text, name), name, value)
    return found


def files(own_dir: Path | None) -> list[Path]:
    """The files that are read, the one that wins last."""
    return [user_file(), *([own_dir / "config.toml"] if own_dir else [])]


def user_file() -> Path:
    """The user's own settings: `~/.config/gitcoord/config.toml` where XDG is followed."""
    if sys.platform == "linux":  # as platformdirs has it, without its 5 ms
        given = os.environ.get("XDG_CONFIG_HOME", "").strip()
        return (Path(given) if given else Path.home() / ".config") / "gitcoord" / "config.toml"
    from platformdirs import user_config_path

    return user_config_path("gitcoord", appauthor=False) / "config.toml"


class Access(NamedTuple):
    """What opens a model's API: one of key and token, and where it is, "" for its usual place.

    Shown without its secrets, so that no log and no traceback has them.
    """

    key: str
    token: str
    url: str

    def __repr__(self) -> str:
        return f"Access(url={self.url!r})"


def model_access() -> Access:
    """The way to the model's API that the environment gives; key and token "" where it has none."""
    key = os.environ.get("ANTHROPIC_API_KEY", "").strip()
    token = "" if key else os.environ.get("ANTHROPIC_AUTH_TOKEN", "").strip()
    return Access(key, token, os.environ.get("ANTHROPIC_BASE_URL", "").strip())


def fill(text: str, places: Mapping[str, str]) -> str:
    """A template with each `{place}` filled in, once: what is filled in is not a template."""
    return PLACE.sub(lambda found: places[found.group(1)], text)


def shipped(kind: str) -> Path:
    """The folder of what we ship, `templates` or `hooks`: in the wheel, or in the checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "_shipped" / kind
    return inside if inside.is_dir() else package.parent / kind


def _from_environment() -> dict[Key, Value]:
    """What the environment sets. A name that is almost one of ours is a slip, and refused."""
    ours = {key.variable: key for key in KEYS.values()}
    found: dict[Key, Value] = {}
    for variable, text in os.environ.items():
        if not variable.startswith("GITCOORD_") or not text:
            continue
        if variable in ours:
            try:
                found[ours[variable]] = ours[variable].parse([text])
            except ValueError as error:
                raise BadInput(f"{variable}: {error}", hint=f"run: unset {variable}") from None
        elif near := get_close_matches(variable, ours, n=1, cutoff=0.9):
            raise BadInput(
                f"the variable {variable} is no setting",
                hint=f"did you mean {near[0]}? run: unset {variable}",
            )
    return found


def _unusable(file: Path, line: int, name: str, value: object) -> BadInput:
    if name not in KEYS:
        return BadInput(f"{file}, line {line}: there is no setting {name!r}", hint=_nearest(name))
    return BadInput(
        f"{file}, line {line}: {name}: {KEYS[name].refuse(value)}",
        hint=f"its default would do: gitcoord config unset {name}",
    )


def _nearest(name: str) -> str:
    same = [key for key in KEYS if key.partition(".")[2] == name.rpartition(".")[2]]
    near = get_close_matches(name, KEYS, n=1) or same
    return f"{f'did you mean {near[0]}? ' if near else ''}all of them: gitcoord config list"
