"""TOML documents and their bytes.

Promises: any text comes back as it was, also what TOML cannot hold (lone surrogates, as
`os.fsdecode` makes of bytes that are not UTF-8); unknown keys are kept.
Refuses: a newer schema, and nesting deeper than a reader could follow.

A lone surrogate is written as U+FDD0, which Unicode keeps free for such use, and its four
hexadecimal digits; U+FDD0 itself likewise. TOML has no null: a key whose value is None is
left out.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gitcoord.errors import BadInput, Corrupt, NewerSchema
from gitcoord.records import SCHEMA

_MARK = "\ufdd0"
_UNWRITABLE = re.compile("[\ud800-\udfff\ufdd0]")
_MARKED = re.compile(f"{_MARK}([0-9a-f]{{4}})")
_DEEPEST = 32

DOCTOR = "see what else is wrong: gitcoord doctor"


def encode(document: Mapping[str, Any]) -> bytes:
    """TOML of a document, `schema` first. Raises BadInput when it is nested too deeply."""
    import tomli_w

    body = {key: value for key, value in document.items() if key != "schema"}
    return tomli_w.dumps({"schema": SCHEMA, **writable(body)}).encode()


def decode(content: bytes, where: str) -> dict[str, Any]:
    """The document without its `schema`. `where` names it in Corrupt and NewerSchema."""
    import tomllib

    try:
        document = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"{where} is not TOML: {error}", hint=DOCTOR) from error
    check_schema(document.pop("schema", SCHEMA), where)
    return readable(document) if _MARK.encode() in content or b"\\u" in content else document


def check_schema(schema: object, where: str) -> None:
    """Raise NewerSchema, or Corrupt when it is no schema at all."""
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise Corrupt(f"{where} has the schema {schema!r}, which is none", hint=DOCTOR)
    if schema > SCHEMA:
        raise NewerSchema(
            f"{where} was written by a newer gitcoord: schema {schema}, this one knows {SCHEMA}",
            hint="upgrade, then look again: pip install --upgrade gitcoord",
        )


def writable(value: Any) -> Any:
    """A copy TOML can hold: nulls left out, tuples as lists, marked surrogates."""
    return _walk(value, _mark, _DEEPEST)


def readable(value: Any) -> Any:
    """What `writable` was given. Of any depth: the parser has followed it already."""
    return _walk(value, _unmark, sys.maxsize)


def _walk(value: Any, text: Callable[[str], str], levels: int) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, (Mapping, list, tuple)) and not levels:
        raise BadInput(
            f"a record cannot be nested deeper than {_DEEPEST} levels",
            hint="store it as one text, for example as JSON; see: gitcoord --help",
        )
    if isinstance(value, Mapping):
        return {
            text(key): _walk(inner, text, levels - 1)
            for key, inner in value.items()
            if inner is not None
        }
    if isinstance(value, (list, tuple)):
        return [_walk(inner, text, levels - 1) for inner in value]
    return value


def _mark(text: str) -> str:
    return _UNWRITABLE.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def _unmark(text: str) -> str:
    return _MARKED.sub(lambda found: chr(int(found[1], 16)), text)
