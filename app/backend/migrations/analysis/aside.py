"""Work that blocks its event loop, in a thread with a loop of its own."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from typing import Any, Final, TypeVar

__all__ = ["aside"]

T = TypeVar("T")
_PATIENCE: Final = 5.0
"""Seconds that a cancelled piece of work has for its own cleaning up."""


async def aside(
    work: Callable[[], Coroutine[Any, Any, T]], guard: AbstractContextManager[Any]
) -> T:
    """Runs ``work`` in a thread, under ``guard``, and returns what it returns.

    A cancellation is passed on, and waited for.

    Args:
        work: makes the coroutine, in that thread.
        guard: entered there; it may block.
    """
    here = asyncio.get_running_loop()
    stops: list[Callable[[], Any]] = []
    cancelled: list[bool] = []

    async def main() -> T:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        if task is not None:
            stops.append(lambda: loop.call_soon_threadsafe(task.cancel))
        if cancelled:
            raise asyncio.CancelledError
        return await work()

    def run() -> T:
        with guard:
            return asyncio.run(main())

    future = here.run_in_executor(None, run)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        cancelled.append(True)
        for stop in stops:
            stop()
        await asyncio.wait([future], timeout=_PATIENCE)
        raise
