"""Distances of all tips at once are those git counts one by one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitcoord.errors import GitFailed
from gitcoord.git.graph import count_apart
from gitcoord.git.objects import Batch, signature
from gitcoord.git.repository import Repository
from tests.conftest import Sandbox

Graph = list[list[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """For each commit the earlier ones that are its parents: roots, merges, octopuses."""
    size = draw(st.integers(1, 14))
    return [
        draw(st.lists(st.integers(0, index - 1), max_size=3, unique=True)) if index else []
        for index in range(size)
    ]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    subprocess.run(["git", "init", "-q", tmp_path / "r"], check=True)
    return Repository.find(tmp_path / "r")


def commits(repo: Repository, graph: Graph, *, seconds: list[int] | None = None) -> list[str]:
    batch = Batch(repo)
    tree = batch.tree({})
    made: list[str] = []
    for index, parents in enumerate(graph):
        time = seconds[index] if seconds else 1_700_000_000 + index
        who = signature("A", "a@b", time)
        made.append(batch.commit(tree, [made[one] for one in parents], f"{index}", author=who))
    batch.write()
    return made


def by_git(repo: Repository, base: str, tip: str) -> tuple[int, int]:
    said = repo.run("rev-list", "--left-right", "--count", f"{base}...{tip}").text
    behind, ahead = map(int, said.split())
    return ahead, behind


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graph=graphs(), data=st.data())
def test_as_git_counts(repo: Repository, graph: Graph, data: st.DataObject) -> None:
    seconds = data.draw(
        st.lists(st.integers(0, 5), min_size=len(graph), max_size=len(graph)), label="clocks"
    )
    made = commits(repo, graph, seconds=seconds)
    picks = data.draw(st.lists(st.tuples(*[st.sampled_from(made)] * 2), min_size=1, max_size=5))
    found = count_apart(repo, picks)
    for base, tip in dict.fromkeys(picks):
        assert found.get((base, tip), (0, 0)) == by_git(repo, base, tip)


def test_case_71_criss_cross(repo: Repository) -> None:
    made = commits(repo, [[], [0], [0], [1, 2], [2, 1], [3], [4]])
    assert count_apart(repo, [(made[5], made[6])]) == {(made[5], made[6]): (2, 2)}


def test_case_71_and_80_nothing_in_common(repo: Repository) -> None:
    made = commits(repo, [[], [0], [], [2], [3]])
    assert count_apart(repo, [(made[1], made[4])]) == {(made[1], made[4]): (3, 2)}


def test_nothing_asked_and_the_same_twice(repo: Repository) -> None:
    made = commits(repo, [[], [0]])
    assert count_apart(repo, []) == {}
    assert count_apart(repo, [(made[0], made[0])]) == {}
    assert count_apart(repo, [(made[0], made[1])] * 2) == {(made[0], made[1]): (1, 0)}


def test_a_commit_that_is_missing(repo: Repository) -> None:
    made = commits(repo, [[]])
    with pytest.raises(GitFailed):
        count_apart(repo, [(made[0], "1" * 40)])


def test_many_tips_of_a_long_history_cost_two_processes(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And do not walk below what they share."""
    trunk = commits(repo, [[]] + [[index] for index in range(300)])
    batch = Batch(repo)
    tree, who = batch.tree({}), signature("A", "a@b", 1_800_000_000)
    tips = [batch.commit(tree, [trunk[-1 - n % 3]], f"tip {n}", author=who) for n in range(60)]
    batch.write()
    asked: list[str] = []
    real = Repository.run

    def counting(self: Repository, *argv: str, **rest: object) -> object:
        asked.append(argv[0])
        output = real(self, *argv, **rest)  # type: ignore[arg-type]
        if argv[0] == "rev-list":
            assert len(output.lines()) < 70
        return output

    monkeypatch.setattr(Repository, "run", counting)
    found = count_apart(repo, [(trunk[-1], tip) for tip in tips])
    assert len(asked) <= 2
    assert [found[trunk[-1], tip] for tip in tips] == [(1, n % 3) for n in range(60)]


def test_case_21_in_a_shallow_clone(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.git("clone", "-q", "--depth", "2", f"file://{sandbox.path}", str(tmp_path / "shallow"))
    shallow = Repository.find(tmp_path / "shallow")
    tip, base = shallow.commit("HEAD"), shallow.commit("HEAD~1")
    assert count_apart(shallow, [(base, tip)]) == {(base, tip): (1, 0)}
