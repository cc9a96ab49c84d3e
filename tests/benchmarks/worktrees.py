"""How long `list` and `start` take, against git doing the same work in the same run.

    python -m tests.benchmarks.worktrees [--rounds N] [--worktrees N] [--files N] [--at FOLDER]

On a RAM disk where there is one. Printed are medians of rounds in which ours and git's take
turns, so that whatever else the machine does slows both. The contract: `list` of 50 worktrees
of 5,000 files, dirty state included, within 1.2 times `git status` in all of them, run two at
a time; `start … --no-run` at most 90 ms over `git worktree add`.

Other work on the machine makes both sides slower, but not by the same factor: the CPU time of
each side is printed too, and is what to look at when they disagree.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

GITCOORD = Path(sys.executable).with_name("gitcoord")
DIRTY_EVERY = 10


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one run: on the clock, and of all processors for it and its children."""

    wall: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--worktrees", type=int, default=50)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--at", type=Path, default=Path("/dev/shm"))
    asked = parser.parse_args()
    with sealed(asked.at if asked.at.is_dir() else None) as folder:
        repo = build(folder / "shop", asked.files)
        compare_start(repo, asked.rounds)
        for number in range(asked.worktrees):
            run([GITCOORD, "-q", "start", "investigation", f"task {number}", "--no-run"], repo)
        make_dirty(repo)
        compare_list(repo, asked.rounds)


@contextmanager
def sealed(at: Path | None) -> Iterator[Path]:
    """A folder of its own, and an environment without anybody's settings."""
    folder = Path(tempfile.mkdtemp(prefix="gitcoord-bench-", dir=at))
    for name in [name for name in os.environ if name.startswith(("GIT_", "GITCOORD_", "XDG_"))]:
        del os.environ[name]
    os.environ.update(HOME=str(folder), GIT_CONFIG_NOSYSTEM="1")
    (folder / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def build(repo: Path, files: int) -> Path:
    """A repository of so many small files, 100 to a folder, two levels deep."""
    repo.mkdir()
    for number in range(files):
        file = repo / f"part{number % 50}" / f"inner{number % 10}" / f"file{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"value = {number}\n" * 10)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "Start"]):
        run(["git", *words], repo)
    return repo


def make_dirty(repo: Path) -> None:
    for number, path in enumerate(worktrees(repo)):
        if number % DIRTY_EVERY == 0:
            (path / "untracked").write_text("x")
            (path / "part0" / "inner0" / "file0.py").write_text("changed\n")


def worktrees(repo: Path) -> list[Path]:
    return sorted(repo.with_name("shop.worktrees").iterdir())


def compare_list(repo: Path, rounds: int) -> None:
    paths = worktrees(repo)
    named = b"".join(os.fsencode(path) + b"\0" for path in paths)
    git = ["xargs", "-0", "-P2", "-I{}", "git", "-C", "{}", "status"]
    theirs, ours = take_turns(
        rounds, lambda _: run(git, repo, named), lambda _: run([GITCOORD, "list"], repo)
    )
    print(f"list of {len(paths)} worktrees")
    show("git status, two at a time", theirs)
    show("gitcoord list", ours)
    ratio = median(ours).wall / median(theirs).wall
    print(f"  {ratio:.2f} times (of CPU: {median(ours).cpu / median(theirs).cpu:.2f}), at most 1.2")


def compare_start(repo: Path, rounds: int) -> None:
    place = repo.with_name("places")

    def git(number: int) -> Cost:
        branch = f"theirs-{number}"
        argv = ["git", "worktree", "add", "-q", "--no-track", "-b", branch]
        return run([*argv, str(place / branch)], repo)

    def gitcoord(number: int) -> Cost:
        where = place / f"ours-{number}"
        words = ["start", "investigation", "why is it slow", "--no-run", "--path"]
        return run([GITCOORD, *words, where], repo)

    theirs, ours = take_turns(rounds, git, gitcoord)
    print("start of one worktree")
    show("git worktree add", theirs)
    show("gitcoord start --no-run", ours)
    over = median(ours).wall - median(theirs).wall
    print(f"  {over:.0f} ms over (of CPU: {median(ours).cpu - median(theirs).cpu:.0f}), at most 90")
    for path in [*place.iterdir()]:
        run(["git", "worktree", "remove", "--force", str(path)], repo)
    listed = subprocess.run(
        ["git", "for-each-ref", "--format=delete %(refname)", "refs/agentcoord"],
        cwd=repo, check=True, capture_output=True,
    )  # fmt: skip
    run(["git", "update-ref", "--stdin"], repo, listed.stdout)


def take_turns(
    rounds: int, theirs: Callable[[int], Cost], ours: Callable[[int], Cost]
) -> tuple[list[Cost], list[Cost]]:
    pairs = [(theirs(number), ours(number)) for number in range(rounds + 1)]
    return [one for one, _ in pairs[1:]], [one for _, one in pairs[1:]]


def run(argv: Sequence[str | Path], cwd: Path, into: bytes = b"") -> Cost:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        argv, cwd=cwd, input=into, check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(1000 * wall, 1000 * cpu)


def median(costs: Sequence[Cost]) -> Cost:
    middle = statistics.median
    return Cost(middle(cost.wall for cost in costs), middle(cost.cpu for cost in costs))


def show(name: str, costs: Sequence[Cost]) -> None:
    middle, least = median(costs), min(cost.wall for cost in costs)
    print(f"  {name:28} {middle.wall:6.0f} ms (least {least:.0f}; CPU {middle.cpu:.0f})")


if __name__ == "__main__":
    main()
