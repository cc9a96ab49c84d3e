"""doctor: each ailment made by hand, found, and mended or left to whoever must decide."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from gitcoord.git.repository import Repository
from gitcoord.state.store import Store
from gitcoord.worktrees.parking import park
from gitcoord.worktrees.worktree import LOCK
from tests.calling import gitcoord
from tests.conftest import Sandbox
from tests.worktrees.holding import held, make, seen, take_away


def found(sandbox: Sandbox, *, at: Path | None = None) -> list[str]:
    """The kinds of what is found; looking changes nothing."""
    refs = sandbox.git("for-each-ref", at=at)
    said = gitcoord("doctor", "--json", at=at or sandbox.path)
    kinds = [one["kind"] for one in said.json]
    assert said.code == (1 if kinds else 0), said
    assert sandbox.git("for-each-ref", at=at) == refs
    return kinds


def mended(sandbox: Sandbox, *kinds: str, at: Path | None = None) -> None:
    """Found, mended by --fix, and gone then."""
    assert found(sandbox, at=at) == list(kinds)
    said = gitcoord("doctor", "--fix", at=at or sandbox.path)
    assert said.code == 0, said.out
    assert found(sandbox, at=at) == []


def left(sandbox: Sandbox, kind: str) -> str:
    """Found, and left alone by --fix, which says why. Returns what it says."""
    assert found(sandbox) == [kind]
    said = gitcoord("doctor", "--fix", at=sandbox.path)
    assert said.code == 1, said.out
    assert found(sandbox) == [kind]
    return said.out


def test_all_in_step(sandbox: Sandbox) -> None:
    make(sandbox)
    assert found(sandbox) == []
    said = gitcoord("doctor", "--fix", at=sandbox.path)
    assert (said.code, said.out) == (0, "") and "all is in step" in said.err


def test_case_46_core_bare_flipped(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    subprocess.run(
        ["git", "init", "-q"], cwd=sandbox.path.parent, check=True,
        env={**os.environ, "GIT_DIR": f"{sandbox.path}/.git/worktrees/{worktree.path.name}"},
    )  # fmt: skip
    sandbox.git("config", "core.bare", "true")
    mended(sandbox, "core.bare")
    assert sandbox.git("status", "--porcelain") == ""


def test_case_46_core_worktree_flipped(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    sandbox.git("config", "core.worktree", str(tmp_path / "elsewhere"))
    assert "--unset core.worktree" in left(sandbox, "core.worktree")


def test_case_61_a_worktree_moved_by_hand(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    place = worktree.path.with_name("renamed")
    worktree.path.rename(place)
    mended(sandbox, "moved")
    assert seen(sandbox, worktree.id).path == place
    assert held(sandbox, place) == before


def test_case_61_the_repository_moved(sandbox: Sandbox, tmp_path: Path) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    (tmp_path / "deeper").mkdir()
    moved = Sandbox(sandbox.path.rename(tmp_path / "deeper" / "shop"))
    mended(moved, "moved")
    assert held(moved, worktree.path) == before


def test_case_61_both_moved(sandbox: Sandbox, tmp_path: Path) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    before = held(sandbox, worktree.path)
    (tmp_path / "deeper").mkdir()
    moved = Sandbox(sandbox.path.rename(tmp_path / "deeper" / "shop"))
    worktree.path.parent.rename(tmp_path / "deeper" / "shop.worktrees")
    mended(moved, "moved")
    place = tmp_path / "deeper" / "shop.worktrees" / worktree.path.name
    assert (seen(moved, worktree.id).path, held(moved, place)) == (place, before)


def test_case_61_a_copy_beside_the_moved_one_is_not_guessed_at(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    place = worktree.path.rename(worktree.path.with_name("renamed"))
    shutil.copytree(place, place.with_name("copy"))
    assert "could be any of" in left(sandbox, "moved")


def test_case_60_a_folder_that_is_gone(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    shutil.rmtree(worktree.path)
    assert f"gitcoord remove --force {worktree.id}" in left(sandbox, "missing")
    assert gitcoord("remove", worktree.id, at=sandbox.path).code == 2, "it may have moved"
    assert gitcoord("remove", "--force", worktree.id, at=sandbox.path).code == 0
    assert found(sandbox) == []


def test_case_61_moved_far_away_it_is_found_from_inside(sandbox: Sandbox, tmp_path: Path) -> None:
    worktree = make(sandbox)
    place = tmp_path / "far" / "away" / "from" / "here"
    place.parent.mkdir(parents=True)
    worktree.path.rename(place)
    assert "missing" in found(sandbox)
    assert gitcoord("doctor", "--fix", at=place).code == 0
    assert seen(sandbox, worktree.id).path == place


def test_a_worktree_whose_record_is_gone_gets_it_back(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("update-ref", "-d", f"refs/agentcoord/worktrees/{worktree.id}")
    mended(sandbox, "worktree without record")
    again = seen(sandbox, worktree.id)
    assert (again.kind, again.task, again.path) == (worktree.kind, worktree.task, worktree.path)


def test_case_60_removed_by_plain_git(sandbox: Sandbox) -> None:
    """With its branch there is something to decide; without it there is not."""
    worktree = make(sandbox)
    sandbox.git("worktree", "remove", str(worktree.path))
    said = left(sandbox, "removed elsewhere")
    assert f"git worktree add {worktree.path} {worktree.branch}" in said
    sandbox.git("worktree", "add", "-q", str(worktree.path), str(worktree.branch))
    mended(sandbox, "unmarked")
    sandbox.git("worktree", "remove", str(worktree.path))
    sandbox.git("branch", "-D", str(worktree.branch))
    mended(sandbox, "record without worktree")


def test_parked_work_of_a_worktree_that_is_gone_goes_to_the_trash(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.write("new", "x", worktree.path)
    park(Repository.find(sandbox.path), worktree)
    sandbox.git("worktree", "remove", str(worktree.path))
    sandbox.git("branch", "-D", str(worktree.branch))
    mended(sandbox, "record without worktree")
    place = sandbox.path.parent / "back"
    said = gitcoord("undo", f"{worktree.id}-parked-1", "--path", place, at=sandbox.path)
    assert said.code == 0, said.err
    assert (place / "new").read_text() == "x"


def test_case_60_a_branch_deleted_by_hand(sandbox: Sandbox) -> None:
    """The worktree is on a branch without commits then; its work is in its files and index."""
    worktree = make(sandbox)
    sandbox.git("update-ref", "-d", f"refs/heads/{worktree.branch}")
    sandbox.write("new", "x", worktree.path)
    assert found(sandbox) == []
    before = held(sandbox, worktree.path)
    assert gitcoord("remove", worktree.id, at=sandbox.path).code == 2
    take_away(sandbox, worktree.id)
    assert gitcoord("undo", at=sandbox.path).code == 0
    assert held(sandbox, worktree.path) == before


def test_another_repository_at_its_place(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    worktree.path.rename(worktree.path.parent.parent.parent / "far away")
    worktree.path.mkdir()
    sandbox.git("init", "-q", at=worktree.path)
    left(sandbox, "not ours")


def test_case_70_a_newer_schema_is_refused_not_mended(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    record = Store(Repository.find(sandbox.path)).read("worktrees", worktree.id)
    text = sandbox.git("cat-file", "blob", f"{record.ref}:record.toml")
    (sandbox.path.parent / "newer").write_text(text.replace("schema = 1", "schema = 9") + "\n")
    blob = sandbox.git("hash-object", "-w", str(sandbox.path.parent / "newer"))
    line = f"100644 blob {blob}\trecord.toml\n"
    tree = subprocess.run(
        ["git", "mktree"], cwd=sandbox.path, check=True, capture_output=True, input=line.encode()
    ).stdout.decode().strip()  # fmt: skip
    sandbox.git("update-ref", record.ref, tree)
    assert "newer gitcoord" in left(sandbox, "unreadable")
    assert sandbox.git("rev-parse", record.ref) == tree


def test_locks_that_nobody_takes_off(sandbox: Sandbox, tmp_path: Path) -> None:
    worktree = make(sandbox)
    sandbox.git("worktree", "lock", "--reason", LOCK, str(worktree.path))
    mended(sandbox, "locked")
    sandbox.git("worktree", "lock", "--reason", "mine", str(worktree.path))
    assert found(sandbox) == []
    assert worktree.admin
    (worktree.admin / "index.lock").touch()
    assert found(sandbox) == []
    old = time.time() - 3600
    os.utime(worktree.admin / "index.lock", (old, old))
    ref = sandbox.write(".git/refs/heads/main.lock", "")
    os.utime(ref, (old, old))
    mended(sandbox, "git lock", "git lock")
    assert not (worktree.admin / "index.lock").exists() and not ref.exists()


def test_leases_of_processes_that_died(sandbox: Sandbox) -> None:
    leases = Repository.find(sandbox.path).own_dir / "leases"
    leases.mkdir(parents=True, exist_ok=True)
    (leases / "development-gone-2222.toml").write_text("pid = 1\n")
    mended(sandbox, "stale lease")
    assert list(leases.iterdir()) == []


def test_half_made_git_dirs(sandbox: Sandbox) -> None:
    make(sandbox)
    admins = sandbox.path / ".git" / "worktrees"
    (admins / "ours").mkdir()
    (admins / "ours" / "locked").write_text(f"{LOCK} (development-x-2222)\n")
    (admins / "theirs").mkdir()
    (admins / "theirs" / "locked").write_text("initializing\n")
    (admins / "begun").mkdir()
    (admins / "begun" / "locked").touch()
    (admins / "young").mkdir()
    os.utime(admins / "begun", (0, 0))
    mended(sandbox, "half-made", "half-made")
    assert sorted(os.listdir(admins))[-2:] == ["theirs", "young"]
    assert not (admins / "ours").exists() and not (admins / "begun").exists()


def test_a_folder_that_a_removal_left(sandbox: Sandbox) -> None:
    worktree, other = make(sandbox), make(sandbox, "other")
    take_away(sandbox, worktree.id)
    sandbox.write(f".{worktree.id}.removing/root-owned", "x", worktree.path.parent)
    mended(sandbox, "half-removed")
    assert os.listdir(worktree.path.parent) == [other.path.name]


def test_files_beside_no_recovery_copy_are_shown_not_deleted(sandbox: Sandbox) -> None:
    folder = Repository.find(sandbox.path).own_dir / "trash" / "development-gone-2222"
    (folder / "empty").mkdir(parents=True)
    mended(sandbox, "emptied trash")
    (folder / "aside").mkdir(parents=True)
    (folder / "aside" / ".env").write_text("x")
    assert f"rm -rf '{folder}'" in left(sandbox, "ownerless")
    assert (folder / "aside" / ".env").read_text() == "x"


def test_refs_nobody_knows(sandbox: Sandbox) -> None:
    sandbox.git("update-ref", "refs/agentcoord/mystery/x", "HEAD")
    assert "git update-ref -d refs/agentcoord/mystery/x" in left(sandbox, "unknown ref")


def test_a_recovery_copy_of_a_worktree_that_is_there(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    take_away(sandbox, worktree.id)
    copy = sandbox.git("rev-parse", f"refs/agentcoord/trash/{worktree.id}")
    assert gitcoord("undo", at=sandbox.path).code == 0
    sandbox.git("update-ref", f"refs/agentcoord/trash/{worktree.id}", copy)
    assert f"gitcoord trash empty {worktree.id}" in left(sandbox, "ownerless")
    assert gitcoord("trash", "empty", worktree.id, "--yes", at=sandbox.path).code == 0
    assert worktree.path.is_dir() and found(sandbox) == []


def test_a_trash_that_cannot_be_read(sandbox: Sandbox) -> None:
    sandbox.git("update-ref", "refs/agentcoord/trash/odd", "HEAD")
    left(sandbox, "unreadable")
    assert gitcoord("trash", at=sandbox.path).code == 0


def test_old_trash_is_told(sandbox: Sandbox) -> None:
    take_away(sandbox, make(sandbox).id)
    assert gitcoord("config", "set", "trash.days", "0", at=sandbox.path).code == 0
    assert "gitcoord trash empty" in left(sandbox, "old trash")


def test_json_says_what_became_of_each(sandbox: Sandbox) -> None:
    worktree = make(sandbox)
    sandbox.git("worktree", "lock", "--reason", LOCK, str(worktree.path))
    said: Any = gitcoord("doctor", "--fix", "--json", at=sandbox.path).json
    assert [one["kind"] for one in said] == ["locked"]
