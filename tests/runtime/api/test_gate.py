"""The pace of all agents: they wait together, and go on fewer at a time."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from dataclasses import replace

import pytest

from gitcoord.runtime.agent import DONE, Outcome
from gitcoord.runtime.api.gate import Gate
from gitcoord.runtime.api.loop import run_api
from gitcoord.testing.server import ModelServer
from tests.runtime.api.conftest import Bench


def test_all_wait_while_one_is_told_to() -> None:
    async def go() -> list[str]:
        gate, seen = Gate(), []

        async def pass_it() -> None:
            async with gate.through():
                seen.append("in")

        gate.slow(0.05, crowded=False)
        waiting = asyncio.gather(*(pass_it() for _ in range(5)))
        await asyncio.sleep(0.02)
        seen.append("pause")
        await waiting
        return seen

    assert asyncio.run(go()) == ["pause", *["in"] * 5]


def test_crowded_halves_and_success_widens() -> None:
    async def go() -> tuple[int, int]:
        gate, most = Gate(), 0

        async def pass_it(crowd: bool) -> None:
            nonlocal most
            async with gate.through():
                most = max(most, gate.out)
                await asyncio.sleep(0.002)
                if crowd and gate.out == 8:
                    gate.slow(0, crowded=True)
            gate.went_well()

        await asyncio.gather(*(pass_it(True) for _ in range(8)))
        wide, most = most, 0
        await asyncio.gather(*(pass_it(False) for _ in range(8)))
        return wide, most

    wide, narrow = asyncio.run(go())
    assert wide == 8
    assert 4 <= narrow < 8


def test_one_given_up_while_it_waits_leaves_its_place_to_another() -> None:
    async def go() -> int:
        gate, passed = Gate(), 0
        gate.width = 1

        async def pass_it() -> None:
            nonlocal passed
            async with gate.through():
                await asyncio.sleep(0.001)
                passed += 1

        tasks = [asyncio.ensure_future(pass_it()) for _ in range(6)]
        await asyncio.sleep(0)
        for given_up in (tasks[1], tasks[3]):
            given_up.cancel()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        return passed

    assert asyncio.run(go()) == 4


def test_a_rate_limit_of_one_slows_all(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty agents, a server that lets eight through in the first round: all end."""
    crowd = threading.Semaphore(8)

    def turn(_: object) -> object:
        if crowd.acquire(blocking=False):
            return {"text": "done", "wait": 0.01}
        crowd.release(4)
        return {"error": 429, "retry_after_ms": 30}

    outcomes: list[Outcome] = []
    with ModelServer(turn) as server:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "x")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setattr("gitcoord.runtime.api.line._FIRST_PAUSE", 0.01)

        def work(number: int) -> None:
            log = bench.assignment.log.with_name(f"{number}.jsonl")
            outcomes.append(run_api(replace(bench.assignment, log=log), lambda _: None))

        threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert [one.state for one in outcomes] == [DONE] * 20


def test_the_client_is_imported_when_it_is_called_and_not_before() -> None:
    code = (
        "import sys, gitcoord.runtime.api.loop, gitcoord.runtime.runners\n"
        "assert not {'anthropic', 'httpx2', 'pydantic'} & set(sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
