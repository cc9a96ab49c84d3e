"""Leases, the processes in a folder, and the end of a tree of them."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from gitcoord.errors import BadInput, Contended, Problem
from gitcoord.process import cores, end_tree, hold, is_held, processes_in

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts Python with a program and arguments; whatever lives at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *argv: object, **more: object) -> subprocess.Popen[str]:
        one = subprocess.Popen(  # type: ignore[call-overload]
            [sys.executable, "-c", code, *map(str, argv)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **more,
        )
        started.append(one)
        return one  # type: ignore[no-any-return]

    yield start
    for one in started:
        one.kill()
        one.communicate()


HOLD = """
import sys
from pathlib import Path
from gitcoord.process import hold
lease = hold(Path(sys.argv[1]), "run-7q3f")
print("held", flush=True)
sys.stdin.read()
"""


def test_a_lease_is_held_until_it_is_released(tmp_path: Path) -> None:
    assert not is_held(tmp_path, "run-7q3f")
    with hold(tmp_path, "run-7q3f") as lease:
        assert is_held(tmp_path, "run-7q3f")
        said = tomllib.loads(lease.path.read_text())
        assert said["pid"] == os.getpid() and said["command"]
        with pytest.raises(Contended, match=f"process {os.getpid()} on "):
            hold(tmp_path, "run-7q3f")
    assert not is_held(tmp_path, "run-7q3f")
    assert not lease.path.exists()
    hold(tmp_path, "run-7q3f").release()


def test_case_56_a_killed_holder_holds_nothing(tmp_path: Path, start: Start) -> None:
    holder = start(HOLD, tmp_path)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    assert is_held(tmp_path, "run-7q3f")
    with pytest.raises(Contended, match=f"process {holder.pid} on "):
        hold(tmp_path, "run-7q3f")
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "leases" / "run-7q3f.toml").exists()
    assert not is_held(tmp_path, "run-7q3f")
    hold(tmp_path, "run-7q3f").release()


def test_a_program_started_by_the_holder_does_not_keep_the_lease(
    tmp_path: Path, start: Start
) -> None:
    lease = hold(tmp_path, "run-7q3f")
    start("import sys; sys.stdin.read()", close_fds=False)
    lease.release()
    assert not is_held(tmp_path, "run-7q3f")


def test_a_lease_whose_file_was_removed_by_hand_takes_nobody_elses_with_it(tmp_path: Path) -> None:
    first = hold(tmp_path, "one")
    first.path.unlink()
    with hold(tmp_path, "one"):
        first.release()
        assert is_held(tmp_path, "one")


RACE = """
import os, sys, time
from pathlib import Path
from gitcoord.errors import Contended
from gitcoord.process import hold, is_held
own, mark = Path(sys.argv[1]), Path(sys.argv[1]) / "inside"
wins = 0
until = time.monotonic() + 20
while wins < 15 and time.monotonic() < until:
    try:
        lease = hold(own, "one")
    except Contended:
        continue
    fd = os.open(mark, os.O_CREAT | os.O_EXCL)  # fails when somebody else is inside
    assert is_held(own, "one")
    os.close(fd)
    mark.unlink()
    lease.release()
    wins += 1
print(wins)
"""


def test_two_holders_never_meet_though_the_file_comes_and_goes(
    tmp_path: Path, start: Start
) -> None:
    racers = [start(RACE, tmp_path) for _ in range(4)]
    assert [racer.communicate()[0] for racer in racers] == ["15\n"] * 4
    assert [racer.returncode for racer in racers] == [0] * 4


def test_a_check_does_not_keep_a_holder_away(tmp_path: Path, start: Start) -> None:
    asker = start(
        "import sys; from pathlib import Path; from gitcoord.process import is_held\n"
        "print('go', flush=True)\n"
        "while True: is_held(Path(sys.argv[1]), 'one')",
        tmp_path,
    )
    assert asker.stdout and asker.stdout.readline()
    for _ in range(200):
        hold(tmp_path, "one").release()


def test_a_check_that_cannot_answer_counts_as_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leases").mkdir()
    (tmp_path / "leases" / "loop.toml").symlink_to("loop.toml")
    assert is_held(tmp_path, "loop")

    hold(tmp_path, "gone").release()
    (tmp_path / "leases" / "gone.toml").touch()

    def no_locks(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert is_held(tmp_path, "gone")
    with pytest.raises(Problem, match="No locks available"):
        hold(tmp_path, "gone")


@pytest.mark.parametrize("name", ["../x", "a/b", "", "-x"])
def test_a_lease_is_on_an_id(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        is_held(tmp_path, name)


def test_a_lease_where_nothing_can_be_written_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "leases").write_text("in the way")
    with pytest.raises(Problem) as raised:
        hold(tmp_path, "one")
    assert "cannot take the lease" in raised.value.message


def test_case_101_the_shell_that_stands_in_a_folder_is_found(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "wörk \udcff\n"
    (folder / "below").mkdir(parents=True)
    here = start("import sys; print(1, flush=True); sys.stdin.read()", cwd=folder / "below")
    beside = tmp_path / (folder.name + "2")
    beside.mkdir()
    there = start("import sys; print(1, flush=True); sys.stdin.read()", cwd=beside)
    for one in (here, there):
        assert one.stdout and one.stdout.readline()
    found = processes_in(folder)
    assert [(one.pid, one.cwd) for one in found] == [(here.pid, (folder / "below").resolve())]


def test_we_ourselves_are_not_among_the_processes_in_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert processes_in(tmp_path) == []


STUBBORN = """
import signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = '''
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(1, flush=True)
time.sleep(60)
'''
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_case_50_the_children_of_a_stubborn_process_end_with_it(start: Start) -> None:
    parent = start(STUBBORN)
    assert parent.stdout
    child = int(parent.stdout.readline())
    end_tree(parent.pid, grace=0.05)
    assert parent.wait() == -signal.SIGKILL
    assert not _lives(child)


def test_case_50_what_a_dead_leader_left_in_its_group_ends(start: Start) -> None:
    leaver = start(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)",
        start_new_session=True,
    )
    assert leaver.stdout
    child = int(leaver.stdout.readline())
    leaver.wait()
    assert _lives(child)
    end_tree(leaver.pid, grace=2)
    assert not _lives(child)


def test_the_exit_code_is_left_for_who_started_the_process(start: Start) -> None:
    polite = start(
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print(1, flush=True)\n"
        "signal.pause()"
    )
    assert polite.stdout and polite.stdout.readline()
    end_tree(polite.pid, grace=5)
    assert polite.wait() == 7


def test_ending_what_is_gone_is_no_error(start: Start) -> None:
    gone = start("")
    gone.wait()
    end_tree(gone.pid, grace=0)


def test_there_is_at_least_one_core() -> None:
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_psutil_is_imported_only_where_it_is_used() -> None:
    code = "import sys, gitcoord.process as p; p.cores(); print('psutil' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
