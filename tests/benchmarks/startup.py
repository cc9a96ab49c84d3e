"""What a command costs before it does anything: python -m tests.benchmarks.startup

Against an empty Python (`python -I -c pass`) in the same, interleaved run. Ends with 1 if
`gitcoord --version` takes more than three times that.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.timing import machine, medians, table

PROGRAM = Path(sys.executable).with_name("gitcoord")
EMPTY = "python -I -c pass"
LIMIT = 3.0
CALLS = {
    "gitcoord --version": ["--version"],
    "gitcoord --help": ["--help"],
    "gitcoord config list": ["config", "list"],
    "gitcoord config --help": ["config", "--help"],
}


def modules(words: list[str], at: Path) -> int:
    """How many modules one call imports, those of Python's own start included."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words], cwd=at, capture_output=True, text=True
    )
    return sum(line.startswith("import time:") for line in done.stderr.splitlines()) - 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=41)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        subprocess.run(["git", "init", "-q", folder], check=True)
        words = {EMPTY: ["-I", "-c", "pass"]} | {
            name: [str(PROGRAM), *call] for name, call in CALLS.items()
        }
        commands = {
            name: [sys.executable, *call] if name == EMPTY else call for name, call in words.items()
        }
        taken = medians(commands, rounds=rounds, at=at)
        counts = {name: modules(call, at) for name, call in words.items()}
    rows = [
        [f"`{name}`", f"{ms:.1f} ms", f"{ms / taken[EMPTY]:.2f}x", str(counts[name])]
        for name, ms in taken.items()
    ]
    print(f"Medians of {rounds} interleaved runs; {machine()}\n")
    print(table(["call", "median", "of an empty Python", "modules"], rows))
    return int(taken["gitcoord --version"] > LIMIT * taken[EMPTY])


if __name__ == "__main__":
    sys.exit(main())
