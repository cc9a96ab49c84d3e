"""Outlines of data files: which keys, columns and numbers they take.

Promises: read line by line or token by token, never evaluated. Refuses to tell keys inside
lists apart: there the same key is no duplicate.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gitcoord.conflicts.semantic.outline import CLASS, FIELD, Claim, Definition, Outline, Scope, Use
from gitcoord.conflicts.semantic.registers import is_port

_JSON = re.compile(r'"((?:[^"\\\n]|\\.){0,4000})"|([{}\[\],:\n])|([^\s{}\[\],:"]{1,200})')
_TOML_KEY = re.compile(r'\s*([\w.-]{1,200}|"[^"\n]{1,200}")\s*=\s*(.{0,200})')
_TOML_TABLE = re.compile(r"\s*(\[\[?)([^\[\]\n]{1,200})\]\]?\s*(?:#.*)?$")
_YAML = re.compile(
    r"""( *)((?:- +)*)([\w./$@-]{1,200}|"[^"\n]{1,200}"|'[^'\n]{1,200}'):(?:\s+(.*))?$"""
)
_YAML_PORT = re.compile(r"""\s*- +["']?(?:[\d.]+:)?(\d{2,5}):\d{2,5}(?:/\w+)?["']?\s*(?:#.*)?$""")
_ENV = re.compile(r"\s*(?:export\s+)?([\w.-]{1,200})\s*[=:]\s*(.{0,200})$")
_PROTO_BLOCK = re.compile(r"\s*(message|enum|service|oneof|extend)\s+([\w.]+)\s*\{")
_PROTO_FIELD = re.compile(r"\s*(?:[\w.<>, ]{1,120}\s)?(\w+)\s*=\s*(-?\d+|0x[0-9a-fA-F]+)\s*[;\[]")
_TABLE = re.compile(
    r"""\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?["`\[]?([\w.]{1,100})["`\]]?\s*\(""", re.I
)
_COLUMN = re.compile(r"""\s*["`\[]?(\w{1,100})["`\]]?\s+([A-Za-z]\w*.{0,100})""")
_NOT_COLUMNS = {"primary", "foreign", "unique", "constraint", "check", "key", "index", "exclude",
                "like", "create", "alter"}  # fmt: skip
_DROPPED = re.compile(
    r"""\balter\s+table\s+(?:only\s+)?["`]?([\w.]{1,100})["`]?\s+(?:drop|rename)\s+column\s+"""
    r"""(?:if\s+exists\s+)?["`]?(\w{1,100})""",
    re.I,
)
_IDS = {"id", "code", "number", "port", "slug", "key"}


def read_json(body: str) -> Outline | None:
    """Keys with the path to them; ids of objects in lists."""
    reader = _JsonReader()
    for match in _JSON.finditer(body):
        if not reader.take(*match.groups()):
            return None
    return reader.found.outline() if not reader.kinds else None


class _JsonReader:
    """path: the keys down to where we are, `[]` for a list. kinds: the brackets that are open."""

    def __init__(self) -> None:
        self.found = _Found("json")
        self.path: list[str] = []
        self.kinds: list[str] = []
        self.line = 1
        self.key = self.last = self.before = ""

    def take(self, quoted: str | None, sign: str | None, word: str | None) -> bool:
        """One token; False when it closes what was never opened."""
        if sign == "\n":
            self.line += 1
            return True
        was, self.before = self.before, sign or ""
        if sign in ("{", "["):
            self.path.append("[]" if self.kinds[-1:] == ["["] else self.key)
            self.kinds.append(sign)
        elif sign in ("}", "]"):
            if not self.kinds:
                return False
            self.kinds.pop()
            self.path.pop()
        elif sign == ":" and self.kinds[-1:] == ["{"]:
            self.key = self.last
            self.found.key(tuple(self.path[1:]), self.key, self.line)
        elif sign is None:
            self.last = quoted if quoted is not None else word or ""
            if was == ":":
                self.value()
        return True

    def value(self) -> None:
        last, space = self.last[:100], ("id", *self.path[1:], self.key)
        if self.key in _IDS and self.path[-1:] == ["[]"]:
            claim = Claim(space, last, last[:60], self.line, "number", 0.8, group=True)
            self.found.claims.append(claim)
        if self.kinds[-1:] == ["{"]:
            self.found.port(self.key, last, self.line)


def read_toml(body: str) -> Outline | None:
    found = _Found("toml")
    scope: Scope = ()
    text = ""
    for number, row in enumerate(body.split("\n"), 1):
        if text:
            text = "" if text in row else text
            continue
        table = _TOML_TABLE.match(row)
        if table:
            scope = (*table[2].split("."), *(["[]"] if table[1] == "[[" else []))
            continue
        match = _TOML_KEY.match(row)
        if match:
            found.key(scope, match[1].strip('"'), number, match[2])
            found.port(match[1], match[2].split("#")[0].strip(), number)
        text = next((mark for mark in ('"""', "'''") if row.count(mark) == 1), "")
    return found.outline()


def read_yaml(body: str) -> Outline | None:
    """Keys by indentation; the ports of the host that a compose file takes."""
    found = _Found("yaml")
    above: list[tuple[int, str]] = []
    block = -1
    part = 0
    for number, row in enumerate(body.split("\n"), 1):
        indent = len(row) - len(row.lstrip(" "))
        if block >= 0 and (not row.strip() or indent > block):
            continue
        block = -1
        if row.startswith("---"):
            above, part = [], part + 1
        port = _YAML_PORT.match(row)
        if port and above and above[-1][1] == "ports":
            label = above[-2][1] if len(above) > 1 else "ports"
            found.claims.append(Claim(("port",), port[1], label, number, "number", 0.85))
        match = _YAML.match(row)
        if match is None or row.lstrip().startswith("#"):
            continue
        depth = indent + len(match[2])
        while above and above[-1][0] >= (depth if not match[2] else indent + 1):
            above.pop()
        if match[2]:
            above.append((depth - 1, "[]"))
        scope = (*([f"#{part}"] if part > 1 else []), *(name for _, name in above))
        key, value = match[3].strip("\"'"), match[4] or ""
        found.key(scope, key, number, value)
        above.append((depth, key))
        if re.match(r"[|>][-+\d]*\s*(?:#.*)?$", value):
            block = depth
    return found.outline()


def read_settings(body: str) -> Outline | None:
    """`.env`, `.ini` and `.properties`: a key, and the ports that are taken."""
    found = _Found("settings")
    scope: Scope = ()
    for number, row in enumerate(body.split("\n"), 1):
        if row.lstrip().startswith(("#", ";", "!")):
            continue
        if row.startswith("["):
            scope = (row.strip("[] \r"),)
            continue
        match = _ENV.match(row)
        if match and not row[:1].isspace():
            found.key(scope, match[1], number, match[2])
            value = match[2].strip("\"' \r")
            found.port(match[1], value, number)
    return found.outline()


def read_proto(body: str) -> Outline | None:
    """Field numbers of messages and values of enums."""
    found = _Found("proto")
    scope: list[str] = []
    aliased = "allow_alias" in body
    for number, row in enumerate(body.split("\n"), 1):
        row = row.partition("//")[0]
        block = _PROTO_BLOCK.match(row)
        field = _PROTO_FIELD.match(row)
        if block:
            # The fields of a oneof are numbered with those of its message.
            scope.append("" if block[1] == "oneof" else block[2])
        elif field and scope and not row.lstrip().startswith(("option", "reserved")):
            where = tuple(name for name in scope if name)
            found.key(where, field[1], number, row.strip())
            if not aliased:
                claim = Claim(("field", *where), field[2], field[1], number, "number", 0.95)
                found.claims.append(claim)
        opened = row.count("{") - (1 if block else 0)
        scope += [""] * max(0, opened)
        for _ in range(min(row.count("}"), len(scope))):
            scope.pop()
    return found.outline()


def read_sql(body: str) -> Outline | None:
    """Tables and their columns; columns that a migration drops or renames."""
    found = _Found("sql")
    table = ""
    for number, row in enumerate(body.split("\n"), 1):
        row = row.partition("--")[0]
        made = _TABLE.search(row)
        dropped = _DROPPED.search(row)
        if made:
            table = made[1]
            found.definitions.append(Definition(table, (), CLASS, (number, number), loose=True))
            found.claims.append(Claim(("table",), table.lower(), table, number, "twice", 0.85))
        elif dropped:
            found.uses.append(Use(dropped[2], number, (), f"drop {dropped[1]}"))
        elif table:
            column = _COLUMN.match(row)
            if column and column[1].lower() not in _NOT_COLUMNS:
                found.key((table,), column[1], number, column[2].split(",")[0].strip())
        if ";" in row or row.startswith(")"):
            table = ""
    return found.outline()


READERS: dict[str, Callable[[str], Outline | None]] = {
    ".json": read_json,
    ".toml": read_toml,
    ".yml": read_yaml,
    ".yaml": read_yaml,
    ".env": read_settings,
    ".ini": read_settings,
    ".properties": read_settings,
    ".proto": read_proto,
    ".sql": read_sql,
}


def read_plain(ending: str, body: bytes) -> Outline | None:
    text = body.decode("utf-8", "replace").replace("\r\n", "\n")
    return READERS[ending](text)


class _Found:
    def __init__(self, language: str) -> None:
        self.language = language
        self.definitions: list[Definition] = []
        self.claims: list[Claim] = []
        self.uses: list[Use] = []

    def key(self, scope: Scope, name: str, line: int, value: str = "") -> None:
        place = (line, line)
        self.definitions.append(
            Definition(name[:200], scope, FIELD, place, value=value[:200], loose=True)
        )
        if "[]" not in scope and name not in ("<<", "//"):
            self.claims.append(Claim(("key", *scope), name[:200], name[:60], line, "twice", 0.9))

    def port(self, name: str, value: str, line: int) -> None:
        if name.lower() != "port" and is_port(name, value):
            self.claims.append(Claim(("port",), value, name, line, "number", 0.75))

    def outline(self) -> Outline:
        return Outline(self.language, tuple(self.definitions), tuple(self.uses), tuple(self.claims))
