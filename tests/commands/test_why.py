"""gitcoord why, as a person calls it."""

from __future__ import annotations

import json

from tests.calling import gitcoord
from tests.conftest import Sandbox

MESSAGE = (
    "Fixer: mend it\n\nGitcoord-Worktree: w-1\nGitcoord-Run: run-1\nGitcoord-Task: fix\n"
    "Gitcoord-Role: fixer\nGitcoord-Runner: local\nGitcoord-Cost: $0.10"
)


def test_a_line_leads_to_commit_agent_and_task(sandbox: Sandbox) -> None:
    commit = sandbox.commit(MESSAGE, {"src/new.py": "one = 1\n"})
    said = gitcoord("why", "new.py:1", at=sandbox.path / "src")
    assert said.code == 0, said.err
    assert said.out.startswith("src/new.py:1  one = 1\n")
    for text in (commit[:12], "Ada Tester: Fixer: mend it", "fixer/local", "$0.10", "run-1"):
        assert text in said.out
    assert "review" not in said.out and "finding" not in said.out
    document = gitcoord("why", "src/new.py:1", "--rev", "main", "--json", at=sandbox.path).json
    assert document["landed"]["commit"] == commit
    assert document["agent"] == "fixer/local"
    assert document["review"] is None
    assert document["tasks"] == [{"name": "fix", "does": "", "state": ""}]


def test_a_line_nobody_committed_is_said_to_be_none(sandbox: Sandbox) -> None:
    sandbox.write("README.md", "mine\n")
    assert "not committed yet" in gitcoord("why", "README.md:1", at=sandbox.path).out


def test_what_is_no_line_of_a_file_here_is_refused(sandbox: Sandbox) -> None:
    for place, word in (("README.md", "is no line"), ("README.md:x", "is no line"),
                        ("../x:1", "is not in"), ("none:1", "No such file")):  # fmt: skip
        said = gitcoord("why", place, at=sandbox.path)
        assert said.code == 2, place
        assert word in said.err


def test_names_in_any_bytes(sandbox: Sandbox) -> None:
    sandbox.commit("odd", {"a b/ü:x.py": "one\n"})
    said = gitcoord("why", "a b/ü:x.py:1", "--json", at=sandbox.path)
    assert said.code == 0, said.err
    assert json.loads(said.out)["file"] == "a b/ü:x.py"
