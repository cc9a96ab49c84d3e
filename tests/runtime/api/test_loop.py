"""The loop from its first turn to its last, with the real client at a scripted model."""

from __future__ import annotations

import stat
import time
from typing import Any

import pytest

from gitcoord.config import Config
from gitcoord.errors import BadInput
from gitcoord.runs.role import Role
from gitcoord.runs.usage import Usage
from gitcoord.runtime.agent import DONE, FAILED, PARKED, STOPPED, UNKNOWN, Limits
from gitcoord.runtime.api.conversation import INTERRUPTED
from gitcoord.runtime.api.hands import TOOLS
from tests.runtime.api.conftest import READER, Bench, call

LOOK = [{"tools": [call("read", path="README.md"), call("list")]}, "It is a shop."]


class TestTurns:
    def test_tools_are_used_and_the_last_words_are_the_summary(self, bench: Bench) -> None:
        outcome = bench.run(LOOK)
        assert (outcome.state, outcome.summary, outcome.turns) == (DONE, "It is a shop.", 2)
        assert outcome.model == "claude-sonnet-5-5"
        assert outcome.mark == "mark-1"

    def test_parallel_calls_are_answered_in_one_message_in_order(self, bench: Bench) -> None:
        bench.run(LOOK)
        *_, calls, results = bench.requests[-1].body["messages"]
        asked = [block["id"] for block in calls["content"] if block["type"] == "tool_use"]
        assert [block["tool_use_id"] for block in results["content"]] == asked
        assert results["role"] == "user"
        assert "a small shop" in results["content"][0]["content"].lower()

    def test_what_is_sent_again_is_the_same_bytes(self, bench: Bench) -> None:
        bench.run([{"tools": [call("list")]}, {"tools": [call("list")]}, "done"])
        first, second, third = (request.body for request in bench.requests)
        for key in ("system", "tools", "model", "max_tokens"):
            assert first[key] == second[key] == third[key]
        assert third["messages"][: len(second["messages"])] == second["messages"]
        assert first["cache_control"] == {"type": "ephemeral"}
        assert all(request.streams for request in bench.requests)

    def test_the_cache_is_read(self, bench: Bench) -> None:
        outcome = bench.run([{"tools": [call("list")]}, {"tools": [call("list")]}, "done"])
        assert outcome.usage.cache_read > outcome.usage.cache_write

    def test_usage_and_dollars_are_the_sum_of_the_answers(self, bench: Bench) -> None:
        million = {"input": 1_000_000, "output": 0, "cache_read": 0, "cache_write": 0}
        outcome = bench.run([{"tools": [call("list")], "usage": million},
                             {"text": "done", "usage": million}])  # fmt: skip
        assert outcome.usage == Usage(2_000_000, 0)
        assert outcome.dollars == pytest.approx(4.0)

    def test_a_model_without_a_price_costs_nobody_knows_what(self, bench: Bench) -> None:
        outcome = bench.run(["done"], model="house-brand-1")
        assert outcome.dollars is None
        assert outcome.model == "house-brand-1"

    @pytest.mark.parametrize(
        ("wished", "meant"),
        [("haiku", "claude-haiku-5-5"), ("inherit", "claude-sonnet-5-5"), ("x/y-9", "x/y-9")],
    )
    def test_a_role_may_name_its_model(self, bench: Bench, wished: str, meant: str) -> None:
        bench.run(["done"], role=Role("r", "", "", model=wished))
        assert bench.requests[0].model == meant

    def test_events_tell_what_goes_on(self, bench: Bench) -> None:
        bench.run(LOOK)
        assert bench.said("tool") == ["read README.md", "list"]
        assert bench.said("text") == ["It is a shop."]
        assert len(bench.said("usage")) == 2
        used = [event.detail for event in bench.events if event.kind == "usage"]
        assert len({one["call"] for one in used}) == 2
        assert not used[0]["again"]

    def test_the_transcript_is_for_its_owner_alone(self, bench: Bench) -> None:
        bench.run(LOOK)
        assert stat.S_IMODE(bench.assignment.log.stat().st_mode) == 0o600

    def test_no_key_is_in_the_transcript(self, bench: Bench) -> None:
        bench.run(LOOK)
        assert "made-up" not in bench.assignment.log.read_text()

    def test_secrets_do_not_reach_the_model(self, bench: Bench) -> None:
        bench.sandbox.write("deploy.txt", "key AKIAIOSFODNN7EXAMPLA\n")
        bench.run(
            [{"tools": [call("read", path="deploy.txt")]}, "done"],
            prompt="Use ghp_Zx81kQw0Lm5nBv7cRt2yUi9oPa3sDf6gHj4k to log in.",
        )
        sent = str([request.body["messages"] for request in bench.requests])
        assert "AKIAIOSFODNN7EXAMPLA" not in sent
        assert "ghp_Zx81" not in sent
        assert "[REDACTED:" in sent


class TestStops:
    """Every reason for which a model stops has its outcome."""

    def test_end_turn(self, bench: Bench) -> None:
        assert bench.run([{"text": "done", "stop": "end_turn"}]).state == DONE

    def test_stop_sequence(self, bench: Bench) -> None:
        assert bench.run([{"text": "done", "stop": "stop_sequence"}]).state == DONE

    def test_pause_turn_is_sent_back_unchanged(self, bench: Bench) -> None:
        outcome = bench.run([{"text": "searching", "stop": "pause_turn"}, "found"])
        assert (outcome.state, outcome.summary) == (DONE, "found")
        [_, said] = bench.requests[1].body["messages"]
        assert said == {"role": "assistant", "content": [{"type": "text", "text": "searching"}]}

    def test_max_tokens_runs_no_cut_off_call_and_goes_on(self, bench: Bench) -> None:
        cut = {"text": "I will", "tools": [call("write", path="x", content="h")],
               "stop": "max_tokens"}  # fmt: skip
        outcome = bench.run([cut, "done"])
        assert outcome.state == DONE
        assert not (bench.top / "x").exists()
        *_, said, asked = bench.requests[1].body["messages"]
        assert said["content"] == [{"type": "text", "text": "I will"}]
        assert "cut off" in asked["content"][0]["text"]

    def test_max_tokens_again_and_again_fails_with_a_way_out(self, bench: Bench) -> None:
        outcome = bench.run([{"text": "and", "stop": "max_tokens", "again": True}])
        assert outcome.state == FAILED
        assert outcome.turns == 3
        assert outcome.hint == "gitcoord config set agents.max_tokens 32000 && gitcoord resume ID"

    def test_a_full_context_window_makes_room_and_goes_on(self, bench: Bench) -> None:
        full = {"text": "I", "stop": "model_context_window_exceeded"}
        assert bench.run([full, "done"]).state == DONE

    def test_refusal(self, bench: Bench) -> None:
        outcome = bench.run([{"text": "I cannot", "stop": "refusal"}])
        assert outcome.state == FAILED
        assert "refused" in outcome.reason

    def test_a_reason_not_known_here_is_unknown(self, bench: Bench) -> None:
        outcome = bench.run([{"text": "hm", "stop": "compaction"}])
        assert outcome.state == UNKNOWN
        assert "compaction" in outcome.reason

    def test_tool_use_without_a_tool_is_unknown(self, bench: Bench) -> None:
        assert bench.run([{"text": "hm", "stop": "tool_use"}]).state == UNKNOWN

    def test_an_answer_of_nothing_is_done(self, bench: Bench) -> None:
        assert bench.run([{"content": [], "stop": "end_turn"}]).state == DONE

    def test_thinking_is_sent_back_with_its_signature(self, bench: Bench) -> None:
        bench.run([{"thinking": "hm, a shop", "tools": [call("list")]}, "done"])
        said = bench.requests[1].body["messages"][1]["content"][0]
        assert (said["type"], said["thinking"], said["signature"]) == (
            "thinking", "hm, a shop", "sig-10",
        )  # fmt: skip


class TestBadCalls:
    @pytest.mark.parametrize(
        ("wrong", "told"),
        [
            (call("launch"), "you have no tool 'launch'"),
            (call("read"), "read needs 'path'"),
            (call("read", path=7), "'path' has to be of type string"),
            (call("read", path="a", colour="red"), "takes no 'colour'"),
            (call("history", what="guess"), "is one of log, show"),
            ({"name": "read", "raw": '{"path": "a'}, "no JSON object"),
            ({"name": "read", "raw": "[1]"}, "no JSON object"),
        ],
    )
    def test_the_model_is_told_and_goes_on(
        self, bench: Bench, wrong: dict[str, Any], told: str
    ) -> None:
        assert bench.run([{"tools": [wrong]}, "done"]).state == DONE
        [result] = bench.requests[-1].body["messages"][-1]["content"]
        assert told in result["content"]
        assert result["is_error"]

    def test_half_a_character_does_not_end_the_talk(self, bench: Bench) -> None:
        half = {"name": "read", "raw": '{"path": "\\ud83d"}'}
        assert bench.run([{"tools": [half]}, "done"]).state == DONE


class TestLimits:
    def test_turns(self, bench: Bench) -> None:
        endless = [{"tools": [call("list")], "again": True}]
        outcome = bench.run(endless, limits=Limits(turns=3))
        assert (outcome.state, outcome.turns) == (STOPPED, 3)
        assert outcome.reason == "the limit of 3 turns is reached"

    def test_tokens(self, bench: Bench) -> None:
        outcome = bench.run([{"tools": [call("list")], "again": True}], limits=Limits(tokens=4000))
        assert outcome.state == STOPPED
        assert outcome.usage.total >= 4000

    def test_dollars_can_be_overrun_by_one_answer(self, bench: Bench) -> None:
        costly = {"tools": [call("list")], "usage": {"input": 400_000}, "again": True}
        outcome = bench.run([costly], limits=Limits(dollars=1.0))
        assert (outcome.state, outcome.turns) == (STOPPED, 2)
        assert outcome.dollars == pytest.approx(1.6)

    def test_a_limit_in_dollars_without_a_price_is_said(self, bench: Bench) -> None:
        bench.run(["done"], model="house-brand-1", limits=Limits(dollars=1.0))
        assert bench.said("warning") == [
            "house-brand-1 has no price: the limit in dollars cannot hold"
        ]

    def test_wall_ends_a_call_at_once(self, bench: Bench) -> None:
        outcome = bench.run([{"text": "late", "wait": 30}], limits=Limits(wall=0.4))
        assert outcome.state == STOPPED
        assert "0.4 seconds" in outcome.reason

    def test_no_wall_is_no_limit(self, bench: Bench) -> None:
        assert bench.run(LOOK, limits=Limits(wall=0, stall=0)).state == DONE

    def test_stall(self, bench: Bench) -> None:
        begun = time.monotonic()
        outcome = bench.run([{"text": "late", "wait": 30}], limits=Limits(stall=0.3))
        assert (outcome.state, outcome.retry) == (STOPPED, True)
        assert "no sign of life" in outcome.reason
        assert time.monotonic() - begun < 25

    def test_what_a_cut_answer_cost_is_counted(self, bench: Bench) -> None:
        slow = {"text": "word " * 200, "pace": 0.2, "usage": {"input": 77}}
        outcome = bench.run([slow], limits=Limits(wall=0.7))
        assert outcome.state == STOPPED
        assert outcome.usage.input == 77

    def test_work_is_kept_and_goes_on_where_it_stopped(self, bench: Bench) -> None:
        script = [
            {"tools": [call("write", path="new.py", content="x = 1\n")]},
            {"tools": [call("read", path="new.py")]},
            "done",
        ]
        assert bench.run(script, limits=Limits(turns=1)).state == STOPPED
        assert (bench.top / "new.py").read_text() == "x = 1\n"
        outcome = bench.resume(script)
        assert (outcome.state, outcome.turns) == (DONE, 2)


class TestApprovals:
    ASKING = '[agents]\nask = ["write"]\n'
    SCRIPT: tuple[Any, ...] = (
        {"tools": [call("list"), call("write", path="n", content="1"), call("read", path="n")]},
        "done",
    )

    def test_nobody_to_ask_is_no(self, bench: Bench) -> None:
        bench.config(self.ASKING)
        assert bench.run(self.SCRIPT).state == DONE
        assert "nobody can be asked" in bench.results()[1]
        assert not (bench.top / "n").exists()

    def test_a_call_waits_and_is_made_once_it_is_approved(self, bench: Bench) -> None:
        bench.config(self.ASKING)
        asked: list[tuple[str, str]] = []

        def ask(mark: str, what: str, given: object) -> str:
            asked.append((mark, what))
            return "ask-1"

        parked = bench.run(self.SCRIPT, ask=ask)
        assert (parked.state, parked.reason) == (PARKED, "waits for approval ask-1")
        assert asked[0][1] == "write n"
        assert not (bench.top / "n").exists()
        assert bench.resume(self.SCRIPT, decision_on=lambda _: None).state == PARKED
        done = bench.resume(self.SCRIPT, decision_on=lambda _: ("approved", ""))
        assert done.state == DONE
        assert [len(bench.requests), len(asked)] == [2, 1]
        assert bench.results()[2] == "1\t1"

    def test_a_denied_call_is_answered_with_the_reason(self, bench: Bench) -> None:
        bench.config(self.ASKING)
        bench.run(self.SCRIPT, ask=lambda *_: "ask-1")
        bench.resume(self.SCRIPT, decision_on=lambda _: ("denied", "use the old file"))
        assert bench.results()[1] == "a person denied this: use the old file"
        assert not (bench.top / "n").exists()

    def test_an_approved_call_that_was_cut_off_is_not_made_again(self, bench: Bench) -> None:
        bench.config(self.ASKING)
        bench.run(self.SCRIPT, ask=lambda *_: "ask-1")
        mark = bench.lines("waits")[0]["call"]
        with bench.assignment.log.open("a") as log:
            log.write('{"do":"started","call":"' + mark + '"}\n')
        bench.resume(self.SCRIPT, decision_on=lambda _: ("approved", ""))
        assert bench.results()[1] == INTERRUPTED
        assert not (bench.top / "n").exists()

    @pytest.mark.parametrize("name", TOOLS)
    def test_any_tool_may_need_a_person(self, bench: Bench, name: str) -> None:
        bench.config(f'[agents]\nask = ["{name}"]\n')
        assert Config.load(bench.assignment.own_dir).agents.ask == (name,)

    def test_a_slip_in_the_settings_is_no_permission(self, bench: Bench) -> None:
        bench.config('[agents]\nask = ["Write"]\n')
        with pytest.raises(BadInput, match="'Write' is none of read"):
            bench.run(["done"])

    def test_a_call_that_cannot_be_made_asks_nobody(self, bench: Bench) -> None:
        bench.config(self.ASKING)
        script = [{"tools": [call("write", path="n")]}, "done"]
        assert bench.run(script, ask=lambda *_: "ask-1").state == DONE


class TestRoles:
    def test_one_that_does_not_write_has_no_tool_that_does(self, bench: Bench) -> None:
        bench.run(["done"], role=READER)
        names = [tool["name"] for tool in bench.requests[0].body["tools"]]
        assert names == ["read", "list", "search", "history", "record_finding"]
