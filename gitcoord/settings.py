"""What can be set: every setting a `_key` of a section, with its default and what it does.

A new setting is one more `_key` below. A setting's type is that of its default. Refuses a value
of another type, and one its check finds wrong, in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from gitcoord import configfile

Value = str | int | bool | tuple[str, ...]
T = TypeVar("T", bound=Value)
Check = Callable[[Any], str]
"""Says what is wrong with a value of the right type; empty when nothing is."""

PLACE = re.compile(r"\{([^{}]*)\}")
"""A `{place}` of a template."""
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
        return frozen(value)


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
        wrong = [name for name in PLACE.findall(value) if name not in places]
        if wrong:
            known = ", ".join(f"{{{name}}}" for name in places)
            return f"{{{wrong[0]}}} is not known; there is {known}"
        if f"{{{needs}}}" not in value:
            return f"{{{needs}}} is missing: without it all would be the same"
        return "" if value.isprintable() else "it has a character that cannot be printed"

    return check


_LEVEL = _one_of("off", "warn", "block")


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


class Hooks(Section):
    conflict_markers: str = _key("block", "Conflict markers in what is staged.", _LEVEL)
    secrets: str = _key("block", "Secrets in what is staged, and in the message.", _LEVEL)
    large_files: str = _key("warn", "Staged files of more bytes than hooks.largest.", _LEVEL)
    largest: int = _key(5_000_000, "Bytes a staged file may have.", _least(500_000))
    syntax: str = _key("warn", "Staged files that no longer parse.", _LEVEL)
    overlap: str = _key("warn", "Lines another worktree is editing as well.", _LEVEL)
    claims: str = _key("warn", "Files another worktree has claimed.", _LEVEL)
    push: str = _key("warn", "A push of commits nobody validated, or that were refused.", _LEVEL)
    guard: str = _key(
        "block", "Agents that touch the stash, the target or others' branches.", _LEVEL
    )
    validate: str = _key(
        "agents",
        "Whose commits are validated, in the background: agents, all or off.",
        _one_of("agents", "all", "off"),
    )
    quiet_seconds: int = _key(2, "Seconds without a commit until validation begins.", _least(0))


class Validate(Section):
    use: tuple[str, ...] = _key(
        ("conflict-markers", "secrets", "large-files", "syntax"),
        "The validators that run where none is named.",
    )
    commands: tuple[str, ...] = _key(
        (), "Shell commands that have to end with 0, each a validator besides those."
    )
    runner: str = _key("", "What validators that are roles run on; empty is agents.runner.")
    seconds: int = _key(900, "Seconds after which a validator is ended.", _least(1))
    workers: int = _key(0, "How many validators run at once; 0 is one for each core.", _least(0))


class Review(Section):
    target: str = _key("", "Where reviews land; empty is the branch the work was cut from.")
    method: str = _key(
        "merge", "How they land: merge, squash or rebase.", _one_of("merge", "squash", "rebase")
    )
    approvals: int = _key(1, "Approvals of the latest version a merge needs.", _least(0))
    findings: bool = _key(False, "Whether the folders of findings land as well.")


class Train(Section):
    check: str = _key("", "The shell command that decides what the merge train lands.")
    batch: int = _key(20, "How many reviews are checked together at most.", _least(1))
    seconds: int = _key(
        1800, "Seconds after which a check is ended, and counts as failed.", _least(1)
    )
    workers: int = _key(0, "How many checks run at once; 0 is one for each core.", _least(0))


class Log(Section):
    max_bytes: int = _key(10_000_000, "Bytes after which a log starts anew.", _least(1_000))


class Ui(Section):
    color: str = _key("auto", "Colour: auto, always or never.", _one_of("auto", "always", "never"))


def _array(text: str) -> object:
    with suppress(ValueError):
        document = configfile.loads(f"value = {text}")
        if len(document) == 1:
            return document["value"]
    raise ValueError(f"is not a TOML list: {text[:60]!r}")


def frozen(value: Any) -> Value:
    return tuple(value) if isinstance(value, list) else value


def thawed(value: Value | None) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: object) -> str:
    return "a table" if isinstance(value, dict) else repr(value)[:60]
