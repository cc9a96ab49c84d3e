"""The chat completions API of OpenAI, as aider and opencode use it.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitcoord.testing.reply import Counts, Reply, event, input_text, pieces
from gitcoord.testing.responses import error as error
from gitcoord.testing.script import Block

STOPS = {
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


def error_event(kind: str, message: str) -> bytes:
    return event("", error(529, kind, message))


def stream(reply: Reply) -> Iterator[bytes]:
    """The events of a streamed answer, in order, with the usage last where it is asked for."""
    yield _chunk(reply, {"role": "assistant", "content": ""})
    calls = 0
    for index, block in enumerate(reply.blocks):
        if block.kind == "tool":
            yield from _call_deltas(reply, block, index, calls)
            calls += 1
        else:
            key = "content" if block.kind == "text" else "reasoning_content"
            yield from (_chunk(reply, {key: one}) for one in pieces(block.text))
    yield _chunk(reply, {}, stopped=_stop(reply))
    if (reply.request.body.get("stream_options") or {}).get("include_usage"):
        last = _head(reply, "chat.completion.chunk") | {"choices": []}
        yield event("", last | {"usage": _usage(reply.counts)})
    yield b"data: [DONE]\n\n"


def whole(reply: Reply) -> dict[str, Any]:
    """The answer in one piece."""
    said = "".join(block.text for block in reply.blocks if block.kind == "text")
    message: dict[str, Any] = {"role": "assistant", "content": said or None}
    calls = [
        _call(reply, block, index)
        for index, block in enumerate(reply.blocks)
        if block.kind == "tool"
    ]
    if calls:
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "finish_reason": _stop(reply)}
    return _head(reply, "chat.completion") | {"choices": [choice], "usage": _usage(reply.counts)}


def _stop(reply: Reply) -> str:
    return STOPS.get(reply.turn.stop_reason, "stop")


def _head(reply: Reply, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{reply.mark}", "object": kind, "created": 0, "model": reply.model}


def _chunk(reply: Reply, delta: dict[str, Any], stopped: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": stopped}
    return event("", _head(reply, "chat.completion.chunk") | {"choices": [choice]})


def _call(reply: Reply, block: Block, index: int) -> dict[str, Any]:
    function = {"name": block.name, "arguments": input_text(block)}
    return {"id": f"call_{reply.call_mark(index)}", "type": "function", "function": function}


def _call_deltas(reply: Reply, block: Block, index: int, number: int) -> Iterator[bytes]:
    call = _call(reply, block, index)
    begun = call | {"index": number, "function": {"name": block.name, "arguments": ""}}
    yield _chunk(reply, {"tool_calls": [begun]})
    for one in pieces(call["function"]["arguments"]):
        yield _chunk(reply, {"tool_calls": [{"index": number, "function": {"arguments": one}}]})


def _usage(counts: Counts) -> dict[str, Any]:
    return {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.output,
        "total_tokens": counts.prompt + counts.output,
        "prompt_tokens_details": {"cached_tokens": counts.cache_read},
    }
