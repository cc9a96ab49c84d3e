"""gitcoord killed with SIGKILL, at a chosen step or moment, and what can be seen afterwards.

A program of its own (`python -m tests.worktrees.dying`), because it forks: each call of
gitcoord is a process that really dies, without the 100 ms of starting Python. It reads what to
do as JSON from stdin and prints as JSON what went wrong, nothing when all went well.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

# Imported here, so that no call has to: a third of the time of all this.
import gitcoord.commands.config
import gitcoord.commands.doctor
import gitcoord.commands.start
import gitcoord.commands.verbs
import gitcoord.commands.worktrees
import gitcoord.view.screen  # noqa: F401
from gitcoord.main import answer
from gitcoord.process import is_held
from tests.conftest import Sandbox
from tests.worktrees.holding import files_in, held

# What changes anything; git that only looks, and objects nobody refers to, can die unnoticed.
_CHANGES = ("update-ref", "worktree", "checkout-index", "read-tree", "symbolic-ref", "update-index")
_SCRATCH = os.path.join(tempfile.gettempdir(), "gitcoord-")
_MOVES = ("rename", "replace")
_DELETIONS = ("rmdir", "unlink", "remove")
_HALF = (".removing", ".restoring", ".unmaking", ".gitcoord-partial-", ".lock")


class Arena:
    """A folder that is made anew for every death. worktree: of the scenario, if it has one."""

    def __init__(self, top: Path, scenario: str) -> None:
        self.top, self.master = top / "arena", top / "master"
        self.sandbox = Sandbox(self.top / "shop")
        self.scenario = scenario
        self.path: Path | None = None
        self.id = ""

    def prepare(self, prepared: Path) -> None:
        shutil.copytree(prepared, self.sandbox.path, symlinks=True)
        shutil.rmtree(self.sandbox.path / ".git" / "hooks")
        if not self.scenario.startswith("start"):
            _call(self, "start", "development", "mend the login", "--no-run")
            self.id = next(iter(self._records()))
            self.path = self.sandbox.path.parent / "shop.worktrees" / self.id
            self._fill(self.path)
        self.before = held(self.sandbox, self.path) if self.path else None
        if self.scenario == "undo":
            _call(self, "remove", "--force", self.id)
        elif self.scenario == "unpark":
            _call(self, "park", self.id)
        elif self.scenario == "start with changes":
            _call(self, "config", "set", "setup.commands", "echo made > made.log")
            self.sandbox.write("README.md", "my change\n")
            self.sandbox.write("untracked", "my file\n")
        self.mine = self._mine()
        self.top.rename(self.master)

    @property
    def words(self) -> list[str]:
        """The call that dies."""
        if self.scenario.startswith("start"):
            changes = ["--with-changes"] if "changes" in self.scenario else []
            return ["start", "development", "speed up the cart", "--no-run", *changes]
        force = ["--force"] if self.scenario == "remove" else []
        return [self.scenario, *force, self.id]

    def renew(self) -> None:
        shutil.rmtree(self.top, ignore_errors=True)
        shutil.copytree(self.master, self.top, symlinks=True)

    def troubles(self) -> Iterator[str]:
        """What is half-made or lost, by plain git and the file system."""
        yield from self._half_made()
        records, trash = self._records(), self._ids("trash")
        listed = self._listed()
        if {Path(body["path"]) for body in records.values()} != set(listed):
            yield f"records {sorted(records)} but git lists {sorted(map(str, listed))}"
        for one, body in records.items():
            if body.get("state") != "live":
                yield f"{one} is {body.get('state')}"
            if not (Path(body["path"]) / ".git").is_file():
                yield f"{one} has no folder"
        branches = set(self.sandbox.git("for-each-ref", "--format=%(refname:short)", "refs/heads"
        ).split())  # fmt: skip
        if branches != {"main", *records}:
            yield f"branches {sorted(branches)} but records {sorted(records)}"
        if set(trash) & set(records):
            yield f"both live and in the trash: {trash}"
        if self._mine() != self.mine:
            yield "the user's checkout, stash or branch changed"
        yield from self._lost(records, trash)

    def _lost(self, records: dict[str, Any], trash: list[str]) -> Iterator[str]:
        if self.path is None:
            for one in records:
                yield from self._not_whole(Path(records[one]["path"]))
            return
        if self.id not in {*records, *trash}:
            yield f"{self.id} is nowhere"
            return
        if self.id in trash and _call(self, "undo", self.id):
            yield "undo failed"
        if self._ids(f"parked/{self.id}") and _call(self, "unpark", self.id):
            yield "unpark failed"
        now = held(self.sandbox, self.path)
        for name, was in vars(self.before).items():
            if getattr(now, name) != was:
                yield f"{name} is {getattr(now, name)!r}, was {was!r}"
        if self._ids(f"parked/{self.id}") or self._ids("trash"):
            yield "something is still parked or in the trash"

    def _not_whole(self, path: Path) -> Iterator[str]:
        expected = {name for name in files_in(self.sandbox.path) if not name.startswith(b".git/")}
        there = {name for name in files_in(path) if not name.startswith(b".agentcoord/")}
        extra = {b"made.log"} if "changes" in self.scenario else set()
        if there != expected | extra:
            yield f"{path} is live and holds {sorted(there)}"

    def _half_made(self) -> Iterator[str]:
        for folder, inner, names in os.walk(self.top):
            for name in (*inner, *names):
                if any(mark in name for mark in _HALF):
                    yield f"left: {os.path.join(folder, name)}"
        own = self.sandbox.path / ".git" / "agentcoord"
        for file in own.glob("leases/*"):
            yield f"left: {file}"
        for admin in (self.sandbox.path / ".git" / "worktrees").glob("*"):
            if not any(file.stat().st_size for file in admin.iterdir()):
                continue  # could be a live git's: doctor takes it for dead after 5 seconds
            if (admin / "locked").exists() or not (admin / "agentcoord-id").exists():
                yield f"half-made: {admin} holds {sorted(os.listdir(admin))}"
        known = {*self._ids("trash"), *self._records()}
        for kept in own.glob("trash/*"):
            if kept.name not in known:
                yield f"left: {kept}"

    def _fill(self, top: Path) -> None:
        sandbox = self.sandbox
        sandbox.commit("work", {"src/new.py": "new = 1\n", "gone": "x\n"}, at=top)
        sandbox.write("src/new.py", "new = 2\n", top)
        sandbox.git("add", "src/new.py", at=top)
        sandbox.write("src/new.py", "new = 3\n", top)
        (top / "gone").unlink()
        sandbox.write("untracked/file", "u\n", top)
        sandbox.write("meant", "m\n", top)
        sandbox.git("add", "-N", "meant", at=top)
        sandbox.write(".env", "SECRET=1\n", top)
        if self.scenario in ("remove", "undo"):
            (top / "nested").mkdir()
            sandbox.git("init", "-q", at=top / "nested")
            sandbox.write("nested/file", "n\n", top)

    def _records(self) -> dict[str, dict[str, Any]]:
        return {
            one: tomllib.loads(
                self.sandbox.git("cat-file", "blob", f"refs/agentcoord/worktrees/{one}:record.toml")
            )
            for one in self._ids("worktrees")
        }

    def _ids(self, kind: str) -> list[str]:
        refs = self.sandbox.git("for-each-ref", "--format=%(refname)", f"refs/agentcoord/{kind}/")
        return [ref.split("/")[-1] for ref in refs.split()]

    def _listed(self) -> list[Path]:
        lines = self.sandbox.git("worktree", "list", "--porcelain", "-z").split("\0")
        paths = [Path(line[9:]) for line in lines if line.startswith("worktree ")]
        return paths[1:]

    def _mine(self) -> list[str]:
        git = self.sandbox.git
        return [git("status", "--porcelain"), git("stash", "list"), git("rev-parse", "main")]


def _call(arena: Arena, *words: str) -> int:
    """Call gitcoord in a process of its own, and wait for its end. Returns its exit code."""
    pid = _fork(arena, list(words), lambda: None)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _fork(arena: Arena, words: list[str], before: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    out = os.open(arena.top.parent / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    before()
    code = 70
    try:
        code = answer(["-C", str(arena.sandbox.path), *words])
    finally:
        os._exit(code)


def _dies_before_step(number: int) -> Callable[[], None]:
    """Have this process killed before it changes something for the `number`-th time.

    A row of deletions is one step: what is left half-way through one is for random deaths.
    """
    count, last = 0, ""

    def step(name: str) -> None:
        nonlocal count, last
        if name == last == "delete":
            return
        count, last = count + 1, name
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def prepare() -> None:
        begin = subprocess.Popen.__init__

        def popen(self: Any, argv: Any, *args: Any, **more: Any) -> None:
            if any(word in _CHANGES for word in argv):
                step("git")
            begin(self, argv, *args, **more)

        subprocess.Popen.__init__ = popen  # type: ignore[assignment,method-assign]
        for name in _MOVES:
            setattr(os, name, _stepping(step, name, getattr(os, name)))
        for name in _DELETIONS:
            setattr(os, name, _stepping(step, "delete", getattr(os, name)))

    return prepare


def _stepping(step: Callable[[str], None], kind: str, real: Callable[..., Any]) -> Any:
    def wrapped(path: Any, *args: Any, **more: Any) -> Any:
        if not os.fspath(path).startswith(_SCRATCH):
            step(kind)
        return real(path, *args, **more)

    return wrapped


def _dies_after(pid: int, seconds: float, *, children: bool) -> None:
    time.sleep(seconds)
    try:
        os.kill(pid, signal.SIGSTOP)
        below = psutil.Process(pid).children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        for one in below if children else ():
            one.kill()
    except (psutil.Error, ProcessLookupError):
        return
    # A ref that git is just moving moves after our death: what is looked at comes after that.
    until = time.monotonic() + 1
    while time.monotonic() < until and any(map(_lives, below)):
        time.sleep(0.002)


def _lives(process: psutil.Process) -> bool:
    """A zombie does nothing any more, and not every init reaps."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _wait_for_git(arena: Arena) -> None:
    """git that outlives us holds our lease until it ends."""
    own = arena.sandbox.path / ".git" / "agentcoord"
    until = time.monotonic() + 10
    while time.monotonic() < until:
        names = [file.stem for file in (own / "leases").glob("*.toml")]
        if not any(is_held(own, name) for name in names):
            return
        time.sleep(0.005)


def _examine(arena: Arena, what: str, *, next_command: bool) -> list[str]:
    """After a death: the next command says what it did, doctor mends, nothing is lost."""
    _wait_for_git(arena)
    found = []
    unfinished = [
        one for one, body in arena._records().items() if body.get("state") not in (None, "live")
    ]
    if next_command:
        said = arena.top.parent / "said"
        said.unlink(missing_ok=True)
        if _call(arena, "list"):
            found.append("list failed")
        words = said.read_text()
        if unfinished and not any(f" {verb} " in f" {words}" for verb in ("completed", "took")):
            found.append(f"list said nothing of what it settled: {words}")
        left = [one for one, body in arena._records().items() if body.get("state") != "live"]
        found += [f"list left {one} unfinished" for one in left]
    _pass_time(arena)
    if _call(arena, "doctor", "--fix"):
        found.append(f"doctor --fix: {(arena.top.parent / 'said').read_text()[-600:]}")
    found += arena.troubles()
    return [f"{arena.scenario}, {what}: {trouble}" for trouble in found]


def _pass_time(arena: Arena) -> None:
    """A lock of git's is taken for left behind after ten minutes."""
    for folder, _, names in os.walk(arena.sandbox.path / ".git"):
        for name in names:
            if name.endswith(".lock"):
                os.utime(os.path.join(folder, name), (0, 0))


def die_at_every_step(arena: Arena) -> tuple[int, list[str]]:
    """(how many deaths, what went wrong). Until the call lives to its end."""
    found: list[str] = []
    for number in range(1, 200):
        arena.renew()
        pid = _fork(arena, arena.words, _dies_before_step(number))
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        found += _examine(arena, f"step {number}", next_command=number % 3 == 0)
        if code != -signal.SIGKILL:
            return number - 1, found + ([f"{arena.words} ended with {code}"] if code else [])
    return 200, [*found, "it never ended"]


def die_at_random(arena: Arena, times: int, seed: int) -> tuple[int, list[str]]:
    """(how many deaths, what went wrong). In some its children die with it."""
    arena.renew()
    start = time.monotonic()
    _call(arena, *arena.words)
    whole = time.monotonic() - start
    chance = random.Random(f"{seed}{arena.scenario}")
    found: list[str] = []
    for number in range(times):
        arena.renew()
        pid = _fork(arena, arena.words, os.setsid)
        seconds = chance.uniform(0, whole * 1.1)
        _dies_after(pid, seconds, children=number % 2 == 0)
        os.waitpid(pid, 0)
        found += _examine(arena, f"after {seconds:.4f} s", next_command=number % 3 == 1)
    return times, found


def main() -> None:
    task = json.load(sys.stdin)
    arena = Arena(Path(task["top"]), task["scenario"])
    arena.top.mkdir()
    arena.prepare(Path(task["prepared"]))
    deaths, found = die_at_every_step(arena) if task["steps"] else (0, [])
    more, random_found = die_at_random(arena, task["random"], task["seed"])
    print(json.dumps({"deaths": deaths + more, "steps": deaths, "found": found + random_found}))


if __name__ == "__main__":
    main()
