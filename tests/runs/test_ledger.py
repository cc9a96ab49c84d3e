import os
import signal
from collections.abc import Sequence
from random import Random

import pytest

from gitcoord.errors import BadInput, NoSuch, Problem
from gitcoord.git.repository import Repository
from gitcoord.process import hold
from gitcoord.runs.ledger import (
    KIND,
    Ledger,
    find_runs,
    record_call,
    settle,
    settle_dead,
    totals,
)
from gitcoord.runs.run import create_run
from gitcoord.runs.sums import Sum, grand_total
from gitcoord.runs.usage import Usage
from gitcoord.runs.workflow import Task, Workflow
from gitcoord.state.journal import Journal
from gitcoord.state.store import Store
from tests.conftest import Sandbox
from tests.state.values import finish, start

RUN = "run-shop-7q3f"
USAGE = Usage(1000, 100, 10, 1)


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def record(
    repo: Repository, call: str, *, run: str = RUN, task: str = "build", model: str = "opus",
    dollars: float | None = 0.25,
) -> None:  # fmt: skip
    record_call(repo, run, task, "builder", model, USAGE, dollars, call=call)


def whole(repo: Repository, runs: Sequence[str] = ()) -> Sum:
    return grand_total(totals(repo, runs=runs))


def marks(repo: Repository) -> list[str]:
    return sorted(path.name for path in (repo.own_dir / "ledger").iterdir())


def test_nothing_was_spent_where_nothing_was_recorded(repo: Repository) -> None:
    assert totals(repo) == []
    settle(repo, RUN, close=True)
    settle_dead(repo)
    assert Store(repo).ids(KIND) == []


def test_a_call_counts_once_however_often_it_is_recorded(repo: Repository) -> None:
    once = Sum(1, 1, USAGE, 0.25)
    record(repo, "build/1/1")
    record(repo, "build/1/1", dollars=9.0)
    assert whole(repo) == once
    settle(repo, RUN)
    record(repo, "build/1/1")
    assert whole(repo) == once
    settle(repo, RUN, close=True)
    assert whole(repo) == once
    record(repo, "build/1/1")
    assert whole(repo) == once
    settle(repo, RUN, close=True)
    assert whole(repo) == once


def test_the_same_name_in_another_run_is_another_call(repo: Repository) -> None:
    record(repo, "1")
    record(repo, "1", run="run-b-2222")
    assert whole(repo).calls == 2
    assert whole(repo, [RUN]).calls == 1


def test_sums_by_everything(repo: Repository) -> None:
    record(repo, "1")
    record(repo, "2", task="test", model="haiku", dollars=0.5)
    record(repo, "1", run="run-b-2222", model="haiku")
    settle(repo, "run-b-2222", close=True)
    by = {
        what: [
            (row.run, row.task, row.role, row.model, row.sum.calls, row.sum.dollars)
            for row in totals(repo, by=what)
        ]
        for what in ("run", "task", "role", "model")
    }
    assert by == {
        "run": [("run-b-2222", "", "", "", 1, 0.25), (RUN, "", "", "", 2, 0.75)],
        "task": [
            ("run-b-2222", "build", "builder", "", 1, 0.25),
            (RUN, "build", "builder", "", 1, 0.25),
            (RUN, "test", "builder", "", 1, 0.5),
        ],
        "role": [("", "", "builder", "", 3, 1.0)],
        "model": [("", "", "", "haiku", 2, 0.75), ("", "", "", "opus", 1, 0.25)],
    }
    [day] = totals(repo, by="day")
    assert day.sum == whole(repo)
    assert totals(repo, day=day.day, by="day") == [day]
    assert totals(repo, day="2001-01-01") == []
    with pytest.raises(BadInput, match="by 'weather'"):
        totals(repo, by="weather")


def test_without_a_price_tokens_count_and_dollars_do_not(repo: Repository) -> None:
    for number, dollars in enumerate((None, float("nan"), float("inf"), -1.0)):
        record(repo, str(number), dollars=dollars)
    record(repo, "priced", dollars=0.0)
    settle(repo, RUN)
    found = whole(repo)
    assert (found.dollars, found.unpriced, found.usage.total) == (0, 4 * 1111, 5 * 1111)


def test_the_time_of_an_agent_is_no_call(repo: Repository) -> None:
    record(repo, "1")
    record_call(
        repo, RUN, "build", "builder", "", Usage(), 0.0, call="build/1/time", turns=0, seconds=60
    )
    assert whole(repo) == Sum(1, 1, USAGE, 0.25, seconds=60)
    assert [row.model for row in totals(repo, by="model")] == ["opus"]


def test_what_a_program_claims_cannot_take_away_or_break_the_record(repo: Repository) -> None:
    odd = "m\x1b[2J\udcff\n" + "x" * 1000
    usage = Usage(-5, 7)
    record_call(repo, RUN, odd, odd, odd, usage, 1.0, call="1", turns=-3, seconds=-1)
    before = totals(repo, by="model")
    settle(repo, RUN, close=True)
    assert totals(repo, by="model") == before
    assert before[0].sum == Sum(1, 0, Usage(0, 7), 1.0)
    assert before[0].model == odd[:200]


@pytest.mark.parametrize("call", ["", "a b", "a\n", "x" * 201, "\x85"])
def test_the_name_of_a_call_is_one_word(repo: Repository, call: str) -> None:
    with pytest.raises(BadInput, match="one word"):
        record(repo, call)
    assert totals(repo) == []


def test_an_open_ledger_sees_what_others_record(repo: Repository) -> None:
    record(repo, "1")
    ledger = Ledger(repo)
    record(repo, "2")
    record(repo, "1", run="run-new-2222")
    settle(repo, RUN, close=True)
    record(repo, "2")
    ledger.refresh()
    assert ledger.totals() == totals(repo)
    assert grand_total(ledger.totals()).calls == 3


def test_a_run_that_is_closed_is_opened_by_recording(repo: Repository) -> None:
    record(repo, "1")
    assert marks(repo) == [RUN]
    settle(repo, RUN, close=True)
    assert marks(repo) == []
    record(repo, "2")
    assert marks(repo) == [RUN]
    assert whole(repo).calls == 2


def test_runs_that_nobody_drives_are_settled_and_others_stay_open(repo: Repository) -> None:
    record(repo, "1")
    record(repo, "1", run="run-live-2222")
    with hold(repo.own_dir, "run-live-2222"):
        settle_dead(repo)
    assert marks(repo) == ["run-live-2222"]
    assert whole(repo).calls == 2


def test_sealed_events_still_count(repo: Repository) -> None:
    record(repo, "1")
    journal = Journal(repo.own_dir)
    for _ in range(2):
        journal.append("filler", text="x" * (1 << 20))
        record(repo, "2")
    journal.seal(repo)
    journal.seal(repo)
    assert whole(repo).calls == 2
    settle(repo, RUN, close=True)
    assert whole(repo).calls == 2


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_recording_settling_and_closing_gives_the_same_sums(
    repo: Repository, seed: int
) -> None:
    random, expected, watching = Random(seed), set(), Ledger(repo)
    for _ in range(40):
        run = random.choice((RUN, "run-b-2222"))
        match random.randrange(4):
            case 0:
                settle(repo, run, close=random.random() < 0.5)
            case _:
                call = str(random.randrange(12))
                record(repo, call, run=run)
                expected.add((run, call))
    watching.refresh()
    assert whole(repo).calls == len(expected) == grand_total(watching.totals()).calls
    assert whole(repo).usage.input == 1000 * len(expected)


RECORDER = """
import sys
from pathlib import Path
from gitcoord.git.repository import Repository
from gitcoord.runs.ledger import record_call, settle
from gitcoord.runs.usage import Usage
repo, first, last = Repository.find(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
for number in range(first, last):
    record_call(repo, "run-shop-7q3f", "build", "builder", "opus", Usage(1000, 100, 10, 1), 0.25,
                call=f"build/1/{number}")
    if number % 7 == 3:
        settle(repo, "run-shop-7q3f", close=number % 2 == 0)
    print(number, flush=True)
"""


def test_twelve_processes_record_and_settle_at_once(repo: Repository, sandbox: Sandbox) -> None:
    """Each call by two of them; some close the run while others record."""
    finish([start(RECORDER, sandbox.path, 10 * n, 10 * n + 20) for n in range(12)])
    expected = Sum(130, 130, Usage(130_000, 13_000, 1300, 130), 130 * 0.25)
    assert whole(repo) == expected
    settle_dead(repo)
    assert whole(repo) == expected
    assert marks(repo) == []


@pytest.mark.parametrize("killed_at", [1, 4, 11])
def test_killed_and_recorded_again_nothing_is_lost_or_doubled(
    repo: Repository, sandbox: Sandbox, killed_at: int
) -> None:
    host = start(RECORDER, sandbox.path, 0, 10_000)
    assert host.stdout is not None
    for _ in range(killed_at):
        assert host.stdout.readline()
    os.kill(host.pid, signal.SIGKILL)
    host.communicate()
    there = whole(repo).calls
    assert there >= killed_at
    for number in range(there + 1):  # what the transcript holds: one more than was entered
        record(repo, f"build/1/{number}")
    assert whole(repo).calls == there + 1


@pytest.mark.parametrize("killed_at", [3, 7, 12])
def test_killed_while_others_close_the_run_no_entry_is_out_of_sight(
    repo: Repository, sandbox: Sandbox, killed_at: int
) -> None:
    often = RECORDER.replace("% 7 == 3", "% 3 == 0").replace("number % 2 == 0", "True")
    hosts = [start(often, sandbox.path, 1000 * n, 1000 * n + 900) for n in range(3)]
    said = 0
    while said < killed_at and hosts[0].stdout is not None:
        said += bool(hosts[0].stdout.readline())
    for host in hosts:
        os.kill(host.pid, signal.SIGKILL)
    for host in hosts:
        host.communicate()
    entered = {
        event.fields["call"] for event in Journal(repo.own_dir).tail() if event.kind == "call"
    }
    assert len(entered) >= killed_at
    assert whole(repo).calls == len(entered)
    settle_dead(repo)
    assert whole(repo).calls == len(entered)


def test_a_record_that_cannot_be_read_is_said_and_the_others_count(repo: Repository) -> None:
    record(repo, "1")
    settle(repo, RUN, close=True)
    Store(repo).create(KIND, "run-bad-2222", {"at": "", "calls": "", "rows": [{"task": 3}]})
    Store(repo).create(KIND, "run-odd-2222", {"rows": 3})
    bad: list[Problem] = []
    assert grand_total(Ledger(repo, bad).totals()).calls == 1
    assert len(bad) == 2


def test_runs_are_found_by_their_own_id_and_by_their_worktrees(repo: Repository) -> None:
    workflow = Workflow("w", (Task("a", "x", (), ""),))
    first = create_run(repo, "investigation-cart-7q3f", workflow, {"text": "pay"})
    second = create_run(repo, "investigation-cart-7q3f", workflow, {"text": "why"})
    record(repo, "1")
    assert find_runs(repo, "cart") == [first.id, second.id]
    assert find_runs(repo, "why") == [second.id]
    assert find_runs(repo, "shop") == [RUN]
    with pytest.raises(NoSuch) as refused:
        find_runs(repo, "nowhere")
    assert refused.value.hint.endswith("gitcoord cost")
