"""Something that is opened when it is first asked for, in a thread, once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["Opened"]

T = TypeVar("T")


class Opened(Generic[T]):
    """Opens for whoever comes first; the others wait with him.

    Args:
        build: imports what is needed and makes it; runs in a thread.
        close: closes it.
    """

    def __init__(
        self, build: Callable[[], T], close: Callable[[T], Awaitable[None]]
    ) -> None:
        self._build = build
        self._close = close
        self._opening: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """It; where opening it has failed before, that is tried again."""
        if self._opening is None or _failed(self._opening):
            # Seconds of importing must not hold the event loop.
            self._opening = asyncio.create_task(asyncio.to_thread(self._build))
            self._opening.add_done_callback(_failed)
        # One who gives up waiting does not end it for the others.
        return await asyncio.shield(self._opening)

    async def close(self) -> None:
        """Closes it, if it is open; it may then be opened again."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        # The thread cannot be stopped, and what it makes is open.
        await asyncio.wait({opening})
        if not _failed(opening):
            await self._close(opening.result())


def _failed(task: "asyncio.Task[T]") -> bool:
    """Looks at the error, so that the loop does not complain of one that nobody saw."""
    return task.done() and (task.cancelled() or task.exception() is not None)
