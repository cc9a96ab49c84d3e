"""The settings: what can be set, what it does, and where each value comes from.

Layers, later ones win: default < the user's file < `.git/agentcoord/config.toml` <
`GITCOORD_*` in the environment (`GITCOORD_WORKTREE_PATH` for `worktree.path`; an empty one
counts as not set). A new setting is one more `_key` below. Refuses: a key that does not exist
and a value of the wrong type, naming the key, the file, the line and the nearest known key.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from gitcoord import configfile
from gitcoord.errors import BadInput, NoSuch

Value = str | int | bool | tuple[str, ...]
T = TypeVar("T", bound=Value)
Check = Callable[[Any], str]
"""Says what is wrong with a value of the right type; empty when nothing is."""

_PLACE = re.compile(r"\{([^{}]*)\}")
_KINDS = {str: "a text", int: "a whole number", bool: "true or false", tuple: "a list of texts"}
_STRATEGIES = ("queue", "split", "rebase", "union", "structural", "owner", "person")
_AMOUNT = re.compile(
    r"\$?(?P<number>[0-9]{1,12}(?:\.[0-9]{1,9})?)(?P<many>[kKM]?)\s*(?P<unit>[a-z]*)"
)
_MANY = {"": 1, "k": 1_000, "m": 1_000_000}
_UNITS = {
    "usd": ("dollars", 1.0), "second": ("seconds", 1.0), "minute": ("seconds", 60.0),
    "hour": ("seconds", 3600.0), "dollar": ("dollars", 1.0), "token": ("tokens", 1.0),
    "turn": ("turns", 1.0), "s": ("seconds", 1.0), "min": ("seconds", 60.0),
    "h": ("seconds", 3600.0),
}  # fmt: skip
_UNITS |= {f"{unit}s": meant for unit, meant in _UNITS.items() if len(unit) > 3}
_TOOLS = (
    *("read", "list", "search", "history", "edit", "write", "apply_patch", "run"),
    "record_finding",
)
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True} | dict.fromkeys(
    ("false", "no", "off", "0"), False
)


class Key:
    """One setting: its full name, its default (which is also its type), what it does."""

    def __init__(self, default: Value, does: str, check: Check | None) -> None:
        self.name = ""
        self.default = default
        self.does = does
        self.check = check

    def __set_name__(self, section: type, name: str) -> None:
        self.name = f"{section.__name__.lower()}.{name}"
        KEYS[self.name] = self

    @property
    def variable(self) -> str:
        """Its name in the environment."""
        return "GITCOORD_" + self.name.upper().replace(".", "_")

    def refuse(self, value: object) -> str:
        """What is wrong with a value as TOML gives it; empty when it can be used."""
        if isinstance(self.default, tuple):
            fits = isinstance(value, list) and all(isinstance(inner, str) for inner in value)
        else:
            fits = type(value) is type(self.default)
        if not fits:
            return f"has to be {_KINDS[type(self.default)]}, not {_shown(value)}"
        return self.check(value) if self.check else ""

    def parse(self, words: Sequence[str]) -> Value:
        """The value that words mean. Raises ValueError saying what is wrong.

        A list is each word, or, in one word that begins with a bracket, a TOML array.
        """
        value: object = words[0] if len(words) == 1 else list(words)
        match self.default, value:
            case bool(), str():
                value = _TRUTHS.get(value.strip().lower(), value)
            case int(), str():
                value = int(value) if re.fullmatch(r"\s*-?[0-9]{1,18}\s*", value) else value
            case tuple(), str():
                value = _array(value) if value.lstrip().startswith("[") else [value]
        wrong = self.refuse(value)
        if wrong:
            raise ValueError(wrong)
        return _frozen(value)


KEYS: dict[str, Key] = {}
"""All settings by name, in the order they are shown."""


def _key(default: T, does: str, check: Check | None = None) -> T:
    """Typed as its value, which is what a Section puts in its place."""
    made: Any = Key(default, does, check)
    return made  # type: ignore[no-any-return]


def _least(minimum: int) -> Check:
    return lambda value: "" if value >= minimum else f"{value} is less than {minimum}"


def _one_of(*words: str) -> Check:
    return lambda value: "" if value in words else f"{value!r} is none of {', '.join(words)}"


def _each_of(*words: str) -> Check:
    each = _one_of(*words)
    return lambda values: next((wrong for value in values if (wrong := each(value))), "")


def _strategy(value: str) -> str:
    """Empty is "not said"."""
    return _one_of(*_STRATEGIES)(value) if value else ""


def amount(text: str) -> tuple[str, float]:
    """What a text such as `2.50`, `$2`, `500k tokens` or `30 minutes` caps, and at what.

    One of dollars, tokens, turns and seconds. Raises ValueError.
    """
    found = _AMOUNT.fullmatch(text.strip())
    measure, size = _UNITS.get(found["unit"] or "dollars", ("", 0.0)) if found else ("", 0.0)
    if not found or not measure or (found["many"] and measure != "tokens"):
        raise ValueError(f"{text[:60]!r} is no amount: 2 dollars, 500k tokens, 40 turns, 1 hour")
    most = float(found["number"]) * _MANY[found["many"].lower()] * size
    if not most:
        raise ValueError(f"{text[:60]!r} would let nothing happen; without it there is no cap")
    return measure, most


def _amounts(values: tuple[str, ...]) -> str:
    try:
        measures = [amount(value)[0] for value in values]
    except ValueError as error:
        return str(error)
    twice = [measure for measure in measures if measures.count(measure) > 1]
    return f"{twice[0]} are capped twice" if twice else ""


def _template(*places: str, needs: str) -> Check:
    """A text in which `{place}`s of these names are filled in. needs: one it must have."""

    def check(value: str) -> str:
        wrong = [name for name in _PLACE.findall(value) if name not in places]
        if wrong:
            known = ", ".join(f"{{{name}}}" for name in places)
            return f"{{{wrong[0]}}} is not known; there is {known}"
        if f"{{{needs}}}" not in value:
            return f"{{{needs}}} is missing: without it all would be the same"
        return "" if value.isprintable() else "it has a character that cannot be printed"

    return check


class Section:
    """Values for the keys a class below names. They do not change once read.

    Plain classes, as seven frozen dataclasses took 9 ms of every command to make.
    """

    def __init__(self, values: Mapping[str, Value]) -> None:
        for name, key in vars(type(self)).items():
            if isinstance(key, Key):
                self.__dict__[name] = values.get(key.name, key.default)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"settings do not change once read: {name}")


class Worktree(Section):
    path: str = _key(
        "{parent}/{repo}.worktrees/{id}",
        "Where a worktree goes: {parent} holds the main worktree, {repo} is its folder's name.",
        _template("parent", "repo", "id", "kind", "home", needs="id"),
    )
    branch: str = _key("{id}", "The name of its branch.", _template("id", "kind", needs="id"))
    base: str = _key("", "What its branch grows from; empty is HEAD.")
    include_file: str = _key(".worktreeinclude", "Lists ignored files to copy to a new worktree.")
    limit: int = _key(200, "How many worktrees there may be at once.", _least(1))


class Setup(Section):
    commands: tuple[str, ...] = _key((), "Shell commands run in a new worktree, in order.")
    timeout: int = _key(600, "Seconds after which a set-up command is ended.", _least(1))


class Trash(Section):
    days: int = _key(30, "How many days removed work is kept.", _least(0))
    regenerable: tuple[str, ...] = _key(
        (
            *("node_modules", "__pycache__", ".venv", "venv", "target", "build", "dist"),
            *(".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"),
            *(".gradle", ".next", ".nuxt", ".turbo", ".parcel-cache", ".cache"),
        ),
        "Names of ignored folders that can be built again, and so are not kept.",
    )
    precious: tuple[str, ...] = _key(
        (".env", ".env.*", "*.sqlite", "*.sqlite3", "*.db", "*.pem", "*.key"),
        "Patterns of ignored files that count as work.",
    )


class Resolve(Section):
    strategy: str = _key("", "How conflicts are resolved where nothing else is said.", _strategy)
    content: str = _key("", "The same for edits of the same lines.", _strategy)
    add_add: str = _key("", "The same for files both added.", _strategy)
    modify_delete: str = _key("", "The same for a file one deleted.", _strategy)
    rename_delete: str = _key("", "The same for a file one renamed and one deleted.", _strategy)
    rename_rename: str = _key("", "The same for two new names of one file.", _strategy)
    directory_rename: str = _key("", "The same for files in a folder one renamed.", _strategy)
    file_directory: str = _key("", "The same for a file where one has a folder.", _strategy)
    binary: str = _key("", "The same for files that are no text.", _strategy)
    mode: str = _key("", "The same for modes and kinds of files.", _strategy)
    submodule: str = _key("", "The same for submodules.", _strategy)
    driver: str = _key("", "A merge driver of git's settings that knows the syntax.")


class Run(Section):
    workers: int = _key(0, "How many tasks run at once; 0 is one for each core.", _least(0))


class Agents(Section):
    runner: str = _key("local", "What agents run on where nothing is said; auto finds out.")
    model: str = _key("", "The model agents use; empty is the runner's own choice.")
    command: tuple[str, ...] = _key((), "The program of the command runner, with its arguments.")
    commit: str = _key(
        "host", "Who commits what an agent changed: host, or agent.", _one_of("host", "agent")
    )
    wall: int = _key(3600, "Seconds after which an agent is ended; 0 is never.", _least(0))
    stall: int = _key(300, "Seconds without a sign of life until then; 0 is never.", _least(0))
    retries: int = _key(2, "How often a task is tried again after a passing error.", _least(0))
    max_tokens: int = _key(16_000, "Tokens an answer of the api runner may have.", _least(256))
    context: int = _key(
        150_000, "Tokens of a conversation from which on the api runner shortens it.", _least(2_000)
    )
    run: str = _key(
        "auto",
        "Commands of the api runner: auto (in bubblewrap, where it works), off, unconfined, or ask "
        "(unconfined, each approved by a person).",
        _one_of("auto", "off", "ask", "unconfined"),
    )
    run_seconds: int = _key(120, "Seconds after which such a command is ended.", _least(1))
    network: bool = _key(False, "Whether such a command may use the network.")
    ask: tuple[str, ...] = _key(
        (), "Tools of api and claude that a person approves, each call.", _each_of(*_TOOLS)
    )


class Budget(Section):
    task: tuple[str, ...] = _key(
        (),
        'What one task may cost: "2 dollars", "500k tokens", "40 turns", "30 minutes".',
        _amounts,
    )
    run: tuple[str, ...] = _key((), "The same for a run, from its start to its end.", _amounts)
    day: tuple[str, ...] = _key((), "The same for all runs here in a day (UTC).", _amounts)


class Log(Section):
    max_bytes: int = _key(10_000_000, "Bytes after which a log starts anew.", _least(1_000))


class Ui(Section):
    color: str = _key("auto", "Colour: auto, always or never.", _one_of("auto", "always", "never"))


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
        configfile.change(self.file, self.key, _thawed(self.after))


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
    return Edit(file, name, None if before is None else _frozen(before), value)


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
            found[name] = _frozen(value)
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
    return _PLACE.sub(lambda found: places[found.group(1)], text)


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


def _array(text: str) -> object:
    with suppress(ValueError):
        document = configfile.loads(f"value = {text}")
        if len(document) == 1:
            return document["value"]
    raise ValueError(f"is not a TOML list: {text[:60]!r}")


def _frozen(value: Any) -> Value:
    return tuple(value) if isinstance(value, list) else value


def _thawed(value: Value | None) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: object) -> str:
    return "a table" if isinstance(value, dict) else repr(value)[:60]
