"""One thing out of step, as doctor tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ailment:
    """kind: a stable word. mend: None when a person must decide.

    advice: the command for that person, or what the mend will do.
    """

    kind: str
    subject: str
    what: str
    advice: str
    mend: Callable[[], object] | None = None
