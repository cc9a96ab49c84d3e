"""Landings killed with SIGKILL, before every step and at random instants, and what is seen then.

A program of its own (`python -m tests.reviews.landing.dying`), because it forks. It reads what to
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
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from gitcoord.git.refs import Change
from gitcoord.git.repository import Repository
from gitcoord.process import is_held
from gitcoord.reviews.landing.landing import land, settle_landings
from tests.conftest import Sandbox

_CHANGES = ("update-ref", "read-tree")
_STEPS = ("replace", "rename", "link", "unlink")
OTHER = "refs/agentcoord/other/record"


class Arena:
    """A repository made anew for every death: main checked out, with work that is nobody's to
    touch, and a commit to land on it."""

    def __init__(self, top: Path, prepared: Path) -> None:
        self.master, self.path = top / "master", top / "shop"
        shutil.copytree(prepared, self.master, symlinks=True)
        shutil.rmtree(self.master / ".git" / "hooks")
        sandbox = Sandbox(self.master)
        sandbox.git("checkout", "-qb", "work")
        sandbox.git("rm", "-q", "src/cart.py")
        many = {f"lib/new{number}.py": f"new = {number}\n" for number in range(20)}
        self.new = sandbox.commit("work", {"README.md": "# new\n", **many})
        sandbox.git("checkout", "-q", "main")
        self.old = sandbox.git("rev-parse", "main")
        sandbox.write("src/auth.py", "mine = 1\n")
        sandbox.write("staged.py", "staged = 1\n")
        sandbox.git("add", "staged.py")
        sandbox.write("staged.py", "staged = 2\n")
        sandbox.write("untracked/file", "u\n")
        sandbox.write(".env", "SECRET=1\n")
        self.renew()
        self.before = self._mine()

    @property
    def repo(self) -> Repository:
        return Repository.find(self.path)

    def renew(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        shutil.copytree(self.master, self.path, symlinks=True)

    def land(self) -> None:
        also = [Change(OTHER, None, self.new)]
        land(self.repo, "refs/heads/main", self.old, self.new, reason="landed", also=also)

    def _mine(self) -> tuple[str, ...]:
        git = Sandbox(self.path).git
        return (
            git("status", "--porcelain", "--ignored"), git("diff"), git("diff", "--cached"),
            (self.path / ".env").read_text(), git("stash", "list"),
        )  # fmt: skip

    def troubles(self) -> Iterator[str]:
        """What is half-made or lost, by plain git and the file system."""
        git = Sandbox(self.path).git
        tip = git("rev-parse", "main")
        other = git("rev-parse", "--verify", "-q", OTHER, ok=False)
        if (tip, other) not in ((self.old, ""), (self.new, self.new)):
            yield f"main is at {tip}, the record at {other!r}"
        if (mine := self._mine()) != self.before:
            yield f"work changed: {mine}"
        if git("for-each-ref", "refs/agentcoord/landings/"):
            yield "a ref is left"
        for file in (self.path / ".git").rglob("*"):
            named = "landing-" in file.name or file.name == "index.lock"
            elsewhere = {"logs", "leases"} & {*file.parts}
            if file.is_file() and named and not elsewhere:
                yield f"left: {file}"


def _fork(arena: Arena, before: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        before()
        arena.land()
        code = 0
    finally:
        os._exit(code)


def _dies_before_step(number: int) -> Callable[[], None]:
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def prepare() -> None:
        begin = subprocess.Popen.__init__

        def popen(self: Any, argv: Any, *args: Any, **more: Any) -> None:
            if any(word in _CHANGES for word in argv):
                step()
            begin(self, argv, *args, **more)

        subprocess.Popen.__init__ = popen  # type: ignore[assignment,method-assign]
        for name in _STEPS:
            setattr(os, name, _stepping(step, getattr(os, name)))

    return prepare


def _stepping(step: Callable[[], None], real: Callable[..., Any]) -> Any:
    def wrapped(*args: Any, **more: Any) -> Any:
        step()
        return real(*args, **more)

    return wrapped


def _examine(arena: Arena, what: str) -> list[str]:
    """After a death: settled, and said so; git that outlives us holds our lease until it ends."""
    own = arena.path / ".git" / "agentcoord"
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if not any(is_held(own, file.stem) for file in (own / "leases").glob("*.toml")):
            break
        time.sleep(0.003)
    begun = bool(list((own / "landings").glob("*.toml")))
    try:
        said = settle_landings(arena.repo)
    except Exception as error:
        return [f"{what}: settling failed: {error!r}"]
    found = list(arena.troubles())
    if begun != bool(said):
        found.append(f"an intent was {'' if begun else 'not '}there, and it said {said}")
    if any("gave up" in line or "stays" in line for line in said):
        found.append(f"it said {said}")
    return [f"{what}: {trouble}" for trouble in found]


def die_at_every_step(arena: Arena) -> tuple[int, list[str]]:
    found: list[str] = []
    for number in range(1, 100):
        arena.renew()
        pid = _fork(arena, _dies_before_step(number))
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        found += _examine(arena, f"step {number}")
        if code != -signal.SIGKILL:
            return number - 1, found + ([f"it ended with {code}"] if code else [])
    return 100, [*found, "it never ended"]


def die_at_random(arena: Arena, times: int, seed: int) -> tuple[int, list[str]]:
    """In half of them git lives on."""
    arena.renew()
    start = time.monotonic()
    os.waitpid(_fork(arena, lambda: None), 0)
    whole = time.monotonic() - start
    chance, found = random.Random(seed), []
    for number in range(times):
        arena.renew()
        pid = _fork(arena, os.setsid)
        seconds = chance.uniform(0, whole * 1.1)
        time.sleep(seconds)
        _kill(pid, children=number % 2 == 0)
        os.waitpid(pid, 0)
        found += _examine(arena, f"after {seconds:.4f} s")
    return times, found


def _kill(pid: int, *, children: bool) -> None:
    try:
        os.kill(pid, signal.SIGSTOP)
        below = psutil.Process(pid).children(recursive=True)
        os.kill(pid, signal.SIGKILL)
        for one in below:
            # A git that is moving a ref would leave a lock of its own: that is doctor's to mend.
            if children and "update-ref" not in one.cmdline():
                one.kill()
    except (psutil.Error, ProcessLookupError):
        return


def main() -> None:
    task = json.load(sys.stdin)
    arena = Arena(Path(task["top"]), Path(task["prepared"]))
    deaths, found = die_at_every_step(arena) if task["steps"] else (0, [])
    more, random_found = die_at_random(arena, task["random"], task["seed"])
    print(json.dumps({"deaths": deaths + more, "steps": deaths, "found": found + random_found}))


if __name__ == "__main__":
    main()
