"""What 500 roles cost: python -m tests.benchmarks.roles

Five hundred files made from the shipped ones by variation, in .claude/agents of a repository.
Each line is a process of its own, against an empty Python (`python -I -c pass`) in the same,
interleaved run. Ends with 1 if listing, looking up and ranking by capability take more than
50 ms beside that.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gitcoord.config import shipped
from tests.benchmarks.timing import machine, medians, table

PROGRAM = Path(sys.executable).with_name("gitcoord")
EMPTY = "python -I -c pass"
WHOLE = "list, look up, rank by capability"
LIMIT_MS = 50.0
COUNT = 500
_OPEN = (
    "import gc\ngc.set_threshold(50_000)\n"  # as main does
    "from pathlib import Path\n"
    "from gitcoord.git.repository import Repository\n"
    "here = Path().resolve()\n"
    "repo = Repository(here, here / '.git', here / '.git', 'sha1')\n"
)
_WORK = (
    "from gitcoord.runs.roles import read_roles, whole\n"
    "roles = read_roles(repo)\n"
    "assert len(roles.counting) > 500 and whole(roles.find('analyst-0')).prompt\n"
    "from gitcoord.runs.picking import pick\n"
    "assert pick(roles.counting, 'the orders query is slow', ['database'], {})\n"
)
_COLD = (
    "from pathlib import Path\nPath('.git/agentcoord/cache/roles.json').unlink(missing_ok=True)\n"
)
INSIDE = {
    "list": _OPEN
    + "from gitcoord.runs.roles import list_roles\nassert len(list_roles(repo)) > 500",
    WHOLE: _OPEN + _WORK,
    "the same without the index": _COLD + _OPEN + _WORK,
}
CALLS = {
    "gitcoord config list": ["config", "list"],
    "gitcoord agents list": ["agents", "list"],
    "gitcoord agents show": ["agents", "show", "analyst-0"],
    "gitcoord agents pick": ["agents", "pick", "the orders query is slow"],
}


def make(at: Path) -> None:
    """COUNT roles, each with words of its own in name and description."""
    folder = at / ".claude" / "agents"
    folder.mkdir(parents=True)
    originals = sorted((shipped("templates") / "agents").glob("*.md"))
    for number in range(COUNT):
        original = originals[number % len(originals)]
        text = original.read_text("utf-8").replace(
            f"name: {original.stem}", f"name: {original.stem}-{number}"
        )
        text = text.replace(
            "description: ", f"description: Number {number} of topic{number % 37}. "
        )
        (folder / f"{original.stem}-{number}.md").write_text(text, "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder).resolve()
        subprocess.run(["git", "init", "-q", folder], check=True)
        make(at)
        time.sleep(2.1)  # what changed just now is not remembered
        python = sys.executable
        commands: dict[str, list[str | Path]] = {EMPTY: [python, "-I", "-c", "pass"]}
        commands |= {name: [python, "-c", code] for name, code in INSIDE.items()}
        commands |= {name: [PROGRAM, *call] for name, call in CALLS.items()}
        taken = medians(commands, rounds=rounds, at=at)
    rows = [[name, f"{ms:.1f} ms", f"{ms - taken[EMPTY]:.1f} ms"] for name, ms in taken.items()]
    print(f"{COUNT} roles; medians of {rounds} interleaved runs; {machine()}\n")
    print(table(["what", "median", "beside an empty Python"], rows))
    return int(taken[WHOLE] - taken[EMPTY] > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
