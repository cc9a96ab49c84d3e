from __future__ import annotations

from pathlib import Path

import pytest

from tests.calling import gitcoord
from tests.conftest import Sandbox


@pytest.fixture
def clone(sandbox: Sandbox, tmp_path: Path) -> Path:
    """A clone with a review of one branch; its remote is the sandbox."""
    place = tmp_path / "clone"
    sandbox.git("clone", "-q", str(sandbox.path), str(place))
    sandbox.git("switch", "-qc", "work", at=place)
    sandbox.commit("Greet", {"src/greet.py": "print('hello')\n"}, at=place)
    assert gitcoord("review", "open", "work", "--into", "main", at=place).code == 0
    return place


def test_what_goes_out_is_shown_first_and_then_sent(sandbox: Sandbox, clone: Path) -> None:
    would = gitcoord("review", "sync", "-n", at=clone)
    assert "to origin (would): version" in would.out
    assert gitcoord("review", "list", "--json", at=sandbox.path).json == []
    done = gitcoord("review", "sync", "--json", at=clone).json
    [told] = done["reviews"]
    assert (done["remote"], told["begun"], told["sent"][0]["kind"]) == ("origin", "here", "version")
    [there] = gitcoord("review", "list", "--json", at=sandbox.path).json
    assert there["id"] == told["id"]
    assert "the same here and on origin" in gitcoord("review", "sync", at=clone).out


def test_an_agent_sends_nothing(
    sandbox: Sandbox, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITCOORD_AGENT", "run/task")
    said = gitcoord("review", "sync", at=clone)
    assert said.code == 2 and "an agent cannot" in said.err
    assert sandbox.git("for-each-ref", "refs/agentcoord/reviews") == ""


def test_what_cannot_be_read_makes_the_answer_no(sandbox: Sandbox, clone: Path) -> None:
    sandbox.git("update-ref", "refs/agentcoord/reviews/review-bad", "HEAD^{tree}")
    said = gitcoord("review", "sync", at=clone)
    assert said.code == 1
    assert "review-bad" in said.err
