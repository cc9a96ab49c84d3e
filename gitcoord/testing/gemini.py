"""The Gemini API, as gemini-cli uses it: generateContent and streamGenerateContent.

https://ai.google.dev/api/generate-content
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gitcoord.testing.reply import Reply, event, pieces
from gitcoord.testing.script import Block

KINDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    529: "UNAVAILABLE",
}
STOPS = {
    "max_tokens": "MAX_TOKENS",
    "model_context_window_exceeded": "MAX_TOKENS",
    "refusal": "SAFETY",
}


def error(status: int, kind: str, message: str) -> dict[str, Any]:
    """The body of an error."""
    kind = kind or KINDS.get(status, "UNKNOWN")
    return {"error": {"code": status, "message": message, "status": kind}}


def error_event(kind: str, message: str) -> bytes:
    return event("", error(503, kind or "UNAVAILABLE", message))


def stream(reply: Reply) -> Iterator[bytes]:
    """The events of a streamed answer, in order."""
    for block in reply.blocks:
        if block.kind == "tool":
            yield event("", _content(reply, [_part(block)]))
        else:
            for one in pieces(block.text):
                yield event("", _content(reply, [_part(Block(block.kind, one))]))
    yield event("", _last(reply, [{"text": ""}]))


def whole(reply: Reply) -> dict[str, Any]:
    """The answer in one piece."""
    return _last(reply, [_part(block) for block in reply.blocks] or [{"text": ""}])


def _part(block: Block) -> dict[str, Any]:
    if block.kind == "tool":
        return {"functionCall": {"name": block.name, "args": block.input}}
    return {"text": block.text} | ({"thought": True} if block.kind != "text" else {})


def _content(reply: Reply, parts: list[dict[str, Any]]) -> dict[str, Any]:
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
    return {
        "candidates": [candidate],
        "modelVersion": reply.model,
        "responseId": reply.mark,
    }


def _last(reply: Reply, parts: list[dict[str, Any]]) -> dict[str, Any]:
    counts, content = reply.counts, _content(reply, parts)
    content["candidates"][0]["finishReason"] = STOPS.get(reply.turn.stop_reason, "STOP")
    content["usageMetadata"] = {
        "promptTokenCount": counts.prompt,
        "candidatesTokenCount": counts.output,
        "cachedContentTokenCount": counts.cache_read,
        "totalTokenCount": counts.prompt + counts.output,
    }
    return content
