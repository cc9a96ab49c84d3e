"""`kill -9`, Ctrl-C and two at once: the train goes on where it was, and blames nobody for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gitcoord.reviews.review import read_review
from gitcoord.reviews.train.run import run_train
from gitcoord.reviews.train.train import LANDED, find_train
from tests.calling import PROGRAM, gitcoord, installed
from tests.conftest import Sandbox
from tests.reviews.train.trains import MAIN, how, repository, waiting

FIRST = (20, 28)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of a test, ended with it."""
    processes: list[subprocess.Popen[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(sandbox: Sandbox, command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [PROGRAM, "train", "run", "--check", command, "--json"],
        cwd=sandbox.path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def until(true: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def slow(folder: Path) -> str:
    """A check that notes its tree and its process, and waits while `go` is not there."""
    return (
        f"git rev-parse HEAD^{{tree}} >> {folder}/trees; echo $$ >> {folder}/pids; "
        f"while [ ! -e {folder}/go ]; do sleep 0.05; done; ! grep -rl BAD changes"
    )


def lines(file: Path) -> list[str]:
    return file.read_text().split() if file.exists() else []


def lives(pid: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_killed_while_a_check_runs_it_goes_on_and_says_what_was_interrupted(
    sandbox: Sandbox, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    made = waiting(sandbox, 2, bad={1})
    process = start(sandbox, slow(tmp_path))
    started.append(process)
    until(lambda: lines(tmp_path / "pids"))
    # A check is noted once it has begun.
    until(lambda: gitcoord("train", "status", "--json", at=sandbox.path).json[0]["running"])
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not any(map(lives, lines(tmp_path / "pids"))))
    [status] = gitcoord("train", "status", "--json", at=sandbox.path).json
    assert status["state"] == "interrupted" and status["running"][0]["stack"][0] == made[0].id
    said = gitcoord("train", "status", at=sandbox.path).out
    assert "was checking" in said and said.rstrip().splitlines()[-1].endswith("gitcoord train run")
    (tmp_path / "go").touch()
    again = installed("train", "run", "--check", slow(tmp_path), "--json", at=sandbox.path)
    assert [one["review"] for one in again.json["landed"]] == [made[0].id]
    assert [one["review"] for one in again.json["culprits"]] == [made[1].id]


@pytest.mark.parametrize("first", FIRST)
def test_killed_at_any_instant_it_goes_on_and_repeats_no_finished_check(
    sandbox: Sandbox, tmp_path: Path, first: int
) -> None:
    """Each run dies some git processes later than the one before it, until one gets through."""
    made = waiting(sandbox, 3, bad={1})
    repo = repository(sandbox)
    command = f"git rev-parse HEAD^{{tree}} >> {tmp_path}/trees; ! grep -rl BAD changes"
    deaths = 0
    for life in range(first, 600, 17):
        if _run_for(life, sandbox, command):
            break
        deaths += 1
        for one in made:
            merged = read_review(repo, one.id).state == "merged"
            assert merged == (f"changes/c{one.title[-1]}.txt" in sandbox.git(
                "ls-tree", "-r", "--name-only", "main"
            ).split())  # fmt: skip
    assert deaths > 3
    assert [read_review(repo, one.id).state for one in made] == ["merged", "open", "merged"]
    train = find_train(repo, MAIN)
    assert train.queue == () and train.run is None
    states = [(one["review"], one["state"]) for one in train.outcomes]
    assert sorted(states) == sorted((one.id, "culprit" if one is made[1] else "landed")
                                    for one in made)  # fmt: skip
    assert sandbox.git("status", "--porcelain") == ""
    # A check that was under way when its train died is begun again; what was answered is not.
    runs = lines(tmp_path / "trees")
    assert len(runs) <= 6 + deaths


def _run_for(life: int, sandbox: Sandbox, command: str) -> bool:
    """Whether a run, in a process of its own, ended before it had started `life` processes."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1] == 0
    real = subprocess.Popen.__init__
    begun: list[int] = []

    def counted(self: subprocess.Popen[bytes], *given: object, **named: object) -> None:
        begun.append(1)
        if len(begun) > life:
            os.kill(os.getpid(), signal.SIGKILL)
        real(self, *given, **named)  # type: ignore[call-overload]

    subprocess.Popen.__init__ = counted  # type: ignore[assignment, method-assign]
    code = 1
    try:
        run_train(repository(sandbox), MAIN, how(command))
        code = 0
    finally:
        os._exit(code)


def test_two_at_once_one_is_told_who_holds_it(
    sandbox: Sandbox, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    waiting(sandbox, 1)
    process = start(sandbox, slow(tmp_path))
    started.append(process)
    until(lambda: lines(tmp_path / "pids"))
    other = installed("train", "run", "--check", "true", at=sandbox.path)
    assert other.code == 2 and f"process {process.pid}" in other.err
    assert other.err.rstrip().endswith("gitcoord train status")
    assert gitcoord("train", "status", "--json", at=sandbox.path).json[0]["state"] == "at work"
    (tmp_path / "go").touch()
    out, _ = process.communicate(timeout=20)
    assert len(json.loads(out)["landed"]) == 1


def test_case_117_ctrl_c_ends_the_checks_and_says_how_to_go_on(
    sandbox: Sandbox, tmp_path: Path, started: list[subprocess.Popen[bytes]]
) -> None:
    waiting(sandbox, 1)
    process = start(sandbox, slow(tmp_path))
    started.append(process)
    until(lambda: lines(tmp_path / "pids"))
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and b"gitcoord train run" in err and b"Traceback" not in err
    until(lambda: not any(map(lives, lines(tmp_path / "pids"))))
    (tmp_path / "go").touch()
    assert len(run_train(repository(sandbox), MAIN, how()).of(LANDED)) == 1
