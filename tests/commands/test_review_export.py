from __future__ import annotations

import json

import pytest

from tests.calling import gitcoord
from tests.conftest import Sandbox


@pytest.fixture(autouse=True)
def review(sandbox: Sandbox) -> str:
    sandbox.git("switch", "-qc", "work")
    sandbox.commit("Greet", {"src/greet.py": "print('hello')\n"})
    said = gitcoord("review", "open", "work", "--into", "main", "--json", at=sandbox.path)
    return str(said.json["id"])


def test_to_notes_and_out_again(sandbox: Sandbox, review: str) -> None:
    assert "would have added 1 line" in gitcoord("review", "export", "-n", at=sandbox.path).out
    done = gitcoord("review", "export", "--json", at=sandbox.path).json
    assert done["refs"] == {"refs/notes/devtools/reviews": 1}
    assert done["reviews"] == [review]
    assert "nothing to add" in gitcoord("review", "export", at=sandbox.path).out
    assert "removed 1 line" in gitcoord("review", "export", "--remove", at=sandbox.path).out


def test_as_json_lines_without_notes(sandbox: Sandbox, review: str) -> None:
    said = gitcoord("review", "export", review, "--output", "-", at=sandbox.path)
    [line] = said.out.splitlines()
    assert json.loads(line)["note"]["targetRef"] == "refs/heads/main"
    assert "1 line" in gitcoord("review", "export", "--output", "out.json", at=sandbox.path).out
    assert (sandbox.path / "out.json").read_text() == said.out
    assert sandbox.git("for-each-ref", "refs/notes") == ""


def test_a_file_that_cannot_be_written(sandbox: Sandbox) -> None:
    said = gitcoord("review", "export", "--output", "no/such/file", at=sandbox.path)
    assert said.code == 2 and "cannot write" in said.err
    both = gitcoord("review", "export", "--output", "-", "--remove", at=sandbox.path)
    assert both.code == 2
