"""One log line taken apart: its level, who logged it, what it says.

Promises: plain lines, logfmt, access logs and JSON lines give the same shape; any text gives one.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

LEVELS = ("DEBUG", "INFO", "", "WARN", "ERROR", "FATAL")  # by weight; "" is not told


@dataclass(frozen=True, slots=True)
class Said:
    """level: one of LEVELS. stack: a trace that came inside the line, as JSON lines have it."""

    level: str
    logger: str
    message: str
    stack: str = ""


_NAMES = {
    **dict.fromkeys(("trace", "debug", "verbose", "fine", "d", "t", "v"), "DEBUG"),
    **dict.fromkeys(("info", "notice", "information", "i", "n"), "INFO"),
    **dict.fromkeys(("warn", "warning", "w"), "WARN"),
    **dict.fromkeys(("error", "err", "severe", "e"), "ERROR"),
    **dict.fromkeys(("fatal", "critical", "crit", "alert", "emerg", "panic", "f", "c"), "FATAL"),
}
_LONG = "|".join(name for name in _NAMES if len(name) > 1)
_LEVEL = re.compile(
    rf"(?<![\w.])(?:{_LONG.upper()})(?![\w.!])|^(?:{_LONG.title()})(?=\s{{2}}|:|\t)"
    rf"|(?i:(?:(?<=level=)|(?<=lvl=)|(?<=severity=)|(?<=[\[<(])|(?<=level=\"))(?:{_LONG}))(?=[\]>)\s\"])"
)
_LETTER = re.compile(r"(?:\d{1,7}\s{1,9}\d{1,7}\s{1,3})?([VDIWEF])(?:/| \w+\s*:)")
_FIRST_LETTER = re.compile(r"([VDIWEF])(?=, \[|$)")  # Ruby's logger, klog
_STATUS = re.compile(r'" ([1-5])\d\d (?:\d+|-)')
_LEFT = re.compile(r"^[\s\])},:;|-]+")
_LOGGER = re.compile(
    r"(?<![\w/.@-])([A-Za-z_][\w$]*(?:[.:]{1,2}[A-Za-z_][\w$]*)+)(?=\]|:\s|\s-|\s+:)"
)


def read_said(line: bytes, span: tuple[int, int] = (0, 0)) -> Said:
    """What a line says. span: where its time stands in it, as `Clock` found it."""
    if line.startswith(b"{") and line.rstrip().endswith(b"}"):
        said = _json(line.decode("utf-8", "replace"))
        if said:
            return said
    before = line[: span[0]].decode("utf-8", "replace")
    message = line[span[1] :].decode("utf-8", "replace")
    message = _LEFT.sub("", message) if span[1] else message
    level = _level(before, message)
    message = _without_level(message) if level else _without_host(line, span, message)
    logger = _LOGGER.search(message, 0, 120)
    return Said(level, logger[1] if logger else "", _logfmt(message))


def _level(before: str, message: str) -> str:
    found = _LEVEL.search(message, 0, 100) or _LEVEL.search(before)
    if found:
        return _NAMES[found[0].lower()]
    status = _STATUS.search(message)
    if status:
        return {"5": "ERROR", "4": "WARN"}.get(status[1], "INFO")
    letter = _FIRST_LETTER.match(before) or _LETTER.match(message)
    return _NAMES[letter[1].lower()] if letter else ""


def _without_level(message: str) -> str:
    """The message without its level and the numbers (of processes, threads) before that."""
    found = _LEVEL.search(message, 0, 60)
    if not found or any(map(str.isalpha, message[: found.start()])):
        return message
    return _LEFT.sub("", message[found.end() :].lstrip("]>)"))


_HOST = re.compile(r"\S{1,60} (?=[\w./()@-]{1,60}\[\d+\]: )")
_HOST_ALONE = re.compile(r"\S{1,60} (?=[\w./()@-]{1,60}(?:\[\d+\])?: )")


def _without_host(line: bytes, span: tuple[int, int], message: str) -> str:
    """The message without syslog's host. Syslog's own time begins with a month."""
    syslog = span[0] == 0 < span[1] and line[:1].isalpha()
    return (_HOST_ALONE if syslog else _HOST).sub("", message, count=1) if span[1] else message


_MSG = re.compile(r'(?:^|\s)(?:msg|message)=(?:"((?:[^"\\]|\\.)*+)"|(\S++))')
_ERR = re.compile(r'(?:^|\s)(?:err|error|exception)=(?:"((?:[^"\\]|\\.)*+)"|(\S++))')


def _logfmt(message: str) -> str:
    said = _MSG.search(message) if "msg=" in message or "message=" in message else None
    if not said:
        return message
    error = _ERR.search(message)
    return _joined(said[1] or said[2] or "", (error[1] or error[2] or "") if error else "")


def _joined(message: str, error: str) -> str:
    return f"{message}: {error}" if error and error not in message else message


_MESSAGES = ("message", "msg", "@m", "event", "text", "log", "body")
_ERRORS = ("error", "err", "exception", "exc_info", "exc", "cause", "reason")
_STACKS = ("stack", "stacktrace", "stack_trace", "stackTrace", "traceback", "exc_info", "exc_text")


def _json(text: str) -> Said | None:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    level = _word(record, "level", "severity", "levelname", "log.level", "lvl", "@l", "loglevel")
    error = next((record[key] for key in _ERRORS if record.get(key)), "")
    stack = _word(record, *_STACKS)
    if isinstance(error, dict):
        stack = stack or _word(error, *_STACKS)
        kind, what = _word(error, "type", "name", "kind", "class"), _word(error, "message", "msg")
        error = f"{kind}: {what}" if kind and what else kind or what
    error = str(error)
    if "\n" in error:
        stack, error = stack or error, error.strip().rpartition("\n")[2]
    message = _word(record, *_MESSAGES) or str(error) or text
    logger = _word(record, "logger", "name", "logger_name", "component", "module", "caller")
    return Said(_numbered(level), logger, _joined(" ".join(message.split()), error), stack)


def _word(record: dict[str, object], *keys: str) -> str:
    """The first of these that holds text or a number."""
    for key in keys:
        value = record.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            return str(value)
    return ""


def _numbered(level: str) -> str:
    """pino and bunyan number their levels: 10 is trace, 60 is fatal."""
    if level.isascii() and level.isdigit() and len(level) <= 3:
        number = min(int(level), 60)
        return LEVELS[(0, 0, 0, 1, 3, 4, 5)[number // 10]]
    return _NAMES.get(level.lower(), "")


# What tells a failure in a line that names no level, or only a mild one.
_FAILURE = re.compile(
    r"(?i:(?<![a-z])(?:error|exception|fail(?:ed|ures?|s|ing)?|fatal|panic|traceback|refused|denied"
    r"|timed?[ -]?out|unauthori[sz]ed|forbidden|unavailable|cannot|can't|could not|couldn't"
    r"|unable|invalid|crash(?:ed)?|abort(?:ed)?|killed|segfault|segmentation fault|deadlock"
    r"|expired|rejected|corrupt(?:ed)?|out of memory|oom|lost|unreachable|unhandled|uncaught"
    r"|broken pipe|reset by peer|not found|no such)(?![a-z]))|[a-z](?:Error|Exception)\b"
)
_NO_FAILURE = re.compile(r"(?i:\b(?:0|no|zero|without) (?:error|failure|exception)s?\b)")


def tells_failure(message: str) -> bool:
    """Whether the words tell of something gone wrong, whatever the level says."""
    return bool(_FAILURE.search(message)) and not _NO_FAILURE.search(message)
