"""A log, read once: its templates, how often and when each was written, the traces in it.

Promises: memory is bounded whatever the log holds (see `read_log`); where less than everything
was looked at, the summary says so in `notes`; lines that are not UTF-8 are kept.
Refuses what `logfiles` refuses: missing, a folder, empty, binary.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gitcoord.analysis.logfiles import LONGEST_LINE, Reading, read_blocks
from gitcoord.analysis.loglines import Said, read_said
from gitcoord.analysis.logshapes import Shapes, keys_of
from gitcoord.analysis.logtimes import Clock, on_axis
from gitcoord.analysis.redaction import shown
from gitcoord.analysis.templates import ENDING, HEAD, MOST, PART, Group, Templates
from gitcoord.analysis.traces import Frame, TracedError, read_traces
from gitcoord.records import counted


@dataclass(frozen=True)
class Template:
    """Lines that say the same. text: with `<*>` for values, safe to show.

    level: DEBUG, INFO, WARN, ERROR, FATAL or "" when not told. fails: whether level or words
    tell of a failure. line: where the first one stands, from 1; sample: its text, safe to show;
    raw: its bytes. times: seconds since 1970, ascending, of the lines that have one, evenly
    thinned to one of `every`; empty for what occurs often and tells of no failure. first, last:
    None when no line has a time. height: lines of the first one with the trace below it.
    ending: whether it is an error below another line, as the last line of a Python trace is.
    """

    text: str
    level: str
    logger: str
    fails: bool
    count: int
    line: int
    sample: str
    raw: bytes
    first: float | None
    last: float | None
    times: Sequence[float]
    every: int
    height: int
    ending: bool
    frames: tuple[Frame, ...]
    errors: tuple[TracedError, ...]


@dataclass(frozen=True)
class LogSummary:
    """A log as read. baseline: times of one line in `every`, a power of two, ascending.

    zoned: whether its times name a zone, None when it has no times. notes: what was not looked
    at, in words.
    """

    path: Path
    lines: int
    bytes: int
    templates: tuple[Template, ...]
    baseline: Sequence[float]
    every: int
    zoned: bool | None
    notes: tuple[str, ...]


def read_log(
    path: Path,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    wanted: Iterable[str] = (),
) -> LogSummary:
    """Read a log, `.gz` too. since, until: only lines of that span; lines without a time belong
    to the line above. wanted: words; of templates that have one, all times are kept.

    One pass; at most TIMES times and MOST templates are kept.
    Raises BadInput for what cannot be read as a log.
    """
    reader = _Reader(path, since, until, wanted)
    for block in read_blocks(path, reader.reading):
        reader.read(block)
    return reader.summary()


TIMES = 500_000  # kept in all: 4 MB
_MILD_TIMES = 5000  # kept of a template that tells of no failure and was not asked about
_BASELINE = 8192
_BLOCKS, _BLOCK_LINES = 3, 200  # traces kept of a template, lines kept of a trace
_CHAINS = (b"Caused by", b"During handling", b"The above exception", b"Suppressed")
_ROOM = 16_000_000  # bytes of traces kept in all
_SLOW, _SPARSE = 150_000, 32  # lines read in full; after that only one in so many


class _Reader:
    """One log on its way through. A line of a known shape costs one look-up and one pattern,
    about 1 µs; any other is read in full, about 15 µs."""

    def __init__(
        self, path: Path, since: datetime | None, until: datetime | None, wanted: Iterable[str]
    ) -> None:
        self.path = path
        self.reading = Reading()
        self.clock = Clock(_written(path))
        self.series = _Series()
        self.templates = Templates()
        self.number = self.slow = self.unread = 0
        self._span = (since, until) if since or until else None
        self._inside = True
        self._wanted = _any_of(wanted)
        self._shapes = Shapes()
        self._part = Group(Said("", "", ""), (), PART)
        self._unlike = Group(Said("", "", ""), (), HEAD)
        self._unlike.times = None
        self._head: Group | None = None
        self._head_line = b""
        self._block: list[bytes] | None = None
        self._kept_block = self._ended = self._chained = False
        self._room = _ROOM

    def read(self, block: bytes) -> None:
        """Take in whole lines."""
        for line, key in zip(block.split(b"\n"), keys_of(block), strict=True):
            self.number += 1
            group = self._shapes.find(line, key) or self._slowly(line, key)
            if group.role == HEAD:
                self._take_head(line, group)
            elif self._inside:
                self._take_part(line, group)

    def _take_head(self, line: bytes, group: Group) -> None:
        self._head, self._head_line, self._block = group, line[:LONGEST_LINE], None
        number, when = self.number, None
        if self._span or not number % self.series.stride or group.is_next():
            when = self.clock.read(line)
            if when is not None and self._span:
                self._inside = _within(when, self._span, zoned=self.clock.zoned)
        if self._inside:
            if when is not None:
                self.series.add(group, when, number)
            self._count(line, group)

    def _take_part(self, line: bytes, group: Group) -> None:
        """A line below a head: of a trace, or the error that the trace is about."""
        block, head = self._block, self._head
        if block is None or self._begins_another(line, group):
            block = [self._head_line] if head and self._block is None else []
            self._block, self._kept_block, self._ended = block, False, False
            self._keep_block(block, head if block else None)
        self._ended = self._ended or group.role == ENDING
        if len(block) < _BLOCK_LINES:
            block.append(line[:LONGEST_LINE])
            self._room -= len(line) if self._kept_block else 0
        if group.role != ENDING:
            return
        self._keep_block(block, group)
        when = self.clock.read(self._head_line) if group.is_next() else None
        if when is not None:
            self.series.add(group, when, self.number)
        self._count(line, group)
        if head is None:
            self._head, self._head_line = group, line[:LONGEST_LINE]

    def _begins_another(self, line: bytes, group: Group) -> bool:
        """Whether this line begins a trace that neither caused nor follows the one before."""
        self._chained = line.startswith(_CHAINS) or (self._chained and group.role != ENDING)
        begins = group.role == ENDING or line.startswith(b"Traceback")
        return self._ended and begins and not self._chained

    def _keep_block(self, block: list[bytes], group: Group | None) -> None:
        """Let a group have the trace, while it has few and there is room for any."""
        if group and len(group.blocks) < _BLOCKS and self._room > 0:
            if not any(block is kept for kept in group.blocks):
                group.blocks.append(block)
            self._room -= 0 if self._kept_block else sum(map(len, block))
            self._kept_block = True

    def _count(self, line: bytes, group: Group) -> None:
        if not group.count:
            group.number, group.first = self.number, line[:LONGEST_LINE]
        group.count += 1
        group.last = line[:LONGEST_LINE]

    def _slowly(self, line: bytes, key: bytes) -> Group:
        """Read a line in full. After _SLOW of them, most are only counted."""
        self.slow += 1
        if self.slow > _SLOW and self.slow % _SPARSE:
            self.unread += 1
            return self._unlike
        group = self._understood(line[:LONGEST_LINE])
        self._shapes.learn(line, key, group)
        return group

    def _understood(self, line: bytes) -> Group:
        text = line.decode("utf-8", "replace")
        timed = self.clock.read(line) is not None
        role = role_of(text, timed=timed, among_timed=self.clock.zoned is not None)
        if role == PART:
            return self._part
        ending = Said("ERROR", "", text.strip())
        said = read_said(line, self.clock.span) if role == HEAD else ending
        group = self.templates.find(said, role)
        if not group.count and self._wanted and self._wanted.search(text):
            group.asked = True
        if said.stack and len(group.blocks) < _BLOCKS:
            whole = f"{said.message}\n{said.stack}".encode()
            group.blocks.append(whole.split(b"\n")[:_BLOCK_LINES])
        return group

    def summary(self) -> LogSummary:
        self.templates.settle()
        members: dict[int, list[Group]] = {}
        for group in self.templates.groups:
            if group.count:
                members.setdefault(id(group.top()), []).append(group)
        templates = [_template(groups, self.clock) for groups in members.values()]
        templates.sort(key=lambda template: template.line)
        return LogSummary(
            path=self.path,
            lines=self.number,
            bytes=self.reading.bytes,
            templates=tuple(templates),
            baseline=array("d", sorted(self.series.baseline)),
            every=self.series.stride,
            zoned=self.clock.zoned,
            notes=tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        if self.unread:
            yield (
                f"{self.unread:,} of {self.number:,} lines were like none before and only counted: "
                f"after {_SLOW:,} of that kind one in {_SPARSE} is read"
            )
        if len(self.templates.groups) >= MOST:
            yield f"more than {MOST:,} templates: the later ones were counted together"
        if self.reading.cut:
            verb = "was" if self.reading.cut == 1 else "were"
            yield f"{counted(self.reading.cut, 'line')} of more than 1 MB {verb} cut"
        if self.reading.stopped:
            yield f"reading stopped after {self.reading.bytes:,} bytes"
        if self._span and self.clock.zoned is None:
            yield "no times were found, so that --since and --until left nothing out"


class _Series:
    """The times of all groups, and of lines taken evenly from the whole log."""

    def __init__(self) -> None:
        self.baseline: array[float] = array("d")
        self.stride = 1
        self._kept = 0
        self._large: dict[int, Group] = {}

    def add(self, group: Group, when: float, number: int) -> None:
        if not number % self.stride:
            self.baseline.append(when)
            if len(self.baseline) >= _BASELINE:
                self.baseline = self.baseline[::2]
                self.stride *= 2
        if group.times is None or not group.is_next():
            return
        group.times.append(when)
        self._kept += 1
        if len(group.times) == _MILD_TIMES:
            self._grown(group)
        if self._kept >= TIMES and self._large:
            self._thin(max(self._large.values(), key=_times_kept))

    def _grown(self, group: Group) -> None:
        """Many failures are worth their times; of what goes well, the count is enough."""
        if group.fails or group.asked:
            self._large[id(group)] = group
        else:
            self._kept -= _times_kept(group)
            group.times = None

    def _thin(self, group: Group) -> None:
        """Keep every second time, and take in every second one from now on."""
        group.times = (group.times or array("d"))[::2]
        group.every *= 2
        self._kept -= len(group.times)
        if len(group.times) <= _MILD_TIMES:
            del self._large[id(group)]


def _times_kept(group: Group) -> int:
    return len(group.times or ())


_PART = re.compile(
    r"\s|$|Traceback \(most recent|During handling of the above|The above exception was|at \S"
    r'|\.\.\. \d+ |File "|goroutine \d+ |created by |stack backtrace:|note: run with|exit status \d'
    r"|[\])}]++[,;]?$|_{4}|[\w.-]{1,60}+ ++\| {2}"
)
_ENDING = re.compile(
    r"(?:Caused by|panic|fatal error): |Exception in thread |Uncaught |thread '.{0,60} panicked at "
    r"|([\w$.]++)(?::|$)"
)
_ERRORS = ("Error", "Exception", "Throwable", "Interrupt", "Failure")


def role_of(text: str, *, timed: bool, among_timed: bool) -> int:
    """HEAD for a line of its own, PART for a line of a trace, ENDING for a trace's error.

    timed: whether the line has a time; among_timed: whether others of its file have.
    """
    if timed or text[:1] == "{":
        return HEAD
    ending = _ENDING.match(text)
    if ending and (ending[1] is None or _names_an_error(ending[1], among_timed=among_timed)):
        return ENDING
    return PART if _PART.match(text) or _is_go_call(text) else HEAD


def _names_an_error(name: str, *, among_timed: bool) -> bool:
    """Among lines with times, one that is `shop.errors.LoginFailed: …` ends a trace too."""
    package, _, last = name.rpartition(".")
    own = among_timed and package[:1].islower() and last[:1].isupper()
    return own or any(error in name for error in _ERRORS)


def _is_go_call(text: str) -> bool:
    """The line of a goroutine's dump that names a function: `main.(*Server).login(0xc0001)`."""
    name = text.partition("(")[0]
    return text.endswith(")") and "." in name and " " not in name


def _within(
    when: float, span: tuple[datetime | None, datetime | None], *, zoned: bool | None
) -> bool:
    since, until = span
    return (since is None or when >= on_axis(since, zoned=zoned)) and (
        until is None or when < on_axis(until, zoned=zoned) + 1
    )


def _written(path: Path) -> datetime:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, ValueError, OverflowError):
        return datetime.now(UTC)


def _any_of(words: Iterable[str]) -> re.Pattern[str] | None:
    wanted = [re.escape(word) for word in dict.fromkeys(words) if word][:200]
    return re.compile("|".join(wanted), re.IGNORECASE) if wanted else None


def _template(groups: Sequence[Group], clock: Clock) -> Template:
    """What is kept of a template: the widest text, the earliest line, all times."""
    top, first = groups[0].top(), min(groups, key=lambda group: group.number)
    ends = [clock.read(line) for group in groups for line in (group.first, group.last)]
    times = array("d")
    if all(group.times is not None for group in groups):
        for group in groups:
            times.extend(group.times or ())
    known = [when for when in ends if when is not None]
    known += (min(times), max(times)) if times else ()
    blocks = [block for group in groups for block in group.blocks][:_BLOCKS] or [[first.first]]
    traces = [read_traces(b"\n".join(block).decode("utf-8", "replace")) for block in blocks]
    return Template(
        text=shown(top.text),
        level=top.level,
        logger=shown(top.logger, 100),
        fails=any(group.fails for group in groups),
        count=sum(group.count for group in groups),
        line=first.number,
        sample=shown(first.first.decode("utf-8", "replace")),
        raw=first.first,
        first=min(known, default=None),
        last=max(known, default=None),
        times=array("d", sorted(times)),
        every=max(group.every for group in groups),
        height=len(blocks[0]) if blocks[0][:1] == [first.first] else 1,
        ending=top.role == ENDING,
        frames=tuple(dict.fromkeys(frame for one in traces for frame in one.frames)),
        errors=tuple(dict.fromkeys(error for one in traces for error in one.errors)),
    )
