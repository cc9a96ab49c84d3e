"""Log files as lines, a block at a time.

Promises: memory is bounded by the block (1 MB), whatever the file holds; a line that is
megabytes long is cut, and counted; terminal escapes are gone; `.gz` is read as what it holds.
Refuses, with a hint: what is missing, no regular file, unreadable, empty, UTF-16 or binary.
"""

from __future__ import annotations

import gzip
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from gitcoord.analysis.redaction import shown
from gitcoord.errors import BadInput

BLOCK = 1 << 20
MOST_BYTES = 2_000_000_000  # after decompression: a small .gz can hold anything
LONGEST_LINE = 4096  # bytes that are looked at
_FIRST = 8192  # bytes in which a NUL makes a file binary, as in git
_NAME_ONE = "name a text file: gitcoord start investigation TASK --log FILE"
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b\n]*+(?:\x07|\x1b\\)?|[@-Z\\^_])")


@dataclass
class Reading:
    """How far a log was read. cut: lines longer than a block; stopped: at MOST_BYTES."""

    bytes: int = 0
    cut: int = 0
    stopped: bool = False


def read_blocks(path: Path, reading: Reading) -> Iterator[bytes]:
    """Whole lines, about 1 MB at a time, without the last newline of each block.

    Raises BadInput for what the module refuses, before anything is yielded but for a broken
    .gz, which may show later.
    """
    named = shown(str(path))
    _regular(path, named)
    try:
        with _opened(path) as file:
            yield from _blocks(_checked(file, named), reading)
    except (gzip.BadGzipFile, EOFError, zlib.error) as broken:
        raise BadInput(
            f"{named} is no whole .gz file", hint=f"unpack what can be read, then {_NAME_ONE}"
        ) from broken
    except OSError as failed:
        raise BadInput(f"{named} cannot be read: {failed.strerror}", hint=_NAME_ONE) from failed


def check_log(path: Path) -> None:
    """Raise BadInput, as `read_blocks` does, for what the module refuses; reads one block."""
    blocks = read_blocks(path, Reading())
    next(blocks, None)


def is_packed(path: Path) -> bool:
    return path.suffix == ".gz"


def _regular(path: Path, named: str) -> None:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as missing:
        raise BadInput(f"there is no log {named}", hint=_NAME_ONE) from missing
    if stat.S_ISDIR(mode):
        raise BadInput(f"{named} is a folder", hint=_NAME_ONE)
    if not stat.S_ISREG(mode):
        raise BadInput(
            f"{named} is no regular file",
            hint=f"save the output first with COMMAND > FILE, then {_NAME_ONE}",
        )


def _opened(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if is_packed(path) else path.open("rb")


def _checked(file: gzip.GzipFile | BufferedReader, named: str) -> Iterator[bytes]:
    """The file's bytes, once its first block has shown that it is text."""
    first = file.read(BLOCK)
    head = first[:_FIRST]
    if not first:
        raise BadInput(f"{named} is empty", hint=_NAME_ONE)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(
            f"{named} is UTF-16",
            hint=f"convert it with iconv -f UTF-16 -t UTF-8 FILE > NEW, then {_NAME_ONE}",
        )
    if b"\0" in head:
        raise BadInput(f"{named} is binary: it begins with NUL bytes", hint=_NAME_ONE)
    yield first.removeprefix(b"\xef\xbb\xbf")
    while block := file.read(BLOCK):
        yield block


def _blocks(read: Iterator[bytes], reading: Reading) -> Iterator[bytes]:
    rest, inside = b"", False  # inside a line that was cut already
    for block in read:
        reading.bytes += len(block)
        block = rest + block
        end = block.rfind(b"\n")
        if end < 0:
            if len(block) > BLOCK:
                reading.cut += not inside
                inside, block = True, block[:LONGEST_LINE]
            rest = block
            continue
        inside, rest = False, block[end + 1 :]
        yield _clean(block[:end])
        if reading.bytes >= MOST_BYTES:
            reading.stopped = True
            return
    if rest:
        yield _clean(rest)


def _clean(block: bytes) -> bytes:
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").removesuffix(b"\r")
    return _ESCAPES.sub(b"", block) if b"\x1b" in block else block
