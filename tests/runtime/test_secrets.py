"""A program that says, writes, commits and dies with a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitcoord.git.repository import Repository
from tests.calling import gitcoord
from tests.conftest import Sandbox

SECRET = "ghp_" + "0123456789abcdefABCDEF0123456789wxyz"


@pytest.mark.parametrize("code", [0, 1])
def test_a_secret_an_agent_says_and_writes_reaches_neither_git_nor_the_journal(
    sandbox: Sandbox, code: int
) -> None:
    script = sandbox.path.parent / "agent.sh"
    script.write_text(
        f"#!/bin/sh\ncat > /dev/null\necho {SECRET} > key.txt\n"
        f"mkdir -p .agentcoord/x/findings\necho 'the key is {SECRET}'\n"
        f"echo 'the key is {SECRET}' >&2\nexit {code}\n"
    )
    script.chmod(0o755)
    said = gitcoord(
        "start", "development", f"use the key {SECRET}", "--with", "command",
        "--command", str(script), at=sandbox.path,
    )  # fmt: skip
    repo = Repository.find(sandbox.path)
    assert SECRET not in said.out + said.err
    ids = repo.run("cat-file", "--batch-all-objects", "--batch-check=%(objectname)").out
    assert SECRET.encode() not in repo.run("cat-file", "--batch", input=ids).out
    logs = repo.own_dir / "logs"
    for file in (one for one in repo.own_dir.rglob("*") if one.is_file()):
        assert file.is_relative_to(logs) or SECRET.encode() not in file.read_bytes(), file
    worktree = Path(next(Path(f"{sandbox.path}.worktrees").iterdir()))
    assert (worktree / "key.txt").read_text() == f"{SECRET}\n"
