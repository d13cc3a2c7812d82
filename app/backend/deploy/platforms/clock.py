"""Time as a collaborator, so that a wait of half an hour can be tested in no time."""

import asyncio
import time
from typing import Protocol

from typing_extensions import override

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Monotonic seconds, and waiting for some of them to pass."""

    def time(self) -> float:
        """Seconds since some moment in the past; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after that time."""
        ...

    def within(self, seconds: float) -> asyncio.Timeout:
        """Ends what is done in it with :class:`TimeoutError` after that time."""
        return asyncio.timeout(seconds)


class SystemClock(Clock):
    """This machine's."""

    @override
    def time(self) -> float:
        return time.monotonic()

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
