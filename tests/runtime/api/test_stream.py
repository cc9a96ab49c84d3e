"""An answer put together from events, whatever comes in and wherever it ends."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitcoord.runs.usage import Usage
from gitcoord.runtime.api.stream import Broken, Dropped, Hearing, sendable

_KEYS = ["type", "index", "delta", "message", "usage"]
START = {"type": "message_start", "message": {"id": "m", "model": "x", "usage": {
    "input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 7}}}  # fmt: skip
END: list[dict[str, Any]] = [
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 9}},
    {"type": "message_stop"},
]


def block(index: int, kind: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": kind},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def heard(*events: dict[str, Any]) -> Hearing:
    hearing = Hearing()
    for event in events:
        hearing.take(f"event: {event['type']}")
        hearing.take(f"data: {json.dumps(event)}")
        hearing.take("")
    return hearing


TEXT = block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": "hel"},
             {"type": "text_delta", "text": "lo"})  # fmt: skip
TOOL = block(
    1, {"type": "tool_use", "id": "t", "name": "read", "input": {}},
    {"type": "input_json_delta", "partial_json": '{"pa'},
    {"type": "input_json_delta", "partial_json": 'th": "a"}'},
)  # fmt: skip


class TestWhole:
    def test_blocks_usage_and_reason(self) -> None:
        reply = heard(START, *TEXT, *TOOL, *END).reply()
        assert (reply.text, reply.stop) == ("hello", "end_turn")
        assert reply.blocks[1]["input"] == {"path": "a"}
        assert reply.usage == Usage(5, 9, 7, 0)

    def test_what_it_does_not_know_is_left_alone(self) -> None:
        new = {"type": "something_new", "index": 3, "delta": 1}
        odd = block(0, {"type": "text", "text": ""}, {"type": "sparkle_delta", "x": 1},
                    {"type": "text_delta", "text": "a"})  # fmt: skip
        assert heard(START, new, {"type": "ping"}, *odd, *END).reply().text == "a"

    def test_a_call_without_input_has_an_empty_one(self) -> None:
        none = block(0, {"type": "tool_use", "id": "t", "name": "list", "input": {}})
        reply = heard(START, *none, *END).reply()
        assert reply.blocks[0]["input"] == {}
        assert not reply.broken

    def test_an_empty_text_is_left_out(self) -> None:
        assert heard(START, *block(0, {"type": "text", "text": ""}), *END).reply().blocks == ()

    def test_halves_of_characters_are_replaced(self) -> None:
        [cleaned] = sendable([{"type": "text", "text": "a\ud83d"}])
        assert cleaned["text"] == "a?"


class TestCut:
    @pytest.mark.parametrize("count", range(len([START, *TEXT, *TOOL, *END])))
    def test_anywhere_but_at_its_end_it_is_no_answer(self, count: int) -> None:
        events = [START, *TEXT, *TOOL, *END]
        hearing = heard(*events[:count])
        with pytest.raises(Dropped):
            hearing.reply()
        assert hearing.begun == (count > 0)

    def test_an_error_within(self) -> None:
        with pytest.raises(Broken, match="too much") as broken:
            heard(START, {"type": "error", "error": {"type": "overloaded_error",
                                                     "message": "too much"}})  # fmt: skip
        assert broken.value.kind == "overloaded_error"

    @given(st.lists(st.one_of(
        st.text(), st.binary().map(repr),
        st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner)
                     | st.dictionaries(st.sampled_from(_KEYS), inner),
                     max_leaves=6).map(json.dumps),
    )))  # fmt: skip
    def test_nothing_a_server_sends_breaks_more_than_the_answer(self, lines: list[str]) -> None:
        hearing = Hearing()
        with contextlib.suppress(Dropped, Broken):
            for line in lines:
                hearing.take(f"data:{line}")
            hearing.reply()
