"""One review of two clones: the files of both.

Promises: in whatever order clones exchange, and however often, all end with the same files;
none is lost. Two files of one name with different content cannot be made by gitcoord: that of
the lesser id keeps the name, the other gets its id into its name.
Refuses: what is no review's tree, as a whole: it is left where it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gitcoord.errors import Corrupt
from gitcoord.git.objects import FILE, Entry

Files = Mapping[bytes, Entry]

_NAME = re.compile(rb"[a-z0-9][a-z0-9._-]{0,199}")
_RECORD = b"record.toml"
_MOST = 20_000
_OF_ID = 16


def unite(here: Files, there: Files) -> tuple[dict[bytes, Entry], list[bytes]]:
    """(files of both, names that had two contents)."""
    united = dict(here)
    clashed: list[bytes] = []
    for name, entry in there.items():
        _put(united, name, entry, clashed)
    return united, clashed


def check_files(files: Files) -> None:
    """Raise Corrupt for what no gitcoord, of whatever version, writes as a review."""
    if _RECORD not in files:
        raise Corrupt("it has no record.toml", hint="see: gitcoord doctor")
    if len(files) > _MOST:
        raise Corrupt(f"it has {len(files):,} files", hint="see: gitcoord doctor")
    for name, entry in files.items():
        if entry.mode != FILE or not _NAME.fullmatch(name):
            raise Corrupt(f"it has {name[:60]!r} (mode {entry.mode})", hint="see: gitcoord doctor")


def _put(united: dict[bytes, Entry], name: bytes, entry: Entry, clashed: list[bytes]) -> None:
    there = united.setdefault(name, entry)
    if there == entry:
        return
    first, second = sorted((there, entry), key=lambda one: one.id)
    stem, dot, ending = name.rpartition(b".")
    apart = b"%s-%s%s%s" % (stem, second.id[:_OF_ID].encode(), dot, ending)
    if united.get(apart) != second:
        clashed.append(name)
    united[name] = first
    _put(united, apart, second, clashed)
