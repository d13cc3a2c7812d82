"""Runs every check on its own period and hands each result on.

Requests never run a check; they read what came out of here. One attempt of a check is
in flight at most, so however many ask and however long an answer takes, nothing piles
up in this process or at the vendor.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from app.backend.health.attempt import Attempt
from app.backend.health.fleet import Fleet
from app.backend.health.models import JITTER, CheckResult, Failure
from app.backend.health.registry import Registered
from app.backend.health.supervisor import Supervisor

__all__ = ["END_FACTOR", "Scheduler", "run_once"]

END_FACTOR = 5
"""At this many timeouts an attempt's connection is broken and its slot freed."""
URGENT_PERIOD = 1.0
"""Seconds between attempts of a check that the startup gate is waiting for."""

Report = Callable[[str, CheckResult], None]


class Scheduler:
    """The supervised loops, one for each check.

    Args:
        checks: what to run.
        report: takes each result, on the event loop.
        urgent: says whether a check is wanted as soon as possible (the gate waits);
            one with a budget is not asked more often for that.
        pause: seconds for which a check's newest result wants it left alone, where
            that is longer than its period.
        supervisor: restarts a loop that dies, and counts it.
        fleet: gives the turns of checks that run once per fleet, and takes their
            results; None: each replica asks for itself.
        seed: of the jitter; tests fix it.
    """

    def __init__(
        self,
        checks: Iterable[Registered],
        report: Report,
        *,
        urgent: Callable[[Registered], bool],
        supervisor: Supervisor,
        pause: Callable[[Registered], float] = lambda _: 0.0,
        fleet: Fleet | None = None,
        seed: int | None = None,
    ) -> None:
        self._checks = tuple(checks)
        self._report = report
        self._urgent = urgent
        self._wanted_pause = pause
        self._supervisor = supervisor
        self._fleet = fleet
        self._random = random.Random(seed)  # noqa: S311 - jitter, not cryptography
        self._attempts: dict[str, Attempt] = {}

    def start(self) -> None:
        """Starts one loop for each check."""
        for entry in self._checks:
            self._supervisor.spawn(f"health:{entry.name}", partial(self._loop, entry))

    async def stop(self) -> None:
        """Ends attempts in flight; the loops end with their supervisor."""
        attempts = [one for one in self._attempts.values() if not one.task.done()]
        await asyncio.gather(*(attempt.end(grace=0.2) for attempt in attempts))

    async def _loop(self, entry: Registered) -> None:
        if entry.name not in self._attempts and entry.policy.initial_delay:
            await asyncio.sleep(entry.policy.initial_delay)
        while True:
            if self._fleet is not None and entry.policy.asks_for_all:
                delay = await self._turn(self._fleet, entry)
            else:
                self._report(entry.name, await self._ask(entry))
                delay = self._delay(entry)
            await self._end_overdue(entry)
            await self._pause(entry, delay)

    async def _turn(self, fleet: Fleet, entry: Registered) -> float:
        """Asks if it is this replica's turn; returns the seconds until the next."""
        turn = await fleet.turn(entry)
        if not turn.ask:
            return turn.wait
        return await fleet.found(entry, turn, await self._ask(entry))

    async def _ask(self, entry: Registered) -> CheckResult:
        """Starts an attempt, or goes on with the one in flight."""
        attempt = self._attempts.get(entry.name)
        if attempt is None or attempt.ended:
            attempt = self._attempts[entry.name] = Attempt(entry.check)
        await attempt.wait(min(entry.policy.timeout, _left(attempt, entry)))
        if not attempt.ended:
            return _timed_out(attempt)
        del self._attempts[entry.name]
        return _verdict(attempt, entry)

    async def _end_overdue(self, entry: Registered) -> None:
        """Pushes an attempt to its end that has had all of its time."""
        attempt = self._attempts.get(entry.name)
        if attempt is None or attempt.ended or _left(attempt, entry) > 0:
            return
        if await attempt.end():
            del self._attempts[entry.name]

    async def _pause(self, entry: Registered, delay: float) -> None:
        """Sleeps until the next attempt is due, or an overdue one has ended.

        The late answer itself does not count (it was reported as ``timeout``), but it
        shows that asking again now may succeed; where calls are counted, that waits.
        """
        attempt = self._attempts.get(entry.name)
        if attempt is None or attempt.task.done():
            await asyncio.sleep(delay)
            return
        began = time.monotonic()
        if await attempt.wait(min(delay, _left(attempt, entry))) and attempt.ended:
            del self._attempts[entry.name]
        if entry.policy.budget:
            await asyncio.sleep(began + delay - time.monotonic())

    def _delay(self, entry: Registered) -> float:
        jitter = self._random.uniform(0, JITTER)
        pause = self._wanted_pause(entry)
        if pause > entry.policy.period:
            # Somebody has asked for it: later, but not sooner.
            return pause * (1 + jitter)
        period = entry.policy.period
        if self._urgent(entry) and not entry.policy.budget:
            period = min(period, URGENT_PERIOD)
        return period * (1 - jitter)


def _left(attempt: Attempt, entry: Registered) -> float:
    return entry.policy.timeout * END_FACTOR - attempt.age


def _verdict(attempt: Attempt, entry: Registered) -> CheckResult:
    """What an attempt found; nothing, when it found it too late or not at all.

    One that blocks the event loop ends before anybody can see that it is late.
    """
    late = attempt.took > entry.policy.timeout
    return attempt.result() if attempt.task.done() and not late else _timed_out(attempt)


def _timed_out(attempt: Attempt) -> CheckResult:
    result = CheckResult.unhealthy(
        Failure.TIMEOUT,
        f"no answer for {attempt.took:.1f} s",
        remedy="see whether the component hangs, the network drops packets, or the "
        "event loop is blocked",
    )
    return replace(result, latency_ms=attempt.took * 1000, data=attempt.blames)


async def run_once(checks: Iterable[Registered]) -> dict[str, CheckResult]:
    """Runs every check once, side by side, each within its own timeout."""
    attempts = [(entry, Attempt(entry.check)) for entry in checks]
    await asyncio.gather(
        *(attempt.wait(entry.policy.timeout) for entry, attempt in attempts)
    )
    results = {entry.name: _verdict(attempt, entry) for entry, attempt in attempts}
    overdue = [attempt for _, attempt in attempts if not attempt.task.done()]
    await asyncio.gather(*(attempt.end(grace=0.2) for attempt in overdue))
    return results
