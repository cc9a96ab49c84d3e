"""One thing a check has to say, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Remark:
    """check: the name of the check. line: counted from 1; 0 is the whole file.

    text: one line, without the file's own content, so that it can be shown anywhere.
    """

    check: str
    path: str
    line: int
    text: str

    @property
    def place(self) -> str:
        """`path:line`, as editors take it."""
        return f"{self.path}:{self.line}" if self.line else self.path
