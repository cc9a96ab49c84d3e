"""The file of a role: Markdown with YAML front matter, in the shape Claude Code has for subagents.

    name, description, tools, disallowedTools, model, maxTurns     as there
    capabilities, runners, writes, max_turns, budget               ours; capabilities that are not
                                                                   said are read from the name
    origin                                                         written by an import

The body is the system prompt. Every value is read as text, so that `name: no` is a name and no
truth. Promises: a file that cannot be used raises BadInput in one line that names it; nothing
in it makes an object, a reference or a large structure; keys that are not named above, such as
`hooks`, `mcpServers` and `permissionMode`, have no effect. Refuses: anchors and aliases, a key
that is there twice, more than MOST_BYTES.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gitcoord.errors import BadInput
from gitcoord.runs.role import Role
from gitcoord.runs.role_index import FRONT, MOST_BYTES, Origin

_MOST_FRONT = 32 * 1024
_MOST_EVENTS = 4000
_DEEPEST = 6
_MOST_LISTED = 200

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
TOOL = re.compile(r"[A-Za-z_][\w.:*-]{0,127}(?:\([^()\n]{0,200}\))?")
MODEL = re.compile(r"[A-Za-z0-9][\w.:/@\[\]-]{0,99}")
_ANY_KEY = re.compile(r"[A-Za-z_][\w-]{0,60}")
_SIGNS = tuple("[{|>\"'&*!%@`")
_KEYS = frozenset({
    "name", "description", "tools", "disallowedTools", "model", "maxTurns", "capabilities",
    "runners", "writes", "max_turns", "budget", "origin", "color", "license", "licence",
    "permissionMode", "hooks", "mcpServers", "skills", "memory", "isolation", "effort",
})  # fmt: skip
_WORD = re.compile(r"(?:[^,(]++|\([^()]*+\)?+)++")  # `Bash(git add, git log)` is one
_TRUTHS = dict.fromkeys(("true", "yes", "on"), True) | dict.fromkeys(("false", "no", "off"), False)

# What Claude Code 2.1 offers of its own: what `disallowedTools` takes from when `tools` is unsaid.
KNOWN_TOOLS = (
    "Read", "Grep", "Glob", "LS", "NotebookRead", "TodoWrite", "Edit", "MultiEdit", "Write",
    "NotebookEdit", "Bash", "BashOutput", "KillShell", "WebFetch", "WebSearch", "Skill",
)  # fmt: skip
CHANGING_TOOLS = frozenset({"Edit", "MultiEdit", "Write", "NotebookEdit", "Bash"})


@dataclass(frozen=True)
class RoleFile:
    """A role's file, read. front: all its keys, scalars as text."""

    role: Role
    origin: Origin | None = None
    front: Mapping[str, Any] = field(default_factory=dict)


def read_role(content: bytes, source: str, *, stem: str = "") -> RoleFile:
    """The role a file holds. stem: its name where the file says none.

    Raises BadInput in one line that names `source`.
    """
    try:
        front, prompt = _parts(content)
        return _role(front, prompt, source, stem)
    except ValueError as error:
        raise BadInput(f"{source}: {error}", hint=f"mend it: $EDITOR '{source}'") from None


def render_role(role: Role, origin: Origin | None = None) -> bytes:
    """A role's file, which `read_role` reads back as the same role.

    Values are written as JSON, which YAML includes, so that no text can end its line.
    """
    front: dict[str, Any] = {
        "name": role.name, "description": role.description,
        "tools": None if role.tools is None else list(role.tools),
        "model": role.model or None, "capabilities": list(role.capabilities),
        "runners": list(role.runners) or None, "writes": role.writes,
        "max_turns": role.max_turns or None, "budget": role.budget or None,
        "origin": _described(origin) if origin else None,
    }  # fmt: skip
    lines = [
        f"{key}: {json.dumps(value, ensure_ascii=False)}\n"
        for key, value in front.items()
        if value is not None
    ]
    return f"---\n{''.join(lines)}---\n\n{role.prompt}\n".encode()


def names_of(value: object, key: str, fits: re.Pattern[str]) -> tuple[str, ...]:
    """Words from a list, or from text with commas, each checked. Raises ValueError."""
    if isinstance(value, str):
        value = [part for part in _WORD.findall(value) if part.strip()]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{key} has to be words with commas or a list, not {_kind(value)}")
    if len(value) > _MOST_LISTED:
        raise ValueError(f"{key} has {len(value)} words; at most {_MOST_LISTED} are read")
    words = [one.strip() for one in value]
    for word in words:
        if not fits.fullmatch(word):
            raise ValueError(f"{key} has {word[:60]!r}, which is no name")
    return tuple(dict.fromkeys(words))


def tool_name(tool: str) -> str:
    """`Bash` of `Bash(git *)`."""
    return tool.partition("(")[0]


class _NoYaml(ValueError):
    """Not the front matter is refused, its syntax is."""


def _parts(content: bytes) -> tuple[dict[str, Any], str]:
    if len(content) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES // 1024} KiB")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 at byte {error.start}") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        raise ValueError("it has a NUL byte: no text")
    found = FRONT.match(text)
    if found is None:
        raise ValueError("no front matter: it has to begin with --- lines around name, description")
    if len(found[1]) > _MOST_FRONT:
        raise ValueError(f"front matter of more than {_MOST_FRONT // 1024} KiB")
    return _front(found[1]), found[2].strip()


def _front(text: str) -> dict[str, Any]:
    """The mapping of a front matter, all scalars as text.

    What is no YAML is read once more line by line: public roles often have colons or whole
    dialogues, without quotes and over many lines, in their description, and Claude Code reads
    them all the same.
    """
    try:
        return _mapping(text)
    except _NoYaml as first:
        try:
            return _by_lines(text)
        except _NoYaml:
            raise first from None


def _by_lines(text: str) -> dict[str, Any]:
    """`key: text` lines, where a text ends before the next key; that of a description only
    before a key we know or one with a list. A value in YAML's own signs has to be YAML."""
    parts: dict[str, list[str]] = {}
    last = ""
    for line in text.split("\n"):
        key, colon, rest = line.partition(":")
        listed = last != "description" or rest.strip()[:1] in ("[", "{")
        known = key in _KEYS or (listed and _ANY_KEY.fullmatch(key))
        if colon and known and (not rest or rest[0] in " \t"):
            if key in parts:
                raise ValueError(f"{key[:60]!r} is there twice")
            parts[key], last = [rest], key
        elif last:
            parts[last].append(line)
        elif line.strip():
            raise _NoYaml("no YAML: it has to begin with a key, such as name:")
    front: dict[str, Any] = {}
    for key, lines in parts.items():
        value = "\n".join(lines).strip()
        quoted = value[:1] in _SIGNS and value != "*"
        front |= _mapping(f"{key}: " + "\n".join(lines)) if quoted else {key: value}
    return front


def _mapping(text: str) -> dict[str, Any]:
    """Raises ValueError. Events are looked at before anything is built from them: the builder
    recurses in C, and would follow an alias."""
    import yaml  # 15 ms, and not needed where the index knows the file

    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        _check_events(yaml.parse(text, Loader=loader), yaml)
        front = yaml.load(text, Loader=loader)  # noqa: S506 - BaseLoader makes text, lists, maps
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 2}" if mark else ""
        said = getattr(error, "problem", None) or "it cannot be read"
        raise _NoYaml(f"no YAML{where}: {said}") from None
    if not isinstance(front, dict):
        raise ValueError(f"the front matter is {_kind(front)}, not keys with values")
    return front


def _check_events(events: Any, yaml: Any) -> None:
    depth, keys = 0, set()
    key_is_next = False
    for count, event in enumerate(events):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError(f"anchors and aliases are not read (line {event.start_mark.line + 2})")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            key_is_next = depth == 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            key_is_next = depth == 1
        elif depth == 1 and isinstance(event, yaml.ScalarEvent):
            if key_is_next and event.value in keys:
                raise ValueError(f"{event.value[:60]!r} is there twice")
            keys |= {event.value} if key_is_next else set()
            key_is_next = not key_is_next
        if depth > _DEEPEST or count > _MOST_EVENTS:
            raise ValueError("the front matter is too deep or has too many parts")


def _role(front: Mapping[str, Any], prompt: str, source: str, stem: str) -> RoleFile:
    name = _text(front, "name") or stem
    if not NAME.fullmatch(name) or front.get("name", name).strip() not in ("", name):
        wanted = "a-z, 0-9, - and _, a letter or digit first, at most 80"
        raise ValueError(f"{name[:60]!r} is no name for a role: {wanted}")
    description = _text(front, "description")
    if not description:
        raise ValueError("it has no description: say when to use this role")
    if not prompt:
        raise ValueError("there is nothing below the front matter: the prompt is missing")
    tools = _tools(front)
    model = _text(front, "model")
    if model and not MODEL.fullmatch(model):
        raise ValueError(f"model {model[:60]!r} is no name of a model")
    changing = tools is None or any(tool_name(one) in CHANGING_TOOLS - {"Bash"} for one in tools)
    role = Role(
        name=name,
        description=description,
        prompt=prompt,
        tools=tools,
        model="" if model == "inherit" else model,
        capabilities=_capabilities(front, name),
        runners=_lower(front, "runners"),
        writes=_truth(front, "writes", changing),
        max_turns=int(_number(front, "max_turns" if "max_turns" in front else "maxTurns", 10_000)),
        budget=_number(front, "budget", 100_000),
        source=source,
    )
    return RoleFile(role, _origin(front), front)


def _text(front: Mapping[str, Any], key: str) -> str:
    """On one line and printable."""
    value = front.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} has to be text, not {_kind(value)}")
    line = " ".join(value.split())
    if line.isprintable():
        return line
    from gitcoord.analysis.redaction import without_controls

    return without_controls(line)


def _tools(front: Mapping[str, Any]) -> tuple[str, ...] | None:
    """None for all. One that is forbidden in part is forbidden: a list cannot say "but"."""
    value = front.get("tools", "*")
    if value == "":
        raise ValueError("tools is empty: leave it out for all tools, or write [] for none")
    tools = None if value in ("*", ["*"]) else names_of(value, "tools", TOOL)
    without = names_of(front.get("disallowedTools", []), "disallowedTools", TOOL)
    if not without:
        return tools
    gone = {tool_name(one) for one in without}
    return tuple(
        one for one in (KNOWN_TOOLS if tools is None else tools) if tool_name(one) not in gone
    )


def _capabilities(front: Mapping[str, Any], name: str) -> tuple[str, ...]:
    if "capabilities" in front:
        return _lower(front, "capabilities")
    from gitcoord.runs.capabilities import named_in

    return named_in(name)


def _lower(front: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = front.get(key, [])
    folded = value.lower() if isinstance(value, str) else value
    if isinstance(folded, list) and all(isinstance(one, str) for one in folded):
        folded = [one.lower() for one in folded]
    return names_of(folded, key, NAME)


def _truth(front: Mapping[str, Any], key: str, unsaid: bool) -> bool:
    if key not in front:
        return unsaid
    value = front[key]
    if not isinstance(value, str) or value.lower() not in _TRUTHS:
        raise ValueError(f"{key} has to be true or false, not {_kind(value)}")
    return _TRUTHS[value.lower()]


def _number(front: Mapping[str, Any], key: str, most: float) -> float:
    value = front.get(key, "0")
    number = math.nan
    if isinstance(value, str) and re.fullmatch(r"\$?[0-9]{1,9}(?:\.[0-9]{1,9})?", value):
        number = float(value.removeprefix("$"))
    if not 0 <= number <= most:
        raise ValueError(f"{key} has to be a number from 0 to {most:,}, not {_kind(value)}")
    if key != "budget" and number != int(number):
        raise ValueError(f"{key} has to be a whole number, not {number:g}")
    return number


def _origin(front: Mapping[str, Any]) -> Origin | None:
    value = front.get("origin")
    if not isinstance(value, dict):
        return None
    keys = ("source", "commit", "path", "licence", "plugin", "made")
    texts = {key: _text(value, key) for key in keys}
    asked = value.get("asked", "*")
    return Origin(
        **texts,
        asked=None if asked == "*" else names_of(asked, "asked", TOOL),
        allowed=names_of(value.get("allowed", []), "allowed", TOOL),
    )


def _described(origin: Origin) -> dict[str, Any]:
    told = {**origin._asdict(), "asked": "*" if origin.asked is None else list(origin.asked)}
    return {**told, "allowed": list(origin.allowed)}


def _kind(value: object) -> str:
    match value:
        case str():
            return repr(value[:60])
        case list():
            return "a list"
        case dict():
            return "a mapping"
    return "nothing"
