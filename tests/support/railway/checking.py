"""Railway's health check of a new deployment, with what it writes into the build log.

Cadence and words from FACTS §5: attempts at 1, 2, 4, 8, 16, 32 s, then every 30 s, ten
seconds for each, exactly 200; never again once it is active.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import chain, repeat
from typing import Final

from tests.support.railway.clock import Clock, spoken
from tests.support.railway.ground import Write

__all__ = ["ATTEMPT_TIMEOUT", "HealthCheck", "Probe", "refusal", "waits"]

ATTEMPT_TIMEOUT: Final = 10.0
"""Railway's seconds."""

_RULER: Final = "=" * 20
_UNANSWERED: Final = "service unavailable"

Probe = Callable[[int, float], Awaitable[int | None]]
"""One attempt at a replica, within real seconds."""


def waits() -> Iterator[float]:
    """Railway's seconds before each attempt."""
    return chain((1.0, 1.0, 2.0, 4.0, 8.0, 16.0), repeat(30.0))


def refusal(status: int | None) -> str:
    """As the build log has it."""
    if status is None or status == HTTPStatus.SERVICE_UNAVAILABLE:
        return _UNANSWERED
    return f"status {status}"


@dataclass(slots=True, kw_only=True)
class HealthCheck:
    """All replicas have to answer 200 once within the window.

    Attributes:
        path: asked for.
        replicas: how many.
        window: Railway's seconds.
        attempts: made so far, of all replicas.
    """

    path: str
    replicas: int
    window: float
    probe: Probe
    clock: Clock
    write: Write
    attempts: int = 0
    healthy: int = field(default=0, init=False)

    async def passes(self) -> bool:
        """Asks until all are healthy, or the window is over."""
        for line in (_RULER, "Starting Healthcheck", _RULER):
            self.write(line)
        self.write(f"Path: {self.path}")
        self.write(f"Retry window: {spoken(self.window)}")
        answers = await asyncio.gather(*map(self._replica_passes, range(self.replicas)))
        missing = answers.count(False)
        if missing:
            self.write(f"{missing}/{self.replicas} replicas never became healthy!")
            self.write("Healthcheck failed!")
        return not missing

    async def _replica_passes(self, replica: int) -> bool:
        end = self.clock.elapsed() + self.window
        for number, wait in enumerate(waits(), 1):
            left = end - self.clock.elapsed()
            await self.clock.sleep(min(wait, max(left, 0.0)))
            left = end - self.clock.elapsed()
            if left <= 0:
                break
            self.attempts += 1
            timeout = self.clock.real(min(ATTEMPT_TIMEOUT, left))
            status = await self.probe(replica, timeout)
            if status == HTTPStatus.OK:
                self.healthy += 1
                self.write(f"[{self.healthy}/{self.replicas}] Healthcheck succeeded!")
                return True
            self.write(
                f"Attempt #{number} failed with {refusal(status)}. Continuing to retry "
                f"for {spoken(end - self.clock.elapsed())}"
            )
        return False
