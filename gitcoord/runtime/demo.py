"""A story of several agents in a repository of its own, told by the commands that anybody types.

Promises: everything is real but the model, which is scripted and says so: the repository, the
worktrees, what the agents read and change, the conflict, the records. No key, no network, no
setting of the user is used, and nothing of it is left when it ends, unless asked for.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gitcoord.errors import Problem
from gitcoord.git.run import inherited
from gitcoord.runtime.demo_shop import QUESTION, TO_500, TO_CENTS, make_repository, says
from gitcoord.testing.server import ModelServer

Command = tuple[str, ...]
# Of the caller's environment, what belongs to a terminal and a machine.
_PASSED = (
    "PATH", "TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "LANG", "TZ", "TMPDIR",
    "SYSTEMROOT", "PYTHONPATH", "VIRTUAL_ENV",
)  # fmt: skip
_START = "import sys; sys.argv[0] = 'gitcoord'; from gitcoord.main import main; main()"


@dataclass(frozen=True)
class Scene:
    """Commands, and what to say before them. together: all at once. answer: exit codes that
    are as it should be."""

    words: str
    commands: tuple[Command, ...]
    together: bool = False
    answers: tuple[int, ...] = (0,)


SCENES = (
    Scene(
        "Something is wrong in a small shop. One agent investigates, in a worktree of its own.",
        (("start", "investigation", QUESTION, "--name", "refused", "--with", "api"),),
    ),
    Scene("What was found is committed on its branch.", (("findings", "refused"),)),
    Scene(
        "Two agents change the code at the same time, each in its own worktree, and neither "
        "knows of the other.",
        (
            ("start", "development", TO_CENTS, "--name", "cents", "--with", "api"),
            ("start", "development", TO_500, "--name", "five-hundred", "--with", "api"),
        ),
        together=True,
    ),
    Scene("Your own checkout is as it was. All worktrees:", (("list",),)),
    Scene(
        "Before anybody merges: who collides with whom? (Exit code 1: somebody does.)",
        (("conflicts",),),
        answers=(1,),
    ),
    Scene(
        "What it would have cost: the scripted model reckons tokens from the size of what was "
        "said, at the prices of the real one. Nobody was billed.",
        (("cost",),),
    ),
    Scene(
        "Nothing is lost when it is removed; undo brings it back, with all that was in it.",
        (("remove", "five-hundred", "--force"), ("undo",), ("list",)),
    ),
)  # fmt: skip


def tell(folder: Path, say: Callable[[str], None], *, pause: float = 0.4) -> Path:
    """Play all scenes in a new repository below `folder`. Returns that repository.

    say: prints a line before a command prints its own. pause: seconds that the model takes for
    an answer. Raises Problem when a command does not end as it should.
    """
    shop = folder / "shop"
    make_repository(shop)
    with ModelServer(lambda asked: {"wait": pause, **says(asked)}) as server:
        env = environment(folder, server.url)
        for scene in SCENES:
            say(f"\n# {scene.words}")
            _play(scene, shop, env, say)
    return shop


def environment(folder: Path, url: str) -> dict[str, str]:
    """That of the demo's commands: the scripted model, and a home without settings."""
    ours = inherited()
    kept = {
        name: value for name, value in ours.items() if name in _PASSED or name.startswith("LC_")
    }
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {
        **kept,
        "HOME": str(home),
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": "scripted",
        "NO_PROXY": "127.0.0.1",
    }


def _play(scene: Scene, shop: Path, env: Mapping[str, str], say: Callable[[str], None]) -> None:
    if scene.together:
        _play_together(scene, shop, env, say)
        return
    for command in scene.commands:
        say(f"$ {_shown(command)}")
        with _begin(command, shop, env, quiet=False) as process:
            _check(command, process.wait(), scene.answers)


def _play_together(
    scene: Scene, shop: Path, env: Mapping[str, str], say: Callable[[str], None]
) -> None:
    """All at once; what each printed is shown when it has ended, so that it can be read."""
    with ExitStack() as stack:
        running = [
            (command, stack.enter_context(_begin(command, shop, env, quiet=True)))
            for command in scene.commands
        ]
        for command, _ in running:
            say(f"$ {_shown(command)} &")
        for command, process in running:
            out, _ = process.communicate()
            say(f"\n{out.decode('utf-8', 'replace').rstrip()}")
            _check(command, process.returncode, scene.answers)


def _begin(
    command: Sequence[str], shop: Path, env: Mapping[str, str], *, quiet: bool
) -> subprocess.Popen[bytes]:
    """Start it; with its output on ours, unless quiet."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", _START, *command], cwd=shop, env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
    )  # fmt: skip


def _shown(command: Sequence[str]) -> str:
    return shlex.join(["gitcoord", *command])


def _check(command: Sequence[str], code: int, answers: Sequence[int]) -> None:
    if code not in answers:
        raise Problem(
            f"this ended with {code}: {_shown(command)}",
            hint="look at what is left of it: gitcoord demo --keep",
        )
