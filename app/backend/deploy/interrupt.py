"""Ctrl-C: the first asks for a safe edge, the second leaves everything as it is."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from app.errors import InterruptedRunError

__all__ = ["Interrupt", "InterruptedRunError", "stopped_by", "until_interrupted"]

T = TypeVar("T")

# A terminal and make both pass a signal on, so it may arrive twice at once.
_SAME_SIGNAL = 0.5


class Interrupt:
    """Whether somebody has asked to stop; to be made inside the event loop."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    @property
    def asked(self) -> bool:
        """Whether a stop has been asked for."""
        return self.event.is_set()

    def ask(self) -> None:
        """Asks for a stop at the next safe edge."""
        self.event.set()

    def check(self) -> None:
        """Raises when a stop has been asked for.

        Raises:
            InterruptedRunError: it has.
        """
        if self.asked:
            raise _interrupted()

    async def race(self, work: Coroutine[Any, Any, T]) -> T:
        """Awaits the work, or ends it when a stop is asked for first.

        Raises:
            InterruptedRunError: a stop came first; the work has been cancelled.
        """
        return await stopped_by(work, self.event)


async def stopped_by(work: Coroutine[Any, Any, T], *bells: asyncio.Event) -> T:
    """Awaits the work, or ends it when one of the bells rings first.

    Raises:
        InterruptedRunError: one did; the work has been cancelled.
    """
    task = asyncio.ensure_future(work)
    rings = [asyncio.ensure_future(bell.wait()) for bell in bells]
    try:
        await asyncio.wait({task, *rings}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise _interrupted()
        return await task
    finally:
        for one in (task, *rings):
            one.cancel()
        await asyncio.gather(task, *rings, return_exceptions=True)


def _interrupted() -> InterruptedRunError:
    return InterruptedRunError(
        "it was interrupted", remedy="`pm33 deployments list` shows how things stand"
    )


async def until_interrupted(work: Coroutine[Any, Any, T], interrupt: Interrupt) -> T:
    """Awaits the work under SIGINT and SIGTERM: first asks, second cancels.

    Raises:
        asyncio.CancelledError: a second signal came; the work was left as it was.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    asked_at: float | None = None

    def on_signal() -> None:
        nonlocal asked_at
        if asked_at is None:
            asked_at = loop.time()
            interrupt.ask()
        elif loop.time() - asked_at > _SAME_SIGNAL:
            task.cancel()

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        return await task
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
