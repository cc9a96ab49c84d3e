"""One thing a hook objects to, as a value."""

from __future__ import annotations

from dataclasses import dataclass

OFF, WARN, BLOCK = "off", "warn", "block"


@dataclass(frozen=True)
class Objection:
    """setting: the name below `hooks.` that decides its level. level: warn or block.

    place: `path:line`, a ref or a commit, "" where it is about nothing one can point at.
    """

    setting: str
    level: str
    place: str
    text: str
    hint: str = ""
