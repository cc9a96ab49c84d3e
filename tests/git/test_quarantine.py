"""What is predicted is written elsewhere, and what a killed process left of it is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from gitcoord.git.quarantine import find_abandoned_quarantines, quarantine
from gitcoord.git.repository import Repository
from tests.calling import gitcoord
from tests.conftest import Sandbox

HOLD = """
import sys, time
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
with quarantine(Repository.find(sys.argv[1])) as aside:
    print(dict(aside.overlay)["GIT_OBJECT_DIRECTORY"], flush=True)
    time.sleep(60)
"""


def hold(sandbox: Sandbox) -> tuple[subprocess.Popen[str], Path]:
    command = [sys.executable, "-c", HOLD, str(sandbox.path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip()).parent


def test_a_living_quarantine_is_nobodys_leftover(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    process, folder = hold(sandbox)
    with process, quarantine(repo):
        assert folder.is_dir()
        assert find_abandoned_quarantines(repo) == []
        process.kill()


def test_what_a_killed_process_left_is_found_and_deleted_by_doctor(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    process, folder = hold(sandbox)
    with process:
        process.send_signal(signal.SIGKILL)
    repo = Repository.find(sandbox.path)
    assert find_abandoned_quarantines(repo) == [folder]
    other = tmp_path / "other"
    sandbox.git("init", "-q", str(other))
    assert find_abandoned_quarantines(Repository.find(other)) == []
    assert "quarantine" in gitcoord("doctor", at=sandbox.path).out
    assert gitcoord("doctor", "--fix", at=sandbox.path).code == 0
    assert not folder.exists()
    assert find_abandoned_quarantines(repo) == []


def test_one_of_a_repository_that_may_be_gone_is_found_after_a_day(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    process, folder = hold(sandbox)
    with process:
        process.kill()
    os.utime(folder, (0, 0))
    other = tmp_path / "other"
    sandbox.git("init", "-q", str(other))
    assert folder in find_abandoned_quarantines(Repository.find(other))
    gitcoord("doctor", "--fix", at=other)
    assert not folder.exists()
