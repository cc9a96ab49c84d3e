import pytest

from gitcoord.git.repository import Repository
from gitcoord.runs.ledger import record_call
from gitcoord.runs.usage import Usage
from tests.calling import gitcoord
from tests.conftest import Sandbox


@pytest.fixture
def spent(sandbox: Sandbox) -> Sandbox:
    repo = Repository.find(sandbox.path)
    calls = [
        ("run-shop-7q3f", "build", "claude-opus-5-5", 0.5),
        ("run-shop-7q3f", "test", "claude-haiku-5-5", 0.25),
        ("run-cart-2222", "build", "gpt-9\x1b[2J", None),
    ]
    for number, (run, task, model, dollars) in enumerate(calls):
        usage = Usage(1000, 200, 30, 4)
        record_call(repo, run, task, "builder", model, usage, dollars, call=str(number))
    return sandbox


def test_nothing_was_spent_yet(sandbox: Sandbox) -> None:
    said = gitcoord("cost", at=sandbox.path)
    assert (said.code, said.out, said.err) == (0, "", "nothing was spent yet\n")
    empty = gitcoord("cost", "--json", at=sandbox.path).json
    assert empty["rows"] == [] and empty["total"]["dollars"] == 0


def test_a_line_for_each_run_and_a_total(spent: Sandbox) -> None:
    said = gitcoord("cost", at=spent.path)
    assert [line.split() for line in said.out.splitlines()[1:]] == [
        ["run-cart-2222", "1", "1,000", "200", "30", "4", "0:00", "unpriced"],
        ["run-shop-7q3f", "2", "2,000", "400", "60", "8", "0:00", "0.7500"],
        [
            "total",
            "3",
            "3,000",
            "600",
            "90",
            "12",
            "0:00",
            *["0.7500", "+", "1,234", "tokens", "unpriced"],
        ],
    ]
    assert "unpriced: 1,234 tokens of gpt-9\\x1b[2J; a price" in said.err
    assert said.err.strip().endswith("prices.toml")


def test_one_run_by_task_and_by_anything(spent: Sandbox) -> None:
    said = gitcoord("cost", "shop", at=spent.path)
    assert [line.split()[:3] for line in said.out.splitlines()[1:]] == [
        ["run-shop-7q3f", "build", "builder"],
        ["run-shop-7q3f", "test", "builder"],
        ["total", "2", "2,000"],
    ]
    assert said.err == ""
    for by, count in (("run", 1), ("role", 1), ("model", 2), ("day", 1)):
        found = gitcoord("cost", "shop", "--by", by, "--json", at=spent.path).json
        assert len(found["rows"]) == count
        assert found["total"] == {
            "calls": 2, "turns": 2,
            "tokens": {
                "input": 2000, "output": 400, "cache_read": 60, "cache_write": 8, "total": 2468,
            },
            "dollars": 0.75, "unpriced_tokens": 0, "seconds": 0.0,
        }  # fmt: skip


def test_unpriced_is_not_free(spent: Sandbox) -> None:
    found = gitcoord("cost", "cart", "--json", at=spent.path).json
    assert found["rows"][0]["dollars"] is None and found["total"]["dollars"] is None
    assert found["total"]["unpriced_tokens"] == 1234
    assert found["unpriced_models"] == ["gpt-9\x1b[2J"]


def test_what_is_wrong_is_said_with_what_is_right(spent: Sandbox) -> None:
    by = gitcoord("cost", "--by", "weather", at=spent.path)
    assert by.code == 2 and "gitcoord cost --by model" in by.err
    run = gitcoord("cost", "nowhere", at=spent.path)
    assert run.code == 2 and run.err.strip().endswith("gitcoord cost")
