"""What a fresh worktree needs before anybody can work in it.

Ignored files that `.worktreeinclude` names are copied from the worktree one starts from,
as clones where the file system can share blocks. Set-up commands come from the user's own
configuration, never from a tracked file. Refuses: to write outside the new worktree, also
through a tracked symbolic link.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from gitcoord.errors import Problem
from gitcoord.git.repository import Repository
from gitcoord.git.run import inherited
from gitcoord.process import end_tree

# linux/fs.h: _IOW(0x94, 9, int). btrfs, xfs, bcachefs and others share the blocks.
_FICLONE = 0x40049409
_SETUP_TAIL = 600


def list_included(repo: Repository, source: Path, include_file: str) -> list[str]:
    """Ignored files below `source` that its `include_file` (gitignore syntax) names."""
    if not include_file or not (source / include_file).is_file():
        return []
    named = repo.run(
        "ls-files", "--others", "--ignored", f"--exclude-from={source / include_file}", "-z",
        at=source,
    )  # fmt: skip
    if not named.out:
        return []
    ignored = repo.run("check-ignore", "-z", "--stdin", input=named.out, ok=(0, 1), at=source)
    return ignored.fields()


def copy_included(source: Path, target: Path, names: Sequence[str]) -> list[str]:
    """Copy the files and return those copied; over nothing that is there.

    One that vanishes meanwhile, and one whose folder is a file there, is passed over.
    """
    return [name for name in names if _copy(source / name, target / name, within=target)]


def run_setup(
    commands: Sequence[str], path: Path, *, log: Path, timeout: float, worktree_id: str
) -> None:
    """Run the user's set-up commands in the worktree at `path`, output to `log`.

    timeout: seconds for all of them. Raises Problem with the end of the log.
    """
    if not commands:
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    env = {
        **inherited(),
        "GITCOORD_WORKTREE_ID": worktree_id,
        "GITCOORD_WORKTREE": str(path),
    }
    with log.open("ab") as out:
        for command in commands:
            out.write(f"$ {command}\n".encode())
            out.flush()
            _run_one(command, path, env=env, out=out.fileno(), timeout=timeout, log=log)


def _run_one(
    command: str, path: Path, *, env: dict[str, str], out: int, timeout: float, log: Path
) -> None:
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        cwd=path, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        process_group=0,
    )  # fmt: skip
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        _end(process)
        raise Problem(
            f"set-up command {command!r} did not end within {timeout:g} s",
            hint=f"see {log}, or allow more: gitcoord config set setup.timeout {int(timeout * 2)}",
        ) from None
    except BaseException:
        _end(process)
        raise
    if code:
        raise Problem(
            f"set-up command {command!r} failed with {code}: {_tail(log)}",
            hint=f"see all of it: less '{log}'",
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    end_tree(process.pid, grace=0.5)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path) -> str:
    text = log.read_bytes()[-_SETUP_TAIL:].decode("utf-8", "replace").strip()
    return text.rpartition("\n")[2]


def _copy(source: Path, target: Path, *, within: Path) -> bool:
    try:
        mode = source.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)) or os.path.lexists(target):
            return False
        if not _parent_within(target, within):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISLNK(mode):
            target.symlink_to(source.readlink())
        else:
            _clone(source, target)
            shutil.copystat(source, target)
    except (FileNotFoundError, FileExistsError, NotADirectoryError):
        return False
    return True


def _parent_within(target: Path, within: Path) -> bool:
    return target.parent.resolve().is_relative_to(within.resolve())


def _clone(source: Path, target: Path) -> None:
    """Share blocks where the file system can, else copy."""
    if sys.platform == "linux":
        import fcntl

        with source.open("rb") as read, target.open("xb") as write, suppress(OSError):
            fcntl.ioctl(write.fileno(), _FICLONE, read.fileno())
            return
        target.unlink()
    shutil.copyfile(source, target)
