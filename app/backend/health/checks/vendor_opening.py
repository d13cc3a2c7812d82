"""What is opened in a thread when it is first wanted, once for everybody."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

__all__ = ["OpenedOnce"]

T = TypeVar("T")


class OpenedOnce(Generic[T]):
    """Opens on demand, and closes; it may then be opened again.

    Importing and reading certificates would hold the event loop.

    Args:
        open_: runs in a thread; what it raises is raised to whoever waits.
        close: ends what was opened.
    """

    def __init__(
        self, open_: Callable[[], T], close: Callable[[T], Awaitable[None]]
    ) -> None:
        self._open = open_
        self._close = close
        self._opening: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """What is open; whoever asks first waits for it, others with it.

        After a failure the next one tries again.
        """
        if self._opening is None or _has_failed(self._opening):
            self._opening = asyncio.create_task(asyncio.to_thread(self._open))
        # One who gives up waiting does not end it for the others.
        return await asyncio.shield(self._opening)

    async def close(self) -> None:
        """Closes what is open, or about to be."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        await asyncio.wait({opening})
        if not _has_failed(opening):
            await self._close(opening.result())


def _has_failed(task: "asyncio.Task[T]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
