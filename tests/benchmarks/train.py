"""The merge train against testing one by one: checks and wall time, all really run.

    python -m tests.benchmarks.train [--seconds 2] [--reviews 20] [--bad 6,13]

One by one is the same train with a batch of one: each review is stacked on what landed before,
checked alone, and a red one is tried again. Every check that was started counts. The second
table is simulated: the same search, for every placement of two bad ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from tests.benchmarks.timing import machine, table
from tests.calling import PROGRAM
from tests.conftest import Sandbox, seal
from tests.reviews.train.simulating import simulate
from tests.reviews.train.trains import waiting

SILENT = "! grep -rq BAD changes"
TELLING = "! grep -rl BAD changes"
WAYS: Sequence[tuple[str, str, int, int]] = (
    ("one by one", SILENT, 1, 1),
    ("train, one check at a time", SILENT, 20, 1),
    ("train, two at once", SILENT, 20, 2),
    ("train, two at once, output names the file", TELLING, 20, 2),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--reviews", type=int, default=20)
    parser.add_argument("--bad", default="6,13")
    given = parser.parse_args()
    bad = {int(one) for one in given.bad.split(",")}
    rows = [
        [name, *measured(command, given.seconds, given.reviews, bad, batch, workers)]
        for name, command, batch, workers in WAYS
    ]
    print(f"{machine()}; {given.reviews} reviews, bad: {given.bad}, check {given.seconds:g} s\n")
    print(table(["", "checks", "wall s", "landed", "named"], rows))
    print("\nEvery placement of 2 bad among 20, simulated: checks (worst, mean), rounds (mean)\n")
    print(table(["batch, checks at once", "worst", "mean", "rounds"], list(simulated())))


def measured(
    command: str, seconds: float, reviews: int, bad: set[int], batch: int, workers: int
) -> list[str]:
    """A row of one real run; raises AssertionError when it did not come to the right end."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        seal(patch, Path(folder, "home"))
        sandbox = Sandbox(Path(folder, "shop"))
        sandbox.path.mkdir()
        sandbox.git("init", "-q")
        sandbox.commit("Start", {"README.md": "shop\n", "changes/.keep": ""})
        waiting(sandbox, reviews, bad)
        said, taken = ran(sandbox, f"sleep {seconds:g} && {command}", batch, workers)
    assert len(said["landed"]) == reviews - len(bad) and len(said["culprits"]) == len(bad)
    count = (str(len(said["landed"])), str(len(said["culprits"])))
    return [str(said["checks"]), f"{taken:.1f}", *count]


def ran(sandbox: Sandbox, check: str, batch: int, workers: int) -> tuple[dict[str, Any], float]:
    """What the installed program said, and the seconds it took."""
    begun = time.perf_counter()
    done = subprocess.run(
        [PROGRAM, "train", "run", "--check", check, "--batch", str(batch), "--json"],
        cwd=sandbox.path,
        env={**os.environ, "GITCOORD_TRAIN_WORKERS": str(workers)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    taken = time.perf_counter() - begun
    if done.returncode != 1:
        raise RuntimeError(os.fsdecode(done.stderr))
    return json.loads(done.stdout), taken


def simulated() -> list[list[str]]:
    queue = [f"r{number:02}" for number in range(20)]
    rows = []
    for batch in (1, 4, 8, 12, 16, 20):
        for workers in (1, 2):
            runs = [
                simulate(queue, [[one] for one in bad], batch=batch, workers=workers)
                for bad in combinations(queue, 2)
            ]
            checks = [search.started for search, _ in runs]
            rounds = mean(taken for _, taken in runs)
            rows.append(
                [f"{batch}, {workers}", str(max(checks)), f"{mean(checks):.2f}", f"{rounds:.2f}"]
            )
    return rows


if __name__ == "__main__":
    main()
