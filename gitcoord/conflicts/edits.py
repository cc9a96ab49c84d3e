"""Who edits which lines, as of the last scan: for hooks and for agents before they write.

Promises: one small file is read and no git is called, so that asking costs less than the
edit; lines are told in the asker's own file. Refuses: to answer from a file that is not
whole. How old the answer is, the file's time says.
"""

from __future__ import annotations

import os
import time

from gitcoord.conflicts.whole import read_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SCHEMA = 1
FILE = "cache/edits.json"

# first and last line, counted from 1; an empty region between n and n + 1 is (n + 1, n)
Region = tuple[int, int]


class Edit:
    """What one worktree does to a path. how: edit, add, delete or other (mode, type).

    lines: the regions in that worktree's own file; base_lines: the same in the target's. None
    is all of the file. committed: whether all of it is.
    """

    def __init__(
        self, worktree: Sequence[str], how: str, hunks: Sequence[Any] | None, *, committed: bool
    ) -> None:
        self.id, self.branch, self.task = worktree
        self.how = how
        self.committed = committed
        self.lines: tuple[Region, ...] | None = None
        self.base_lines: tuple[Region, ...] | None = None
        if hunks is not None:
            self.lines = tuple((new + 1, new_end) for _, _, new, new_end in hunks)
            self.base_lines = tuple((start + 1, end) for start, end, _, _ in hunks)


class Edits:
    """What the last scan knows of one path. target: what line numbers of the base are of.

    seconds: how long ago the scan was.
    """

    def __init__(self, target: str, seconds: float, edits: Sequence[Edit]) -> None:
        self.target = target
        self.seconds = seconds
        self.edits = tuple(edits)


def who_edits(own_dir: str | os.PathLike[str], path: str) -> Edits | None:
    """Who changes `path` (from the top of a worktree), by the last scan of all worktrees.

    own_dir: `.git/agentcoord`. None when there was no scan.
    """
    state = _read(own_dir)
    if state is None:
        return None
    edits = [
        Edit(state["worktrees"][index], how, hunks, committed=committed)
        for index, how, hunks, committed in state["paths"].get(path, ())
    ]
    seconds = time.time() - os.stat(os.path.join(own_dir, FILE)).st_mtime  # noqa: PTH116, PTH118
    return Edits(state["target"], max(0.0, seconds), edits)


def would_collide(
    own_dir: str | os.PathLike[str], worktree_id: str, path: str, lines: Sequence[Region]
) -> tuple[Edit, ...] | None:
    """The edits of others that overlap or touch these lines of the asker's own file.

    lines: regions of it; none is all of the file. The asker's earlier edits count as the last
    scan saw them. None when there was no scan.
    """
    known = who_edits(own_dir, path)
    if known is None:
        return None
    own = next((one for one in known.edits if one.id == worktree_id), None)
    others = [one for one in known.edits if one.id != worktree_id]
    asked = [_in_base(own, first, last) for first, last in lines]
    return tuple(one for one in others if not lines or _touches(one, asked))


def same_edits(own_dir: str | os.PathLike[str]) -> str:
    """What tells the file of the last scan from that of another, "" when there is none."""
    try:
        with open(os.path.join(own_dir, FILE), "rb") as stream:  # noqa: PTH118, PTH123
            return stream.read(8).decode("ascii", "replace")
    except OSError:
        return ""


def touch_edits(own_dir: str | os.PathLike[str], same: str) -> bool:
    """Whether the file is the one of that name, which then holds as of now."""
    if not same or same_edits(own_dir) != same:
        return False
    try:
        os.utime(os.path.join(own_dir, FILE))  # noqa: PTH118
    except OSError:
        return False
    return True


def find_place(folder: str) -> tuple[str, str, str] | None:
    """(own dir, top of the worktree, id or name of the worktree) of a folder, by files alone.

    None outside of a worktree.
    """
    top = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(top, ".git")):  # noqa: PTH118
        if top == os.path.dirname(top):  # noqa: PTH120
            return None
        top = os.path.dirname(top)  # noqa: PTH120
    git_dir = os.path.join(top, ".git")  # noqa: PTH118
    if os.path.isfile(git_dir):  # noqa: PTH113
        git_dir = os.path.join(top, _line(git_dir).removeprefix("gitdir: "))  # noqa: PTH118
    shared = _line(os.path.join(git_dir, "commondir"))  # noqa: PTH118
    common = os.path.normpath(os.path.join(git_dir, shared)) if shared else git_dir  # noqa: PTH118
    name = os.path.basename(top) if shared else "main"  # noqa: PTH119
    mark = _line(os.path.join(git_dir, "agentcoord-id"))  # noqa: PTH118
    return os.path.join(common, "agentcoord"), top, mark or name  # noqa: PTH118


def _line(file: str) -> str:
    try:
        with open(file, "rb") as stream:  # noqa: PTH123
            return os.fsdecode(stream.read().rstrip(b"\n"))
    except OSError:
        return ""


def _read(own_dir: str | os.PathLike[str]) -> Any:
    try:
        state = read_whole(os.path.join(own_dir, FILE))  # noqa: PTH118
    except (OSError, ValueError, RecursionError):
        return None
    return state if isinstance(state, dict) and state.get("schema") == SCHEMA else None


def _in_base(own: Edit | None, first: int, last: int) -> Region:
    """Lines of the asker's file as [start, end) of the base, counted from 0.

    A line of an own region is all of that region's base.
    """
    begin, finish = start, end = first - 1, last
    if own is None or own.lines is None or own.base_lines is None:
        return begin, finish
    for (base_first, base_last), (new_first, new_last) in zip(
        own.base_lines, own.lines, strict=True
    ):
        if new_last <= start:
            begin = start + base_last - new_last
        elif new_first - 1 < start:
            begin = base_first - 1
        if new_last <= end:
            finish = end + base_last - new_last
        elif new_first - 1 < end:
            finish = base_last
    return begin, finish


def _touches(edit: Edit, asked: Sequence[Region]) -> bool:
    if edit.base_lines is None:
        return True
    return any(
        start <= last and first - 1 <= end
        for start, end in asked
        for first, last in edit.base_lines
    )
