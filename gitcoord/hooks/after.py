"""After a commit: what takes longer than anybody wants to wait for, in a process apart.

Promises: of many commits made within `hooks.quiet_seconds` of each other, as by a rebase, one
process looks at the last; whatever was committed while it was at work, it looks at next. It
holds no lock of git's and no pipe; what went wrong stands in `.git/agentcoord/logs/hooks.log`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from gitcoord.errors import Contended, Problem
from gitcoord.process import hold

LEASE = "after-commit"
_LONGEST_QUIET = 600.0


def note(own_dir: Path, folder: Path) -> None:
    """Keep for whoever is at work, or will be, that something was committed in `folder`."""
    own_dir.mkdir(parents=True, exist_ok=True)
    while not _is_noted(_pending(own_dir), os.fsencode(folder) + b"\0"):
        pass


def _is_noted(file: Path, line: bytes) -> bool:
    """Whether it was written before anybody moved the file, who else may have read it already."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line)
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False
    finally:
        os.close(handle)


def work(
    own_dir: Path, look: Callable[[Path], None], *, quiet: float, log: Callable[[str], None]
) -> None:
    """Have each folder that was noted looked at once things are quiet, unless another process
    does so. quiet: seconds without a commit. log: told what went wrong; it stops nothing."""
    while any(file.exists() for file in _noted(own_dir)):
        try:
            lease = hold(own_dir, LEASE)
        except Contended:
            return
        with lease:
            _wait(own_dir, quiet)
            for folder in _taken(own_dir):
                if folder.is_dir():
                    _look(folder, look, log)
            _noted(own_dir)[0].unlink(missing_ok=True)


def write_log(own_dir: Path, line: str, *, largest: int) -> None:
    """Add a line with its time; at `largest` bytes the file starts anew, the old one beside it."""
    file = own_dir / "logs" / "hooks.log"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = "".join(char if char.isprintable() else "?" for char in line)[:2000]
    if file.exists() and file.stat().st_size + len(text) > largest:
        file.replace(file.with_suffix(".log.1"))
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace") as stream:
        stream.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {text}\n")


def _look(folder: Path, look: Callable[[Path], None], log: Callable[[str], None]) -> None:
    try:
        look(folder)
    except Problem as problem:
        log(f"{folder}: {problem.message}")
    except Exception as error:  # a bug here must not keep other folders from being looked at
        log(f"{folder}: {type(error).__name__}: {error}")


def _wait(own_dir: Path, quiet: float) -> None:
    """Until nobody has noted anything for so long; never for more than ten minutes."""
    most = time.monotonic() + _LONGEST_QUIET
    while time.monotonic() < most:
        try:
            left = quiet - (time.time() - _pending(own_dir).stat().st_mtime)
        except FileNotFoundError:
            return
        if left <= 0:
            return
        time.sleep(min(left, quiet))


def _taken(own_dir: Path) -> list[Path]:
    """What was noted, once each, and what a process that was killed did not get to.

    The notes are moved first: who notes now begins a new file.
    """
    taken, moved, pending = _noted(own_dir)
    said = _read(taken) + _read(moved)
    with suppress(FileNotFoundError):
        pending.replace(moved)
        said += _read(moved)
    taken.write_bytes(said)
    moved.unlink(missing_ok=True)
    return [Path(os.fsdecode(name)) for name in dict.fromkeys(said.split(b"\0")) if name]


def _read(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def _noted(own_dir: Path) -> tuple[Path, Path, Path]:
    """What is being looked at, what is on its way there, what was noted since."""
    return own_dir / "committed.taken", own_dir / "committed.moved", _pending(own_dir)


def _pending(own_dir: Path) -> Path:
    return own_dir / "committed"
