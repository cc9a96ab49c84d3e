"""What was asked: the words, names, paths, quotes and stack frames in a question.

Promises: linear time in the text, whatever is in it; at most MOST of each kind, so that a
pasted megabyte does not become a megabyte of search terms.
Refuses, with a hint: nothing asked, 1 MB or more, control characters other than newline and
tab (they would reach terminals, commit messages and TOML), a date that is none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gitcoord.analysis.frames import Frame, language_of
from gitcoord.analysis.moments import read_moment
from gitcoord.analysis.traces import read_traces
from gitcoord.analysis.vocabulary import EXTENSIONS, FILE_NAMES, PRODUCTS, STOP_WORDS
from gitcoord.errors import BadInput

__all__ = ["Frame", "Question", "parse_question"]

LIMIT = 1_000_000  # bytes
MOST = 1000  # of each kind
LONGEST_CHUNK = 1000  # characters without a space; longer ones are base64 or minified code
_ASK = 'gitcoord start investigation "why does login fail after an hour?"'


@dataclass(frozen=True)
class Question:
    """A question, taken apart.

    words: natural words in lower case, stop words left out, in order, each once.
    identifiers: code-like names as written (`issue_token`, `LoginView`, `os.path.join`).
    paths: what looks like a path. quoted: what stood in quotes or backticks.
    frames: from pasted stack traces, innermost first. since, until: git dates that narrow
    history; within: paths that narrow the place, as pathspecs without magic.
    """

    text: str
    words: tuple[str, ...] = ()
    identifiers: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    quoted: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    since: str | None = None
    until: str | None = None
    within: tuple[str, ...] = ()


def parse_question(
    text: str,
    *,
    since: str | None = None,
    until: str | None = None,
    within: Sequence[str] = (),
) -> Question:
    """Take a question apart. Raises BadInput for what the module refuses.

    The text is kept in composed form (NFC) with `\\n` line ends. Lines that belong to a stack
    trace give frames and neither words nor names. `file.py:12` is a path and, after the frames
    of traces, a frame without a function. since and until come out as RFC 3339 instants.
    """
    text = _checked(text)
    traces = read_traces(text)
    prose = "\n".join(
        line for number, line in enumerate(text.split("\n")) if number not in traces.lines
    )
    found = _Found()
    _quotes(prose, found)
    _tokens(prose, found)
    begin = read_moment(since, "since") if since is not None else None
    end = read_moment(until, "until") if until is not None else None
    if begin and end and begin > end:
        raise BadInput(
            f"--since {since} is later than --until {until}",
            hint="swap the two: gitcoord start investigation TASK --since DATE --until DATE",
        )
    return Question(
        text=text,
        words=tuple(found.words),
        identifiers=tuple(found.identifiers),
        paths=tuple(found.paths),
        quoted=tuple(found.quoted),
        frames=_each_once([*traces.frames, *found.mentions]),
        since=begin.isoformat() if begin else None,
        until=end.isoformat() if end else None,
        within=tuple(_checked_path(path) for path in within),
    )


@dataclass
class _Found:
    """Sets that keep their order. `mentions`: places named in prose, such as `file.py:12`."""

    words: dict[str, None] = field(default_factory=dict)
    identifiers: dict[str, None] = field(default_factory=dict)
    paths: dict[str, None] = field(default_factory=dict)
    quoted: dict[str, None] = field(default_factory=dict)
    mentions: list[Frame] = field(default_factory=list)


def _add(kind: dict[str, None], text: str) -> None:
    if text and len(kind) < MOST:
        kind[text] = None


def _each_once(frames: Iterable[Frame]) -> tuple[Frame, ...]:
    return tuple(dict.fromkeys(frames))[:MOST]


# C0 but tab and newline, DEL, C1, and halves of surrogate pairs: bytes that were no UTF-8.
_REFUSED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def _checked(text: str) -> str:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size >= LIMIT:
        raise BadInput(
            f"the task is {size:,} bytes long; fewer than {LIMIT:,} are allowed",
            hint="put the long part into a file: gitcoord start investigation TASK --log FILE",
        )
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    bad = _REFUSED.search(text)
    if bad:
        raise BadInput(
            f"the task has {_named(bad[0])} at position {bad.start() + 1}; "
            "text, newlines and tabs are allowed",
            hint=f"take it out and ask again: {_ASK}",
        )
    text = unicodedata.normalize("NFC", text)
    if not _VISIBLE.search(text):
        raise BadInput("the task is empty", hint=f"say what to find out: {_ASK}")
    return text


# Anything but white space, zero-width characters and the soft hyphen.
_VISIBLE = re.compile("[^\\s\u00ad\u200b-\u200f\u2060\ufeff]")


def _named(char: str) -> str:
    if "\ud800" <= char <= "\udfff":
        return "a byte that is not UTF-8"
    names = {"\0": "a NUL byte", "\x1b": "an escape character", "\r": "a lone carriage return"}
    return names.get(char, f"the control character U+{ord(char):04X}")


def _checked_path(path: str) -> str:
    if not path.strip() or "\0" in path:
        raise BadInput(
            f"--path {path[:60]!a} names no path",
            hint="name a file or folder: gitcoord start investigation TASK --path src/",
        )
    return path


# A quote opens after a space or bracket and closes before one, on its own line; an apostrophe
# between letters is neither. No alternative can match what another can: linear.
_QUOTED = re.compile(
    r"(?<!`)`([^`\n]{1,400})`(?!`)"
    r'|(?<!\w)"([^"\n]{1,400})"(?!\w)'
    r"|(?<![\w'])'((?:[^'\n]|(?<=\w)'(?=\w)){1,400}+)'(?![\w'])"
    "|[“„]([^”“„\n]{1,400})[”“]|‘((?:[^’‘\n]|(?<=\\w)’(?=\\w)){1,400}+)’|«([^«»\n]{1,400})»"
)
_NAME = re.compile(r"[^\W\d]\w*+(?:(?:\.|::|->|#)[^\W\d]\w*+)*+")


def _quotes(text: str, found: _Found) -> None:
    for match in _QUOTED.finditer(text):
        said = (match[match.lastindex or 0]).strip()
        _add(found.quoted, said)
        if match[1] and _NAME.fullmatch(said) and _path(said) is None:
            _add(found.identifiers, said)


# Letters with their marks: Python's \w leaves out the vowel signs of Indic and Thai scripts.
_W = r"\w\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff\u0e00-\u0eff"
_SHORTENED = rf"(?<=\w)['’](?=(?:s|t|re|ve|ll|d|m)(?![{_W}]))"
_TOKEN = re.compile(
    rf"(?P<url>(?<![\w+.-])[A-Za-z][A-Za-z+]{{1,20}}://[^\s<>\"'`|^{{}}]*+)"
    rf"|(?P<chunk>(?:->(?=[^\W\d])|\$\{{(?=\w)|[{_W}.@+~/\\:$#\[\]-]|{_SHORTENED})++)"
    r"(?=(?P<call>\([^()\n]{0,80}\)(?!!?:)))?"
)
_PIECE = re.compile(rf"[{_W}]++['’][a-z]{{1,2}}(?![{_W}])|{_NAME.pattern}(?![{_W}])|[{_W}]++")
_FLAG = re.compile(r"--[A-Za-z][\w-]*")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_REFERENCE = re.compile(r"#\d+")


def _tokens(text: str, found: _Found) -> None:
    seen = set()  # a pasted log says most things many times: 6 µs each, 0.3 µs when seen
    for match in _TOKEN.finditer(text):
        url, chunk, call = match.groups()
        before = text[match.start() - 1] if match.start() else ""
        token = (url, chunk, bool(call) and call not in ("(s)", "(es)"), before == "<")
        if token in seen:
            continue
        seen.add(token)
        if url:
            _url(url, found)
        elif len(chunk) <= LONGEST_CHUNK:
            _chunk(chunk, found, called=token[2], tag=token[3])


def _url(url: str, found: _Found) -> None:
    """The path of an address may be a route or a file; its host is no evidence."""
    rest = url.split("://", 1)[1].split("?")[0]
    place, _, anchor = rest.rstrip(".,;:!)]").partition("#")
    route = place.partition("/")[2]
    line = re.fullmatch(r"L(\d{1,7})(?:-L\d{1,7})?", anchor)
    if route:
        _add(found.paths, route.rstrip("/"))
        if line and language_of(route):
            found.mentions.append(Frame(route, int(line[1]), "", language_of(route)))


def _chunk(chunk: str, found: _Found, *, called: bool, tag: bool) -> None:
    if not called:
        chunk = chunk.rstrip(".,:;#@+-")
    chunk = chunk.strip("[]") if chunk[:1] == "[" else chunk
    if _FLAG.fullmatch(chunk):
        _add(found.identifiers, chunk)
        return
    place, line, rest = _located(chunk)
    path = None if tag or (called and "/" not in place) else _path(place)
    if path is None:
        _pieces(chunk, found, called=called)
        return
    _add(found.paths, path)
    if line and language_of(path):
        found.mentions.append(Frame(path, line, "", language_of(path)))
    _pieces(rest, found, called=called)
    if "/" in path and "." not in path:  # a folder, or prose such as client/server
        _pieces(path, found, called=False)


def _located(chunk: str) -> tuple[str, int | None, str]:
    """Split `file.py:12:5`, `file.py::test_x` and `C:\\x.py:3` into place, line, rest."""
    drive = chunk[:2] if _DRIVE.match(chunk) else ""
    place, _, rest = chunk[len(drive) :].partition(":")
    number, _, after = rest.partition(":")
    if number.isascii() and number.isdigit() and len(number) <= 7:
        return drive + place, int(number), "" if after.isdigit() else after
    return drive + place, None, rest.lstrip(":")


def _path(place: str) -> str | None:
    """The path that this is, with forward slashes, or None."""
    if place.startswith(("#", "$")) or ":" in place[2:]:
        return None
    named = _looks_like_a_file(place.replace("\\", "/").rpartition("/")[2])
    if "\\" in place:
        if not (named or _DRIVE.match(place)):
            return None
        place = place.replace("\\", "/")
    parts = [part for part in place.split("/") if part]
    if "/" not in place:
        return place if named else None
    words = {part.lower() for part in parts}
    if not any(letter.isalpha() for letter in place) or words <= STOP_WORDS:
        return None
    if max(map(len, parts)) == 1 and place[0] not in "./~":  # n/a, i/o, w/o
        return None
    return (place.rstrip("/") if len(parts) > 1 or place[0] == "/" else place).removeprefix("./")


def _looks_like_a_file(name: str) -> bool:
    stem, dot, extension = name.rpartition(".")
    if name in FILE_NAMES:
        return True
    if not dot or name.lower() in PRODUCTS:
        return False
    if not stem:  # `.gitignore` is a file, `.py` in "all .py files" is not
        return len(extension) > 2 and extension.isascii() and extension.lower() not in EXTENSIONS
    own = stem.partition(".")[0] in ("self", "this", "cls")  # self.c
    return extension.lower() in EXTENSIONS and not own


def _pieces(chunk: str, found: _Found, *, called: bool) -> None:
    chunk = _REFERENCE.sub(" ", chunk)
    for piece in _PIECE.finditer(chunk):
        text = piece[0]
        variable = chunk.startswith(("$", "{"), max(piece.start() - 1, 0))
        if variable or _is_code(text) or (called and piece.end() == len(chunk)):
            _add(found.identifiers, text)
        else:
            for word in re.split(r"[.#>:_-]+", text):
                _word(word, found)


def _is_code(name: str) -> bool:
    """snake_case, camelCase, PascalCase of two humps, CONSTANT_CASE, dotted, `a::b`, `__a__`."""
    if not _NAME.fullmatch(name) or name.lower() in PRODUCTS:
        return False
    parts = re.split(r"\.|::|->|#", name)
    if len(parts) > 1:
        return max(map(len, parts)) > 1
    humps = re.search(r"[a-z\d][A-Z]|[A-Z]{2}[a-z]{2}", name)
    return "_" in name.strip("_") or (name != name.strip("_") and len(name) > 2) or bool(humps)


def _word(text: str, found: _Found) -> None:
    word = text.lower().replace("’", "'").removesuffix("'s")
    if word not in STOP_WORDS and (len(word) > 1 or ord(word or "a") > 0x2E80):
        _add(found.words, word)
