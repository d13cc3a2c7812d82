"""Under somebody else's server: hear of the stop first, then let the server stop."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType

__all__ = ["SignalChain"]


class SignalChain:
    """Puts itself before the server's SIGTERM handler.

    Args:
        on_stop: called at once.
        delay: seconds of lame duck before the server's own handler is called; a
            second signal calls it at once.
    """

    def __init__(self, on_stop: Callable[[], None], delay: float) -> None:
        self._on_stop = on_stop
        self._delay = delay
        self._previous: Callable[[int, FrameType | None], object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heard = False

    def install(self) -> None:
        """Takes the signal over, where there is a handler to hand it on to."""
        if threading.current_thread() is not threading.main_thread():
            return
        previous = signal.getsignal(signal.SIGTERM)
        if callable(previous):
            self._previous = previous
            self._heard = False
            self._loop = asyncio.get_running_loop()
            signal.signal(signal.SIGTERM, self._handle)

    def remove(self) -> None:
        """Gives the signal back, unless somebody has taken it over meanwhile."""
        # Somebody may have chained to us; the signal is then handed on and no more.
        self._heard = True
        ours = signal.getsignal(signal.SIGTERM) == self._handle
        if ours and self._previous is not None:
            signal.signal(signal.SIGTERM, self._previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        previous, loop = self._previous, self._loop
        if previous is None or loop is None:
            return
        if self._heard:
            previous(number, frame)
            return
        self._heard = True
        self._on_stop()
        loop.call_soon_threadsafe(loop.call_later, self._delay, previous, number, None)
