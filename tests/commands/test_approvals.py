import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from gitcoord.coordination.approvals import Call, ask, decision
from gitcoord.git.repository import Repository
from gitcoord.testing.server import ModelServer
from tests.calling import PROGRAM, gitcoord, installed
from tests.conftest import Sandbox


@pytest.fixture
def worktree(sandbox: Sandbox) -> tuple[str, Path]:
    """The id and the folder of an agent's worktree."""
    made = gitcoord("start", "development", "pay", "--no-run", "--json", at=sandbox.path)
    return made.json["worktree"]["id"], Path(made.json["worktree"]["path"])


def asked(sandbox: Sandbox, worktree: str, command: str = "make drop") -> str:
    call = Call("run-a-2222", "build", "builder", worktree, "Bash", {"command": command})
    return ask(Repository.find(sandbox.path), call, why="I \x1b[2Jneed\n  next     it")


def test_what_waits_is_listed_shown_decided_and_gone(
    sandbox: Sandbox, worktree: tuple[str, Path]
) -> None:
    held = asked(sandbox, worktree[0])
    listed = gitcoord("approvals", at=sandbox.path)
    assert held in listed.out and "make drop" in listed.out and "waiting" in listed.out
    [row] = gitcoord("approvals", "--json", at=sandbox.path).json
    assert (row["id"], row["state"], row["role"]) == (held, "waiting", "builder")
    assert json.loads(row["input"]) == {"command": "make drop"}
    assert gitcoord("approve", "bash", "--dry-run", at=sandbox.path).out.startswith("would be")
    done = gitcoord("approve", "bash", at=sandbox.path)
    assert done.code == 0 and f"gitcoord resume {worktree[0]}" in done.out
    assert decision(Repository.find(sandbox.path), held).state == "approved"
    assert gitcoord("approvals", at=sandbox.path).out == ""
    assert held in gitcoord("approvals", "--all", at=sandbox.path).out
    late = gitcoord("deny", held, "--reason", "no", at=sandbox.path)
    assert late.code == 2 and late.err.splitlines()[1].endswith(f"gitcoord deny {held} --force")
    said = gitcoord("deny", held, "--reason", "no", "--force", "--json", at=sandbox.path).json
    assert (said["state"], said["reason"]) == ("denied", "no")


def test_what_an_agent_wrote_can_neither_act_nor_pass_for_ours(
    sandbox: Sandbox, worktree: tuple[str, Path]
) -> None:
    held = asked(sandbox, worktree[0], "echo \x1b]0;x\x07")
    shown = gitcoord("approvals", held, at=sandbox.path).out
    assert "\x1b" not in shown and "\x07" not in shown
    assert "    │   next     it" in shown.splitlines()


def test_an_agent_cannot_approve_for_itself(sandbox: Sandbox, worktree: tuple[str, Path]) -> None:
    held = asked(sandbox, worktree[0])
    marked = installed("approve", held, at=sandbox.path, GITCOORD_AGENT="run-a-2222/build")
    assert marked.code == 2 and "run by run-a-2222/build" in marked.err
    below = worktree[1] / "src"
    for words in (("approve", held), ("deny", held), ("-C", str(sandbox.path), "approve", held)):
        inside = installed(*words, at=below)
        assert inside.code == 2 and "worktree of an agent" in inside.err
    assert decision(Repository.find(sandbox.path), held).state == "waiting"


def test_an_agent_cannot_give_itself_more_either(sandbox: Sandbox) -> None:
    for words in (("set", "budget.run", "100"), ("unset", "agents.ask")):
        said = installed("config", *words, at=sandbox.path, GITCOORD_AGENT="run-a-2222/build")
        assert said.code == 2
    said = installed("config", "set", "ui.color", "never", at=sandbox.path, GITCOORD_AGENT="a/b")
    assert said.err.startswith("error: an agent cannot change settings, and this is run by a/b\n")
    assert gitcoord("config", "get", "ui.color", at=sandbox.path).out == "auto\n"


def test_a_person_at_a_terminal_in_that_worktree_can(
    sandbox: Sandbox, worktree: tuple[str, Path]
) -> None:
    held = asked(sandbox, worktree[0])
    master, slave = pty.openpty()
    try:
        name = os.ttyname(slave)
        done = subprocess.run(
            [PROGRAM, "approve", held, "--json"], cwd=worktree[1], stdin=slave, capture_output=True
        )
    finally:
        os.close(master)
        os.close(slave)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["how"] == f"terminal {name}"


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_a_run_waits_for_a_word_and_goes_on_with_it(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    gitcoord("config", "set", "agents.ask", "write", at=sandbox.path)
    write = {"name": "write", "input": {"path": "src/new.py", "content": "new = 1\n"}}
    monkeypatch.setenv("ANTHROPIC_API_KEY", "made-up")
    with ModelServer([{"tools": [write]}, {"text": "Added new."}]) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        said = gitcoord(
            "start", "development", "log out", "--with", "api", "--json", at=sandbox.path
        )
        assert said.code == 1
        place = Path(said.json["worktree"]["path"])
        [held] = gitcoord("approvals", "--json", at=sandbox.path).json
        assert (held["tool"], json.loads(held["input"])["path"]) == ("write", "src/new.py")
        assert held["worktree"] == said.json["worktree"]["id"]
        waits = gitcoord("resume", held["worktree"], at=sandbox.path)
        assert waits.code == 1 and not (place / "src/new.py").exists()
        done = gitcoord(verb, held["id"], "--reason", "no new files", at=sandbox.path)
        assert f"gitcoord resume {held['worktree']}" in done.out
        gitcoord("resume", held["worktree"], at=sandbox.path)
    assert (place / "src/new.py").exists() == (verb == "approve")
    [decided] = gitcoord("approvals", "--all", "--json", at=sandbox.path).json
    assert decided["state"] == ("used" if verb == "approve" else "denied")
    if verb == "deny":
        assert any("no new files" in str(one.body) for one in server.requests)


def test_nothing_waits(sandbox: Sandbox) -> None:
    said = gitcoord("approvals", at=sandbox.path)
    assert (said.code, said.out, said.err) == (0, "", "nothing waits for you\n")
    assert gitcoord("approvals", "--json", at=sandbox.path).json == []
    missing = gitcoord("approve", "x", at=sandbox.path)
    assert missing.code == 2 and "gitcoord approvals --all" in missing.err
