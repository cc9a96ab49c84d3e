"""How long a whole investigation takes and how much memory: start to report, by the program.

    python -m tests.benchmarks.investigation REPO [REPO …] [--question TEXT]

REPO is any git repository or mirror; it is cloned with shared objects, so it is only read.
The contract: 5,000 files and 20,000 commits within 15 s on two cores, under 500 MB.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GITCOORD = Path(sys.executable).with_name("gitcoord")
QUESTION = "why does a connection time out intermittently after it was opened again?"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repos", nargs="+", type=Path, metavar="REPO")
    parser.add_argument("--question", default=QUESTION)
    asked = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(
        f"{platform.system()} {platform.machine()}, {cores} cores, Python {sys.version.split()[0]}"
    )
    print("\n| repository | files | commits | whole investigation | peak memory |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for repo in asked.repos:
        print(row(repo, asked.question), flush=True)


def row(repo: Path, question: str) -> str:
    name = next(part for part in reversed(repo.parts) if part not in ("repo", ".git"))
    with tempfile.TemporaryDirectory(prefix="investigation-") as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", "--shared", repo, clone], check=True)
        files = said(clone, "ls-tree", "-r", "--name-only", "HEAD").count("\n") + 1
        commits = int(said(clone, "rev-list", "--count", "HEAD"))
        began = time.perf_counter()
        child = subprocess.Popen(
            [GITCOORD, "-q", "start", "investigation", question],
            cwd=clone, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, usage = os.wait4(child.pid, 0)
        took = time.perf_counter() - began
        assert status == 0, f"gitcoord ended with {status}"
    peak = usage.ru_maxrss / 1024
    return f"| {name} | {files:,} | {commits:,} | {took:.1f} s | {peak:.0f} MB |"


def said(repo: Path, *argv: str) -> str:
    done = subprocess.run(["git", *argv], cwd=repo, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
