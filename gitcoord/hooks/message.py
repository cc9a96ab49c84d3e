"""The message of a commit: secrets in it go as far as the commit does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitcoord.hooks.objection import OFF, Objection
from gitcoord.redaction import find_secrets

if TYPE_CHECKING:
    from gitcoord.config import Config

_SCISSORS = re.compile(rb"^. -{24} >8 -{24}\r?$.*", re.MULTILINE | re.DOTALL)
LONGEST = 1_000_000


def list_objections(content: bytes, config: Config) -> list[Objection]:
    """content: the file git wrote, with the lines that git is going to leave out."""
    level = config.hooks.secrets
    if level == OFF:
        return []
    message = _SCISSORS.sub(b"", content[:LONGEST])
    lines = message.split(b"\n")
    found = {one.line: one.kind for one in find_secrets(message)}
    return [
        Objection("secrets", level, f"the message:{line}",
                  f"this looks like a secret: {kind.replace('_', ' ')}")
        for line, kind in found.items() if not lines[line - 1].startswith(b"#")
    ]  # fmt: skip
