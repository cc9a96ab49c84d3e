"""Install and uninstall, killed at one step after another.

    python -m tests.hooks.killed REPOSITORY [all]

A step is whatever changes a file: Python's own audit events tell, so none is forgotten. Without
`all`, files in the middle, which are written one like the other, are left out. Prints how many
steps each has.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gitcoord.git.repository import Repository
from gitcoord.hooks.condition import condition
from gitcoord.hooks.install import install, uninstall
from tests.conftest import Sandbox
from tests.hooks.standing import everything

_CHANGES = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")
_FIRST, _LAST = 3, 6
_NEVER = 1 << 30
Act = Callable[[], object]


def killed_at(step: int, act: Act) -> int:
    """Do it in a child that is killed just before that step. Returns how many steps it took."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        sys.addaudithook(_killer(step, writer))
        act()
        os._exit(0)
    os.close(writer)
    taken = 0
    while said := os.read(reader, 1 << 16):
        taken += len(said)
    os.close(reader)
    os.waitpid(child, 0)
    return taken


def _killer(step: int, writer: int) -> Callable[[str, tuple[object, ...]], None]:
    taken = 0

    def count(event: str, given: tuple[object, ...]) -> None:
        nonlocal taken
        writes = event == "open" and isinstance(given[2], int) and given[2] & 3
        if writes or event in _CHANGES:
            if taken == step:
                os.kill(os.getpid(), signal.SIGKILL)
            taken += 1
            os.write(writer, b".")

    return count


def main(sandbox: Sandbox, *, everywhere: bool) -> None:
    repo, kept = Repository.find(sandbox.path), sandbox.path.with_name("kept")
    clean = everything(sandbox)
    install(repo, here=False)
    full = everything(sandbox)
    steps = {}
    for name, act in (("uninstall", uninstall), ("install", install)):
        shutil.copytree(sandbox.path, kept, symlinks=True)
        steps[name] = many = killed_at(_NEVER, partial(act, repo, here=False))
        for step in range(many):
            if not everywhere and _FIRST < step < many - _LAST and step != many // 2:
                continue
            shutil.rmtree(sandbox.path)
            shutil.copytree(kept, sandbox.path, symlinks=True)
            assert killed_at(step, partial(act, repo, here=False)) == step
            if step % 2:
                install(repo, here=False)
                assert condition(repo, here=False).in_force, (name, step)
                assert everything(sandbox) == full, (name, step)
            uninstall(repo, here=False)
            assert everything(sandbox) == clean, (name, step)
        shutil.rmtree(kept)
    print(json.dumps(steps))


if __name__ == "__main__":
    main(Sandbox(Path(sys.argv[1])), everywhere=sys.argv[2:] == ["all"])
