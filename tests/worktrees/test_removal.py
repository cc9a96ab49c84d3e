"""Removing: what is there at the last moment is kept, whoever else is at work meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitcoord.errors import Contended, NoSuch, Problem, Refused
from gitcoord.git.repository import Repository
from gitcoord.worktrees import removal as removing
from gitcoord.worktrees.aside import move_aside
from gitcoord.worktrees.losses import Removal
from gitcoord.worktrees.removal import remove
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.holding import bring, files_in, held, make, plan, seen, take_away

CALL = [sys.executable, "-c", "from gitcoord.main import main; main()"]
# Imported first: nobody may not read where root has its Python.
AS_NOBODY = """
import os, gitcoord.commands.verbs, gitcoord.commands.worktrees, gitcoord.view.screen
import difflib, encodings.ascii, filecmp, psutil, tempfile, tomli_w, tomllib
from gitcoord.main import main
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
main()
"""
WRITER = """
import os, sys, time
top, number = sys.argv[1], 0
print("ready", flush=True)
try:
    while os.path.exists(os.path.join(top, ".git")):
        for name in (f"new-{number}", "README.md", f"run-{number}.log", f"deep/{number}/x"):
            os.makedirs(os.path.dirname(os.path.join(top, name)), exist_ok=True)
            with open(os.path.join(top, name), "w") as file:
                file.write(str(number))
            print(name, number, flush=True)
            time.sleep(0.001)  # in memory it would write tens of thousands of files
        number += 1
except OSError:
    pass
"""


def test_nothing_written_before_the_rename_is_lost(sandbox: Sandbox, tmp_path: Path) -> None:
    """An editor or an agent saves files, ignored ones too, all the while."""
    worktree = make(sandbox)
    log = tmp_path / "written"
    with (
        log.open("w") as out,
        subprocess.Popen(
            [sys.executable, "-c", WRITER, worktree.path], stdout=out, cwd="/"
        ) as writer,
    ):
        while "new-3 " not in log.read_text():
            time.sleep(0.005)
        try:
            said = gitcoord("remove", "--force", worktree.id, at=sandbox.path)
            writer.wait(10)
        finally:
            writer.kill()
    assert said.code == 0, said.err
    if worktree.path.exists():
        worktree.path.rename(tmp_path / "made anew")
    bring(sandbox, worktree.id)
    last: dict[str, str] = {}
    for line in log.read_text().splitlines()[1:]:
        name, number = line.split()
        last[name] = number
    assert len(last) > 10
    for name, number in last.items():
        there = [top / name for top in (worktree.path, tmp_path / "made anew")]
        texts = [file.read_text() for file in there if file.exists()]
        # One that is written again and again may have been cut short for the next time.
        assert number in texts or (name == "README.md" and texts), name


def test_a_folder_made_anew_at_its_place_stays(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever still writes there by its path; git forgets the worktree all the same."""
    worktree = make(sandbox)
    secure = removing._secure

    def and_write(repo: Repository, *args: object) -> None:
        sandbox.write("late", "x", worktree.path)
        secure(repo, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(removing, "_secure", and_write)
    take_away(sandbox, worktree.id)
    monkeypatch.undo()
    assert os.listdir(worktree.path) == ["late"]
    assert worktree.path.name not in sandbox.git("worktree", "list")
    said = gitcoord("undo", at=sandbox.path)
    assert said.code == 2 and "--path" in said.err
    assert gitcoord("doctor", at=sandbox.path).code == 0


def test_an_ignored_file_that_came_late_is_kept(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    looked_at = plan(sandbox, worktree.id)
    sandbox.write(".env", "late", worktree.path)
    remove(Repository.find(sandbox.path), looked_at, force=True)
    bring(sandbox)
    assert (worktree.path / ".env").read_text() == "late"


@pytest.mark.parametrize("what", ["commit", "switch"])
def test_case_98_and_106_what_changed_since_it_was_looked_at_is_not_removed(
    sandbox: Sandbox, what: str
) -> None:
    worktree = make(sandbox)
    looked_at = plan(sandbox, worktree.id)
    if what == "commit":
        sandbox.commit("late", {"x": "1"}, at=worktree.path)
    else:
        sandbox.git("switch", "-q", "-c", "other", at=worktree.path)
    with pytest.raises(Contended, match="nothing was removed"):
        remove(Repository.find(sandbox.path), looked_at, force=False)
    assert worktree.path.is_dir()


def test_case_106_a_branch_that_moves_meanwhile_stays(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree = make(sandbox)
    secure = removing._secure

    def and_commit(repo: Repository, *args: object) -> None:
        sandbox.git("commit", "-q", "--allow-empty", "-m", "late", at=args[1])  # type: ignore[arg-type]
        secure(repo, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(removing, "_secure", and_commit)
    take_away(sandbox, worktree.id)
    assert sandbox.git("log", "-1", "--format=%s", str(worktree.branch)) == "late"
    bring(sandbox)
    assert sandbox.git("log", "-1", "--format=%s", at=worktree.path) == "late"


def test_case_105_a_branch_checked_out_twice_stays(sandbox: Sandbox, tmp_path: Path) -> None:
    worktree = make(sandbox)
    sandbox.git("worktree", "add", "-q", "--force", str(tmp_path / "twice"), str(worktree.branch))
    take_away(sandbox, worktree.id)
    assert sandbox.git("log", "-1", "--format=%an", at=tmp_path / "twice") == "Ada Tester"


def test_case_55_two_processes_remove_the_same_one(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    both = [
        subprocess.Popen(
            [*CALL, "remove", "--force", worktree.id],
            cwd=sandbox.path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]  # fmt: skip
    said = [one.communicate() for one in both]
    assert sorted(one.returncode for one in both) == [0, 2], said
    assert not any(b"Traceback" in err for _, err in said)
    bring(sandbox)
    assert held(sandbox, worktree.path) == before
    assert gitcoord("doctor", at=sandbox.path).code == 0


def test_a_second_removal_of_what_is_gone(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    looked_at = plan(sandbox, worktree.id)
    take_away(sandbox, worktree.id)
    with pytest.raises(NoSuch, match="removed meanwhile"):
        remove(Repository.find(sandbox.path), looked_at, force=True)


def test_case_108_a_global_prune_while_the_folder_is_renamed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    secure = removing._secure

    def and_prune(repo: Repository, *args: object) -> None:
        sandbox.git("worktree", "prune", "--expire=now")
        secure(repo, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(removing, "_secure", and_prune)
    take_away(sandbox, worktree.id)
    bring(sandbox)
    assert held(sandbox, worktree.path) == before


def test_a_failure_before_git_forgets_it_puts_everything_back(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here: the disk is full when ignored files are moved aside."""
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    sandbox.write(".env", "y", worktree.path)
    sandbox.write("a.log", "z", worktree.path)
    before, refs = held(sandbox, worktree.path), sandbox.git("for-each-ref")

    def full(top: Path, aside: Path, names: tuple[str, ...]) -> None:
        move_aside(top, aside, names[:1])
        raise OSError(28, "No space left on device", str(aside))

    monkeypatch.setattr("gitcoord.worktrees.removal.move_aside", full)
    with pytest.raises(Problem, match=r"not removed, it could not be kept safe: .*No space"):
        take_away(sandbox, worktree.id)
    monkeypatch.undo()
    assert held(sandbox, worktree.path) == before
    assert seen(sandbox, worktree.id).state == "live"
    assert "trash" not in sandbox.git("for-each-ref")
    assert sandbox.git("for-each-ref", "refs/heads") in refs
    assert gitcoord("doctor", at=sandbox.path).code == 0


def test_a_process_that_came_to_live_in_it_stops_the_removal(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    looked_at = plan(sandbox, worktree.id)
    with subprocess.Popen(["sleep", "60"], cwd=worktree.path / "src") as living:
        try:
            with pytest.raises(Refused, match="came to live in it"):
                remove(Repository.find(sandbox.path), looked_at, force=True)
        finally:
            living.kill()
    assert seen(sandbox, worktree.id).state == "live"
    assert gitcoord("remove", worktree.id, at=sandbox.path).code == 0


def test_case_109_on_another_file_system_than_the_repository(sandbox: Sandbox) -> None:
    """What is kept aside is copied then, whole, with its times and permissions."""
    here = sandbox.path.stat().st_dev
    places = [one for one in map(Path, ("/dev/shm", "/var/tmp", "/tmp")) if one.is_dir()]
    elsewhere = next((one for one in places if one.stat().st_dev != here), None)
    if elsewhere is None:
        pytest.skip("no second file system here")
    place = elsewhere / f"gitcoord-test-{os.getpid()}" / "tree"
    try:
        worktree = make(sandbox, path=place)
        sandbox.write(".env", "x", place).chmod(0o600)
        (place / ".gitignore").write_text("data/\n*.log\n.env\n")
        sandbox.write("data/deep/file", "y", place)
        (place / "data" / "link").symlink_to("deep/file")
        os.mkfifo(place / "data" / "pipe")
        os.utime(place / "data" / "deep" / "file", (1_000_000, 1_000_000))
        before = held(sandbox, place).files
        take_away(sandbox, worktree.id)
        assert not place.exists()
        bring(sandbox)
        assert held(sandbox, place).files == {
            name: one for name, one in before.items() if name != b"data/pipe"
        }
        assert (place / "data" / "deep" / "file").stat().st_mtime == 1_000_000
        assert gitcoord("doctor", at=sandbox.path).code == 0
    finally:
        subprocess.run(["rm", "-rf", place.parent], check=True)


def test_case_109_read_only_folders_are_deleted(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    for name in ("locked/inner/file", "build/cache/file"):
        sandbox.write(name, "x", worktree.path)
    for folder in ("locked/inner", "locked", "build/cache", "build"):
        (worktree.path / folder).chmod(0o555)
    before = files_in(worktree.path)
    take_away(sandbox, worktree.id)
    assert not worktree.path.parent.exists()
    bring(sandbox)
    assert files_in(worktree.path) == {
        name: one for name, one in before.items() if not name.startswith(b"build/")
    }


def test_case_109_a_folder_that_cannot_be_listed_is_not_deleted_unseen(sandbox: Sandbox) -> None:
    """git passes over it in silence, so nobody has seen what is in it."""
    worktree = make(sandbox)
    if not all(one.stat().st_mode & 0o001 for one in Path(sys.executable).parents):
        pytest.skip("nobody may not read this Python")
    sandbox.write("closed/file", "work", worktree.path)
    (worktree.path / "closed").chmod(0)
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", "65534", sandbox.path.parent], check=True)
        for parent in sandbox.path.parents[:-2]:
            parent.chmod(parent.stat().st_mode | 0o011)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "remove", "--force", worktree.id],
        cwd=sandbox.path, capture_output=True, check=False,
    )  # fmt: skip
    (left,) = [*worktree.path.parent.parent.rglob("closed")]
    left.chmod(0o755)
    assert done.returncode == 2 and b"could not be deleted whole" in done.stderr, done.stderr
    assert (left / "file").read_text() == "work"


def test_a_long_name_is_renamed_all_the_same(sandbox: Sandbox, tmp_path: Path) -> None:
    worktree = make(sandbox, path=tmp_path / ("n" * 250))
    take_away(sandbox, worktree.id)
    assert bring(sandbox).path == worktree.path


def test_findings_outlive_the_worktree_and_its_trash(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    name = f".agentcoord/{worktree.id}/findings/one.md"
    sandbox.commit("finding", {name: "it is the cache\n"}, at=worktree.path)
    assert plan(sandbox, worktree.id).losses == ()
    take_away(sandbox, worktree.id, force=False)
    assert gitcoord("trash", "empty", "--all", "--yes", at=sandbox.path).code == 0
    ref = f"refs/agentcoord/findings/{worktree.id}"
    assert sandbox.git("show", f"{ref}:findings/one.md") == "it is the cache"


def test_a_removal_is_a_value(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    assert plan(sandbox, worktree.id) == plan(sandbox, worktree.id)
    assert isinstance(plan(sandbox, worktree.id), Removal)
