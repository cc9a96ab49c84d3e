"""Names that a string literal can mean: keys of a file, columns of a table."""

from __future__ import annotations

import re
from collections.abc import Iterator


def names_in(text: str) -> Iterator[str]:
    """Words of a string literal that can name a key or a column."""
    if re.fullmatch(r"[\w.-]{4,80}", text):
        yield text
        if "." in text:
            yield from (part for part in text.split(".") if len(part) >= 4)
    elif re.search(r"\b(?:select|insert|update|delete|where|join|from)\b", text, re.I):
        yield from set(re.findall(r"[A-Za-z_]\w{3,80}", text))


def is_telling(name: str) -> bool:
    """A name of more than one word, so that a literal of it is no accident."""
    return len(name) >= 4 and bool(re.search(r"[a-z0-9][_.-][a-z]|[a-z][A-Z]", name))
