"""One time for Railway and for whoever watches it: it passes while a watcher waits.

Nothing is waited for in truth. When the pipeline sleeps, what the simulator was to do
until then is done, in order; while it asks or thinks, no time passes. So half an hour
takes as long as its requests, on a machine however busy, and always comes out the same.
"""

import asyncio
import heapq
import itertools
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from typing_extensions import override

from app.backend.deploy.platforms import clock as platforms
from tests.support.railway.clock import Clock

__all__ = ["OneTime", "RailwaysTime"]

_TURNS: Final = 25
"""Of the event loop, in which everybody who was woken has done what they were to."""


class OneTime(platforms.Clock):
    """The watcher's side of it.

    Attributes:
        railways: the other side.
    """

    def __init__(self) -> None:
        self._now = 1000.0
        self._began = datetime.now(UTC)
        self._numbers = itertools.count()
        self._due: list[tuple[float, int, asyncio.Future[None] | asyncio.Timeout]] = []
        self.railways = RailwaysTime(time=self, monotonic=self.time, wall=self.now)

    @override
    def time(self) -> float:
        return self._now

    def now(self) -> datetime:
        """The time of day."""
        return self._began + timedelta(seconds=self._now - 1000.0)

    @override
    async def sleep(self, seconds: float) -> None:
        ends = self._now + seconds
        await self._settle()
        while self._due and self._due[0][0] <= ends:
            when, _, waiter = heapq.heappop(self._due)
            self._now = max(self._now, when)
            _wake(waiter)
            await self._settle()
        self._now = max(self._now, ends)
        await self._settle()

    @override
    def within(self, seconds: float) -> asyncio.Timeout:
        timeout = asyncio.timeout(None)
        self._put(seconds, timeout)
        return timeout

    async def wait(self, seconds: float) -> None:
        """Waits until whoever watches has slept for so long."""
        waiter = asyncio.get_running_loop().create_future()
        self._put(seconds, waiter)
        await waiter

    def _put(
        self, seconds: float, waiter: asyncio.Future[None] | asyncio.Timeout
    ) -> None:
        when = self._now + max(seconds, 0.0)
        heapq.heappush(self._due, (when, next(self._numbers), waiter))

    async def _settle(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)


@dataclass(slots=True, kw_only=True)
class RailwaysTime(Clock):
    """The simulator's side of it."""

    time: OneTime = field(repr=False)

    @override
    async def sleep(self, seconds: float) -> None:
        await self.time.wait(seconds)


def _wake(waiter: asyncio.Future[None] | asyncio.Timeout) -> None:
    if isinstance(waiter, asyncio.Timeout):
        # One whose work is done has nothing to end any more.
        with suppress(RuntimeError):
            waiter.reschedule(asyncio.get_running_loop().time())
    elif not waiter.done():
        waiter.set_result(None)
