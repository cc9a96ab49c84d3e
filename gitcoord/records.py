"""What every record has: a schema version, a time, an id.

Promises: an id is a valid branch name, folder name and ref component on every system, is
readable, and is unique across clones without asking anybody. Times are UTC, RFC 3339.
Refuses: `SOURCE_DATE_EPOCH` as "now" (set by build tools and direnv), and an id that could
mean two things.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from gitcoord.errors import BadInput, NoSuch

SCHEMA = 1

LONGEST_ID = 48
_LONGEST_KIND = 24
_LONGEST_CHECKED = 200  # with ".lock" and ".toml" added still a file name (255 bytes)
_READ_OF_TASK = 4096
_WORDS = 4

# 32 characters, so a random byte maps evenly; without 0, 1, l and o, which look alike.
_ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"
_LONGEST_TRACE = 100_000
_TRACE = re.compile(r"Traceback \(most recent|Exception in thread |goroutine \d|stack ?trace", re.I)
_RAISED = re.compile(
    r"(?:Caused by: )?[A-Za-z_][\w.$]*(?:Error|Exception|Interrupt|Exit|Warning)(?::|\s*$)|panic: "
)
_CHECKED = re.compile(r"[a-z0-9](?:[a-z0-9_-]|\.(?!\.))*")
_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a an and any are as at be been but by can could did do does doing for from get gets had
        has have how i if in into is it its just me my no not of off on or our out over please
        should so some than that the their them then there these they this to too up us was we
        were what when where which while who whom whose why will with would you your""",
    )
)


def now() -> str:
    """`2026-01-02T03:04:05.678Z`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_time(text: str) -> datetime:
    """The moment an RFC 3339 text names. Raises BadInput, also when it has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(
            f"{text[:60]!r} is not a time with a zone",
            hint="write it like 2026-01-02T03:04:05Z; this is now: date -u +%FT%TZ",
        )
    return moment


def new_id(kind: str, task: str, *, slug: str | None = None) -> str:
    """`investigation-login-fails-7q3f`: kind, telling words of the task, 4 random characters.

    `slug` takes the place of the task's words. At most LONGEST_ID characters of `a-z0-9-`.
    Raises BadInput when `kind` or a given `slug` has no letter or digit to make an id of.
    """
    head = _given(kind, "kind")[:_LONGEST_KIND].rstrip("-")
    middle = "-".join(_telling(_words(_gist(task)))) if slug is None else _given(slug, "name")
    room = LONGEST_ID - len(head) - len("-") - len("-7q3f")
    return "-".join(part for part in (head, _cut(middle, room), random_text(4)) if part)


def random_text(length: int) -> str:
    """Characters nobody can guess or mistake for another, 5 bits each."""
    return "".join(_ALPHABET[byte & 31] for byte in os.urandom(length))


def between(least: float, most: float) -> float:
    """Any number from `least` to `most`, another in each process that asks.

    The module `random` costs every command 4 ms, for what only a lost race needs.
    """
    return least + (most - least) * int.from_bytes(os.urandom(2)) / 0xFFFF


def check_id(text: str, *, what: str = "id") -> str:
    """`text`, when it can be an id on every system: lower case, digits, '-', '_' and '.'.

    Raises BadInput. Lower case only: two names that differ by case are one file on macOS.
    """
    fits = len(text) <= _LONGEST_CHECKED and _CHECKED.fullmatch(text)
    if not fits or text.endswith((".lock", ".")):
        raise BadInput(
            f"{text[:60]!r} cannot be the {what} of a record",
            hint="use a-z, 0-9, '-', '_' and '.', a letter or digit first; see: gitcoord list",
        )
    return text


def match_id(part: str, ids: Iterable[str]) -> str:
    """The one id `part` means: itself, else the only one in which it is a whole word, else the
    only one it begins, ends, or lies in.

    Raises NoSuch with the nearest names, or with all it could mean.
    """
    known = sorted(set(ids))
    if part in known:
        return part
    wanted = part.lower()
    ways: tuple[Callable[[str, str], bool], ...] = (
        _has_word, str.startswith, str.endswith, str.__contains__,
    )  # fmt: skip
    for fits in ways if wanted else ():
        found = [name for name in known if fits(name, wanted)]
        if len(found) == 1:
            return found[0]
        if found:
            raise NoSuch(
                f"{part[:60]!r} could be any of {len(found)}: {_listed(found)}",
                hint="give more of the id; all of them: gitcoord list",
            )
    raise NoSuch(f"nothing here is called {part[:60]!r}", hint=_nearest(wanted, known))


def counted(count: int, noun: str) -> str:
    """`1 file`, `3 files`, `3 copies`."""
    many = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else many}"


def _has_word(name: str, part: str) -> bool:
    return f"-{part}-" in f"-{name}-"


def _given(text: str, what: str) -> str:
    words = _words(text)
    if not words:
        raise BadInput(
            f"{text[:60]!r} has no letter or digit to make a {what} of",
            hint=f"give a {what} with at least one of a-z or 0-9; see: gitcoord start --help",
        )
    return "-".join(words)


def _gist(task: str) -> str:
    """Of a pasted trace the line of the exception: what comes last was the cause."""
    text = task[:_LONGEST_TRACE].lstrip()
    if not _TRACE.match(text):
        return task
    raised = [line for line in text.splitlines() if _RAISED.match(line[:_READ_OF_TASK])]
    return raised[-1].strip().removeprefix("Caused by: ") if raised else task


def _words(text: str) -> list[str]:
    """Runs of a-z and 0-9, accents folded away: of the head of the text, a task may be 1 MB."""
    import unicodedata

    folded = unicodedata.normalize("NFKD", text[:_READ_OF_TASK].casefold())
    plain = folded.encode("ascii", "ignore").decode()
    return re.findall(r"[a-z0-9]+", plain.lower().replace("'", ""))


def _telling(words: list[str]) -> list[str]:
    return [word for word in words if word not in _STOP_WORDS][:_WORDS] or words[:_WORDS]


def _cut(slug: str, room: int) -> str:
    """As many whole words as fit, or the head of the first."""
    if len(slug) <= room:
        return slug
    whole, _, _ = slug[: room + 1].rpartition("-")
    return whole or slug[:room]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def _nearest(wanted: str, known: list[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(wanted[:80], known, n=3, cutoff=0.5)
    return (f"did you mean {_listed(close)}? " if close else "") + "list them with: gitcoord list"
