"""How long the event loop is held while checks run, as JSON; see ``_loop.py``.

Memory as well, for the test of it.

The health system alone, on the loop that serves: what a request would wait for.
"""

import asyncio
import gc
import importlib
import itertools
import json
import sys
import threading
import time
from collections import defaultdict
from typing import Any

import psutil

from app.backend.config.environment import get_config
from app.backend.health.service import HealthService
from app.backend.monitoring.redaction import Redactor
from app.backend.resources import Resources

_EVERY = 0.002
"""Seconds between two looks at the loop."""
_LOOK = 0.02
"""Seconds between two looks at the results."""


class _Watch:
    """Asks the loop from a thread, again and again, and notes the longest waits.

    On a machine that others use, too, most of a wait may be theirs. So it also notes
    the longest by the processor time that the loop's own thread took meanwhile.
    """

    def __init__(self) -> None:
        self.longest = self.longest_work = 0.0
        self._loop = asyncio.get_running_loop()
        self._clock = time.pthread_getcpuclockid(threading.get_ident())
        self._ended = threading.Event()
        self._answered = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self._answered.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_EVERY):
            self._answered.clear()
            if self._ended.is_set():
                return  # stop() holds the loop, and has set both before that
            asked = time.perf_counter(), time.clock_gettime(self._clock)
            self._loop.call_soon_threadsafe(self._answer, *asked)
            self._answered.wait()

    def _answer(self, asked: float, worked: float) -> None:
        """Runs on the loop."""
        self.longest = max(self.longest, time.perf_counter() - asked)
        self.longest_work = max(self.longest_work, time.thread_time() - worked)
        self._answered.set()


async def _measure(service: HealthService, seconds: float) -> dict[str, Any]:
    """Watches from the first moment: ``seconds`` for the start, as many afterwards."""
    watch = _Watch()
    await service.start()
    seen: defaultdict[str, list[float]] = defaultdict(list)
    looking = asyncio.create_task(_look(service, seen))
    await asyncio.sleep(seconds)
    watch.stop()
    later = _Watch()
    await asyncio.sleep(seconds)
    later.stop()
    looking.cancel()
    return {
        "first_ms": round(watch.longest * 1000, 1),
        "later_ms": round(later.longest * 1000, 1),
        "rss_mb": psutil.Process().memory_info().rss / 1e6,
        "work_ms": round(max(watch.longest_work, later.longest_work) * 1000, 1),
        "gaps": {
            name: round(max(b - a for a, b in itertools.pairwise(times)), 2)
            for name, times in seen.items()
            if len(times) > 1
        },
    }


async def _look(service: HealthService, seen: dict[str, list[float]]) -> None:
    """Notes when each check has a new result."""
    last: dict[str, object] = {}
    while True:
        for entry in service.registry:
            view = service.board.view(entry.name)
            if view is not None and view.checked_at != last.get(entry.name):
                last[entry.name] = view.checked_at
                seen[entry.name].append(time.monotonic())
        await asyncio.sleep(_LOOK)


async def _run(service: HealthService, seconds: float) -> dict[str, Any]:
    try:
        return await _measure(service, seconds)
    finally:
        await service.stop()


def main(seconds: float) -> None:
    """Measures once and prints it."""
    config = get_config()
    # Built before the loop runs, as in a server.
    service = HealthService(config, Resources.of(config), Redactor(config.secrets()))
    uvloop = importlib.import_module("uvloop")
    # As the server does before it serves: a collection walks what came later only.
    gc.collect()
    gc.freeze()
    print(json.dumps(uvloop.run(_run(service, seconds))))


if __name__ == "__main__":
    main(float(sys.argv[1]))
