"""What is predicted is written elsewhere, and what a killed process left of it is found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gitcoord.git.objects import Batch, Entry, Reader
from gitcoord.git.quarantine import find_abandoned_quarantines, put_objects, quarantine
from gitcoord.git.repository import Repository
from tests.calling import gitcoord
from tests.conftest import Sandbox

HOLD = """
import sys, time
from pathlib import Path
from gitcoord.git import quarantine as place
from gitcoord.git.quarantine import quarantine
from gitcoord.git.repository import Repository
place._IN_MEMORY = Path(sys.argv[2])
with quarantine(Repository.find(sys.argv[1])) as aside:
    print(dict(aside.overlay)["GIT_OBJECT_DIRECTORY"], flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in memory that other tests look for leftovers in."""
    (tmp_path / "memory").mkdir()
    monkeypatch.setattr("gitcoord.git.quarantine._IN_MEMORY", tmp_path / "memory")


def hold(sandbox: Sandbox) -> tuple[subprocess.Popen[str], Path]:
    memory = sandbox.path.parent / "memory"
    command = [sys.executable, "-c", HOLD, str(sandbox.path), str(memory)]
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


@pytest.mark.parametrize("count", [1, 100, 101, 3_000])
@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
def test_any_number_of_objects_is_there_for_git_to_read(
    tmp_path: Path, object_format: str, count: int
) -> None:
    place = tmp_path / "repo"
    subprocess.run(["git", "init", "-q", f"--object-format={object_format}", place], check=True)
    repo = Repository.find(place)
    batch = Batch(repo)
    bodies = [b"%d\n" % number * (number % 700) for number in range(count)]
    names = [batch.blob(body) for body in bodies]
    tree = batch.tree({b"f%d" % at: Entry("100644", name) for at, name in enumerate(names)})
    with quarantine(repo) as aside:
        put_objects(aside, batch)
        with Reader(aside) as reader:
            read = [found and found[2] for found in reader.find_all(names)]
        assert read == bodies
        listed = aside.run("ls-tree", "--name-only", tree).lines()
        packs = Path(dict(aside.overlay)["GIT_OBJECT_DIRECTORY"]).glob("pack/*.idx")
        for pack in packs:
            aside.run("verify-pack", str(pack))
    assert len(listed) == count
    assert "in-pack: 0" in repo.run("count-objects", "-v").lines()
