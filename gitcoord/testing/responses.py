"""The Responses API of OpenAI, as far as Codex uses it.

https://platform.openai.com/docs/api-reference/responses-streaming

A tool call whose input is a string, or {"input": text}, of a tool that the request declares as
`custom` is a custom tool call (`apply_patch` is one); any other is a function call.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gitcoord.testing.reply import Counts, Reply, event, input_text, pieces
from gitcoord.testing.script import Block

KINDS = {
    400: "invalid_request_error",
    401: "invalid_api_key",
    402: "billing_not_active",
    403: "permission_denied",
    404: "model_not_found",
    429: "rate_limit_exceeded",
    500: "server_error",
    529: "server_is_overloaded",
}
UNFINISHED = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "refusal": "content_filter",
}


def error(status: int, kind: str, message: str) -> dict[str, Any]:
    """The body of an error; a usage limit is of the kind `usage_limit_reached`."""
    kind = kind or KINDS.get(status, "server_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": kind}}


def error_event(kind: str, message: str) -> bytes:
    failed = {"code": kind or "server_is_overloaded", "message": message}
    body = {"id": "resp_0", "object": "response", "status": "failed", "error": failed}
    return event("response.failed", {"type": "response.failed", "response": body})


def stream(reply: Reply) -> Iterator[bytes]:
    """The events of a streamed answer, in order."""
    yield _numbered("response.created", response=_response(reply, "in_progress", []))
    outputs = _outputs(reply)
    for index, (block, output) in enumerate(outputs):
        yield _numbered("response.output_item.added", output_index=index, item=_begun(output))
        yield from _deltas(block, output, index)
        yield _numbered("response.output_item.done", output_index=index, item=output)
    done = whole(reply)
    yield _numbered(f"response.{done['status']}", response=done)


def whole(reply: Reply) -> dict[str, Any]:
    """The answer in one piece."""
    why = UNFINISHED.get(reply.turn.stop_reason)
    outputs = [output for _, output in _outputs(reply)]
    response = _response(reply, "incomplete" if why else "completed", outputs)
    return response | {
        "incomplete_details": {"reason": why} if why else None,
        "usage": _usage(reply.counts),
    }


def _numbered(kind: str, **more: Any) -> bytes:
    return event(kind, {"type": kind, **more})


def _response(reply: Reply, status: str, outputs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"resp_{reply.mark}",
        "object": "response",
        "created_at": 0,
        "status": status,
        "error": None,
        "model": reply.model,
        "output": outputs,
        "usage": None,
    }


def _usage(counts: Counts) -> dict[str, Any]:
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {
            "cached_tokens": counts.cache_read,
            "cache_write_tokens": counts.cache_write,
        },
        "output_tokens": counts.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": counts.prompt + counts.output,
    }


def _outputs(reply: Reply) -> list[tuple[Block, dict[str, Any]]]:
    custom = {
        tool.get("name")
        for tool in reply.request.body.get("tools") or ()
        if isinstance(tool, Mapping) and tool.get("type") == "custom"
    }
    return [
        (block, _output(reply, index, block, custom=block.name in custom))
        for index, block in enumerate(reply.blocks)
    ]


def _output(reply: Reply, index: int, block: Block, *, custom: bool) -> dict[str, Any]:
    mark = f"{reply.mark}{index:02d}"
    match block.kind:
        case "text":
            part = {"type": "output_text", "text": block.text, "annotations": []}
            return {
                "type": "message",
                "id": f"msg_{mark}",
                "status": "completed",
                "role": "assistant",
                "content": [part],
            }
        case "tool":
            call = f"call_{reply.call_mark(index)}"
            named = {"call_id": call, "name": block.name, "status": "completed"}
            if custom:
                text = block.raw or _free_text(block.input)
                return {"type": "custom_tool_call", "id": f"ctc_{mark}", **named, "input": text}
            return {
                "type": "function_call",
                "id": f"fc_{mark}",
                **named,
                "arguments": input_text(block),
            }
        case _:
            summary = [{"type": "summary_text", "text": block.text}]
            return {"type": "reasoning", "id": f"rs_{mark}", "summary": summary}


def _free_text(said: Any) -> str:
    if isinstance(said, Mapping):
        return str(said.get("input", json.dumps(said)))
    return str(said)


def _begun(output: dict[str, Any]) -> dict[str, Any]:
    empty = {"content": [], "arguments": "", "input": "", "summary": [], "status": "in_progress"}
    return output | {key: value for key, value in empty.items() if key in output}


_PARTS = {
    "message": "response.output_text.delta",
    "function_call": "response.function_call_arguments.delta",
    "custom_tool_call": "response.custom_tool_call_input.delta",
    "reasoning": "response.reasoning_summary_text.delta",
}


def _deltas(block: Block, output: Mapping[str, Any], index: int) -> Iterator[bytes]:
    kind = output["type"]
    at = {"item_id": output["id"], "output_index": index}
    if kind == "message":
        at["content_index"] = 0
    if kind == "reasoning":
        at["summary_index"] = 0
    text = output.get("arguments") or output.get("input") or block.text
    for one in pieces(text):
        yield _numbered(_PARTS[kind], **at, delta=one)
