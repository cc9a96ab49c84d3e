"""A whole answer is given again only while nothing it depends on moved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitcoord.conflicts import comparing
from gitcoord.conflicts.edits import who_edits
from gitcoord.conflicts.radar import scan
from gitcoord.conflicts.scan import Scan
from gitcoord.git.repository import Repository
from tests.conflicts.pairs import TEXT, Pair, make_pair, putting
from tests.conftest import Sandbox


@pytest.fixture
def pair(sandbox: Sandbox) -> Pair:
    return make_pair(sandbox, putting("list.txt", "left\n"), putting("list.txt", "right\n"))


@pytest.fixture
def worked_out(monkeypatch: pytest.MonkeyPatch) -> list[Scan]:
    """Each answer that was worked out, not found."""
    answers: list[Scan] = []
    work_out = comparing.work_out

    def listening(*asked: Any) -> Any:
        answer = work_out(*asked)
        answers.append(answer.scan)
        return answer

    monkeypatch.setattr(comparing, "work_out", listening)
    return answers


def look(pair: Pair, **asked: Any) -> Scan:
    return scan(Repository.find(pair.sandbox.path), **asked)


@pytest.mark.parametrize("committed_only", [True, False])
def test_the_same_answer_is_not_worked_out_twice(
    pair: Pair, worked_out: list[Scan], committed_only: bool
) -> None:
    first = look(pair, committed_only=committed_only)
    assert first.has_conflict
    assert look(pair, committed_only=committed_only) == first
    assert worked_out == [first]
    assert look(pair, committed_only=committed_only, path="src").pairs == ()
    assert len(worked_out) == 2


def test_whatever_moves_is_seen(pair: Pair, worked_out: list[Scan]) -> None:
    git, main = pair.sandbox.git, pair.sandbox.path
    look(pair)
    moves: list[Callable[[], object]] = [
        lambda: (pair.left / "other.txt").write_text("other\n"),
        lambda: (pair.left / "new.txt").write_text("new\n"),
        lambda: git("commit", "-q", "-am", "More", at=pair.left),
        lambda: git("branch", "-m", "right", "other-name"),
        lambda: git("config", "merge.renames", "false"),
        lambda: (main / ".git/info/attributes").write_text("*.txt merge=union\n"),
        lambda: pair.sandbox.commit("Move on", {"list.txt": TEXT + "end\n"}),
        lambda: git("worktree", "remove", "--force", str(pair.right)),
    ]
    for count, move in enumerate(moves, 2):
        move()
        found = look(pair)
        assert len(worked_out) == count and worked_out[-1] == found
    assert not look(pair, committed_only=True).pairs


def test_a_damaged_answer_is_none(pair: Pair, worked_out: list[Scan]) -> None:
    first = look(pair)
    folder = pair.sandbox.path / ".git/agentcoord/cache/answers"
    for file in folder.iterdir():
        file.write_bytes(file.read_bytes()[:-3])
    assert look(pair) == first and len(worked_out) == 2


def test_few_answers_are_kept(pair: Pair) -> None:
    for number in range(12):
        (pair.left / "other.txt").write_text(f"{number}\n")
        look(pair)
    assert len(list((pair.sandbox.path / ".git/agentcoord/cache/answers").iterdir())) == 8


def test_who_edits_what_is_kept_with_the_answer_it_belongs_to(pair: Pair) -> None:
    own_dir: Path = pair.sandbox.path / ".git/agentcoord"
    look(pair)
    look(pair, against="left")
    assert who_edits(own_dir, "list.txt").target == "left"  # type: ignore[union-attr]
    look(pair)
    assert who_edits(own_dir, "list.txt").target == "main"  # type: ignore[union-attr]
