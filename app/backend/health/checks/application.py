"""The process itself: is its event loop free, and has it threads left?"""

import asyncio
import importlib
import math
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio.to_thread

from app.backend.health.loop_watchdog import GcPauses, LoopWatchdog, WindowStats
from app.backend.health.models import CheckResult, Failure

__all__ = ["ApplicationCheck", "ApplicationReading", "judge_application"]

_LAG_SECONDS = 30
_BACKEND = "anyio._backends._asyncio"
# One look may meet a burst; two in a row, a period apart, are a state.
_SATURATED_LOOKS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReading:
    """What one look at the process found; all times in seconds.

    Attributes:
        state: ``starting``, ``serving`` or ``draining``.
        lag: the newest lag of the event loop.
        max_lag: its worst lag of the last 30 s.
        gc: the garbage collector's pauses of the last 60 s.
        pool_borrowed: threads of AnyIO's default pool in use; sync routes run there.
        pool_total: its size; may be infinite.
        pool_waiting: calls that wait for a thread.
        saturated_looks: looks in a row, this one included, that found the pool full.
        tasks: asyncio tasks on this loop.
        threads: Python threads of the process.
        uptime: since the check was made.
    """

    state: str
    lag: float
    max_lag: float
    gc: WindowStats
    pool_borrowed: int
    pool_total: float
    pool_waiting: int
    saturated_looks: int
    tasks: int
    threads: int
    uptime: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; times in milliseconds save the uptime."""
        total = None if math.isinf(self.pool_total) else int(self.pool_total)
        return {
            "state": self.state,
            "uptime_s": round(self.uptime, 1),
            "lag_ms": _ms(self.lag),
            "max_lag_ms": _ms(self.max_lag),
            "gc": {
                "count": self.gc.samples,
                "max_ms": _ms(self.gc.worst),
                "total_ms": _ms(self.gc.total),
            },
            "thread_pool": {
                "borrowed": self.pool_borrowed,
                "total": total,
                "waiting": self.pool_waiting,
            },
            "tasks": self.tasks,
            "threads": self.threads,
        }


def judge_application(
    reading: ApplicationReading, *, lag_warning: float
) -> CheckResult:
    """Healthy or degraded; load is never unhealthy.

    A replica that leaves the rotation because it is busy makes the others busier
    (dockstore/dockstore#5112, taken back by #5888).
    """
    findings: list[str] = []
    remedies: list[str] = []
    if reading.max_lag > lag_warning:
        findings.append(
            f"the event loop was blocked for {reading.max_lag:.2f} s"
            f" within the last {_LAG_SECONDS} s"
        )
        remedies.append(
            "Move blocking calls off the event loop (asyncio.to_thread, or a plain"
            " def route); the log names where it hung."
        )
    if reading.saturated_looks >= _SATURATED_LOOKS:
        findings.append(
            f"all {reading.pool_borrowed} threads for blocking calls are in use"
        )
        remedies.append(
            "Shorten what plain def routes wait for, or raise the total_tokens of"
            " AnyIO's default thread limiter."
        )
    if not findings:
        return CheckResult.healthy(**reading.to_dict())
    return CheckResult.degraded(
        Failure.OVERLOADED,
        "; ".join(findings),
        remedy=" ".join(remedies),
        **reading.to_dict(),
    )


class ApplicationCheck:
    """Looks at the process from inside, on its event loop.

    Args:
        state: tells the lifecycle's state.
        watchdog: measures the event loop's lag; its owner starts and stops it.
        gc_pauses: counts the collector's pauses; likewise.
        lag_warning: seconds of lag from which the process counts as overloaded.
        clock: seconds, monotonic.
    """

    name = "application"

    def __init__(
        self,
        *,
        state: Callable[[], str],
        watchdog: LoopWatchdog,
        gc_pauses: GcPauses,
        lag_warning: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._watchdog = watchdog
        self._gc_pauses = gc_pauses
        self._lag_warning = lag_warning
        self._clock = clock
        self._made = clock()
        self._saturated_looks = 0

    async def probe(self) -> CheckResult:
        """Reads and judges; waits for nothing but the first import."""
        if _BACKEND not in sys.modules:
            # 20 ms, for which AnyIO would hold the loop when it is first asked.
            await asyncio.to_thread(importlib.import_module, _BACKEND)
        return judge_application(self._read(), lag_warning=self._lag_warning)

    def _read(self) -> ApplicationReading:
        limiter = anyio.to_thread.current_default_thread_limiter()
        saturated = limiter.borrowed_tokens >= limiter.total_tokens
        self._saturated_looks = self._saturated_looks + 1 if saturated else 0
        return ApplicationReading(
            state=self._state(),
            lag=self._watchdog.last_lag,
            max_lag=self._watchdog.max_lag(_LAG_SECONDS),
            gc=self._gc_pauses.stats(),
            pool_borrowed=limiter.borrowed_tokens,
            pool_total=limiter.total_tokens,
            pool_waiting=limiter.statistics().tasks_waiting,
            saturated_looks=self._saturated_looks,
            tasks=len(asyncio.all_tasks()),
            threads=threading.active_count(),
            uptime=self._clock() - self._made,
        )


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
