"""kill -9 at any instant: the next command completes what was begun or takes it back and says
so, and `doctor --fix` ends with nothing lost and nothing half-made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIOS = {
    "start": 6,
    "start with changes": 6,
    "remove": 10,
    "undo": 8,
    "park": 5,
    "unpark": 5,
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_case_33_and_58_killed_at_any_instant(
    prepared: Path, tmp_path: Path, scenario: str
) -> None:
    """Before every step that changes anything, and at 40 random instants over all scenarios."""
    task = {
        "scenario": scenario, "top": str(tmp_path), "prepared": str(prepared),
        "steps": True, "random": SCENARIOS[scenario], "seed": 7,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.worktrees.dying"],
        cwd=Path(__file__).parents[2],
        input=json.dumps(task).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    assert said["found"] == []
    assert said["steps"] >= 5
