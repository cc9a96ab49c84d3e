"""kill -9 at any instant of a landing: settled afterwards, and said so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_case_94_a_landing_killed_at_any_instant(prepared: Path, tmp_path: Path) -> None:
    task = {
        "top": str(tmp_path), "prepared": str(prepared), "steps": True, "random": 12, "seed": 7,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.reviews.landing.dying"],
        cwd=Path(__file__).parents[3],
        input=json.dumps(task).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    assert said["found"] == []
    assert said["steps"] >= 8
