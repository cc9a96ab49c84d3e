"""Files that other worktrees have as they once got them: what the gate need not send on.

An agent commits to one file again and again, and from its second commit on the file is unlike
everybody else's. So whenever the full check has asked who edits a file, it keeps whose copy is
nobody's work, by its content; and the gate lets commits pass as long as those copies are the
same. `.git/agentcoord/cache/unedited`, in the form of `gate.entry`; losing it loses no answer.

Promises: nothing is kept of a copy that changed while it was looked at.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gitcoord.hooks import gate

if TYPE_CHECKING:
    from gitcoord.conflicts.scan import Scan
    from gitcoord.git.repository import Repository

# (folder of a worktree, path of a file in it) -> what the gate knows that copy by
Copies = dict[tuple[str, str], bytes]


def copies_of(repo: Repository, paths: Iterable[str]) -> Copies:
    """How the files are in all other worktrees; what the gate could not read is left out."""
    own, common = os.fsencode(repo.git_dir), os.fsencode(repo.common_dir)
    length = len(repo.null_id)
    return dict(_copies(own, common, [*paths], length))


def _copies(
    own: bytes, common: bytes, paths: list[str], length: int
) -> Iterator[tuple[tuple[str, str], bytes]]:
    try:
        others = gate.list_others(own, common)
    except (OSError, gate.Unsure):
        return
    for other in others:
        for path in paths:
            with suppress(OSError, gate.Unsure):
                kept = gate.entry(other, os.fsencode(path), length)
                yield (os.fsdecode(other[0]), path), kept


def keep_unedited(repo: Repository, before: Copies, found: Scan) -> None:
    """Keep what nobody works on. before: as it was when the scan began."""
    from gitcoord.conflicts.edits import who_edits

    paths = {path for _, path in before}
    editing = {path: who_edits(repo.own_dir, path) for path in paths}
    now = copies_of(repo, paths)
    ids = {os.path.realpath(one.path): one for one in found.worktrees}
    fresh = []
    for (top, path), kept in before.items():
        known, seen = editing[path], ids.get(os.path.realpath(top))
        if known is None or now.get((top, path)) != kept:
            continue
        answered = seen is None or (not seen.problem and seen.state == "live")
        if answered and not any(seen and one.id == seen.id for one in known.edits):
            fresh.append(kept)
    _add(Path(os.fsdecode(gate.memory(os.fsencode(repo.common_dir)))), fresh)


def _add(file: Path, entries: list[bytes]) -> None:
    """Too large, it begins anew: what is missing is asked once more."""
    try:
        known = file.read_bytes()
    except OSError:
        known = b""
    fresh = [one for one in entries if one not in known]
    if not fresh:
        return
    text = b"".join(fresh)
    whole = text if len(known) + len(text) > gate.LARGEST_MEMORY else known + text
    part = file.with_name(f"{file.name}.{os.getpid()}")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(whole)
        part.replace(file)
