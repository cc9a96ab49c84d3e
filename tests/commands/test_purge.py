from __future__ import annotations

import os
import pty
import subprocess

import pytest

from gitcoord.git.repository import Repository
from gitcoord.state.store import Store
from tests.calling import PROGRAM, gitcoord, installed
from tests.conftest import Sandbox

TOKEN = "ghp_" + "0123456789abcdefABCDEF0123456789wxyz"


@pytest.fixture
def leaked(sandbox: Sandbox) -> Sandbox:
    Store(Repository.find(sandbox.path)).create("decisions", "one", {"why": f"it is {TOKEN}"})
    return sandbox


def why(sandbox: Sandbox) -> str:
    return str(Store(Repository.find(sandbox.path)).read("decisions", "one").body["why"])


def test_a_dry_run_tells_where_it_is_and_never_what(leaked: Sandbox) -> None:
    said = gitcoord("purge", "--secrets", "--dry-run", at=leaked.path)
    assert said.code == 0
    assert said.out == "in 1 object of git\n1 record, rewritten:\n  refs/agentcoord/decisions/one\n"
    assert TOKEN in why(leaked)
    as_json = gitcoord("purge", "--secrets", "--dry-run", "--json", at=leaked.path)
    assert as_json.json["done"] is None
    assert TOKEN not in said.out + said.err + as_json.out


def test_nobody_to_ask_is_no_yes(leaked: Sandbox) -> None:
    said = installed("purge", "--secrets", at=leaked.path)
    assert said.code == 2
    assert said.err.splitlines()[1].endswith("gitcoord purge --yes")
    assert TOKEN in why(leaked)


def test_an_agent_cannot(leaked: Sandbox) -> None:
    said = installed("purge", "--secrets", "--yes", at=leaked.path, GITCOORD_AGENT="run-1/build")
    assert said.code == 2
    assert "an agent cannot delete for good" in said.err
    assert TOKEN in why(leaked)


def test_asked_on_a_terminal(leaked: Sandbox) -> None:
    for answer, code, gone in ((b"n\n", 0, False), (b"y\n", 0, True)):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [PROGRAM, "purge", "--secrets"], cwd=leaked.path, stdin=theirs,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        os.write(ours, answer)
        process.communicate(timeout=30)
        assert process.returncode == code
        assert (TOKEN not in why(leaked)) == gone
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("way", ["--match", "--file", "-"])
def test_removed_for_good(leaked: Sandbox, way: str) -> None:
    if way == "--match":
        said = gitcoord("purge", way, TOKEN, "--yes", "--json", at=leaked.path)
    elif way == "--file":
        leaked.write("../key.txt", f"{TOKEN}\n")
        file = leaked.path.parent / "key.txt"
        said = gitcoord("purge", way, file, "--yes", "--json", at=leaked.path)
    else:
        done = subprocess.run(
            [PROGRAM, "purge", "--match", "-", "--yes"],
            cwd=leaked.path, input=f"{TOKEN}\n".encode(), capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0
        assert why(leaked) == "it is [REDACTED:purged]"
        return
    assert said.json["done"]["refs"] == ["refs/agentcoord/decisions/one"]
    assert why(leaked) == "it is [REDACTED:purged]"
    again = gitcoord("purge", "--match", TOKEN, "--yes", at=leaked.path)
    assert (again.code, again.err) == (0, "it is nowhere in this repository\n")


def test_what_is_the_users_is_named_and_the_answer_is_no(leaked: Sandbox) -> None:
    leaked.commit("oops", {"key.txt": TOKEN})
    said = gitcoord("purge", "--match", TOKEN, "--yes", at=leaked.path)
    assert said.code == 1
    assert "yours, never rewritten here: refs/heads/main" in said.out
    assert "left: refs/heads/main" in said.err
    assert leaked.git("show", "main:key.txt") == TOKEN


@pytest.mark.parametrize("words", [[], ["--match", "abc"], ["--file", "/no/such/file"]])
def test_bad_input(leaked: Sandbox, words: list[str]) -> None:
    said = gitcoord("purge", *words, "--yes", at=leaked.path)
    assert said.code == 2
    assert said.err.splitlines()[1].startswith("hint: ")
    assert TOKEN in why(leaked)
