"""Inputs: what an agent is to be told next, kept once for each thing it comes from."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gitcoord.coordination.inputs import (
    GIVEN,
    give,
    list_inputs,
    mark_given,
    put_given,
    read_inputs,
    withdraw,
)
from gitcoord.coordination.waiting import WAITING, count_waiting
from gitcoord.errors import Contended
from gitcoord.git.repository import Repository
from gitcoord.state.journal import Journal
from gitcoord.state.store import Store
from tests.conftest import Sandbox

ONE, OTHER = "review fix-7q3f/event-1", "verdict tests-0a1b"


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def test_one_record_for_each_origin(repo: Repository) -> None:
    first = give(repo, "development-a", "src/a.py:3: no", origin=ONE, by="ada")
    again = give(repo, "development-a", "src/a.py:4: no", origin=ONE, by="ada")
    give(repo, "development-a", "tests fail", origin=OTHER, by="tests")
    give(repo, "development-b", "src/a.py:3: no", origin=ONE, by="ada")
    assert again.id == first.id
    found = list_inputs(repo, "development-a")
    assert [(one.origin, one.text, one.state) for one in found] == [
        (ONE, "src/a.py:4: no", WAITING), (OTHER, "tests fail", WAITING),
    ]  # fmt: skip
    assert len(list_inputs(repo)) == 3
    assert count_waiting(repo) == {"development-a": 2, "development-b": 1}


def test_what_was_given_stays_as_it_was_told(repo: Repository) -> None:
    told = give(repo, "development-a", "no", origin=ONE, by="ada")
    mark_given(repo, [told], run="run-1", task="build")
    same = give(repo, "development-a", "something else", origin=ONE, by="ada")
    assert (same.text, same.state, same.run, same.task) == ("no", GIVEN, "run-1", "build")
    assert list_inputs(repo, "development-a") == []
    assert count_waiting(repo) == {}
    assert [one.id for one in list_inputs(repo, waiting=False)] == [told.id]
    give(repo, "development-a", "still no", origin=f"{ONE}-2", by="ada")
    assert [one.text for one in list_inputs(repo)] == ["still no"]


def test_what_waits_can_be_taken_back_and_given_again(repo: Repository) -> None:
    give(repo, "development-a", "no", origin=ONE, by="ada")
    withdraw(repo, "development-a", ONE)
    withdraw(repo, "development-a", ONE)
    assert list_inputs(repo, waiting=False) == []
    mark_given(repo, [give(repo, "development-a", "no", origin=ONE, by="a")], run="r", task="t")
    withdraw(repo, "development-a", ONE)
    assert [one.state for one in list_inputs(repo, waiting=False)] == [GIVEN]


def test_none_is_given_when_one_has_changed_since_it_was_read(repo: Repository) -> None:
    read = [give(repo, "development-a", "no", origin=ONE, by="ada")]
    read.append(give(repo, "development-a", "red", origin=OTHER, by="tests"))
    give(repo, "development-a", "no, never", origin=ONE, by="ada")
    with pytest.raises(Contended):
        mark_given(repo, read, run="run-1", task="build")
    assert len(list_inputs(repo, "development-a")) == 2


def test_no_secret_no_escape_no_endless_text(repo: Repository) -> None:
    secret = "ghp_" + "pLIix6MEOLeMa61EqJomTEI1JEzO3joOj37H"
    split = f"{secret[:20]}\x1b[31m{secret[20:]}"
    text = f"\x1b]0;title\x07a\x00b\r\n\ttoken {split}\n" + "x" * 30_000
    one = give(repo, "development-a", text, origin="o\x1b[2J\nrigin", by=f"me {secret}")
    assert secret not in one.text + one.by + one.origin
    assert one.text.startswith("a?b\n\ttoken [REDACTED:github_token]\nxxx")
    assert one.text.endswith(" more characters") and len(one.text) < 20_100
    assert one.origin == "o rigin"
    odd = give(repo, "development-b", os.fsdecode(b"\xff.py:3"), origin=os.fsdecode(b"\xfe"), by="")
    assert read_inputs(repo, [odd.id])[0].text == "?.py:3"


def test_read_in_the_order_asked_for(repo: Repository) -> None:
    ids = [give(repo, "development-a", name, origin=name, by="").id for name in "abc"]
    assert [one.text for one in read_inputs(repo, [ids[2], "input-gone", ids[0]])] == ["c", "a"]


def test_a_damaged_one_is_told_of_and_hides_no_other(sandbox: Sandbox, repo: Repository) -> None:
    give(repo, "development-a", "no", origin=ONE, by="ada")
    sandbox.git("update-ref", "refs/agentcoord/inputs/input-bad", "HEAD")
    bad: list[object] = []
    assert len(list_inputs(repo, bad=bad)) == 1  # type: ignore[arg-type]
    assert len(bad) == 1


def test_as_a_part_of_a_transaction_that_fails_nothing_is_given(repo: Repository) -> None:
    one = give(repo, "development-a", "no", origin=ONE, by="ada")
    with pytest.raises(KeyError), Store(repo).transaction() as change:
        put_given(change, [one], run="run-1", task="build")
        raise KeyError
    assert [one.state for one in list_inputs(repo)] == [WAITING]


def test_the_journal_has_it(repo: Repository) -> None:
    give(repo, "development-a", "no", origin=ONE, by="ada")
    withdraw(repo, "development-a", ONE)
    events = [one for one in Journal(repo.own_dir).tail() if one.kind == "input"]
    assert [one.fields["state"] for one in events] == [WAITING, "withdrawn"]


def test_several_give_the_same_and_others_at_once(sandbox: Sandbox, repo: Repository) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom gitcoord.git.repository import Repository\n"
        "from gitcoord.coordination.inputs import give, withdraw\n"
        "repo = Repository.find(Path(sys.argv[1]))\n"
        "for number in range(4):\n"
        "    give(repo, 'development-a', f'{sys.argv[2]} {number}', origin='same', by='x')\n"
        "    give(repo, 'development-a', 'no', origin=sys.argv[2] + str(number), by='x')\n"
        "    withdraw(repo, 'development-a', 'same') if number < 3 else None\n"
    )
    argv = [sys.executable, "-c", script, str(sandbox.path)]
    others = [subprocess.Popen([*argv, name]) for name in "abc"]
    assert [other.wait(60) for other in others] == [0, 0, 0]
    origins = [one.origin for one in list_inputs(repo)]
    assert len(origins) == len(set(origins)) and len(set(origins) - {"same"}) == 12
