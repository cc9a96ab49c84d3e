"""A scan after every change: files are watched by the system, no tree is gone through.

Promises: only the worktree in which something happened is sampled anew. Refuses: to look at
what changes when nobody works (locks, objects, our own records).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gitcoord.conflicts.radar import open_radar
from gitcoord.conflicts.scan import Asked, Scan
from gitcoord.git.repository import Repository
from gitcoord.git.worktrees import admin_dirs, list_worktrees

# Milliseconds: a save is often several events; a build is thousands.
_GATHER_MS = 60
_STEP_MS = 20
_IDLE_MS = 500

_QUIET = ("objects", "agentcoord", "logs", "lfs", "modules")


def watch(repo: Repository, asked: Asked) -> Iterator[Scan]:
    """Scans: one at once, then one after each change. Ends when interrupted."""
    with open_radar(repo, asked) as radar:
        shown = radar.look()
        yield shown
        while True:
            for changed in _changes(repo):
                moving = {Path(one.path) for one in shown.worktrees if one.state == "moving"}
                if changed is not None and not changed | moving:
                    continue
                found = radar.look(changed if changed is None else changed | moving)
                if found != shown:
                    shown = found
                    yield shown
                if changed is None:
                    break


def _changes(repo: Repository) -> Iterator[set[Path] | None]:
    """Tops of worktrees in which something happened; None when it is unclear where, or where
    worktrees are; none twice a second. The first are all: watching begins a moment after the
    last look."""
    from watchfiles import watch as events

    tops = _tops(repo)
    common = repo.common_dir
    admins = {admin.resolve(): path for path, admin in admin_dirs(repo).items()}

    def matters(_: object, name: str) -> bool:
        return not name.endswith(".lock") and not _is_quiet(name, common)

    inside = any(common.is_relative_to(top) for top in tops)
    begun = False
    for found in events(
        *tops, *([] if inside else [common]), watch_filter=matters, debounce=_GATHER_MS,
        step=_STEP_MS, rust_timeout=_IDLE_MS, yield_on_timeout=True,
    ):  # fmt: skip
        owners = {_owner(Path(name), tops, admins, common) for _, name in found}
        if not begun:
            yield {*tops}
            begun = True
        elif owners and (None in owners or _tops(repo) != tops):
            yield None
        else:
            yield {owner for owner in owners if owner}


def _tops(repo: Repository) -> list[Path]:
    return [one.path for one in list_worktrees(repo) if one.path.is_dir() and not one.bare]


def _is_quiet(name: str, common: Path) -> bool:
    with suppress(ValueError):
        parts = Path(name).relative_to(common).parts
        return bool(parts) and (parts[0] in _QUIET or parts[-1] in ("logs", "HEAD.lock"))
    return False


def _owner(file: Path, tops: list[Path], admins: dict[Path, Path], common: Path) -> Path | None:
    """The worktree a file is of; None when it is of the repository as a whole."""
    for admin, path in admins.items():
        if file.is_relative_to(admin):
            return path
    if file.is_relative_to(common):
        return None if file.name != "index" else next(iter(tops), None)
    around = [top for top in tops if file.is_relative_to(top)]
    return max(around, key=lambda top: len(top.parts), default=None)
