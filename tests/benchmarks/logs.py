"""How fast a log is read, in how much memory; and how often chance is taken for a pattern.

    python -m tests.benchmarks.logs                     generated logs of 100 MB each
    python -m tests.benchmarks.logs FILE…               logs of your own
    python -m tests.benchmarks.logs --megabytes 10 --runs 400

One process per log, so that its peak memory is its own. Seconds are of CPU time on one core,
findings included. The logs: `plain` with values only; `json` and `access` with words that vary;
`traces` with a Python trace below every line; `failures`, where every line is one and its time
is kept; `unlike`, where no line is like another (random words), the case that is sampled.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gitcoord.analysis.logs import study_logs
from gitcoord.analysis.question import parse_question
from gitcoord.analysis.rhythms import DAY, HOUR, find_company, find_patterns

ASKED = "why does login fail intermittently with an expired token?"
TRACE = """\
Traceback (most recent call last):
  File "/app/src/auth.py", line 7, in login
    token = issue_token(user)
LoginError: token expired
"""


def kinds() -> dict[str, Callable[[int], str]]:
    """One line (or more) of each kind of log, from its number."""
    dice = random.Random(1)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(3000)]

    def clock(number: int, form: str = "%Y-%m-%dT%H:%M:%S") -> str:
        return time.strftime(form, time.gmtime(1_767_225_600 + number // 50))

    def plain(number: int) -> str:
        size, address = dice.randrange(9**6), f"10.0.0.{dice.randrange(255)}"
        said = dice.choice(
            (
                f"INFO [shop.web] GET /api/v1/items/{size} 200 {size % 999}ms",
                f"INFO [shop.queue] task {dice.getrandbits(64):016x} done in {dice.random():.3f}s",
                f"WARNING [shop.db] slow query took {size} ms: SELECT * FROM orders",
                f"INFO [shop.auth] user {dice.choice(words[:20])} came from {address}",
            )
        )
        begin = f"{clock(number, '%Y-%m-%d %H:%M:%S')},{number % 1000:03d}"
        failed = f"{begin} ERROR [shop.auth] token expired\n{TRACE}"
        return f"{begin} {said}\n" + (failed * (number % 180_000 == 7))

    def record(number: int) -> str:
        said = {"ts": clock(number) + "Z", "level": dice.choice(("info", "info", "error"))}
        said |= {"msg": dice.choice(("token expired", "login ok")), "user": dice.choice(words)}
        return json.dumps(said | {"trace": f"{dice.getrandbits(128):032x}"}) + "\n"

    def access(number: int) -> str:
        return (
            f"10.0.0.{dice.randrange(255)} - - [02/Jan/2026:03:04:{number % 60:02d} +0000] "
            f'"GET /{dice.choice(words)}/{dice.choice(words)} HTTP/1.1" '
            f'{dice.choice((200, 200, 404, 500))} {dice.randrange(9999)} "-" "Mozilla/5.0 (X11)"\n'
        )

    return {
        "plain": plain,
        "json": record,
        "access": access,
        "traces": lambda n: f"{clock(n)}Z ERROR token expired for {dice.choice(words)}\n{TRACE}",
        "failures": lambda n: f"{clock(n)}Z ERROR [shop.auth] token expired for user {n}\n",
        "unlike": lambda n: (
            f"{clock(n)}Z INFO {' '.join(dice.choices(words, k=dice.randint(4, 14)))}\n"
        ),
    }


def generate(path: Path, line: Callable[[int], str], size: int) -> Path:
    written = number = 0
    with path.open("w") as file:
        while written < size:
            text = line(number)
            written += len(text)
            number += 1
            file.write(text)
    return path


def measure(path: str) -> tuple[float, int, int, int, str]:
    """(CPU seconds, bytes, lines, peak memory in MB over the interpreter's own, notes)."""
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.process_time()
    (summary,) = study_logs([Path(path)], parse_question(ASKED)).summaries
    spent = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return spent, summary.bytes, summary.lines, (peak - idle) // 1024, "; ".join(summary.notes)


def show(name: str, path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        spent, size, lines, peak, notes = pool.apply(measure, (str(path),))
    megabytes = size / 1e6
    print(f"{name:10} {megabytes:7.0f} MB {lines:10,} lines {spent:6.2f} s", end=" ")
    print(f"{megabytes / max(spent, 1e-9):6.1f} MB/s  +{peak} MB  {notes}")


def false_alarms(runs: int) -> None:
    """Arrivals with no pattern: uniform, and by the hours of a day as the whole log's are."""
    for name, daily in (("uniform", False), ("daily", True)):
        told = tried = 0
        for seed in range(runs):
            dice = random.Random(seed)
            for count in (8, 20, 60, 300):
                span = dice.choice((HOUR, DAY, 3 * DAY, 30 * DAY))
                baseline = arrivals(dice, 2000, span, daily=daily)
                times = arrivals(dice, count, span, daily=daily)
                others = {str(n): arrivals(dice, n, span, daily=daily) for n in (20, 200, 2000)}
                told += len(find_patterns(times, baseline))
                told += len(find_company(times, others, baseline))
                tried += 1
        print(f"{name:10} {told} patterns told of {tried:,} templates without one")


def arrivals(dice: random.Random, count: int, span: float, *, daily: bool) -> list[float]:
    times: list[float] = []
    while len(times) < count:
        when = dice.uniform(0, span)
        if not daily or dice.random() < (1 + math.sin(2 * math.pi * when / DAY)) / 2:
            times.append(float(int(when)))
    return sorted(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--runs", type=int, default=200)
    options = parser.parse_args()
    for path in options.files:
        show(path.name[:10], path)
    if not options.files:
        for name, line in kinds().items():
            with tempfile.TemporaryDirectory() as folder:
                show(name, generate(Path(folder) / "x.log", line, options.megabytes * 1_000_000))
        false_alarms(options.runs)


if __name__ == "__main__":
    main()
