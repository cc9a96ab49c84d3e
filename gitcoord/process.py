"""Processes: who holds a lease, who lives in a folder, how a tree of them is ended.

A lease is a kernel lock on a file, so it is free the moment its holder dies, however it
died: no clock, pid or boot is compared, and neither pid reuse nor a reboot can fool it.
What the file says is for people.

Refuses: to call a lease free when it cannot tell.
"""

# ruff: noqa: A002 - an id is called `id` in the whole house

from __future__ import annotations

import errno
import fcntl
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gitcoord.errors import Contended, Problem
from gitcoord.records import check_id, now

if TYPE_CHECKING:
    import psutil

# `is_held` takes a shared lock for microseconds; a holder that meets one asks again.
_ASK_AGAIN_SECONDS = 0.1


One = TypeVar("One")
Said = TypeVar("Said")


@dataclass
class Lease:
    """A lock this process holds until `release`, or until it dies. Use it in a `with`.

    Programs started by exec do not inherit it; a fork without exec does.
    """

    path: Path
    fd: int

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Give the lease back. The file goes first, while nobody else can hold it."""
        if self.fd >= 0:
            with suppress(OSError):
                # Somebody may have removed our file by hand, and somebody else made theirs.
                if _is_at(self.fd, self.path):
                    self.path.unlink()
            os.close(self.fd)
            self.fd = -1


@dataclass(frozen=True)
class Process:
    """A live process and the folder it stands in."""

    pid: int
    name: str
    cwd: Path


def hold(own_dir: Path, id: str) -> Lease:
    """Take the lease on `id`. Raises Contended naming who holds it."""
    path = _lease_path(own_dir, id)
    until = time.monotonic() + _ASK_AGAIN_SECONDS
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise _cannot(path, error) from error
        try:
            if _lock(fd, fcntl.LOCK_EX) and _is_at(fd, path):
                _tell(fd, _about_us(id))
                return Lease(path, fd)
        except OSError as error:
            os.close(fd)
            raise _cannot(path, error) from error
        os.close(fd)
        if time.monotonic() > until:
            raise Contended(
                f"{id} is in use by {_holder(path)}",
                hint=f"wait for it, or see what it does: gitcoord show {id}",
            )
        time.sleep(0.001)


def is_held(own_dir: Path, id: str) -> bool:
    """Whether a live process holds the lease on `id`. True also when that cannot be found out."""
    path = _lease_path(own_dir, id)
    while True:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        try:
            if not _lock(fd, fcntl.LOCK_SH):
                return True
            if _is_at(fd, path):
                return False
        except OSError:
            return True
        finally:
            os.close(fd)


def processes_in(folder: Path) -> list[Process]:
    """Live processes, ourselves left out, whose current folder is `folder` or below it.

    The shell we were started from is one of them. A process of another user whose folder
    the system will not tell is not.
    """
    import psutil

    root = folder.resolve()
    found = []
    for process in psutil.process_iter(["pid", "name", "cwd"]):
        cwd = process.info["cwd"]
        if cwd and process.pid != os.getpid() and Path(cwd).is_relative_to(root):
            found.append(Process(process.pid, process.info["name"] or "?", Path(cwd)))
    return sorted(found, key=lambda one: one.pid)


AGENT = "GITCOORD_AGENT"
"""Set to `run/task` in all that an agent of ours starts."""


def inherited(name: str) -> str:
    """What a variable was set to when one of the processes above us was started, the nearest
    first; "" in none of those the system lets us look at.

    Whoever takes a variable out of its environment does not take it out of its parent's.
    """
    import psutil

    for process in psutil.Process().parents():
        started_with = process.as_dict(["environ"])["environ"] or {}
        if started_with.get(name):
            return str(started_with[name])
    return ""


def end_tree(pid: int, *, grace: float, mark: str = "") -> None:
    """End a process, all it started, and the group it leads: asked first, killed after `grace`.

    grace: seconds for all of them together. One that is gone already is no error. Nothing is
    reaped: whoever started the process still reads its exit code. mark: `NAME=value` of the
    environment it was given; whoever has it too is ended, also one that left the group.
    """
    import psutil

    leader = _find(pid)
    alive = list({*_family(pid, leader), *_marked(mark)})
    if not alive:
        return
    for process in alive:
        with suppress(psutil.Error):
            process.terminate()
    alive = _wait(alive, grace)
    # Again, because what is ending may have started more meanwhile.
    for _ in range(3):
        below = [child for process in alive for child in _descendants(process)]
        left = {*alive, *below, *_family(pid, leader), *_marked(mark)}
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        alive = _wait(left, 1.0)


def end_marked(mark: str, *, grace: float) -> int:
    """End all that have `mark`, as `end_tree` does. Returns how many there were."""
    found = _marked(mark)
    for process in found:
        end_tree(process.pid, grace=grace, mark=mark)
    return len(found)


def busy_seconds(pid: int) -> float:
    """CPU time of all that a process started, alive or waited for; its own is left out."""
    import psutil

    leader = _find(pid)
    total = 0.0
    for process in [leader, *_descendants(leader)] if leader else []:
        with suppress(psutil.Error):
            times = process.cpu_times()
            own = times.user + times.system if process != leader else 0.0
            # Not there on macOS.
            total += own + getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
    return total


def at_once(ask: Callable[[One], Said], asked: Sequence[One]) -> list[Said]:
    """`ask` of each, in the order asked, as many at a time as there are cores.

    For what waits for other programs. One is asked here: threads cost 4 ms to import.
    """
    if len(asked) < 2:
        return [ask(one) for one in asked]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(asked), max(2, cores()))) as pool:
        return list(pool.map(ask, asked))


def cores() -> int:
    """CPUs this process may use: its affinity, and the quota of its container, rounded up."""
    if sys.version_info >= (3, 13):
        usable = os.process_cpu_count() or 1
    elif sys.platform == "linux":
        usable = len(os.sched_getaffinity(0))
    else:
        usable = os.cpu_count() or 1
    return max(1, min([usable, *map(math.ceil, _quotas())]))


def _lease_path(own_dir: Path, id: str) -> Path:
    return own_dir / "leases" / f"{check_id(id)}.toml"


def _lock(fd: int, kind: int) -> bool:
    """Try to lock; False when somebody else's lock is in the way."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True


def _is_at(fd: int, path: Path) -> bool:
    """Whether the open file is still the one at `path`: a lock on an unlinked file holds nobody."""
    ours = os.fstat(fd)
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def _tell(fd: int, content: bytes) -> None:
    """Say who we are. The lock is the lease: on a full disk it holds without the words."""
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, content, 0)


def _about_us(id: str) -> bytes:
    import tomli_w

    about: dict[str, Any] = {
        "schema": 1,
        "id": id,
        "pid": os.getpid(),
        "host": os.uname().nodename,
        "boot": _boot_id(),
        "process_start": _process_start(),
        "held_since": now(),
        "command": [
            word.encode("utf-8", "replace").decode()[:1000] for word in sys.orig_argv[:100]
        ],
    }
    return tomli_w.dumps(about).encode()


def _holder(path: Path) -> str:
    """`process 4711 on host since …`, as far as the file of the lease tells."""
    import tomllib

    try:
        said = tomllib.loads(path.read_text("utf-8", "replace"))
        return f"process {said['pid']} on {said['host']} since {said['held_since']}"
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return "another process"


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _process_start() -> str:
    """Clock ticks between boot and our start (proc(5), field 22 of stat), "" where untold."""
    try:
        return Path("/proc/self/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _cannot(path: Path, error: OSError) -> Problem:
    return Problem(
        f"cannot take the lease {path}: {error.strerror}",
        hint=f"make the folder writable and its disk not full: ls -ld '{path.parent}' && df -h",
    )


def _find(pid: int) -> psutil.Process | None:
    import psutil

    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _family(pid: int, leader: psutil.Process | None) -> list[psutil.Process]:
    """The leader, its descendants, and the members of the group or session it leads.

    The kernel gives no process a number that is still a group's, so the group of a dead
    leader is found by it; a number given to somebody else meanwhile finds nobody.
    """
    import psutil

    taken_over = leader is None or not leader.is_running()
    if taken_over and psutil.pid_exists(pid):
        return []
    family: dict[int, psutil.Process] = {}
    if leader is not None:
        family = {process.pid: process for process in (leader, *_descendants(leader))}
    for other in psutil.pids():
        with suppress(OSError, psutil.Error):
            if other not in family and pid in (os.getpgid(other), os.getsid(other)):
                family[other] = psutil.Process(other)
    family.pop(os.getpid(), None)
    return [process for process in family.values() if _lives(process)]


def _marked(mark: str) -> list[psutil.Process]:
    """Live processes of ours with this `NAME=value` in the environment they began with."""
    import psutil

    if not mark:
        return []
    name, _, value = mark.partition("=")
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(name) == value
        and process.pid != os.getpid()
        and _lives(process)
    ]


def _lives(process: psutil.Process) -> bool:
    """Running, and not a zombie: that one only waits for its parent to ask."""
    import psutil

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _wait(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those still alive after at most `seconds`. psutil's own wait would reap our children."""
    until = time.monotonic() + seconds
    alive = [process for process in processes if _lives(process)]
    while alive and time.monotonic() < until:
        time.sleep(0.01)
        alive = [process for process in alive if _lives(process)]
    return alive


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    import psutil

    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _quotas() -> Iterator[float]:
    """CPUs' worth of time the control groups above us allow (cgroup v2, then v1)."""
    root = Path("/sys/fs/cgroup")
    own = ""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            if line.startswith("0::"):
                own = line[3:].strip("/")
    folder = root / own
    for level in (folder, *folder.parents):
        with suppress(OSError, ValueError):
            quota, period = (level / "cpu.max").read_text().split()
            yield int(quota) / int(period)
        if level == root:
            break
    with suppress(OSError, ValueError):
        quota = (root / "cpu/cpu.cfs_quota_us").read_text()
        if int(quota) > 0:
            yield int(quota) / int((root / "cpu/cpu.cfs_period_us").read_text())
