"""What was read of a trace so far: the sections below each error, and the error that is named
above or below them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from gitcoord.analysis.frames import Frame

_HEADER_REACH = 12  # lines of a message between an error's first line and its first frame
_CAUSED = re.compile(r"(?:Caused by|\[cause\]): ")
_ABOVE = re.compile(
    r"(?:Exception in thread \"[^\"]*+\" |Uncaught |\(in promise\) |Suppressed: )*+"
)
_NAMED = re.compile(r"(?<![\w$.])([A-Za-z_$][\w$.]*+)(?=: |:?$)")
_ERROR_PARTS = ("Error", "Exception", "Throwable", "Failure", "Fault", "Timeout")


@dataclass(frozen=True)
class TracedError:
    """What a trace says went wrong. kind: `ValueError`, `java.io.IOException`, `panic`."""

    kind: str
    message: str
    language: str


@dataclass
class Section:
    """The frames below one error, as printed. caused: it caused the section before it."""

    family: str
    frames: list[Frame] = field(default_factory=list)
    error: TracedError | None = None
    caused: bool = False
    closed: bool = False

    def said(self) -> TracedError:
        """The error, in the language of the first frame that has a file."""
        assert self.error is not None
        return replace(
            self.error, language=(self.frames[0].language if self.frames else self.family)
        )

    def innermost_first(self) -> list[Frame]:
        if self.family == "python":
            return self.frames[::-1]
        if self.family == "rust" and len(self.frames) > 1:
            return _without_repeated_place(self.frames)
        return self.frames


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    indent: int
    body: str


@dataclass(frozen=True, slots=True)
class Header:
    """A line that names an error above its frames."""

    number: int
    kind: str
    message: str
    caused: bool


@dataclass
class Seen:
    """What was read so far. before: the line above, which in Go and Rust names the function."""

    sections: list[Section] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)
    before: Line = field(default=Line(-2, 0, ""))
    header: Header | None = None
    source: int = -1  # indent of the Python frame whose source line comes next

    def add(self, family: str, line: Line, frame: Frame | None) -> None:
        """Put a frame into the open section, or into a new one below the latest header."""
        self.lines.add(line.number)
        last = self.sections[-1] if self.sections else None
        if last is None or last.family != family or last.closed or self.header:
            last = self._open(family, line)
            self.sections.append(last)
        if frame:
            last.frames.append(frame)

    def _open(self, family: str, line: Line) -> Section:
        header, self.header = self.header, None
        section = Section(family)
        if header and family != "python" and line.number - header.number <= _HEADER_REACH:
            section.error = TracedError(header.kind, header.message, family)
            section.caused = header.caused and bool(self.sections)
        return section


def root_cause_first(sections: list[Section]) -> list[Section]:
    ordered: list[Section] = []
    start = 0
    for section in sections:
        if not section.caused:
            start = len(ordered)
        ordered.insert(start, section)
    return ordered


def close_last(seen: Seen, family: str) -> None:
    if seen.sections and seen.sections[-1].family == family:
        seen.sections[-1].closed = True


def note_header(seen: Seen, line: Line) -> None:
    """Remember a line that may name the error of the frames below it."""
    caused = _CAUSED.match(line.body)
    body = line.body[caused.end() :] if caused else line.body
    said = _ABOVE.sub("", body, count=1)
    for kind in ("panic", "fatal error"):
        if said.startswith(kind + ": "):
            seen.header = Header(line.number, kind, said[len(kind) + 2 :], caused=False)
            return
    for match in _NAMED.finditer(said):
        kind = match[1]
        sure = match.start() == 0 and (caused or said != body)
        if sure or any(part in kind for part in _ERROR_PARTS):
            message = said[match.end() :].removeprefix(":").strip()
            seen.header = Header(line.number, kind, message, bool(caused))
            return


def _without_repeated_place(frames: list[Frame]) -> list[Frame]:
    """The place of the panic says nothing more once the backtrace names it."""
    place, *rest = frames
    path = place.path.removeprefix("./")
    named = any(frame.line == place.line and frame.path.endswith(path) for frame in rest)
    return rest if named and not place.function else frames
