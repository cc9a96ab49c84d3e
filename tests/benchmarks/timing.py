"""Wall times of programs, interleaved so that a busy moment of the machine falls on all alike."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median


def medians(
    commands: Mapping[str, Sequence[str | Path]], *, rounds: int, at: Path
) -> dict[str, float]:
    """Name -> median milliseconds of one run. One round first that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for counted in range(-1, rounds):
        for name, command in commands.items():
            start = time.perf_counter()
            done = subprocess.run(command, cwd=at, capture_output=True, stdin=subprocess.DEVNULL)
            milliseconds = (time.perf_counter() - start) * 1000
            if done.returncode:
                raise RuntimeError(f"{name}: {os.fsdecode(done.stderr)}")
            if counted >= 0:
                taken[name].append(milliseconds)
    return {name: median(times) for name, times in taken.items()}


def machine() -> str:
    """What the figures were measured on, in a line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = platform.python_version()
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {python}"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, so that it can go into README as it is."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
