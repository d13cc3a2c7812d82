"""Sees from outside how late the event loop is, and where it hangs."""

import asyncio
import gc
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

__all__ = ["GcPauses", "LoopBlock", "LoopWatchdog", "SlidingWindow", "WindowStats"]

_log = logging.getLogger(__name__)
_WINDOW_SECONDS = 60
_STACK_FRAMES = 12


class WindowStats(NamedTuple):
    """What a window holds; ``worst`` and ``total`` in the unit of its samples."""

    samples: int
    worst: float
    total: float


class _Slot(NamedTuple):
    second: int
    samples: int
    worst: float
    total: float


class SlidingWindow:
    """Number, worst and sum of the samples of the last seconds; constant memory.

    One writer, any number of readers, no lock: a garbage collection may begin at any
    allocation, also of a reader, and its callback must neither wait for a lock that
    this thread holds nor change a container that is being walked. So the list never
    changes its length, and its slots are immutable.
    """

    def __init__(self, seconds: int = _WINDOW_SECONDS) -> None:
        # One more, because the current second is not over yet.
        self._slots = [_Slot(-1, 0, 0.0, 0.0)] * (seconds + 1)

    def add(self, now: float, value: float) -> None:
        """Counts one sample taken at ``now`` (seconds of a monotonic clock)."""
        second = int(now)
        index = second % len(self._slots)
        slot = self._slots[index]
        if slot.second != second:
            slot = _Slot(second, 0, 0.0, 0.0)
        self._slots[index] = _Slot(
            second, slot.samples + 1, max(slot.worst, value), slot.total + value
        )

    def read(self, now: float, seconds: int | None = None) -> WindowStats:
        """Sums up the last ``seconds``, by default the whole window."""
        span = len(self._slots) - 1
        oldest = int(now) - (span if seconds is None else min(seconds, span))
        recent = [slot for slot in self._slots if slot.second >= max(oldest, 0)]
        return WindowStats(
            samples=sum(slot.samples for slot in recent),
            worst=max((slot.worst for slot in recent), default=0.0),
            total=sum(slot.total for slot in recent),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopBlock:
    """One block of the event loop.

    Attributes:
        lag: seconds that it had lasted when it was reported.
        stack: ``file:line function``, innermost first; empty when the block was over
            before this thread could look (a C extension that held the GIL).
    """

    lag: float
    stack: tuple[str, ...]


class LoopWatchdog:
    """Measures from a thread how long the event loop takes to run a callback.

    A task on the loop could measure only what is over; the thread also sees a block
    that is still going on, and what the loop's thread is doing meanwhile.

    Args:
        interval: seconds between two measurements, and between two looks at a block.
        block_warning: seconds of lag from which ``on_block`` is called.
        clock: seconds, monotonic.
        on_block: called once per block, on the watchdog's thread, while the loop is
            blocked; it must not wait for the loop.
    """

    def __init__(
        self,
        *,
        on_block: Callable[[LoopBlock], object],
        interval: float = 0.25,
        block_warning: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._on_block = on_block
        self._interval = interval
        self._block_warning = block_warning
        self._clock = clock
        self._window = SlidingWindow()
        self._last_lag = 0.0
        self._answer_lag = 0.0
        self._answered = threading.Event()
        self._stopping = threading.Event()
        self._loop_thread: int | None = None
        self._thread: threading.Thread | None = None

    @property
    def last_lag(self) -> float:
        """Seconds of the newest measurement; grows while a block goes on."""
        return self._last_lag

    def max_lag(self, seconds: int = _WINDOW_SECONDS) -> float:
        """The worst lag of the last ``seconds`` (60 at most), in seconds."""
        return self._window.read(self._clock(), seconds).worst

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begins to measure ``loop``, on whose own thread it has to be called."""
        self._stopping.clear()
        self._loop_thread = threading.get_ident()
        self._thread = threading.Thread(
            # A daemon: a service that dies without stop() must not hang on it.
            target=self._run,
            args=(loop,),
            name="pm33-loop-watchdog",
            daemon=True,
        )
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Ends the thread; waits ``timeout`` seconds for it at most."""
        self._stopping.set()
        self._answered.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            self._answered.clear()
            if self._stopping.wait(self._interval):
                return
            posted = self._clock()
            try:
                loop.call_soon_threadsafe(self._answer, posted)
            except RuntimeError:
                return  # the loop was closed without stop()
            self._follow(loop, posted)

    def _answer(self, posted: float) -> None:
        """Runs on the loop."""
        self._answer_lag = self._clock() - posted
        self._answered.set()

    def _follow(self, loop: asyncio.AbstractEventLoop, posted: float) -> None:
        """Notes the lag until the loop answers, and reports a block once."""
        reported = False
        while not loop.is_closed():
            answered = self._answered.wait(self._interval)
            if self._stopping.is_set():
                return
            now = self._clock()
            self._last_lag = self._answer_lag if answered else now - posted
            self._window.add(now, self._last_lag)
            if self._last_lag > self._block_warning and not reported:
                reported = True
                self._report(answered=answered)
            if answered:
                return

    def _report(self, *, answered: bool) -> None:
        stack = () if answered else self._loop_stack()
        try:
            self._on_block(LoopBlock(lag=self._last_lag, stack=stack))
        except Exception:  # noqa: BLE001 - the caller's fault must not end the watch
            _log.exception("The report of a blocked event loop failed")

    def _loop_stack(self) -> tuple[str, ...]:
        frames = sys._current_frames()  # noqa: SLF001 - documented, and the only way
        frame = frames.get(self._loop_thread or 0)
        lines: list[str] = []
        while frame is not None and len(lines) < _STACK_FRAMES:
            code = frame.f_code
            lines.append(f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}")
            frame = frame.f_back
        return tuple(lines)


class GcPauses:
    """Counts the garbage collector's pauses, which stop every thread.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._window = SlidingWindow()
        self._began: float | None = None

    def start(self) -> None:
        """Begins to count; once more changes nothing."""
        if self._on_gc not in gc.callbacks:
            gc.callbacks.append(self._on_gc)

    def stop(self) -> None:
        """Ends the counting; what was counted can still be read."""
        if self._on_gc in gc.callbacks:
            gc.callbacks.remove(self._on_gc)

    def stats(self, seconds: int = _WINDOW_SECONDS) -> WindowStats:
        """Number, longest and sum (seconds) of the pauses of the last ``seconds``."""
        return self._window.read(self._clock(), seconds)

    def _on_gc(self, phase: str, _info: dict[str, Any]) -> None:
        if phase == "start":
            self._began = self._clock()
        elif self._began is not None:
            now = self._clock()
            self._window.add(now, now - self._began)
            self._began = None
