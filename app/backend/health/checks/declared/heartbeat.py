"""``type = "heartbeat"``: a job that has to say again and again that it has run."""

import asyncio
import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from app.backend.health.checks.declared.models import HeartbeatTable
from app.backend.health.heartbeats import Beat, HeartbeatStore
from app.backend.health.models import CheckResult, Failure, Status
from app.backend.health.store import STORE_ERRORS
from app.errors import HeartbeatError

__all__ = ["HeartbeatCheck", "judge_beat"]

_GAP: Final = 1.0
"""Seconds between two rows that are written, however often a job says that it lives."""
_OWN_SHARE: Final = 0.8
_LEAST_SHARE: Final = 0.8
"""Of a period: the scheduler's jitter takes off a tenth."""
_REPEAT: Final = "repeat it (`curl --retry 5` does); see the database check"


class HeartbeatCheck:
    """A dead man's switch: takes the beats, and tells when they stay away.

    Nothing is said against a job that could not have reported: while the database is
    away, and until the next beat is due after that, nobody can know. Who was overdue
    before is not excused by it: a hiccup each night would hide a job that is dead.

    Args:
        name: of the check, and of the job.
        table: how often it has to beat.
        store: None where no database is configured.
        period: seconds from one look to the next.
        timeout: seconds for an attempt; a look ends before it, since a database that
            hangs says nothing against the job.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        table: HeartbeatTable,
        store: HeartbeatStore | None,
        *,
        period: float,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.every = table.every
        self.grace = table.grace
        self._store = store
        self._period = period
        self._deadline = timeout * _OWN_SHARE
        self._clock = clock
        self._known_since = clock()
        self._away_at = -math.inf
        self._looked_at = -math.inf
        self._heard_at = self._known_since  # when the database could last be asked
        self._beaten_at = math.nan  # by our clock, so that it grows old by itself
        self._sender: str | None = None
        self._trouble = ""
        self._writing = asyncio.Lock()
        self._written: tuple[datetime | HeartbeatError, float] | None = None

    async def probe(self) -> CheckResult:
        """One row, once a period: while nothing is known, it is asked more often."""
        if self._store is None:
            return CheckResult.skipped(
                "beats are kept in the database, and none is configured",
                remedy="set DATABASE_URL",
            )
        if self._clock() - self._looked_at >= self._period * _LEAST_SHARE:
            await self._look(self._store)
        now = self._clock()
        beat = None
        if self._sender is not None:
            beat = Beat(now - self._beaten_at, self._sender)
        if self._trouble:
            return self._blind(beat)
        return judge_beat(
            beat,
            every=self.every,
            grace=self.grace,
            known=now - self._known_since,
            reachable=now - self._away_at,
        )

    async def beat(self, sender: str) -> datetime:
        """Stores that the job has run, and says when that was.

        However often it is called, one row a second is written at most.

        Args:
            sender: who says so, for operators.

        Raises:
            HeartbeatError: it could not be stored; it may be repeated.
        """
        if self._store is None:
            raise HeartbeatError(
                "beats are kept in the database, and none is configured",
                remedy="set DATABASE_URL",
            )
        async with self._writing:
            if self._written is None or self._clock() - self._written[1] >= _GAP:
                outcome = await self._write(self._store, sender)
                self._written = (outcome, self._clock())
            outcome = self._written[0]
        if isinstance(outcome, HeartbeatError):
            raise HeartbeatError(str(outcome), remedy=outcome.remedy)
        return outcome

    async def _write(
        self, store: HeartbeatStore, sender: str
    ) -> datetime | HeartbeatError:
        try:
            beaten_at = await store.beat(self.name, sender)
        except STORE_ERRORS as error:
            # The job lives, whatever has been thought of it.
            self._away_at = self._clock()
            told = f"the beat of {self.name} could not be stored"
            return HeartbeatError(f"{told} ({type(error).__name__})", remedy=_REPEAT)
        self._take(Beat(0.0, sender))
        return beaten_at

    async def _look(self, store: HeartbeatStore) -> None:
        """Without an answer, what was known before is known still."""
        try:
            async with asyncio.timeout(self._deadline):
                beat = await store.last(self.name)
        except STORE_ERRORS as error:
            self._trouble = f"{type(error).__name__}: {error}"
            if not self._was_overdue():
                self._away_at = self._clock()
        else:
            self._trouble = ""
            self._take(beat)
        self._looked_at = self._clock()

    def _was_overdue(self) -> bool:
        """Whether it was when the database could last be asked."""
        since = self._known_since if self._sender is None else self._beaten_at
        return self._heard_at - since > self.every + self.grace

    def _take(self, beat: Beat | None) -> None:
        self._heard_at = self._clock()
        self._sender = None if beat is None else beat.sender
        self._beaten_at = math.nan if beat is None else self._clock() - beat.age

    def _blind(self, beat: Beat | None) -> CheckResult:
        """The last beat counts as long as it would anyway; then nobody knows."""
        away = f"the database cannot be asked ({self._trouble})"
        data = {} if beat is None else {"age_s": round(beat.age, 1)}
        if beat is not None and beat.age <= self.every + self.grace:
            return CheckResult(
                status=Status.HEALTHY,
                message=f"{away}; the last beat still counts",
                data=data,
            )
        return CheckResult(
            status=Status.UNKNOWN,
            message=f"{away}, so beats may have been lost",
            remedy="see the database check; run `pm33 migrate up`",
            data=data,
        )


def judge_beat(
    beat: Beat | None, *, every: float, grace: float, known: float, reachable: float
) -> CheckResult:
    """What the newest beat, or that there is none, means. All times in seconds.

    Args:
        beat: None: there has never been one.
        every: how often there has to be one.
        grace: by how much it may be late.
        known: for how long somebody has been waiting for the first one.
        reachable: for how long beats could surely be stored.
    """
    most = every + grace
    data: dict[str, Any] = {}
    if beat is None:
        waited, told = min(known, reachable), "it has never beaten"
    else:
        waited, told = reachable, f"the last beat is {beat.age:.0f} s old"
        data = {"age_s": round(beat.age, 1), "sender": beat.sender}
        if beat.age <= most:
            return CheckResult.healthy(**data, late=beat.age > every)
    due = f"one is due every {every:g} s, {grace:g} s late at most"
    if waited <= most:
        reason = "it may not be due yet" if beat is None else "some may have been lost"
        return CheckResult(
            status=Status.UNKNOWN, message=f"{told}; {due}; {reason}", data=data
        )
    remedy = "see the job's own log, and whether its machine is up"
    return CheckResult.unhealthy(
        Failure.TIMEOUT, f"{told}; {due}", remedy=remedy, **data
    )
