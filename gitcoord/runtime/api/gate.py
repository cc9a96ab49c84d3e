"""The pace of all agents of a process towards one API.

Promises: when one is told to wait all wait, and afterwards fewer call at a time: half as many as
did, one more with each round that went well (additive increase, multiplicative decrease, as in
TCP, RFC 5681). Used from one event loop, so it needs no lock.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gitcoord.records import between

_WIDE = 256.0


class Gate:
    """width: how many may call at a time. out: how many do."""

    def __init__(self) -> None:
        self.width = math.inf
        self.out = 0
        self._closed_until = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def through(self) -> AsyncIterator[None]:
        """Wait for the pause to end and for a place."""
        await self._enter()
        try:
            yield
        finally:
            self.out -= 1
            self._wake()

    def slow(self, seconds: float, *, crowded: bool) -> None:
        """Nobody calls for so long. crowded: and half as many at a time from then on."""
        loop = asyncio.get_running_loop()
        if crowded and loop.time() >= self._closed_until:
            self.width = max(1.0, (self.out + 1) // 2)
        self._closed_until = max(self._closed_until, loop.time() + seconds)

    def went_well(self) -> None:
        self.width += 1 / self.width if self.width < math.inf else 0
        if self.width > _WIDE:
            self.width = math.inf
        self._wake()

    async def _enter(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            pause = self._closed_until - loop.time()
            if pause > 0:
                # Not all at the same moment: that is how they came to be too many.
                await asyncio.sleep(pause * between(1.0, 1.25))
            elif self.out < self.width:
                self.out += 1
                return
            else:
                place = loop.create_future()
                self._waiting.append(place)
                try:
                    await place
                except asyncio.CancelledError:
                    self._wake()
                    raise

    def _wake(self) -> None:
        room = self.width - self.out
        while self._waiting and room >= 1:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                room -= 1
