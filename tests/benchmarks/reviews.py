"""What looking at many reviews costs: python -m tests.benchmarks.reviews

Open reviews of a made-up repository, each with comments and an approval, some of which collide.
`list` when nothing moved, after the target moved, and with nothing known before, beside
`git status` in the same, interleaved run; and how many git processes each starts.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from gitcoord.git.repository import Repository
from gitcoord.reviews import saying
from gitcoord.reviews.review import open_review
from tests.benchmarks.timing import machine, medians, table

PROGRAM = Path(sys.executable).with_name("gitcoord")
_IDENTITY = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")


def git(at: Path, *argv: str) -> str:
    done = subprocess.run(["git", *_IDENTITY, *argv], cwd=at, check=True, capture_output=True)
    return os.fsdecode(done.stdout).strip()


def make(at: Path, reviews: int, files: int) -> None:
    """`files` files of 200 lines; each review edits 5 of them, at random, and adds one."""
    chance = random.Random(5)
    git(at, "init", "-q", "-b", "main")
    for number in range(files):
        file = at / f"src/part{number % 40}/file{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"line {line} of {number}\n" for line in range(200)))
    git(at, "add", "-A")
    git(at, "commit", "-qm", "Start")
    repo = Repository.find(at)
    for number in range(reviews):
        git(at, "switch", "-qc", f"work{number}", "main")
        for name in chance.sample(range(files), 5):
            file = at / f"src/part{name % 40}/file{name}.py"
            lines = file.read_text().splitlines(keepends=True)
            lines[chance.randrange(200)] = f"changed by {number}\n"
            file.write_text("".join(lines))
        (at / f"new{number}.py").write_text("x = 1\n")
        git(at, "add", "-A")
        git(at, "commit", "-qm", f"Work {number}")
        made = open_review(
            repo, branch=f"refs/heads/work{number}", target="refs/heads/main",
            title=f"Work {number}", by="ada",
        )  # fmt: skip
        made = saying.comment(repo, made, "why 1?", by="bob", place=f"new{number}.py:1")
        saying.approve(repo, made, by="ada", how="command")
    git(at, "switch", "-q", "main")


def processes(at: Path, words: list[str], wrapper: Path) -> int:
    """How many git processes a call starts, counted by a `git` that is first on the PATH."""
    log = wrapper / "log"
    log.write_text("")
    path = f"{wrapper}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(words, cwd=at, env={**os.environ, "PATH": path}, capture_output=True, check=True)
    return len(log.read_text().splitlines())


def counting(folder: Path) -> Path:
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True)
    program = folder / "git"
    program.write_text(f'#!/bin/sh\necho >> "{folder}/log"\nexec {real.stdout.strip()} "$@"\n')
    program.chmod(0o755)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reviews", type=int, default=50)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=11)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as wrapper:
        at = Path(folder)
        make(at, asked.reviews, asked.files)
        listing = [str(PROGRAM), "review", "list", "--json"]
        calls: dict[str, list[str]] = {
            "git status": ["git", "status"],
            "gitcoord --version": [str(PROGRAM), "--version"],
            "review list, nothing moved": listing,
            "review list, nothing known": [
                "sh", "-c", f"rm -rf .git/agentcoord/cache; exec {' '.join(listing)}",
            ],
            "review list, the target moved": [
                "sh", "-c",
                "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x; "
                f"exec {' '.join(listing)}",
            ],
            "review show": [str(PROGRAM), "review", "show", "work7", "--json"],
        }  # fmt: skip
        taken = medians(calls, rounds=asked.rounds, at=at)
        counted = counting(Path(wrapper))
        counts = {
            name: str(processes(at, words, counted)) if "review" in name else ""
            for name, words in calls.items()
        }
    status = taken["git status"]
    rows = [
        [name, f"{ms:.0f} ms", f"{ms / status:.1f}x", counts[name]] for name, ms in taken.items()
    ]
    print(
        f"{asked.reviews} open reviews, {asked.files} files; medians of {asked.rounds} "
        f"interleaved runs; {machine()}\n"
    )
    print(table(["call", "median", "of git status", "git processes"], rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
