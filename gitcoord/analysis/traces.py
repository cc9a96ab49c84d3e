"""Stack traces in pasted text: whose line failed, innermost first, and with what error.

Promises: linear time in the text, whatever is in it; frames are innermost first and the root
cause comes before what it caused, though languages print in different orders.
Refuses nothing: text without a trace has no frames.
Left out of frames: what has no file (`<frozen importlib>`, `node:internal/…`, native methods).

Shapes read: Python (also SyntaxError, IPython, pytest, exception groups), JavaScript and
TypeScript (V8, Firefox, Safari, bundlers), Java, Kotlin, Scala, Groovy, Go, Rust.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from gitcoord.analysis.frames import Frame, language_of, match_frames
from gitcoord.analysis.sections import (
    Header,
    Line,
    Seen,
    TracedError,
    close_last,
    note_header,
    root_cause_first,
)

__all__ = [
    "Frame",
    "TracedError",
    "Traces",
    "find_errors",
    "find_frames",
    "match_frames",
    "read_traces",
    "script_path",
]

LONGEST_LINE = 4096  # characters; a frame's line is shorter, a minified bundle's is not


@dataclass(frozen=True)
class Traces:
    """Everything found. lines: numbers, from 0, of the lines that a trace takes up, without
    the lines of its errors: what stands in those is prose worth reading."""

    frames: tuple[Frame, ...]
    errors: tuple[TracedError, ...]
    lines: frozenset[int]


def find_frames(text: str) -> tuple[Frame, ...]:
    """The frames of every trace in the text, each once; innermost first within a trace."""
    return read_traces(text).frames


def find_errors(text: str) -> tuple[TracedError, ...]:
    """The errors that the traces end in, each once; the root cause first within a chain."""
    return read_traces(text).errors


def read_traces(text: str) -> Traces:
    """Frames, errors and the lines they took, in one pass."""
    if not _SIGN.search(text):
        return Traces((), (), frozenset())
    seen = Seen()
    for number, raw in enumerate(text.split("\n")):
        raw = raw[:LONGEST_LINE].rstrip()
        body = _BEFORE.sub("", raw, count=1)
        if body:
            _read_line(seen, Line(number, len(raw) - len(body), body))
    sections = root_cause_first(seen.sections)
    frames = (frame for section in sections for frame in section.innermost_first())
    errors = (section.said() for section in sections if section.error)
    return Traces(tuple(dict.fromkeys(frames)), tuple(dict.fromkeys(errors)), frozenset(seen.lines))


# Indentation, the bars of exception groups and `service_1  | ` of container logs.
_BEFORE = re.compile(r"[\s|+>-]*+(?:[\w.-]{1,60}+\s{0,20}+\|\s*+)?+")
_SIGN = re.compile(r"File |\.py:\d|\bat |@|\.go:\d|panicked")


def _read_line(seen: Seen, line: Line) -> None:
    taken = any(read(seen, line) for read in (_python, _at, _firefox, _go, _rust))
    if not taken:
        note_header(seen, line)
    seen.before = line


_PY_FRAME = re.compile(r'File "([^"]+)", line (\d{1,7})(?:, in (.+))?')
_PY_SHORT = re.compile(
    r"(?:File )?([^\s:\"]+\.py):(\d{1,7})(?:, in ([^(\s]+).*|: in (\S+)|:(?: (\w+))?)"
)
_PY_ERROR = re.compile(r"([^\W\d][\w.]*+)(?:: ?(.*))?")
_PY_FILLER = re.compile(
    r"Traceback \(most recent call last\)|^____"
    r"|^(?:During handling of the above|The above) exception"
)
_CARETS = frozenset("~^")
_ERROR_NAME = re.compile(r"(?:Error|Exception|Warning|Interrupt|Exit|Iteration|Group)$")


def _python(seen: Seen, line: Line) -> bool:
    body = line.body
    match = _PY_FRAME.fullmatch(body) if body.startswith("File ") else None
    match = match or (_PY_SHORT.fullmatch(body) if ".py:" in body else None)
    if match:
        path, number, *inside = match.groups()
        function = next(filter(None, inside[:2]), "")
        frame = Frame(path, int(number), function, "python")
        seen.add("python", line, None if path.startswith("<") else frame)
        seen.source = line.indent
        return True
    if _PY_FILLER.search(body):
        seen.lines.add(line.number)
        close_last(seen, "python")
        return True
    if seen.source < 0:
        return False
    if line.indent > seen.source or set(body) <= _CARETS or body.startswith("[Previous line"):
        seen.lines.add(line.number)
        return True
    return _python_error(seen, line)


def _python_error(seen: Seen, line: Line) -> bool:
    """The line below the last frame. pytest prints its errors above it, after an `E`."""
    pytest = line.body.startswith("E  ")
    match = _PY_ERROR.fullmatch(line.body[1:].lstrip() if pytest else line.body)
    if line.body.startswith("_ _"):
        return False
    indent, seen.source = seen.source, seen.source if pytest else -1
    if not match or not (pytest or line.indent < indent or _ERROR_NAME.search(match[1])):
        return False
    section = seen.sections[-1]
    if section.error is None:
        section.error = TracedError(match[1], (match[2] or "").strip(), "python")
    section.closed = not pytest
    return True


_JVM_FRAME = re.compile(r"at ([^()]++)\(([^()]*+)\)(?: ~?\[[^\]]*+\])?")
_JVM_FILE = re.compile(r"([\w$.+-]+\.(?:java|kt|kts|scala|groovy|clj))(?::(\d{1,7}))?")


def _at(seen: Seen, line: Line) -> bool:
    """`at …`: the JVM, V8 and Rust tell frames in this way."""
    body = line.body.removesuffix(" {")
    if body.startswith("... ") and body.endswith((" more", " common frames omitted")):
        seen.lines.add(line.number)
        return True
    if not body.startswith("at "):
        return False
    jvm = _JVM_FRAME.fullmatch(body)
    if jvm and not jvm[1].endswith(" "):
        return _jvm(seen, line, jvm[1], jvm[2])
    rest = body[3:]
    function, place = "", rest
    if rest.endswith(")") and " (" in rest:
        function, _, place = rest[:-1].partition(" (")
    if place in ("<anonymous>", "native"):
        seen.lines.add(line.number)
        return True
    return _script(seen, line, function, place)


def _jvm(seen: Seen, line: Line, name: str, place: str) -> bool:
    name = name.rpartition("/")[2]  # java.base/java.lang.Thread.run
    file = _JVM_FILE.fullmatch(place)
    if not file and place not in ("Native Method", "Unknown Source", "<generated>"):
        return False
    frame = None
    if file:
        folder = name.split(".")[:-2]
        language = language_of(file[1])
        frame = Frame("/".join([*folder, file[1]]), _number(file[2]), name, language)
    seen.add("java", line, frame)
    return True


def _script(seen: Seen, line: Line, function: str, place: str) -> bool:
    """One frame of V8 or Firefox, or of Rust: `path:line:column`."""
    place, _, column = place.rpartition(":")
    path, _, number = place.rpartition(":")
    if not (_is_number(number) and _is_number(column) and path):
        return False
    if path.endswith(".rs"):
        function = _rust_function(seen)
        seen.add("rust", line, Frame(path, int(number), function, "rust"))
        return True
    known = script_path(path)
    if known and not _PLACE.search(known):
        return False
    function = function.removeprefix("async ").removeprefix("new ").partition(" [as ")[0]
    language = language_of(known or "") or "javascript"
    frame = Frame(known, int(number), function, language) if known else None
    seen.add("javascript", line, frame)
    return True


def _firefox(seen: Seen, line: Line) -> bool:
    function, at, place = line.body.partition("@")
    if not at or " " in line.body or not re.search(r"[/.]\w+[^/]*:\d+:\d+$", place[-80:]):
        return False
    return _script(seen, line, function.rstrip("/<"), place)


_PLACE = re.compile(r"[./\\]")
_NO_FILE = ("node:", "internal/", "<", "native", "eval at ", "wasm:", "chrome-extension:")
_BUNDLERS = ("webpack", "turbopack", "rsc", "vite", "ng", "rollup", "parcel")


def script_path(place: str) -> str | None:
    """The file behind an address in a JavaScript trace; None for what is no file of a project.

    `webpack://shop/./src/x.ts?1a2b` gives `src/x.ts`, `file:///app/x.js` gives `/app/x.js`.
    """
    if place.startswith(_NO_FILE) or place.endswith(">"):
        return None
    scheme, separator, rest = place.partition("://")
    if not separator or len(scheme) > 20:
        return place
    rest = rest.partition("?")[0].partition("#")[0]
    if scheme == "file":
        rest = unquote(rest)
        return rest.lstrip("/") if re.match(r"/[A-Za-z]:/", rest) else rest or None
    if scheme.startswith(_BUNDLERS):
        _, dot, after = rest.rpartition("/./")
        rest = after if dot else rest.lstrip("/").removeprefix("./")
        return rest.removeprefix("[project]/") or None
    return rest.partition("/")[2] or None


_GO_FRAME = re.compile(r"(\S.*\.go):(\d{1,7})(?: \+0x[0-9a-f]{1,16})?")
_GO_FUNCTION = re.compile(
    r"(?:created by )?([^\s(]*+(?:\(\*?[\w.\[\]]+\))?[^\s(]*+)(?:\(.*\)| in goroutine \d+)?"
)


def _go(seen: Seen, line: Line) -> bool:
    if line.body.startswith("goroutine ") and line.body.endswith("]:"):
        seen.lines.add(line.number)
        return True
    match = _GO_FRAME.fullmatch(line.body) if ".go:" in line.body else None
    if not match or not line.indent:
        return False
    above = seen.before
    name = _GO_FUNCTION.fullmatch(above.body) if above.number == line.number - 1 else None
    if name:
        seen.lines.add(above.number)
    seen.add("go", line, Frame(match[1], int(match[2]), name[1] if name else "", "go"))
    return True


_RUST_FUNCTION = re.compile(r"\d{1,4}: +(?:0x[0-9a-f]+ - )?(\S.*)")


def _rust(seen: Seen, line: Line) -> bool:
    body = line.body
    if body == "stack backtrace:" or body.startswith("note: run with `RUST_BACKTRACE"):
        seen.lines.add(line.number)
        return True
    if body.startswith("thread ") and " panicked at " in body and _panicked(seen, line):
        return True
    section = seen.sections[-1] if seen.sections else None
    if section and section.family == "rust" and section.error and not section.error.message:
        section.error = TracedError("panic", body, "rust")
        return True
    if section and section.family == "rust" and _RUST_FUNCTION.fullmatch(body):
        seen.lines.add(line.number)
        return True
    return False


def _panicked(seen: Seen, line: Line) -> bool:
    """`panicked at src/x.rs:1:2:` and, before Rust 1.73, `panicked at 'message', src/x.rs:1:2`."""
    place = line.body.partition(" panicked at ")[2]
    message = ""
    if place.startswith("'"):
        message, _, place = place[1:].rpartition("', ")
    parts = place.rstrip(":").rsplit(":", 2)
    if len(parts) != 3 or not _is_number(parts[1]):
        return False
    seen.header = Header(line.number, "panic", message, caused=False)
    seen.add("rust", line, Frame(parts[0], int(parts[1]), "", "rust"))
    return True


def _rust_function(seen: Seen) -> str:
    match = _RUST_FUNCTION.fullmatch(seen.before.body)
    return re.sub(r"::h[0-9a-f]{16}$", "", match[1]) if match else ""


def _is_number(text: str) -> bool:
    return 0 < len(text) <= 7 and text.isascii() and text.isdigit()


def _number(text: str | None) -> int | None:
    return int(text) if text else None
