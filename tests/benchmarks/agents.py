"""What our own loop costs: host time per turn, memory, and 50 agents at once against one.

    python -m tests.benchmarks.agents [--agents 50] [--turns 10] [--latency 0.2] [--rounds 3]

A scripted model in a process of its own waits `latency` before each answer. Each agent works in a
folder of one repository: reads a file, edits it, searches it, in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from gitcoord.runs.role import Role
from gitcoord.runtime.agent import DONE, STOPPED, Assignment, Event, Limits, Outcome

_WORDS = "It is a small shop, and its login forgets who you are after a minute. "
_QUICK = "quick"
_ROLE = Role("builder", "builds", "You build. " * 100, writes=True)


def script(turns: int, latency: float) -> list[dict[str, Any]]:
    """A conversation: `turns` answers, the last without a tool."""
    calls = [
        {"name": "read", "input": {"path": "a.py"}},
        {"name": "edit", "input": {"path": "a.py", "old": "TTL = ", "new": "TTL =  "}},
        {"name": "list", "input": {}},
    ]
    said = [
        {"text": _WORDS * 3, "tools": [calls[turn % 3]], "wait": latency}
        for turn in range(turns - 1)
    ]
    return [*said, {"text": _WORDS, "wait": latency}]


def conversations(turns: int, latency: float) -> dict[str, Any]:
    """As asked for, and one that answers at once."""
    quick = {"name": "quick", "when": _QUICK, "turns": script(turns, 0)}
    return {"conversations": [quick], "turns": script(turns, latency)}


def assignment(top: Path, own_dir: Path, number: int, round_: str, turns: int = 0) -> Assignment:
    log = own_dir / "logs" / f"{round_}-{number}.jsonl"
    return Assignment(
        "run", f"task-{number}", _ROLE, f"Make the login remember, {round_}.", top, own_dir,
        "mark", log,
        limits=Limits(wall=600, stall=60, turns=turns),
    )  # fmt: skip


def at_once(tops: list[Path], own_dir: Path, round_: str, turns: int = 0) -> float:
    """Seconds for one agent in each folder, all at once, in a thread each. turns: their limit."""
    from gitcoord.runtime.api.loop import run_api

    outcomes: list[Outcome] = []

    def hear(_: Event) -> None:
        pass

    def work(number: int, top: Path) -> None:
        outcomes.append(run_api(assignment(top, own_dir, number, round_, turns), hear))

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(tops)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    assert len(outcomes) == len(tops) and all(one.state in (DONE, STOPPED) for one in outcomes), (
        outcomes[:1]
    )
    return took


def repository(folder: Path, agents: int) -> tuple[list[Path], Path]:
    """A repository with a folder per agent, and its `.git/agentcoord`."""
    subprocess.run(["git", "init", "-q", folder], check=True)
    tops = [folder / f"w{number}" for number in range(agents)]
    for top in tops:
        top.mkdir()
        (top / "a.py").write_text("import time\n\nTTL = 60\n" + "x = 1\n" * 100)
    own_dir = folder / ".git" / "agentcoord"
    (own_dir / "logs").mkdir(parents=True)
    return tops, own_dir


def measure(agents: int, turns: int, latency: float, rounds: int) -> None:
    begun = time.perf_counter()
    import anthropic  # noqa: F401

    imported = time.perf_counter() - begun
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "script.json"
        file.write_text(json.dumps(conversations(turns, latency)))
        server = subprocess.Popen(
            [sys.executable, "-m", "gitcoord.testing.server", "--script", str(file), "--keep", "1"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stdout
            port = int(server.stdout.readline())
            os.environ |= {
                "ANTHROPIC_API_KEY": "made-up",
                "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}",
            }
            tops, own_dir = repository(folder / "r", agents)
            at_once(tops[:1], own_dir, "warm")
            ones, alls, starts, busy, quick = [], [], [], [], []
            for round_ in range(rounds):
                quick.append(at_once(tops[:1], own_dir, f"{_QUICK}-{round_}") / turns * 1000)
                ones.append(at_once(tops[:1], own_dir, f"one-{round_}"))
                starts.append(at_once(tops, own_dir, f"start-{round_}", turns=1) - latency)
                cpu = time.process_time()
                alls.append(at_once(tops, own_dir, f"all-{round_}"))
                busy.append((time.process_time() - cpu) / agents / turns * 1000)
        finally:
            server.kill()
            server.wait()
    one, every, start = map(statistics.median, (ones, alls, starts))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = [
        ("import anthropic, once per host", f"{imported * 1000:.0f} ms", ""),
        ("a turn where the model answers at once", f"{statistics.median(quick):.1f} ms", ""),
        (f"1 agent x {turns} turns", f"{one:.2f} s", ""),
        (f"{agents} agents x {turns} turns", f"{every:.2f} s", f"{every / one:.2f}x of one"),
        (f"{agents} agents x 1 turn, beyond the model's", f"{start:.2f} s", "their start-up"),
        (
            "without their start-up",
            f"{every - start:.2f} s",
            f"{(every - start) / one:.2f}x of one",
        ),
        (
            f"processor time of the host, {agents} at once",
            f"{statistics.median(busy):.1f} ms a turn",
            "",
        ),
        ("memory of the host at its most", f"{memory:.0f} MB", ""),
    ]
    print(f"median of {rounds}, the model answers after {latency * 1000:.0f} ms")
    for what, figure, ratio in rows:
        print(f"| {what:44} | {figure:14} | {ratio:20} |")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    words.add_argument("--agents", type=int, default=50)
    words.add_argument("--turns", type=int, default=10)
    words.add_argument("--latency", type=float, default=0.2)
    words.add_argument("--rounds", type=int, default=3)
    given = words.parse_args()
    measure(given.agents, given.turns, given.latency, given.rounds)


if __name__ == "__main__":
    main()
