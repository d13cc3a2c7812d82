"""Time for a client of a simulator that goes faster than Railway."""

import asyncio
import time

from typing_extensions import override

from app.backend.deploy.platforms.clock import Clock

__all__ = ["HurriedClock"]


class HurriedClock(Clock):
    """Seconds that are over sooner.

    Args:
        scale: real seconds for each of them.
    """

    def __init__(self, scale: float) -> None:
        self._scale = scale

    @override
    def time(self) -> float:
        return time.monotonic() / self._scale

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._scale)
