"""A run in a thread of its own: revisions block, and Alembic wants its own loop."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from app.backend.migrations.alembic_turn import alembic_turn
from app.backend.migrations.running.events import MigrationEvent, Tell
from app.backend.migrations.running.stopping import StopSign

if TYPE_CHECKING:
    from app.backend.migrations.running.runner import Runner

__all__ = ["run_in_thread"]

_STOPPING = 30.0


async def run_in_thread(
    make: "Callable[[Tell], Runner]", *, stop: StopSign, tell: Tell, wait: float
) -> None:
    """Runs it to its end; a cancellation ends the statement under way first.

    Args:
        make: makes the runner, given whom to tell; called in the thread.
        stop: the runner's.
        tell: is told in this loop.
        wait: seconds to wait for another thread's migration.

    Raises:
        OpsError: as :meth:`Runner.run` does.
    """
    loop = asyncio.get_running_loop()

    def passed_on(event: MigrationEvent) -> None:
        with suppress(RuntimeError):  # the loop has ended before the thread
            loop.call_soon_threadsafe(tell, event)

    def work() -> None:
        with alembic_turn(wait):
            asyncio.run(make(passed_on).run())

    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.ask_now()
        await asyncio.wait([running], timeout=_STOPPING)
        if running.done() and not running.cancelled():
            running.exception()  # told by the cancellation already
        raise
