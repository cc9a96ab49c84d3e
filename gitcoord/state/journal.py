"""What happened: events appended to segments under `.git/agentcoord/journal/`.

Promises: an event is seen whole or not at all, whoever is killed when; many processes may
append and follow at once; readers take no lock and wait for nobody; nothing whole is ever
dropped. When `append` returns, the event is on the disk.
Refuses: more than 8 MiB at once (such a thing belongs in a file), and to write to a journal
of a newer schema.

A segment that is full is followed by a new one. `seal` puts full segments into the tree at
`refs/agentcoord/journal/<host>`; reading goes on there by itself. segments.py says what the
bytes of a segment are.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitcoord.errors import BadInput, Contended, Corrupt, NotARepository, Problem
from gitcoord.records import check_id, new_id, now, parse_time
from gitcoord.state import segments
from gitcoord.state.documents import DOCTOR
from gitcoord.state.events import START, Event, Position, encode_event, events_in

if TYPE_CHECKING:
    from gitcoord.git.repository import Repository

LARGEST = 8 << 20
FULL = 1 << 20
_LOCK_SECONDS = 10.0
_SEALED_AT_ONCE = 32
# A follower looks again this soon after an event, then less and less often. One look costs
# about 30 µs, so an idle follower takes 0.2 % of a core.
_FIRST_PAUSE, _LAST_PAUSE = 0.001, 0.012


class Journal:
    """The events of one clone. own_dir: the repository's `own_dir`."""

    def __init__(self, own_dir: Path) -> None:
        self.folder = own_dir / "journal"
        self._sealed: dict[str, str] = {}
        self._gone: set[str] = set()

    def append(self, kind: str, /, **fields: Any) -> Position:
        """Write one event; returns the place behind it. Raises what `append_all` raises."""
        return self.append_all([(kind, fields)])

    def append_all(self, events: Iterable[tuple[str, Mapping[str, Any]]]) -> Position:
        """Write events, (kind, fields) each: all or none. Returns the place behind them.

        A field whose value is None is left out. Raises BadInput for a field called id, time
        or kind and for more than LARGEST bytes; Contended when other writers leave no turn
        for 10 s; Problem when the disk does not take it, or does not confirm that it did.
        """
        body = b"".join(encode_event(kind, fields) for kind, fields in events)
        if not body:
            return self.end()
        content = segments.frame(body)
        if len(content) > LARGEST:
            raise BadInput(
                f"{len(content)} bytes are too many for one entry of the journal",
                hint=f"keep them in a file and name it; {LARGEST} is the most: ls -l FILE",
            )
        with self._disk("write"):
            return self._append(content)

    def end(self) -> Position:
        """The place behind the last event there is now."""
        for name in segments.names(self.folder)[-1:]:
            with self.open(name) as read:
                return Position(name, segments.whole_end(read) if read else 0)
        return START

    def tail(
        self,
        position: Position | None = None,
        *,
        follow: bool = False,
        timeout: float | None = None,
    ) -> Iterator[Event]:
        """The events after `position` (None: all), oldest first, sealed ones too.

        follow: then wait for more, for `timeout` seconds from now, or for ever.
        Raises NewerSchema.
        """
        until = float("inf") if timeout is None else time.monotonic() + timeout
        return self._tail(position or START, until if follow else None)

    def seal(self, repo: Repository) -> list[str]:
        """Put full segments into their ref; returns the names of those it put there.

        The files of segments that an earlier call has sealed go, so that a follower which is
        one segment behind reads a file, and a power cut has something left to read.
        Does nothing while another process seals.
        """
        with self._disk("seal"):
            if len(segments.names(self.folder)) < 2:
                return []
            with self._alone_in_sealing() as alone:
                return self._seal(repo, segments.names(self.folder)[:-1]) if alone else []

    @cached_property
    def repository(self) -> Repository | None:
        """The repository the journal lies in, found when sealed segments are needed."""
        from gitcoord.git.repository import Repository

        try:
            return Repository.find(self.folder.parent.parent)
        except NotARepository:
            return None

    @property
    def host(self) -> str | None:
        """What this clone's sealed segments lie under; None before the first is sealed."""
        path = self.folder / "host"
        try:
            return check_id(path.read_text().strip())
        except FileNotFoundError:
            return None
        except (BadInput, ValueError) as problem:
            raise Corrupt(f"{path} does not name a journal", hint=DOCTOR) from problem

    def search(
        self,
        text: str = "",
        *,
        kinds: Collection[str] = (),
        fields: Mapping[str, Any] | None = None,
        since: str = "",
        until: str = "",
        bad: list[Problem] | None = None,
    ) -> Iterator[Event]:
        """The events that are all this, by time, also sealed ones and other clones'.

        text: in any value, upper and lower case alike. kinds: one of them. fields: equal.
        since, until: RFC 3339, included. A segment that cannot be read raises, or goes to `bad`.
        """
        from gitcoord.state import search

        first, last = (parse_time(moment) if moment else None for moment in (since, until))
        return search.search(self, search.Wanted(text, kinds, fields or {}, first, last), bad)

    def read(self, position: Position) -> Iterator[Event]:
        """The events after `position` in its segment, as many as are whole now."""
        with self.open(position.segment) as read:
            if read is None:
                return
            segments.check(read, f"the journal segment {position.segment}")
            for frame in segments.frames_after(read, position.offset):
                skip = position.skip if frame.start == position.offset else 0
                yield from events_in(position.segment, frame)[skip:]

    def rewrite(self, edit: Callable[[bytes], bytes]) -> list[str]:
        """Replace text in every segment that is not sealed; returns the names of those changed.

        Only for what must not be there at all: places behind it in a segment move.
        """
        changed = []
        with self._disk("rewrite"), self._locked():
            for name in segments.names(self.folder):
                content = self._path(name).read_bytes()
                if (fresh := segments.edited(content, edit)) != content:
                    segments.write_whole(self._path(name), fresh)
                    changed.append(name)
        return changed

    def _append(self, content: bytes) -> Position:
        with self._locked():
            name, fd, size = self._current()
            try:
                segments.append(fd, content, size)
            except BaseException:
                os.close(fd)
                raise
        # Outside the lock, so that writers wait for the disk together, not one by one.
        try:
            segments.sync(fd)
        finally:
            os.close(fd)
        return Position(name, size + len(content))

    def _current(self) -> tuple[str, int, int]:
        """The segment to write to, healed and not full: its name, open file and size."""
        last = next(reversed(segments.names(self.folder)), "")
        name = last or self._begin("")
        fd, size = self._healed(name)
        if size >= FULL:
            os.close(fd)
            name = self._begin(name)
            fd, size = self._healed(name)
        return name, fd, size

    def _healed(self, name: str) -> tuple[int, int]:
        path = self._path(name)
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        try:
            segments.check(segments.reader_of(fd), f"the journal segment {name}")
            return fd, segments.heal(fd, path)
        except BaseException:
            os.close(fd)
            raise

    def _begin(self, after: str) -> str:
        name = segments.name_after(after, now())
        segments.create(self.folder, name, after)
        return name

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The writers' lock, on a file of its own that is never removed.

        Opened each time, so that threads and forked processes exclude one another too.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _wait_for(fd)
            yield
        finally:
            os.close(fd)

    def _tail(self, at: Position, until: float | None) -> Iterator[Event]:
        pause = _FIRST_PAUSE
        while True:
            # Asked first: what is followed by another segment is not written to any more,
            # so what is read of it afterwards is all of it.
            newer = self._next(at.segment)
            for event in self.read(at):
                at, pause = event.position, 0.0
                yield event
            if newer is not None:
                at = Position(newer, 0)
            elif until is None or time.monotonic() >= until:
                return
            else:
                time.sleep(max(0.0, min(pause, until - time.monotonic())))
                pause = min(max(pause * 1.5, _FIRST_PAUSE), _LAST_PAUSE)

    def _next(self, segment: str) -> str | None:
        """The segment after `segment`. Git is asked only where the files leave a gap."""
        later = [name for name in segments.names(self.folder) if name > segment]
        if not later:
            return None
        with self.open(later[0]) as read:
            after = segments.header(read, later[0]).get("after", "") if read else ""
        if after in ("", segment):
            return later[0]
        if after not in self._sealed:
            self._look_for_sealed()
        return min([later[0], *(name for name in self._sealed if name > segment)])

    def _look_for_sealed(self) -> None:
        from gitcoord.state import sealed

        if self.repository is not None and self.host is not None:
            self._sealed = sealed.list_sealed(self.repository).get(self.host, {})

    @contextmanager
    def open(self, name: str) -> Iterator[segments.Read | None]:
        """The bytes of a segment: of its file, else of its sealed blob, else None."""
        try:
            fd = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            fd = -1
        except OSError as error:
            raise Corrupt(
                f"cannot read {self._path(name)}: {error.strerror}", hint=DOCTOR
            ) from error
        if fd < 0:
            yield self._open_sealed(name)
            return
        try:
            yield segments.reader_of(fd)
        finally:
            os.close(fd)

    def _open_sealed(self, name: str) -> segments.Read | None:
        if not name or name in self._gone:
            return None
        from gitcoord.state import sealed

        if name not in self._sealed:
            self._look_for_sealed()
        blob = self._sealed.get(name)
        if blob is None or self.repository is None:
            # A file goes only after it was sealed, so it will not turn up there later.
            self._gone.add(name)
            return None
        return segments.reader_in(next(sealed.contents(self.repository, [blob])))

    def _seal(self, repo: Repository, closed: list[str]) -> list[str]:
        from gitcoord.state import sealed

        host = self.host or self._choose_host()
        there = sealed.list_sealed(repo).get(host, {})
        fresh: dict[str, bytes] = {}
        for name in closed:
            content = self._path(name).read_bytes()
            if name not in there and len(fresh) < _SEALED_AT_ONCE:
                fresh[name] = content
            elif sealed.blob_id(repo, content) == there.get(name):
                self._path(name).unlink()
        if fresh:
            sealed.add(repo, host, fresh)
        return list(fresh)

    @contextmanager
    def _alone_in_sealing(self) -> Iterator[bool]:
        fd = os.open(self.folder / "sealing", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(fd)

    def _choose_host(self) -> str:
        with self._locked():
            if self.host is None:
                segments.write_whole(self.folder / "host", _new_host().encode())
        return self.host or self._choose_host()

    @contextmanager
    def _disk(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Problem(
                f"cannot {what} the journal {self.folder}: {error.strerror}",
                hint=f"see that it is ours and its disk not full: df -h '{self.folder}'",
            ) from error

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.toml"


def _wait_for(fd: int) -> None:
    """Take the lock; poll, because a writer that was stopped would hold us up for ever."""
    until = time.monotonic() + _LOCK_SECONDS
    pause = 0.0001
    while True:
        try:
            return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise Contended(
                    f"another process has held the journal for {_LOCK_SECONDS:g} s",
                    hint="see whether a gitcoord is stopped: ps -eo pid,stat,command",
                ) from None
        time.sleep(pause)
        pause = min(pause * 1.5, 0.002)


def _new_host() -> str:
    try:
        return new_id(os.uname().nodename, "")
    except BadInput:
        return new_id("host", "")
