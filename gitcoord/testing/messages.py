"""The Messages API of Anthropic, as its server speaks it.

https://docs.anthropic.com/en/api/messages and .../messages-streaming, .../errors
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitcoord.testing.reply import Counts, Reply, event, input_text, pieces
from gitcoord.testing.script import Block

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


def error(status: int, kind: str, message: str) -> dict[str, Any]:
    """The body of an error, and of an `error` event."""
    kind = kind or KINDS.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_0"}


def error_event(kind: str, message: str) -> bytes:
    return event("error", error(529, kind, message))


def stream(reply: Reply) -> Iterator[bytes]:
    """The events of a streamed answer, in order."""
    yield event("message_start", {"type": "message_start", "message": _head(reply)})
    yield event("ping", {"type": "ping"})
    for index, block in enumerate(reply.blocks):
        start = _whole_block(reply, index, block) | _EMPTY[block.kind]
        yield _indexed("content_block_start", index, content_block=start)
        for delta in _deltas(block):
            yield _indexed("content_block_delta", index, delta=delta)
        yield _indexed("content_block_stop", index)
    ending = {"stop_reason": reply.turn.stop_reason, "stop_sequence": _stopped_at(reply)}
    usage = {"output_tokens": reply.counts.output}
    yield event("message_delta", {"type": "message_delta", "delta": ending, "usage": usage})
    yield event("message_stop", {"type": "message_stop"})


def whole(reply: Reply) -> dict[str, Any]:
    """The answer in one piece."""
    blocks = [_whole_block(reply, index, block) for index, block in enumerate(reply.blocks)]
    return {
        **_head(reply),
        "content": blocks,
        "stop_reason": reply.turn.stop_reason,
        "stop_sequence": _stopped_at(reply),
        "usage": _usage(reply.counts, reply.counts.output),
    }


def _head(reply: Reply) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.mark}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(reply.counts, 1),
    }


def _usage(counts: Counts, output: int) -> dict[str, Any]:
    return {
        "input_tokens": counts.input,
        "cache_creation_input_tokens": counts.cache_write,
        "cache_read_input_tokens": counts.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": output,
        "service_tier": "standard",
    }


def _stopped_at(reply: Reply) -> str | None:
    if reply.turn.stop_reason != "stop_sequence":
        return None
    return str((reply.request.body.get("stop_sequences") or ["\n\nHuman:"])[0])


def _indexed(kind: str, index: int, **more: Any) -> bytes:
    return event(kind, {"type": kind, "index": index, **more})


_EMPTY: dict[str, dict[str, Any]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "redacted": {},
    "tool": {"input": {}},
}


def _whole_block(reply: Reply, index: int, block: Block) -> dict[str, Any]:
    match block.kind:
        case "thinking":
            return {"type": "thinking", "thinking": block.text, "signature": _signature(block)}
        case "redacted":
            return {"type": "redacted_thinking", "data": block.text}
        case "tool":
            mark = f"toolu_{reply.call_mark(index)}"
            return {"type": "tool_use", "id": mark, "name": block.name, "input": block.input}
        case _:
            return {"type": "text", "text": block.text}


def _deltas(block: Block) -> Iterator[dict[str, Any]]:
    match block.kind:
        case "thinking":
            yield from ({"type": "thinking_delta", "thinking": one} for one in pieces(block.text))
            yield {"type": "signature_delta", "signature": _signature(block)}
        case "tool":
            for one in pieces(input_text(block)):
                yield {"type": "input_json_delta", "partial_json": one}
        case "text":
            yield from ({"type": "text_delta", "text": one} for one in pieces(block.text))


def _signature(block: Block) -> str:
    return f"sig-{len(block.text)}"
