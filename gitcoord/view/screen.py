"""Answers on stdout, narration and progress on stderr.

Promises: stdout carries the answer and nothing else; what is piped is plain, whole and
aligned; rich is imported only to draw on a terminal; everything shown is understandable
without colour. Refuses: to draw frames anywhere but on a terminal, and a second JSON document.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import PurePath
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TextIO

from gitcoord.view.plain import cut, plain, width

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

# Below this many columns a drawn table folds its words into columns of letters.
_NARROWEST = 40
# A heading, and enough of a text to tell it from another.
_SHORTEST = 8


@dataclass
class Screen:
    """Where one command speaks.

    color: None is "where it is a terminal". dumb: the terminal cannot move its cursor.
    answered: whether the JSON document was printed.
    """

    quiet: bool = False
    color: bool | None = None
    dumb: bool = False
    answered: bool = False

    def answer(self, text: str, *, multiline: bool = True) -> None:
        """A line, or lines, of the answer; made harmless."""
        sys.stdout.write(plain(text, multiline=multiline) + "\n")

    def answer_path(self, path: PurePath | str) -> None:
        """A path for a shell to use: byte for byte when piped, harmless on a terminal."""
        if sys.stdout.isatty():
            self.answer(str(path), multiline=False)
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(os.fsencode(path) + b"\n")
            sys.stdout.buffer.flush()

    def answer_json(self, value: object) -> None:
        """The one JSON document of a command: two spaces, keys in the order given, ASCII only.

        Dataclasses and named tuples become objects, paths strings, times RFC 3339 in UTC,
        sets sorted lists.
        """
        assert not self.answered, "a second JSON document on stdout"
        sys.stdout.write(json.dumps(as_json(value), indent=2, allow_nan=False) + "\n")
        self.answered = True

    def say(self, text: str) -> None:
        """Narration, on stderr; nothing when quiet."""
        if not self.quiet:
            sys.stderr.write(plain(text, multiline=True) + "\n")

    def warn(self, text: str) -> None:
        """What the user must know, on stderr, also when quiet."""
        sys.stderr.write(f"warning: {plain(text, multiline=True)}\n")

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        free: Sequence[str] | None = None,
    ) -> None:
        """Rows under headings, a line each; every cell made harmless. No rows, no headings.

        free: the columns whose text may end in … where a terminal is too narrow, the widest
        first; the last column if not said. There, columns with nothing in them go before
        that. Piped, nothing is cut.
        """
        cells = [["" if cell is None else plain(str(cell)) for cell in row] for row in rows]
        if not cells:
            return
        if self._draws(sys.stdout) and get_terminal_size().columns >= _NARROWEST:
            wide = get_terminal_size().columns
            free = columns[-1:] if free is None else free
            columns, cells = _without_empty(columns, cells, wide)
            cells = fitted(columns, cells, [name in free for name in columns], wide)
            heading, _, rest = aligned(columns, cells).partition("\n")
            bold = self.color is not False
            sys.stdout.write(f"\x1b[1m{heading}\x1b[0m\n{rest}" if bold else f"{heading}\n{rest}")
        else:
            sys.stdout.write(aligned(columns, cells))

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Live lines on a terminal while the block runs; milestones as lines elsewhere."""
        if self.quiet or self.dumb or not sys.stderr.isatty():
            yield Progress(self)
            return
        from rich.live import Live

        console = self._console(sys.stderr)
        with Live(console=console, transient=True, refresh_per_second=10) as live:
            yield Progress(self, live)

    def _draws(self, stream: TextIO) -> bool:
        return bool(self.color) or (stream.isatty() and not self.dumb)

    def _console(self, stream: TextIO) -> Console:
        from rich.console import Console

        return Console(
            file=stream,
            force_terminal=True,
            no_color=self.color is False,
            color_system="standard" if self.color is not False else None,
            highlight=False,
            emoji=False,
            markup=False,
            soft_wrap=False,
        )


@dataclass
class Progress:
    """Live lines, drawn in place. `show` replaces them, `say` leaves a line above for good."""

    screen: Screen
    live: Live | None = None

    def show(self, lines: Sequence[str]) -> None:
        """The frame as it is now: one text per line, cut to the terminal. Only drawn live."""
        if self.live is not None:
            from rich.text import Text

            frame = "\n".join(map(plain, lines))
            self.live.update(Text(frame, no_wrap=True, overflow="ellipsis"))

    def say(self, text: str) -> None:
        """A milestone: stays on the terminal, and is a line of its own where nothing is live."""
        if self.live is None:
            self.screen.say(text)
        else:
            from rich.text import Text

            self.live.console.print(Text(plain(text, multiline=True)))


def aligned(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Plain text columns two spaces apart, headings in capitals, nothing cut."""
    lines = [[column.upper() for column in columns], *rows]
    widths = [max(map(width, cells)) for cells in zip(*lines, strict=True)]
    return "".join(_line(line, widths) for line in lines)


def _without_empty(
    columns: Sequence[str], rows: Sequence[Sequence[str]], cells: int
) -> tuple[list[str], list[list[str]]]:
    """Columns and rows; without the columns that are empty, where a line takes over `cells`."""
    widths = [max(map(width, column)) for column in zip(columns, *rows, strict=True)]
    wide = sum(widths) + 2 * (len(widths) - 1) > cells
    kept = [at for at in range(len(columns)) if not wide or any(row[at] for row in rows)]
    return [columns[at] for at in kept], [[row[at] for at in kept] for row in rows]


def fitted(
    columns: Sequence[str], rows: Sequence[Sequence[str]], free: Sequence[bool], cells: int
) -> list[list[str]]:
    """The rows with those columns that are `free` cut until a line takes `cells` columns.

    What is cut is always the widest, down to its heading: ids and numbers stay whole.
    """
    widths = [max(map(width, column)) for column in zip(columns, *rows, strict=True)]
    over = sum(widths) + 2 * (len(widths) - 1) - cells
    while over > 0:
        room = [index for index, may in enumerate(free) if may and widths[index] > _SHORTEST]
        if not room:
            break
        widest = max(room, key=lambda index: widths[index])
        others = [widths[index] for index in room if index != widest]
        step = min(over, max(1, widths[widest] - max(others, default=_SHORTEST)))
        widths[widest] -= step
        over -= step
    return [[cut(cell, most) for cell, most in zip(row, widths, strict=True)] for row in rows]


def as_json(value: object) -> Any:
    """The JSON shape of a value: see Screen.answer_json. Raises TypeError on what has none."""
    match value:
        case Enum():
            return as_json(value.value)
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(as_json(key)): as_json(inner) for key, inner in value.items()}
        case set() | frozenset():
            return sorted(map(as_json, value), key=str)
        case tuple() if hasattr(value, "_asdict"):
            return as_json(value._asdict())
        case list() | tuple():
            return [*map(as_json, value)]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    return _as_text(value)


def _as_text(value: object) -> str:
    """A time without a zone is ours, and ours are UTC."""
    match value:
        case PurePath() | bytes():
            return os.fsdecode(value)
        case datetime():
            zoned = value if value.tzinfo else value.replace(tzinfo=UTC)
            return zoned.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
        case date():
            return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell + " " * (size - width(cell)) for cell, size in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip() + "\n"
