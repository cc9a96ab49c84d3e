import os
import signal
import threading
from pathlib import Path

import pytest

from gitcoord.config import Config
from gitcoord.errors import BadInput, Contended, Parked
from gitcoord.git.repository import Repository
from gitcoord.runs.budget import (
    Budget,
    Caps,
    budget_of,
    raise_budget,
    read_caps,
    refuse_spent,
    reserve,
)
from gitcoord.runs.ledger import record_call
from gitcoord.runs.role import Role
from gitcoord.runs.run import create_run
from gitcoord.runs.usage import Usage
from gitcoord.runs.workflow import Task, Workflow
from tests.conftest import Sandbox
from tests.state.values import finish, start

RUN = "run-shop-7q3f"
ROLE = Role("builder", "builds", "You build.", budget=2.0, max_turns=50)


@pytest.fixture
def repo(sandbox: Sandbox) -> Repository:
    return Repository.find(sandbox.path)


def spend(
    repo: Repository, dollars: float, *, call: str, task: str = "build", run: str = RUN,
    tokens: int = 10, seconds: float = 0.0,
) -> None:  # fmt: skip
    usage = Usage(input=tokens)
    record_call(repo, run, task, "builder", "opus", usage, dollars, call=call, seconds=seconds)


def dollars(task: float = 0, run: float = 0, day: float = 0) -> Budget:
    return Budget(Caps(dollars=task), Caps(dollars=run), Caps(dollars=day))


def kept(repo: Repository) -> list[Path]:
    return [*(repo.own_dir / "reservations").glob("*.toml")]


def test_caps_are_read_as_people_write_them() -> None:
    caps = read_caps(["$2.50", "500k tokens", "40 turns", "1.5 hours"])
    assert caps == Caps(2.5, 500_000, 40, 5400)
    assert read_caps(["5"]) == read_caps(["5 dollars"]) == read_caps(["5usd"]) == Caps(dollars=5)
    assert read_caps(["1h"]) == read_caps(["60 min"]) == Caps(seconds=3600)
    assert read_caps(["2M tokens"]) == Caps(tokens=2_000_000)


@pytest.mark.parametrize(
    "text", ["", "-1", "x", "1e9", "5 apples", "30m", "5k", "0", "0.0 tokens", "5 Dollars", "٣"]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_caps([text])
    assert refused.value.hint.endswith("gitcoord config get budget.run")


def test_what_a_task_may_cost_is_a_setting_else_its_roles() -> None:
    config = Config({"budget.run": ("5 dollars", "1M tokens"), "budget.day": ("20",)})
    budget = budget_of(config, ROLE, Caps())
    assert budget == Budget(Caps(dollars=2), Caps(dollars=5, tokens=1_000_000), Caps(dollars=20))
    asked = budget_of(config, ROLE, Caps(dollars=1))
    assert asked.run == Caps(dollars=1, tokens=1_000_000)
    assert asked.task == Caps(dollars=1), "a task cannot need more than its run may cost"
    own = Config({"budget.task": ("0.50", "10 turns")})
    assert budget_of(own, ROLE, Caps()).task == Caps(dollars=0.5, turns=10)
    more = Config({"budget.task": ("9",)})
    assert budget_of(more, ROLE, Caps()).task == Caps(dollars=9), "else it could not be raised"


def test_a_person_may_cap_a_run_anew(repo: Repository) -> None:
    workflow = Workflow("w", (Task("a", "x", (), ""),))
    question = {"text": "pay", "budget": ["1 dollar", "5 turns"]}
    run = create_run(repo, "development-cart-7q3f", workflow, question)
    assert raise_budget(repo, run.id, ["3"]).question["budget"] == ["5 turns", "3"]
    again = raise_budget(repo, run.id, ["1h", "$4.50", "9 turns"]).question["budget"]
    assert read_caps(again) == Caps(dollars=4.5, turns=9, seconds=3600)
    with pytest.raises(BadInput):
        raise_budget(repo, run.id, ["4", "lots"])


def test_without_caps_nothing_is_kept(repo: Repository) -> None:
    spend(repo, 1000, call="1")
    with reserve(repo, RUN, "build", Budget()) as reservation:
        assert reservation.caps == Caps()
        assert reservation.check() == reservation.news() == []
    assert not (repo.own_dir / "reservations").exists()


def test_several_tasks_reserve_together(repo: Repository) -> None:
    budget = dollars(task=2, run=5)
    with reserve(repo, RUN, "a", budget) as first, reserve(repo, RUN, "b", budget):
        assert first.caps == Caps(dollars=2)
        with pytest.raises(Contended) as full:
            reserve(repo, RUN, "c", budget)
        assert full.value.hint.endswith(f"gitcoord cost {RUN}")
        assert len(kept(repo)) == 2
    assert kept(repo) == []
    with reserve(repo, RUN, "c", budget):
        pass


def test_another_run_has_its_own_budget_and_shares_the_days(repo: Repository) -> None:
    budget = dollars(task=2, run=2, day=5)
    held = [reserve(repo, run, "a", budget) for run in (RUN, "run-b-2222")]
    with pytest.raises(Contended, match="of the day"):
        reserve(repo, "run-c-2222", "a", budget)
    for one in held:
        one.release()


def test_what_a_task_spent_of_its_reservation_is_not_counted_twice(repo: Repository) -> None:
    budget = dollars(task=2, run=5)
    with reserve(repo, RUN, "a", budget):
        spend(repo, 1.5, task="a", call="1")
        with reserve(repo, RUN, "b", budget) as second:
            assert second.caps.dollars == 2


def test_a_task_taken_up_again_has_what_it_left(repo: Repository) -> None:
    spend(repo, 1.5, task="a", call="1")
    with reserve(repo, RUN, "a", dollars(task=2, run=5)) as reservation:
        assert reservation.caps == Caps(dollars=0.5)


def test_a_task_starts_only_if_what_is_left_is_enough(repo: Repository) -> None:
    workflow = Workflow("w", (Task("a", "x", (), ""),))
    run = create_run(repo, "development-cart-7q3f", workflow, {"text": "pay"})
    spend(repo, 3.5, task="a", call="1", run=run.id)
    with pytest.raises(Parked) as parked:
        reserve(repo, run.id, "b", dollars(task=2, run=5))
    assert parked.value.message == "$1.50 are left for the run, and b may need $2.00"
    assert parked.value.hint.endswith("gitcoord resume development-cart-7q3f --budget '20 dollars'")
    with pytest.raises(Parked) as parked:
        reserve(repo, run.id, "b", dollars(task=2, day=5))
    assert "gitcoord config set budget.day" in parked.value.hint
    assert kept(repo) == []


def test_a_task_without_a_cap_may_spend_what_is_free(repo: Repository) -> None:
    budget = Budget(run=Caps(dollars=5, tokens=1000), day=Caps(dollars=3, turns=7))
    spend(repo, 1, call="1", task="other", tokens=100)
    with reserve(repo, RUN, "a", budget) as reservation:
        assert reservation.caps == Caps(dollars=2, tokens=900, turns=6)


def test_a_cap_is_told_once_at_80_percent_and_once_when_spent(repo: Repository) -> None:
    with reserve(repo, RUN, "build", dollars(run=5)) as reservation:
        spend(repo, 3.9, call="1")
        assert reservation.news() == []
        spend(repo, 0.2, call="2")
        [warned] = reservation.news()
        assert warned.line == "the run has used $4.10 of $5.00 (82%)"
        assert not warned.is_spent
        assert reservation.news() == []
        refuse_spent(repo, RUN, reservation.check())
        spend(repo, 1.5, call="3")
        [spent] = reservation.news()
        assert spent.is_spent and spent.spent == pytest.approx(5.6), "overshot by one call"
        assert reservation.news() == []
        with pytest.raises(Parked, match="112%"):
            refuse_spent(repo, RUN, reservation.check())
    with pytest.raises(Parked, match="112%"):
        reserve(repo, RUN, "build", dollars(run=5))


def test_of_two_caps_as_full_the_wider_is_to_be_raised(repo: Repository) -> None:
    both = Caps(dollars=0.001)
    with reserve(repo, RUN, "build", Budget(task=both, run=both)) as reservation:
        spend(repo, 0.002, call="1")
        with pytest.raises(Parked, match=r"the run has used \$0\.002000 of \$0\.001000") as parked:
            refuse_spent(repo, RUN, reservation.check())
    assert "gitcoord resume" in parked.value.hint and "--budget" in parked.value.hint


def test_every_measure_counts(repo: Repository) -> None:
    caps = Caps(dollars=10, tokens=100, turns=2, seconds=60)
    with reserve(repo, RUN, "build", Budget(task=caps)) as reservation:
        spend(repo, 1, call="1", tokens=90, seconds=60)
        assert [one.line for one in reservation.check()] == [
            "the task has used 1.0 minutes of 1.0 minutes (100%)",
            "the task has used 90 tokens of 100 tokens (90%)",
        ]


def test_waiting_for_others_to_give_back(repo: Repository) -> None:
    budget = dollars(task=2, run=3)
    first = reserve(repo, RUN, "a", budget)
    later = threading.Timer(0.3, first.release)
    later.start()
    with reserve(repo, RUN, "b", budget, patience=30) as second:
        assert second.caps.dollars == 2
    later.join()


HOST = """
import sys, time
from pathlib import Path
from gitcoord.errors import Contended
from gitcoord.git.repository import Repository
from gitcoord.runs.budget import Budget, Caps, reserve
repo = Repository.find(Path(sys.argv[1]))
budget = Budget(Caps(dollars=2), Caps(dollars=5), Caps())
try:
    reservation = reserve(repo, "run-shop-7q3f", sys.argv[2], budget)
except Contended:
    print("full", flush=True)
else:
    print("reserved", flush=True)
time.sleep(60)
"""


def test_eight_processes_reserve_at_once_and_no_more_than_fit(
    repo: Repository, sandbox: Sandbox
) -> None:
    hosts = [start(HOST, sandbox.path, name) for name in "abcdefgh"]
    said = [host.stdout.readline().strip() for host in hosts if host.stdout]
    for host in hosts:
        os.kill(host.pid, signal.SIGKILL)
        host.communicate()
    assert sorted(said) == ["full"] * 6 + ["reserved"] * 2
    assert len(kept(repo)) == 2
    with reserve(repo, RUN, "x", dollars(task=5, run=5)):
        assert len(kept(repo)) == 1, "what the dead had reserved is free"
    assert kept(repo) == []


def test_a_reservation_ends_with_a_process_that_does_not_release(
    repo: Repository, sandbox: Sandbox
) -> None:
    finish([start(HOST.replace("time.sleep(60)", ""), sandbox.path, "a")])
    reserve(repo, RUN, "x", dollars(task=5, run=5)).release()
