"""Background work that is started again when it dies, and counted when it does."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

__all__ = ["Supervisor"]

_log = logging.getLogger("pm33.supervisor")

Work = Callable[[], Awaitable[None]]


class Supervisor:
    """Keeps named pieces of endless work running until it is stopped.

    Restarting hangs on each task's own end, not on one more task that could die.

    Args:
        pause: seconds between the end of a piece of work and its restart.
    """

    def __init__(self, *, pause: float = 0.5) -> None:
        self._pause = pause
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._stopping = False
        self.restarts: dict[str, int] = {}

    def spawn(self, name: str, work: Work) -> None:
        """Starts ``work`` under ``name``; the task carries the same name."""
        self._stopping = False
        self.restarts.setdefault(name, 0)
        self._start(name, work)

    async def stop(self, timeout: float = 2.0) -> None:  # noqa: ASYNC109 - a bound
        """Cancels everything and waits, at most ``timeout`` seconds."""
        self._stopping = True
        for timer in self._timers.values():
            timer.cancel()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)

    def _start(self, name: str, work: Work) -> None:
        async def run() -> None:
            await work()

        task = asyncio.get_running_loop().create_task(run(), name=name)
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._revive(name, work, done))

    def _revive(self, name: str, work: Work, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if self._stopping:
            return
        self.restarts[name] += 1
        _log.error(
            "background work ended and is started again",
            extra={"work": name, "restarts": self.restarts[name]},
            exc_info=error,
        )
        self._timers[name] = asyncio.get_running_loop().call_later(
            self._pause, self._start, name, work
        )
