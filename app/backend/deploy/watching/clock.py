"""Time as a collaborator, so that a watch of half an hour can be tested in no time."""

import asyncio
import time
from typing import Protocol

from typing_extensions import override

__all__ = ["Clock", "SystemClock", "pause"]


class Clock(Protocol):
    """Monotonic seconds, and waiting for some of them to pass."""

    def time(self) -> float:
        """Seconds since some moment in the past; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after that time."""
        ...


class SystemClock(Clock):
    """This machine's."""

    @override
    def time(self) -> float:
        return time.monotonic()

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def pause(
    clock: Clock, seconds: float, stop: asyncio.Event | None = None
) -> bool:
    """Waits, but no longer than until ``stop`` is set; says whether it is."""
    if stop is None:
        await clock.sleep(seconds)
        return False
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in (sleeping, stopping):
            one.cancel()
        await asyncio.gather(sleeping, stopping, return_exceptions=True)
    return stop.is_set()
