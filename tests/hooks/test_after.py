from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitcoord.config import Config
from gitcoord.conflicts.edits import who_edits
from gitcoord.errors import Refused
from gitcoord.git.repository import Repository
from gitcoord.hooks.after import LEASE, note, work, write_log
from gitcoord.hooks.install import install
from gitcoord.process import hold, is_held
from gitcoord.reviews.verdicts.verdict import list_verdicts
from gitcoord.worktrees.kinds import Kind
from gitcoord.worktrees.start import Wish, plan_start, start
from tests.conftest import Sandbox

KIND = Kind("development", "", (), (), writes=True, source=Path("development.toml"))

CHILD = """
import sys, pathlib
from gitcoord.hooks.after import note, work
own, folder, seen = map(pathlib.Path, sys.argv[1:])
def look(folder):
    with seen.open("a") as file:
        file.write(f"{folder}\\n")
note(own, folder)
work(own, look, quiet=0.4, log=print)
"""


def test_each_folder_is_looked_at_once(tmp_path: Path) -> None:
    for name in ("a", "b", "a", "a"):
        (tmp_path / name).mkdir(exist_ok=True)
        note(tmp_path, tmp_path / name)
    seen: list[Path] = []
    work(tmp_path, seen.append, quiet=0, log=print)
    assert seen == [tmp_path / "a", tmp_path / "b"]
    work(tmp_path, seen.append, quiet=0, log=print)
    assert len(seen) == 2


def test_of_many_processes_one_looks_once(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    argv = [sys.executable, "-c", CHILD, str(tmp_path), str(tmp_path), str(seen)]
    children = [subprocess.Popen(argv) for _ in range(5)]
    assert [child.wait() for child in children] == [0] * 5
    assert seen.read_text().splitlines() == [str(tmp_path)]


def test_what_is_committed_meanwhile_is_looked_at_next(tmp_path: Path) -> None:
    later = tmp_path / "later"
    later.mkdir()
    seen: list[Path] = []

    def look(folder: Path) -> None:
        if not seen:
            note(tmp_path, later)
        seen.append(folder)

    note(tmp_path, tmp_path)
    work(tmp_path, look, quiet=0, log=print)
    assert seen == [tmp_path, later]


def test_it_waits_until_things_are_quiet(tmp_path: Path) -> None:
    note(tmp_path, tmp_path)
    noted = time.time()
    when: list[float] = []
    work(tmp_path, lambda _: when.append(time.time()), quiet=0.2, log=print)
    assert when[0] - noted >= 0.15


def test_who_is_second_goes_at_once_and_leaves_its_note(tmp_path: Path) -> None:
    note(tmp_path, tmp_path)
    seen: list[Path] = []
    with hold(tmp_path, LEASE):
        work(tmp_path, seen.append, quiet=0, log=print)
    assert seen == []
    work(tmp_path, seen.append, quiet=0, log=print)
    assert seen == [tmp_path]


def test_no_note_is_lost_while_others_are_taken(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(400)]
    for folder in folders:
        folder.mkdir()
    seen: list[Path] = []

    def look_all() -> None:
        work(tmp_path, seen.append, quiet=0, log=print)

    with ThreadPoolExecutor(4) as pool:
        noting = [pool.submit(note, tmp_path, folder) for folder in folders]
        while not all(one.done() for one in noting):
            look_all()
    look_all()
    assert {*seen} == {*folders}


KILLED = """
import sys, pathlib, time
from gitcoord.hooks.after import note, work
own, seen = map(pathlib.Path, sys.argv[1:])
def look(folder):
    seen.write_text("x")
    time.sleep(60)
note(own, own)
work(own, look, quiet=0, log=print)
"""


def test_what_a_killed_process_did_not_get_to_the_next_one_looks_at(tmp_path: Path) -> None:
    started = tmp_path / "seen"
    child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path), str(started)])
    while not started.exists() or not started.read_text():
        time.sleep(0.01)
    child.kill()
    child.wait()
    seen: list[Path] = []
    work(tmp_path, seen.append, quiet=0, log=print)
    assert seen == [tmp_path]
    work(tmp_path, seen.append, quiet=0, log=print)
    assert seen == [tmp_path]


def test_what_goes_wrong_stands_in_the_log_and_stops_nothing(tmp_path: Path) -> None:
    lines: list[str] = []
    folders = [tmp_path / name for name in ("a", "b", "gone", "c")]
    for folder in folders:
        folder.mkdir()
        note(tmp_path, folder)
    folders[2].rmdir()
    seen: list[Path] = []

    def look(folder: Path) -> None:
        seen.append(folder)
        if folder.name == "a":
            raise Refused("no room")
        if folder.name == "b":
            raise RuntimeError("a bug")

    work(tmp_path, look, quiet=0, log=lines.append)
    assert [one.name for one in seen] == ["a", "b", "c"]
    assert lines == [f"{folders[0]}: no room", f"{folders[1]}: RuntimeError: a bug"]


@pytest.mark.parametrize("name", [b"a b", b"new\nline", b"\xff"])
def test_names_in_any_bytes(tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    note(tmp_path, folder)
    seen: list[Path] = []
    work(tmp_path, seen.append, quiet=0, log=print)
    assert seen == [folder]


def test_the_log_starts_anew_when_it_is_full(tmp_path: Path) -> None:
    for number in range(30):
        write_log(tmp_path, f"line {number}\x1b[31m", largest=500)
    log = tmp_path / "logs/hooks.log"
    assert log.stat().st_size <= 600 and "line 29" in log.read_text()
    assert "\x1b" not in log.read_text()
    assert log.stat().st_mode & 0o077 == 0
    assert (tmp_path / "logs/hooks.log.1").exists()


def test_a_commit_in_a_worktree_of_ours_is_validated_in_the_background(sandbox: Sandbox) -> None:
    repo = Repository.find(sandbox.path)
    settings = repo.own_dir / "config.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text("[hooks]\nquiet_seconds = 0\n")
    tree = start(repo, plan_start(repo, Wish(KIND, "one thing"), Config()))
    install(repo, here=False)
    sandbox.commit("mine", {"main.py": "x = 1\n"})
    head = sandbox.commit("theirs", {"a.py": "x = 1\n"}, at=tree.path)
    for _ in range(600):
        judged = list_verdicts(repo, commit=head)
        if len(judged) == 4:
            break
        time.sleep(0.05)
    assert {one.state for one in judged} == {"approved"}
    assert {one.commit for one in list_verdicts(repo)} == {head}
    while is_held(repo.own_dir, LEASE):
        time.sleep(0.02)
    assert who_edits(repo.own_dir, "a.py") is not None
    assert not (repo.own_dir / "logs/hooks.log").exists()
