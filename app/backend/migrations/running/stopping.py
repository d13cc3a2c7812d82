"""Being asked to stop, by a signal or a cancellation, from another thread."""

import asyncio
import threading
import time

from app.errors import InterruptedRunError, OpsError

__all__ = ["StopSign"]

_SLICE = 0.05


class StopSign:
    """Read by the runner between two statements; may be set in any thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._urgent = threading.Event()
        self._error: OpsError | None = None

    @property
    def urgent(self) -> bool:
        """Whether the statement under way is to be cancelled, too."""
        return self._urgent.is_set()

    def ask(self, error: OpsError | None = None) -> None:
        """Asks for a stop before the next statement; ``error`` is what it ends with."""
        self._error = self._error or error
        self._asked.set()

    def ask_now(self) -> None:
        """Asks for a stop, and for the end of the statement that runs."""
        self.ask()
        self._urgent.set()

    def check(self) -> None:
        """Raises when a stop has been asked for.

        Raises:
            InterruptedRunError: it has; or the error that it was asked with.
        """
        if self._asked.is_set():
            raise self._error or InterruptedRunError(
                "the migration was stopped between two statements",
                remedy="the same command goes on where it ended",
            )

    async def pause(self, seconds: float) -> None:
        """Sleeps, and raises as :meth:`check` as soon as a stop is asked for."""
        ends = time.monotonic() + seconds
        self.check()
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(_SLICE, left))
            self.check()
