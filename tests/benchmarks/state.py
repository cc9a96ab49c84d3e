"""What a record and an event cost, and that none is lost: python -m tests.benchmarks.state

On a RAM disk where there is one. Each figure is a median beside a baseline of the same,
interleaved run. Ends with 1 when something is lost or a median misses its aim.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from statistics import median, quantiles

from gitcoord.git.repository import Repository
from gitcoord.state.journal import Journal
from gitcoord.state.store import Store
from tests.benchmarks.timing import machine, table

WRITERS = 12
CHANGE = """
import sys
from gitcoord.git.repository import Repository
from gitcoord.state.store import Store
store = Store(Repository.find(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    store.change("run", "one", lambda body: {**body, "count": body["count"] + 1})
"""
APPEND = """
import sys
from pathlib import Path
from gitcoord.state.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    text = "x\\n" * (number % 200)
    journal.append("race", writer=int(sys.argv[3]), number=number, length=len(text), text=text)
"""
READ = """
import sys
from pathlib import Path
from gitcoord.state.journal import Journal
wanted, seen, half = int(sys.argv[2]), set(), 0
for event in Journal(Path(sys.argv[1])).tail(follow=True, timeout=600):
    if event.kind == "race":
        half += event.fields["text"] != "x\\n" * (event.fields["length"] // 2)
        seen.add((event.fields["writer"], event.fields["number"]))
        if len(seen) == wanted:
            break
print(len(seen), half)
"""
# The monotonic clock is one for all processes of a machine (clock_gettime(2)).
FOLLOW = """
import json, sys, time
from pathlib import Path
from gitcoord.state.journal import Journal
journal = Journal(Path(sys.argv[1]))
print("ready", flush=True)
late = []
for event in journal.tail(journal.end(), follow=True, timeout=60):
    late.append(time.monotonic() - event.fields["sent"])
    if len(late) == int(sys.argv[2]):
        break
print(json.dumps(late))
"""
Row = list[str]


def python(code: str, *argv: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, argv)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def side_by_side(rounds: int, *deeds: Callable[[int], object]) -> list[float]:
    """Median milliseconds of each deed, taken in turns. Three rounds first do not count."""
    taken: list[list[float]] = [[] for _ in deeds]
    for number in range(rounds + 3):
        for times, deed in zip(taken, deeds, strict=True):
            start = time.perf_counter()
            deed(number)
            times.append((time.perf_counter() - start) * 1000)
    return [median(times[3:]) for times in taken]


def one_change(repo: Repository, rounds: int) -> tuple[float, float]:
    """(a change of a record, a bare `git update-ref`)."""
    store = Store(repo)
    store.create("run", "alone", {"count": 0, "state": "at work", "tasks": ["a", "b", "c"]})
    commits = [
        repo.run("commit-tree", "-m", text, repo.run("write-tree").text).text for text in "ab"
    ]

    def bare(number: int) -> None:
        subprocess.run(
            ["git", "update-ref", "refs/heads/bare", commits[number % 2]], cwd=repo.home, check=True
        )

    def change(number: int) -> None:
        store.change("run", "alone", lambda body: {**body, "count": number + 1})

    ours, theirs = side_by_side(rounds, change, bare)
    return ours, theirs


def one_append(own_dir: Path, rounds: int) -> tuple[float, float]:
    """(an append to the journal, a plain open, write and fsync of as many bytes)."""
    journal = Journal(own_dir)
    start = journal.append("tick", number=0, text="something happened, " * 5).offset
    line = b"x" * (journal.append("tick", number=1, text="something happened, " * 5).offset - start)
    target = own_dir / "plain"

    def plain(_: int) -> None:
        fd = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, line)
        os.fsync(fd)
        os.close(fd)

    def append(number: int) -> None:
        journal.append("tick", number=number, text="something happened, " * 5)

    ours, theirs = side_by_side(rounds, append, plain)
    return ours, theirs


def latencies(own_dir: Path, events: int) -> list[float]:
    """Milliseconds from an append here to its event in another process, at odd moments."""
    chance = Random(1)
    follower = python(FOLLOW, own_dir, events)
    assert follower.stdout
    follower.stdout.readline()
    time.sleep(0.2)
    for _ in range(events):
        Journal(own_dir).append("tick", sent=time.monotonic())
        time.sleep(chance.uniform(0, 0.08))
    return [late * 1000 for late in json.loads(follower.communicate()[0])]


def changes_race(repo: Repository, each: int) -> tuple[int, float]:
    """(changes lost, seconds) of 12 processes that change one record."""
    store = Store(repo)
    store.create("run", "one", {"count": 0})
    start = time.perf_counter()
    finish([python(CHANGE, repo.home, each) for _ in range(WRITERS)])
    took = time.perf_counter() - start
    return WRITERS * each - store.read("run", "one").body["count"], took


def appends_race(own_dir: Path, each: int) -> tuple[int, int, float]:
    """(events lost, events seen by half, seconds) of 12 writers and a reader beside them."""
    wanted = WRITERS * each
    reader = python(READ, own_dir, wanted)
    start = time.perf_counter()
    finish([python(APPEND, own_dir, each, writer) for writer in range(WRITERS)])
    took = time.perf_counter() - start
    seen, half = map(int, reader.communicate()[0].split())
    there = {
        (event.fields["writer"], event.fields["number"])
        for event in Journal(own_dir).search(kinds=["race"])
    }
    return wanted - min(seen, len(there)), half, took


def finish(processes: Sequence[subprocess.Popen[str]]) -> None:
    for process in processes:
        process.communicate()
        if process.returncode:
            raise RuntimeError(f"a process ended with {process.returncode}")


def costs(repo: Repository, rounds: int) -> tuple[list[Row], bool]:
    change, update_ref = one_change(repo, rounds)
    append, plain = one_append(repo.own_dir, rounds * 10)
    late = latencies(repo.own_dir, rounds)
    worst = quantiles(late, n=20)[-1]
    rows = [
        ["one change of a record", f"{change:.1f} ms", "15 ms",
         f"{change / update_ref:.1f}x `git update-ref` ({update_ref:.1f} ms)"],
        ["one append with fsync", f"{append:.3f} ms", "1 ms",
         f"{append / plain:.1f}x open, write, fsync ({plain:.3f} ms)"],
        ["from an append to a follower", f"{median(late):.1f} ms", "20 ms",
         f"95 of 100 within {worst:.1f} ms"],
    ]  # fmt: skip
    return rows, change <= 15 and append <= 1 and median(late) <= 20


def races(repo: Repository, changes: int, appends: int) -> tuple[list[Row], bool]:
    lost, took = changes_race(repo, changes)
    gone, half, wrote = appends_race(repo.own_dir, appends)
    rows = [
        [f"{WRITERS} processes x {changes} changes of one record", f"{took:.1f} s", f"{lost} lost",
         f"{took * 1000 / WRITERS / changes:.1f} ms each"],
        [f"{WRITERS} processes x {appends} appends, one reader", f"{wrote:.1f} s", f"{gone} lost",
         f"{wrote * 1000 / WRITERS / appends:.2f} ms each, {half} seen by half"],
    ]  # fmt: skip
    return rows, not (lost or gone or half)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=101)
    parser.add_argument("--changes", type=int, default=100)
    parser.add_argument("--appends", type=int, default=2000)
    parser.add_argument("--at", type=Path, default=Path("/dev/shm"), help="a folder to work in")
    asked = parser.parse_args()
    place = asked.at if asked.at.is_dir() else Path(tempfile.gettempdir())
    with tempfile.TemporaryDirectory(dir=place) as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        repo = Repository.find(folder)
        kept, met = costs(repo, asked.rounds)
        counted, whole = races(repo, asked.changes, asked.appends)
    print(
        f"In {place}; medians of {asked.rounds} or more, in turns with the baseline; {machine()}\n"
    )
    print(table(["cost", "median", "aim", "beside"], kept))
    print()
    print(table(["race", "took", "lost", "cost"], counted))
    return int(not (met and whole))


if __name__ == "__main__":
    raise SystemExit(main())
