"""Who may act: one row, one holder, and an epoch that rises with every holder.

A lease is worth what is checked with it. The row fences writes to this database (they
name the epoch, see ``FENCE``); a platform that keeps the epoch is fenced by it; before
anything else the holder calls :meth:`Guard.check`, whose clock runs on while the
machine sleeps or the process is stopped.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from app.backend.database.guard import Guard, Unlocked
from app.backend.database.lease_row import LeaseRow, LeaseState
from app.backend.database.target import DatabaseTarget
from app.errors import JournalError, LeaseHeldError, LeaseLostError

__all__ = [
    "TTL",
    "Guard",
    "Lease",
    "LeaseState",
    "Unlocked",
    "acquire",
    "boottime",
    "break_lease",
    "held",
]

TTL = 15.0
"""Seconds after which a lease that nobody renews is free."""
POLL = 0.5
"""Seconds between two looks at a lease that somebody else holds."""


def boottime() -> float:
    """Seconds of the clock that counts the machine's sleep, too (clock_gettime(2)).

    Outside Linux that is ``CLOCK_MONOTONIC``, which on macOS counts it as well.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Lease:
    """A lease that is held and renewed; :func:`acquire` makes it.

    It is renewed every third of its TTL by a task of the running loop, each time over
    a connection of its own. Once lost it stays lost: it counts from the moment when
    the last successful renewal was sent, so that the holder gives up before the
    server lets anybody else in.
    """

    def __init__(
        self, row: LeaseRow, epoch: int, until: float, clock: Callable[[], float]
    ) -> None:
        self._row = row
        self._epoch = epoch
        self._until = until
        self._clock = clock
        self._lost: LeaseLostError | None = None
        self._told: list[Callable[[LeaseLostError], None]] = []
        self._renewal = asyncio.create_task(self._renew(), name="lease")

    @property
    def name(self) -> str:
        """What is leased."""
        return self._row.name

    @property
    def epoch(self) -> int:
        """Rises with every holder."""
        return self._epoch

    @property
    def locked(self) -> bool:
        """Always."""
        return True

    @property
    def left(self) -> float:
        """Seconds until it runs out; 0 once it is lost."""
        return 0.0 if self._lost else max(0.0, self._until - self._clock())

    @property
    def lapsed(self) -> float:
        """As :attr:`Guard.lapsed`."""
        before = self._row.before
        if before is None or before.released:
            return float("inf")
        return before.ago

    def check(self) -> None:
        """As :meth:`Guard.check`."""
        if self.left <= 0:
            raise self._lose("it ran out before it could be renewed")

    def on_lost(self, tell: Callable[[LeaseLostError], None]) -> None:
        """As :meth:`Guard.on_lost`."""
        self._told.append(tell)

    async def release(self) -> None:
        """As :meth:`Guard.release`; a lease that cannot be freed runs out by itself."""
        self._told.clear()
        self._renewal.cancel()
        await asyncio.wait([self._renewal])
        if self._lost is None:
            self._lost = self._error("it was released")
            with suppress(JournalError):
                await self._row.free(self._epoch)

    async def _renew(self) -> None:
        pause = self._row.ttl / 3
        while True:
            await asyncio.sleep(min(pause, self.left))
            if self.left <= 0:
                self._lose("it ran out: the state database did not answer in time")
                return
            sent = self._clock()
            try:
                kept = await self._row.renew(
                    self._epoch, min(self.left, self._row.ttl / 3)
                )
            except JournalError:
                pause = self._row.ttl / 15  # soon again, while there is time
                continue
            if not kept:
                self._lose("somebody else has taken it, or it was broken")
                return
            self._until = sent + self._row.ttl
            pause = self._row.ttl / 3

    def _lose(self, why: str) -> LeaseLostError:
        if self._lost is None:
            self._lost = self._error(why)
            told, self._told = self._told, []
            for tell in told:
                tell(self._lost)
        return self._lost

    def _error(self, why: str) -> LeaseLostError:
        return LeaseLostError(
            f"the lease {self.name} (epoch {self._epoch}) is lost: {why}",
            remedy="see `pm33 deployments`; nothing more is changed by this process",
        )


async def acquire(
    target: DatabaseTarget,
    name: str,
    *,
    holder: str,
    reason: str,
    ttl: float = TTL,
    wait: float = 0.0,
    above: int = 0,
    clock: Callable[[], float] = boottime,
) -> Lease:
    """Takes a lease that is free, was released, or ran out.

    Args:
        target: the state database.
        name: what is to be leased.
        holder: who asks, as others will read it.
        reason: what for, as others will read it.
        ttl: seconds until it is free when it is not renewed.
        wait: seconds to wait for another holder; 0: one look.
        above: the new epoch is higher than this one, too. A platform may have seen
            higher ones than this database, from rollbacks that went on without it.
        clock: seconds that count the machine's sleep.

    Raises:
        LeaseHeldError: somebody else has it; the message says who, since when and why.
        JournalError: the state database cannot be asked, or has no table for it.
    """
    row = LeaseRow(target, name, ttl)
    ends = clock() + wait
    while True:
        sent = clock()
        taken = await row.take(holder, reason, above)
        if isinstance(taken, int):
            return Lease(row, taken, sent + ttl, clock)
        if clock() >= ends:
            raise _held(taken)
        await asyncio.sleep(min(POLL, max(0.0, ends - clock())))


async def held(target: DatabaseTarget, name: str) -> LeaseState | None:
    """Who holds a lease now; None when it is free.

    Raises:
        JournalError: the state database cannot be asked.
    """
    state = await LeaseRow(target, name).read()
    return None if state is None or state.free else state


async def break_lease(target: DatabaseTarget, name: str, holder: str) -> None:
    """Takes a lease away from a holder that is known to be gone.

    Its epoch can no longer write here; what it has begun elsewhere goes on.

    Args:
        target: the state database.
        name: which lease.
        holder: who has it, exactly as :func:`held` says.

    Raises:
        LeaseHeldError: somebody else has it.
        JournalError: the state database cannot be asked.
    """
    row = LeaseRow(target, name)
    if not await row.take_away(holder):
        state = await row.read()
        if state is not None and not state.free:
            raise _held(state)


def _held(state: LeaseState) -> LeaseHeldError:
    return LeaseHeldError(
        f"{state.name} is held by {state.holder} since {_shown(state.acquired_at)}"
        f" ({state.reason}); it is free at {_shown(state.expires_at)}"
        " unless it is renewed",
        remedy="wait for it to end; break it only when that process is gone for good",
    )


def _shown(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S %Z}"
