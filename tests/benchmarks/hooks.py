"""What hooks add to `git commit`: python -m tests.benchmarks.hooks [--path FOLDER]...

One small Python file is changed and committed in a repository of 200 files with another worktree,
in turn without hooks, with ours, and with those of pre-commit, lefthook and husky, each of which
has one hook that does nothing (`true`). What is not on PATH (or in `--path`) is left out. Ends
with 1 if ours add more than 15 ms.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from tests.benchmarks.timing import machine, table

LIMIT = 15.0  # ms
BARE, OURS = "git alone", "gitcoord"
Setup = Callable[[Path], None]


def run(at: Path, *words: str | Path) -> None:
    done = subprocess.run(words, cwd=at, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"{words}: {os.fsdecode(done.stderr)}")


def gitcoord(at: Path) -> None:
    run(at, Path(sys.executable).with_name("gitcoord"), "hooks", "install")


def pre_commit(at: Path) -> None:
    (at / ".pre-commit-config.yaml").write_text(
        "repos:\n- repo: local\n  hooks:\n  - {id: none, name: none, entry: 'true',"
        " language: system, always_run: true}\n"
    )
    run(at, "git", "add", "-A")
    run(at, "git", "commit", "-q", "-m", "pre-commit")
    run(at, "pre-commit", "install")


def lefthook(at: Path) -> None:
    (at / "lefthook.yml").write_text("pre-commit:\n  commands:\n    none:\n      run: 'true'\n")
    run(at, "git", "add", "-A")
    run(at, "git", "commit", "-q", "-m", "lefthook")
    run(at, "lefthook", "install")


def husky(at: Path) -> None:
    run(at, "husky")
    (at / ".husky" / "pre-commit").write_text("true\n")
    run(at, "git", "add", "-A")
    run(at, "git", "commit", "-q", "-m", "husky")


def both(at: Path) -> None:
    husky(at)
    gitcoord(at)


SETUPS: dict[str, tuple[str, Setup]] = {
    BARE: ("git", lambda at: None),
    OURS: ("git", gitcoord),
    "husky": ("husky", husky),
    "husky and gitcoord": ("husky", both),
    "lefthook": ("lefthook", lefthook),
    "pre-commit": ("pre-commit", pre_commit),
}


def prepare(at: Path) -> None:
    at.mkdir()
    run(at, "git", "init", "-q", "-b", "main")
    for number in range(200):
        file = at / f"part{number % 10}" / f"module{number}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"def number():\n    return {number}\n")
    run(at, "git", "add", "-A")
    run(at, "git", "commit", "-q", "-m", "Start")
    run(at, "git", "worktree", "add", "-q", "-b", "other", at.with_name(f"{at.name}-other"))


def commit(at: Path, number: int) -> float:
    """Milliseconds of one `git commit` of one changed line."""
    (at / "part3" / "module3.py").write_text(f"def number():\n    return {number} + 3\n")
    words = ["git", "commit", "-q", "-a", "-m", f"Return {number} more"]
    begun = time.perf_counter()
    done = subprocess.run(words, cwd=at, stdin=subprocess.DEVNULL, capture_output=True)
    milliseconds = (time.perf_counter() - begun) * 1000
    if done.returncode or (done.stderr and b"git goes on" in done.stderr):
        raise RuntimeError(os.fsdecode(done.stderr))
    return milliseconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--path", action="append", default=[], help="where other tools are")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            PATH=os.pathsep.join([*asked.path, os.environ["PATH"]]),
            HOME=folder, XDG_CONFIG_HOME=folder, GIT_CONFIG_NOSYSTEM="1",
            GIT_AUTHOR_NAME="A", GIT_AUTHOR_EMAIL="a@b.c", GIT_COMMITTER_NAME="A",
            GIT_COMMITTER_EMAIL="a@b.c", CI="", GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0="gc.auto", GIT_CONFIG_VALUE_0="0",
        )  # fmt: skip
        there = {name: act for name, (tool, act) in SETUPS.items() if shutil.which(tool)}
        taken = measure(Path(folder).resolve(), there, asked.rounds)
    report(taken, asked.rounds)
    missing = [name for name in SETUPS if name not in there]
    if missing:
        print(f"\nNot here, left out: {', '.join(missing)}")
    return int(median(differences(taken, OURS)) > LIMIT)


def measure(folder: Path, setups: dict[str, Setup], rounds: int) -> dict[str, list[float]]:
    """Name -> milliseconds of each round; two rounds before them do not count."""
    places = {}
    for name, act in setups.items():
        places[name] = folder / name.replace(" ", "-")
        prepare(places[name])
        act(places[name])
    taken: dict[str, list[float]] = {name: [] for name in setups}
    for number in range(-2, rounds):
        for name, at in places.items():
            milliseconds = commit(at, number)
            if number >= 0:
                taken[name].append(milliseconds)
    return taken


def differences(taken: dict[str, list[float]], name: str) -> list[float]:
    """To git alone, round by round."""
    return [one - bare for one, bare in zip(taken[name], taken[BARE], strict=True)]


def report(taken: dict[str, list[float]], rounds: int) -> None:
    bare = median(taken[BARE])
    rows = [
        [
            name,
            f"{median(times):.1f} ms",
            f"{median(times) / bare:.2f}x",
            "" if name == BARE else f"{median(differences(taken, name)):+.1f} ms",
        ]
        for name, times in taken.items()
    ]
    version = subprocess.run(["git", "version"], capture_output=True, text=True).stdout.strip()
    print(f"Medians of {rounds} interleaved rounds; {machine()}, {version}\n")
    print(table(["hooks of", "`git commit`", "of git alone", "median of differences"], rows))


if __name__ == "__main__":
    sys.exit(main())
