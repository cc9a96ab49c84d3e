"""Many starts at once, and starts that are interrupted: real processes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from gitcoord.process import is_held
from tests.calling import PROGRAM, gitcoord
from tests.conftest import Sandbox
from tests.worktrees.looking import begin, look

_START = [str(PROGRAM), "start", "investigation"]


def running(sandbox: Sandbox, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*_START, *words], cwd=sandbox.path, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
    )  # fmt: skip


def begun(one: subprocess.Popen[bytes]) -> None:
    """Wait until it says what it starts from, just before it makes anything."""
    assert one.stderr is not None
    assert one.stderr.readline().startswith(b"starting from")


def check_agreement(sandbox: Sandbox) -> list[str]:
    """Branches, folders, git's list and records are of the same worktrees; nobody holds a lease.

    Returns their ids.
    """
    rows = gitcoord("list", "--json", at=sandbox.path).json
    ids = sorted(row["id"] for row in rows)
    assert all((row["state"], row["dirty"]) == ("live", False) for row in rows)
    names = sandbox.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()
    assert sorted(set(names) - {"main"}) == sorted(row["branch"] for row in rows)
    listed = sandbox.git("worktree", "list", "--porcelain").split("\n")
    paths = [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")]
    assert sorted(paths[1:]) == sorted(row["path"] for row in rows)
    assert not any(line.startswith(("locked", "prunable")) for line in listed)
    trees = sandbox.path.parent / "shop.worktrees"
    assert sorted(os.listdir(trees) if trees.exists() else []) == sorted(
        Path(row["path"]).name for row in rows if Path(row["path"]).parent == trees
    )
    refs = sandbox.git("for-each-ref", "--format=%(refname)", "refs/agentcoord/worktrees")
    assert sorted(ref.rpartition("/")[2] for ref in refs.split()) == ids
    assert not [one for one in ids if is_held(sandbox.path / ".git" / "agentcoord", one)]
    admin = sandbox.path / ".git" / "worktrees"
    assert len(os.listdir(admin) if admin.exists() else []) == len(rows)
    assert gitcoord("doctor", at=sandbox.path).code == 0
    return ids


def test_case_13_and_14_twenty_four_at_once(sandbox: Sandbox) -> None:
    """Some from the main worktree, some from a linked one, while others list and prune."""
    before = look(sandbox)
    starts = [running(sandbox, f"task number {number}", "--no-run") for number in range(24)]
    while any(one.poll() is None for one in starts):
        sandbox.git("worktree", "list", ok=False)  # git itself may meet a half-made one
    ends = [(one.communicate(), one.returncode) for one in starts]
    assert {code for _, code in ends} <= {0, 2}, ends
    made = sorted(out.decode().split("\n")[0] for (out, _), code in ends if code == 0)
    assert check_agreement(sandbox) == made
    assert len(made) == 24, [err for (_, err), _ in ends if err]
    after = look(sandbox)
    assert (after.status, after.stash) == (before.status, before.stash)


def test_case_14_a_sibling_that_is_only_half_made_yet(sandbox: Sandbox) -> None:
    """git dies of a worktree whose `commondir` is there and empty: a moment later it is not,
    or the git that made it was killed, and its file is completed."""
    half = sandbox.path / ".git" / "worktrees" / "half"
    half.mkdir(parents=True)
    (half / "gitdir").write_text(f"{sandbox.path.parent}/half/.git\n")
    (half / "HEAD").write_text("ref: refs/heads/main\n")
    (half / "commondir").write_text("")
    assert sandbox.git("worktree", "list", "--porcelain", ok=False) == ""
    made = threading.Timer(0.05, (half / "commondir").write_text, ["../..\n"])
    made.start()
    begin(at=sandbox.path)
    made.join()
    (half / "commondir").write_text("")
    begin(task="another task", at=sandbox.path)
    assert (half / "commondir").read_text() == "../..\n"
    assert sandbox.git("worktree", "list", "--porcelain")


def test_one_place_for_eight_at_once(sandbox: Sandbox) -> None:
    """One of them gets it, whole; the others leave it alone."""
    words = ("a task", "--no-run", "--path", "../one")
    starts = [running(sandbox, *words) for _ in range(8)]
    ends = [(one.communicate(), one.returncode) for one in starts]
    assert sorted(code for _, code in ends) in ([0, *[2] * 7], [2] * 8), ends
    assert len(check_agreement(sandbox)) == [code for _, code in ends].count(0)


@pytest.mark.parametrize("seed", range(8))
def test_case_33_and_117_interrupted_with_ctrl_c(sandbox: Sandbox, seed: int) -> None:
    """At any moment: 130 and nothing is left, or it is all there."""
    sandbox.commit("Many files", {f"many/{number}": f"{number}\n" for number in range(300)})
    gitcoord("config", "set", "setup.commands", "sleep 0.05", at=sandbox.path)
    before = look(sandbox)
    one = running(sandbox, "a task", "--no-run")
    begun(one)
    time.sleep(random.Random(seed).uniform(0, 0.2))
    os.kill(one.pid, signal.SIGINT)
    out, err = one.communicate()
    assert one.returncode in (0, 130, -signal.SIGINT), (out, err)  # the last: while leaving
    assert b"Traceback" not in err
    if not check_agreement(sandbox):
        assert one.returncode == 130
        after = look(sandbox)
        assert (after.refs, after.listed, after.folders) == (
            before.refs, before.listed, before.folders,
        )  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_case_33_ended_is_taken_back_by_the_next_command(sandbox: Sandbox, seed: int) -> None:
    """By SIGTERM, as at a shutdown: git goes on for a moment, then nobody holds the lease."""
    sandbox.commit("Many files", {f"many/{number}": f"{number}\n" for number in range(300)})
    gitcoord("config", "set", "setup.commands", "sleep 0.2", at=sandbox.path)
    one = running(sandbox, "a task", "--no-run")
    begun(one)
    time.sleep(random.Random(seed).uniform(0, 0.2))
    one.terminate()
    one.communicate()
    until = time.monotonic() + 20
    while time.monotonic() < until and "making" in gitcoord("list", at=sandbox.path).out:
        time.sleep(0.02)
    assert len(check_agreement(sandbox)) == (one.returncode == 0)
