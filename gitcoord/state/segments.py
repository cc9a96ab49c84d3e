"""Bytes of the journal: frames in segment files, whole or not there.

A frame is TOML followed by one line, `# end <crc32> <length>`, of its own bytes. The line is
the last thing written, so a frame without a right one is torn, and never seen by a reader:
not one cut short by `kill -9`, nor one whose middle a power cut has left empty. A segment is
plain TOML all the same. TOML strings are written without raw line breaks, so no text can look
like that line.

Promises: only the end of a segment is ever torn, the next writer cuts that off and keeps what
it cut; a reader takes no lock. Refuses: to write to a segment of a newer schema.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from gitcoord.records import SCHEMA, random_text
from gitcoord.state.documents import check_schema

_CHUNK = 1 << 20
_LONGEST_END = 40
_END = re.compile(rb"(?m)^# end ([0-9a-f]{8}) ([0-9]{1,10})\n")
_LAST_END = re.compile(_END.pattern + rb"\Z")
_HEAD = f"schema = {SCHEMA}\n".encode()
_NAME = re.compile(r"[0-9]{8}T[0-9]{9}\.toml")
_FOR_PEOPLE = b"# Only appended to. An end line has the CRC-32 and the length of what it ends.\n"

# (length, offset) -> at most that many bytes from there, of a file or of a sealed blob.
Read = Callable[[int, int], bytes]


class Frame(NamedTuple):
    """A whole frame: where it starts and ends in its segment, and its TOML."""

    start: int
    end: int
    body: bytes


def frame(body: bytes) -> bytes:
    """`body`, which ends in a line break, with the line that proves it whole."""
    return b"%s# end %08x %d\n" % (body, zlib.crc32(body), len(body))


def frames(read: Read, offset: int = 0) -> Iterator[Frame]:
    """The whole frames from `offset` to the end. What is damaged between two is passed over."""
    size = _CHUNK
    while True:
        data = read(size, offset)
        end = 0
        for found in _whole(data):
            end = found.end
            yield Frame(offset + found.start, offset + found.end, found.body)
        if len(data) < size:
            return
        # A frame longer than what was read: once more, with more.
        size = _CHUNK if end else size * 2
        offset += end


def edited(content: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """A segment with `edit` applied to each frame, and to what is damaged between two."""
    parts, at = [], 0
    for one in frames(reader_in(content)):
        parts += [edit(content[at : one.start]), frame(edit(one.body))]
        at = one.end
    return b"".join([*parts, edit(content[at:])])


def frames_after(read: Read, offset: int) -> Iterator[Frame]:
    """The whole frames that end after `offset`.

    A place that is not the end of a frame is one of before a power cut, which has taken the
    last frames with it; then others were written there.
    """
    if offset == 0 or _ends_at(read, offset):
        return frames(read, offset)
    length = sum(map(len, _chunks(read)))
    return (found for found in frames(read) if found.end > min(offset, length))


def whole_end(read: Read, size: int = 0) -> int:
    """Where the last whole frame ends, 0 when there is none. `size`, if known, saves reading."""
    if size and _last_is_whole(read, size):
        return size
    return max((found.end for found in frames(read)), default=0)


def reader_of(fd: int) -> Read:
    return lambda length, offset: os.pread(fd, length, offset)


def reader_in(content: bytes) -> Read:
    return lambda length, offset: content[offset : offset + length]


def header(read: Read, where: str) -> dict[str, Any]:
    """What a segment says of itself: `schema` and `after`, the segment before it.

    Raises NewerSchema. A segment without a header is of the first schema.
    """
    import tomllib

    first = next(frames(lambda length, offset: read(min(length, 4096), offset)), None)
    said = {} if first is None or first.start else tomllib.loads(first.body.decode())
    if "schema" in said:
        check_schema(said["schema"], where)
    return said


def check(read: Read, where: str) -> None:
    """Raise NewerSchema unless the segment is of a schema we know. One short read if it is ours."""
    if read(len(_HEAD), 0) != _HEAD:
        header(read, where)


def names(folder: Path) -> list[str]:
    """The segments in a folder, oldest first, without their `.toml`."""
    try:
        listed = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []
    return sorted(name.removesuffix(".toml") for name in listed if _NAME.fullmatch(name))


def name_after(last: str, now: str) -> str:
    """`20260102T030405678` of an RFC 3339 time, or what follows `last` if the clock went back."""
    digits = re.sub(r"[^0-9]", "", now)[:17]
    if last:
        digits = max(digits, str(int(last.replace("T", "")) + 1))
    return f"{digits[:8]}T{digits[8:]}"


def create(folder: Path, name: str, after: str) -> None:
    """A new segment with its header, whole from the first moment it can be seen."""
    body = b'%safter = "%s"\n%s' % (_HEAD, after.encode(), _FOR_PEOPLE)
    write_whole(folder / f"{name}.toml", frame(body))


def heal(fd: int, path: Path) -> int:
    """Cut off what a dead writer left behind the last whole frame. Returns the size.

    What is cut is kept under `torn/` first.
    """
    size = os.fstat(fd).st_size
    end = whole_end(reader_of(fd), size)
    if end < size:
        folder = path.parent / "torn"
        folder.mkdir(exist_ok=True)
        write_whole(folder / f"{path.stem}-{end}-{random_text(4)}", os.pread(fd, size - end, end))
        os.ftruncate(fd, end)
    return end


def append(fd: int, content: bytes, size: int) -> None:
    """Write at the end, which is at `size`, or leave the segment as it was and raise OSError."""
    left = memoryview(content)
    try:
        while left:
            left = left[os.write(fd, left) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(fd, size)
        raise


def sync(fd: int) -> None:
    """Wait until the content of a file, not its times, is on its disk."""
    getattr(os, "fdatasync", os.fsync)(fd)


def write_whole(path: Path, content: bytes) -> None:
    """A new file, on the disk and whole from the first moment it can be seen."""
    fresh = path.with_name("new")
    with fresh.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _whole(data: bytes) -> Iterator[Frame]:
    view, last = memoryview(data), 0
    for found in _END.finditer(data):
        start = found.start() - int(found[2])
        if start >= last and zlib.crc32(view[start : found.start()]) == int(found[1], 16):
            last = found.end()
            yield Frame(start, last, data[start : found.start()])


def _ends_at(read: Read, offset: int) -> bool:
    before = max(0, offset - _LONGEST_END)
    tail = read(offset - before, before)
    return len(tail) == offset - before and _LAST_END.search(tail) is not None


def _last_is_whole(read: Read, size: int) -> bool:
    """Whether the last frame is whole, without reading those before it."""
    before = max(0, size - _LONGEST_END)
    tail = read(size - before, before)
    end = _LAST_END.search(tail)
    if end is None:
        return False
    length, at = int(end[2]), before + end.start()
    return length <= at and zlib.crc32(read(length, at - length)) == int(end[1], 16)


def _chunks(read: Read) -> Iterator[bytes]:
    offset = 0
    while chunk := read(_CHUNK, offset):
        offset += len(chunk)
        yield chunk
