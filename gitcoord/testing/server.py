"""A scripted model behind the APIs that agents speak, on the loopback address.

In a test:

    with ModelServer([{"tools": [{"name": "read", "input": {"path": "a.py"}}]}, "done"]) as server:
        client = anthropic.Anthropic(base_url=server.url, api_key="any")
        ...
        assert server.requests[0].body["tools"] == server.requests[1].body["tools"]

In a program of its own, for benchmarks and where there is no network (`unshare -n`):

    python -m gitcoord.testing.server --script FILE --port 0      # prints the port, then serves

The script is data (see script.py), or a function from a Request to a turn; a script file may be
JSON, TOML, or Python with a function `turn(request)`. What it serves:

    POST /v1/messages, /v1/messages/count_tokens               Messages API, streamed and whole
    POST /v1/responses                                         OpenAI Responses, for Codex
    POST /v1/chat/completions                                  OpenAI chat, for aider and opencode
    POST …/models/NAME:generateContent, :streamGenerateContent Gemini
    GET  …/models                                              names of models

Promises: it listens on 127.0.0.1 alone; a call outside the script is an error (400) that says so,
never an invented answer; every request is kept, in order, in `requests` (the last `keep`).
One thread serves all clients, in 0.15 to 0.25 ms of processor time a call of 27 kB (measured with
50 clients at once; parsing it is half of that).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import runpy
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gitcoord.errors import BadInput
from gitcoord.testing import chat, gemini, messages, responses
from gitcoord.testing.http import HEAD_LIMIT, LAST_CHUNK, Unreadable, chunk, head_of, read_request
from gitcoord.testing.reply import BYTES_A_TOKEN, Counts, Reply, reckoned
from gitcoord.testing.request import Request
from gitcoord.testing.script import (
    IN_PROMPT,
    Conversation,
    Off,
    Turn,
    conversations_of,
    read_script,
    turn_of,
)

Script = Sequence[Any] | Mapping[str, Any] | Callable[[Request], Any]
# The API that a path belongs to, and the module that speaks it: by how the path ends.
APIS: Mapping[str, tuple[str, Any]] = {
    "/messages": ("messages", messages),
    "/responses": ("responses", responses),
    "/chat/completions": ("chat", chat),
    "enerateContent": ("gemini", gemini),
    ":countTokens": ("gemini", gemini),
}
ASKS_FOR_CACHE = (b'"cache_control"', b'"prompt_cache_key"')


class ModelServer:
    """The server; a context manager. keep: how many requests are remembered.

    An exception of the script's function (an assertion, say) is kept in `wrong`, answered with
    an error, and raised again when the context ends.
    """

    def __init__(self, script: Script, *, port: int = 0, keep: int = 100_000) -> None:
        self._turn: Callable[[Request], Any] | None = script if callable(script) else None
        self._conversations = () if callable(script) else conversations_of(script)
        self.requests: deque[Request] = deque(maxlen=keep)
        self.port = port
        self.wrong: list[Exception] = []
        self._calls: Counter[str] = Counter()
        self._failed: Counter[tuple[str, int]] = Counter()
        self._cached: dict[str, tuple[Any, int]] = {}
        self._number = 0
        self._open: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._refused: OSError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> ModelServer:
        """Raises OSError when the port is taken."""
        self._thread = threading.Thread(target=self._serve_here, daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._refused:
            raise self._refused
        return self

    def _serve_here(self) -> None:
        try:
            asyncio.run(self.serve())
        except OSError as wrong:
            self._refused = wrong
        finally:
            self._ready.set()

    def __exit__(self, kind: object, *_: object) -> None:
        if self._loop is not None and self._end is not None:
            self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(timeout=5)
        if self.wrong and kind is None:
            raise self.wrong[0]

    def forget(self) -> None:
        """Start anew: no requests, no failures served, nothing cached."""
        self.requests.clear()
        for seen in (self._calls, self._failed, self._cached):
            seen.clear()

    async def serve(self, listening: Callable[[int], None] = lambda _port: None) -> None:
        """Serve until told to end. listening: called with the port once it is open."""
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=HEAD_LIMIT)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        listening(self.port)
        await self._end.wait()
        server.close()
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve_client(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            try:
                while (asked := await read_request(reader, writer)) is not None:
                    if not await self._answer(writer, *asked):
                        break
            except (Unreadable, ValueError) as wrong:
                status = wrong.status if isinstance(wrong, Unreadable) else 400
                send(writer, status, messages.error(status, "", str(wrong)))
            finally:
                writer.close()
                await writer.wait_closed()

    async def _answer(
        self, writer: asyncio.StreamWriter, method: str, path: str, headers: Mapping[str, str],
        raw: bytes,
    ) -> bool:  # fmt: skip
        """Answer one request. False when the connection is to be closed."""
        place = path.partition("?")[0]
        if method in ("GET", "HEAD"):
            return _small(writer, place, head=method == "HEAD")
        api, speaks = spoken(place)
        request = Request(api, path, headers, raw)
        self.requests.append(request)
        if place.endswith(("/count_tokens", ":countTokens")):
            tokens = len(raw) // BYTES_A_TOKEN + 1
            send(writer, 200, {"input_tokens": tokens, "totalTokens": tokens})
            return True
        try:
            turn, step = self._next(request)
        except Off as wrong:
            send(writer, 400, speaks.error(400, "", str(wrong)))
            return True
        self._number += 1
        reply = Reply(request, turn, self._counts(request, turn), self._number, step)
        kept = await play(writer, reply, speaks)
        request.shed()
        return kept

    def _next(self, request: Request) -> tuple[Turn, int]:
        """The turn for this request, and its step among the answers. Raises Off."""
        self._calls[request.conversation] += 1
        at = request.answers
        if self._turn is not None:
            turn = self._written(request)
        else:
            conversation, begins = self._conversation(request)
            at = request.answers - begins
            if conversation.count == "calls":
                at = self._calls[request.conversation] - 1
            at, turn = conversation.turn(at)
        served = (request.conversation, at)
        if self._failed[served] < len(turn.fail):
            turn = turn.fail[self._failed[served]]
            self._failed[served] += 1
        return turn, request.answers

    def _written(self, request: Request) -> Turn:
        """What the script's function says. Raises Off when it fails, and keeps why."""
        assert self._turn is not None
        try:
            return turn_of(self._turn(request))
        except Exception as wrong:
            self.wrong.append(wrong)
            raise Off(f"the script failed: {wrong!r}") from wrong

    def _conversation(self, request: Request) -> tuple[Conversation, int]:
        """Whose turn it is, and at which answer its script begins. Raises Off."""
        answers, found, begins = 0, "", 0
        for who, text in request.said:
            answers += who == "model"
            if who == "user" and "<scripted>" in text and (scripts := IN_PROMPT.findall(text)):
                found, begins = scripts[-1], answers
        if found.lstrip().startswith("["):
            return conversations_of(json.loads(found))[0], begins
        for one in self._conversations:
            if one.name == found if found else one.when in request.opening:
                return one, begins
        raise Off(f"no conversation of the script is meant: {found or request.opening[-200:]!r}")

    def _counts(self, request: Request, turn: Turn) -> Counts:
        """Usage: the turn's own, else as a cache of prompts would bill it: what was there in the
        call before costs a read, if tools and system prompt are the same still."""
        counts = reckoned(request, turn)
        if turn.usage or not any(key in request.raw for key in ASKS_FOR_CACHE):
            return counts
        body = request.body
        stable = (body.get("tools"), body.get("system") or body.get("instructions"))
        before = self._cached.get(request.conversation)
        self._cached[request.conversation] = (stable, counts.input)
        read = min(before[1], counts.input) if before and before[0] == stable else 0
        return Counts(1, counts.output, read, max(0, counts.input - read - 1))


def spoken(place: str) -> tuple[str, Any]:
    """The API of a path. Raises Unreadable for a path that is none's."""
    place = place.removesuffix("/count_tokens")
    for ending, (api, speaks) in APIS.items():
        if place.endswith(ending):
            return api, speaks
    raise Unreadable(404, f"nothing is served at {place}")


def send(
    writer: asyncio.StreamWriter,
    status: int,
    body: Mapping[str, Any] | bytes,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Write an answer in one piece."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = {"content-type": "application/json", "content-length": str(len(raw))}
    writer.write(head_of(status, {**more, "request-id": "req_0", **(headers or {})}) + raw)


def _small(writer: asyncio.StreamWriter, place: str, *, head: bool) -> bool:
    """What is asked without a body: names of models, and whether anyone is there."""
    models = [{"id": "scripted", "type": "model", "object": "model", "display_name": "Scripted"}]
    known = place.endswith("/models")
    body = b"" if head else json.dumps({"data": models, "has_more": False}).encode()
    if known or head:
        send(writer, 200, body)
    else:
        send(writer, 404, messages.error(404, "", f"nothing is served at {place}"))
    return True


async def play(writer: asyncio.StreamWriter, reply: Reply, speaks: Any) -> bool:
    """Write the answer of a turn. False when the connection is cut."""
    turn = reply.turn
    if turn.wait:
        await asyncio.sleep(turn.wait)
    if turn.drop == 0:
        return _cut(writer)
    if turn.error:
        body = speaks.error(turn.error, turn.kind, turn.message or f"scripted {turn.error}")
        send(writer, turn.error, body, failure_headers(turn))
        return True
    if turn.malformed == "body":
        send(writer, 200, b'{"id": "msg_0", "content": [')
        return True
    if not reply.request.streams:
        raw = json.dumps(speaks.whole(reply)).encode()
        if turn.drop is not None:
            writer.write(head_of(200, {"content-length": str(len(raw))}) + raw[: len(raw) // 2])
            return _cut(writer)
        send(writer, 200, raw, turn.headers)
        return True
    kind = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
    writer.write(head_of(200, {**kind, "cache-control": "no-cache", **turn.headers}))
    return await _play_events(writer, turn, speaks.stream(reply), speaks)


async def _play_events(
    writer: asyncio.StreamWriter, turn: Turn, events: Iterable[bytes], speaks: Any
) -> bool:
    held: list[bytes] = []
    for count, one in enumerate(events):
        if turn.drop is not None and count == turn.drop:
            writer.write(b"".join(held))
            return _cut(writer)
        if turn.broken is not None and count == turn.broken:
            held.append(chunk(speaks.error_event(turn.kind, turn.message or "Overloaded")))
            break
        if turn.malformed == "event" and count == 1:
            one = b'event: content_block_start\ndata: {"type": "content_bl\n\n'
        held.append(chunk(one))
        if turn.pace or len(held) > 64:
            writer.write(b"".join(held))
            held = []
            await writer.drain()
            await asyncio.sleep(turn.pace)
    writer.write(b"".join(held) + LAST_CHUNK)
    await writer.drain()
    return True


def _cut(writer: asyncio.StreamWriter) -> bool:
    """The client sees a connection that ends without a last chunk."""
    writer.write_eof()
    return False


def failure_headers(turn: Turn) -> dict[str, str]:
    """What the servers of a model say beside an error: when to come back, and whether at all."""
    headers = dict(turn.headers)
    if turn.retry_after is not None:
        headers["retry-after"] = f"{turn.retry_after:g}"
    if turn.retry_after_ms is not None:
        headers["retry-after-ms"] = str(turn.retry_after_ms)
    if turn.until:
        ends = datetime.fromisoformat(turn.until)
        headers.setdefault("retry-after", f"{max(0, ends.timestamp() - time.time()):.0f}")
        headers |= {
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-reset": f"{ends.timestamp():.0f}",
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
            "anthropic-ratelimit-tokens-remaining": "0",
            "anthropic-ratelimit-tokens-reset": turn.until,
        }
    return headers


def script_file(file: Path) -> Script:
    """The script in a file: JSON, TOML, or Python with a function `turn`. Raises BadInput."""
    if file.suffix != ".py":
        found: Script = read_script(file)
        return found
    turn: Callable[[Request], Any] | None = runpy.run_path(str(file)).get("turn")
    if not callable(turn):
        raise BadInput(f"{file} has no function turn(request)")
    return turn


def main(argv: Sequence[str] | None = None) -> None:
    """Serve a script until the process is ended; the first line printed is the port."""
    words = argparse.ArgumentParser(
        prog="python -m gitcoord.testing.server", description="A scripted model, on 127.0.0.1."
    )
    words.add_argument("--script", type=Path, required=True, help="JSON, TOML or Python")
    words.add_argument("--port", type=int, default=0, help="0 for any that is free")
    words.add_argument("--keep", type=int, default=100, help="requests to remember")
    given = words.parse_args(argv)
    server = ModelServer(script_file(given.script), port=given.port, keep=given.keep)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server.serve(lambda port: print(port, flush=True)))  # noqa: T201 (the answer)


if __name__ == "__main__":
    main()
