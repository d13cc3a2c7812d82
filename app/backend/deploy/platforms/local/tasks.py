"""Work that goes on when nobody waits for it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["Tasks"]

T = TypeVar("T")

logger = logging.getLogger("pm33.platform")


class Tasks:
    """The tasks of a supervisor, from their start until all of them have ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._changes: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Starts work that ends by itself; whatever it raises is logged."""

        async def logged() -> None:
            try:
                await work
            except Exception:
                logger.exception("left unfinished")

        task = asyncio.create_task(logged())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def see_through(self, change: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Makes a change to its end, also when whoever waits for it is cancelled.

        A deployment that has been ended halfway would stay so for good.
        """
        task = asyncio.create_task(change())
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        return await asyncio.shield(task)

    async def drop_changes(self) -> None:
        """Cancels the changes under way, and waits until they have ended."""
        for change in self._changes:
            change.cancel()
        await asyncio.gather(*self._changes, return_exceptions=True)

    async def all_ended(self) -> None:
        """Waits for all that was started."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
