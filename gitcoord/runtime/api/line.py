"""The line to the model: one client and its connections for all agents of the process.

Promises: `anthropic` is imported here alone, once, at the first call; a call can be given up at
any moment from the thread that made it, and all of them at once by `stop_all`.
The client is the asynchronous one, on a thread of its own: a thread that waits in a socket of the
synchronous one cannot be told to stop.
"""

from __future__ import annotations

import asyncio
import math
import os
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from gitcoord.config import Access
from gitcoord.records import between
from gitcoord.runtime.api.failures import END, WAIT, Failure, of_connection, of_event, of_status
from gitcoord.runtime.api.gate import Gate
from gitcoord.runtime.api.stream import Broken, Dropped, Hearing, Reply

if TYPE_CHECKING:
    from anthropic import APIStatusError, AsyncAnthropic

_CONNECT_SECONDS = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
_IDLE_SECONDS = 60.0
_lines: dict[tuple[int, Access], Line] = {}
_making = threading.Lock()


class Stopped(Exception):
    """All agents of the process were told to stop."""


class Stalled(Exception):
    """The model gave no sign of life for as long as it may."""


class OutOfTime(Exception):
    """The time of the call was over."""


class Line:
    """Calls of one API, from any thread."""

    def __init__(self, access: Access) -> None:
        self.gate = Gate()
        self.stopped = threading.Event()
        self._access = access
        self._calls: set[Future[Reply | Failure]] = set()
        self._client: AsyncAnthropic | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="model", daemon=True)
        self._thread.start()

    def call(
        self, request: Mapping[str, Any], hearing: Hearing, *, seconds: float, stall: float,
        attempt: int,
    ) -> Reply | Failure:  # fmt: skip
        """One attempt at one answer. seconds: until it is given up; stall: without a byte.

        attempt: from 0, how often it failed before. What was heard of an answer that is not whole
        is in `hearing`. Raises Stopped, OutOfTime, Stalled.
        """
        if self.stopped.is_set():
            raise Stopped
        calling = self._call(request, hearing, stall, attempt)
        future = asyncio.run_coroutine_threadsafe(calling, self._loop)
        self._calls.add(future)
        try:
            return future.result(None if math.isinf(seconds) else seconds)
        except CancelledError:
            raise Stopped from None
        except TimeoutError:
            if future.done():  # not ours: the operating system's, from within
                return of_connection("it took too long")
            future.cancel()
            raise OutOfTime from None
        except BaseException:
            future.cancel()
            raise
        finally:
            self._calls.discard(future)

    def stop(self) -> None:
        """Give up all calls, and make none any more."""
        self.stopped.set()
        for future in tuple(self._calls):
            future.cancel()

    def hang_up(self) -> None:
        """Stop, close the connections and end the thread."""
        self.stop()
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _close(self) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*calls, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def _call(
        self, request: Mapping[str, Any], hearing: Hearing, stall: float, attempt: int
    ) -> Reply | Failure:
        async with self.gate.through():
            got = await self._attempt(request, hearing, stall)
        if isinstance(got, Reply):
            self.gate.went_well()
        elif got.do == WAIT:
            most = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
            self.gate.slow(max(got.after, between(most / 2, most)), crowded=got.crowded)
        return got

    async def _attempt(
        self, request: Mapping[str, Any], hearing: Hearing, stall: float
    ) -> Reply | Failure:
        import anthropic
        import httpx2

        timeout = httpx2.Timeout(stall or None, connect=_CONNECT_SECONDS)
        try:
            asked = self._opened().messages.with_streaming_response.create(
                **request, stream=True, timeout=timeout
            )
            async with asked as response:
                async for line in response.iter_lines():
                    hearing.take(line)
            return hearing.reply()
        except Broken as broken:
            return of_event(broken.kind, broken.message)
        except Dropped as dropped:
            return of_connection(str(dropped))
        except anthropic.APIStatusError as error:
            return _failure(error)
        except (anthropic.APITimeoutError, httpx2.ReadTimeout) as error:
            if _waited_for_bytes(error):
                raise Stalled from None
            return of_connection("it took too long to connect")
        except (anthropic.APIConnectionError, httpx2.HTTPError) as error:
            return _unreachable(error)

    def _opened(self) -> AsyncAnthropic:
        if self._client is None:
            from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient
            from httpx2 import Limits

            key, token, url = self._access
            # A tool may take longer than the 5 s an idle connection is kept by default.
            limits = Limits(max_keepalive_connections=256, keepalive_expiry=_IDLE_SECONDS)
            self._client = AsyncAnthropic(
                api_key=key or None, auth_token=token or None, base_url=url or None, max_retries=0,
                http_client=DefaultAsyncHttpxClient(limits=limits),
            )  # fmt: skip
        return self._client


def line_to(access: Access) -> Line:
    """The line of this process; made at the first call."""
    with _making:
        key = (os.getpid(), access)
        if key not in _lines:
            _load()
            _lines[key] = Line(access)
        return _lines[key]


def stop_all() -> None:
    """End every call and every command of all agents of this process, and let none begin.

    For the host, when it is told to end: its agents are in threads that Ctrl-C does not reach.
    """
    for line in tuple(_lines.values()):
        line.stop()


def hang_up() -> None:
    """Close all lines of this process: the next call opens a new one."""
    with _making:
        for key in [key for key in _lines if key[0] == os.getpid()]:
            _lines.pop(key).hang_up()


def _load() -> None:
    """Import in the caller's thread: in the line's it would keep all others waiting."""
    import anthropic  # noqa: F401


def _failure(error: APIStatusError) -> Failure:
    said = error.api_message or error.message
    return of_status(error.status_code, error.response.headers, said, error.error_code or "")


def _unreachable(error: BaseException) -> Failure:
    """What another attempt would not change ends at once; its words may hold the key."""
    import ssl

    import httpx2

    causes = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    lasting = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, ssl.SSLCertVerificationError)
    for cause in causes:
        if isinstance(cause, lasting):
            what = f"the model's API cannot be called: {type(cause).__name__}"
            return Failure(END, what, "look at key and address: env | grep ANTHROPIC_BASE_URL")
    return of_connection(str(error.__cause__ or error) or type(error).__name__)


def _waited_for_bytes(error: BaseException) -> bool:
    """Whether the connection stood and nothing came."""
    import httpx2

    return isinstance(error, httpx2.ReadTimeout) or isinstance(error.__cause__, httpx2.ReadTimeout)
