"""Time as a collaborator, so that a watch of half an hour can be tested in no time."""

import asyncio

from app.backend.deploy.platforms.clock import Clock, SystemClock

__all__ = ["Clock", "SystemClock", "pause"]


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
