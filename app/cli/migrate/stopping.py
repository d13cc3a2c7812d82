"""Ctrl-C and SIGTERM: the first stops between two statements, the second at once."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from app.backend.migrations.migration_manager import StopSign

__all__ = ["stopped_by_signals"]

T = TypeVar("T")

# A terminal and make both pass a signal on, so it may arrive twice at once.
_SAME_SIGNAL = 0.5


async def stopped_by_signals(work: Coroutine[Any, Any, T], stop: "StopSign") -> T:
    """Awaits the work, which looks at ``stop``."""
    loop = asyncio.get_running_loop()
    asked_at: float | None = None

    def on_signal() -> None:
        nonlocal asked_at
        if asked_at is None:
            asked_at = loop.time()
            stop.ask()
            # A build may take hours yet.
            click.echo(
                "stopping after the statement under way; once more cancels it", err=True
            )
        elif loop.time() - asked_at > _SAME_SIGNAL:
            stop.ask_now()

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, on_signal)
    try:
        return await work
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
