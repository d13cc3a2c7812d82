"""One try of one statement, and what becomes of a try that failed."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.backend.migrations.running.blockers import Blocker
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.history import History
from app.backend.migrations.running.masking import masked
from app.backend.migrations.running.patience import Budget, Patience, is_retried
from app.backend.migrations.running.stopping import StopSign
from app.errors import InterruptedRunError, LocksDeniedError, MigrationError

if TYPE_CHECKING:
    from sqlalchemy.exc import DBAPIError

__all__ = ["Trial", "Trials"]

_CANCELLED = "57014"
_OUTLAST = 15.0
_LOOK = 0.1


@dataclass(slots=True)
class Trial:
    """A statement under way.

    Attributes:
        revision: whose it is.
        statement: the statement.
        number: which try of its transaction, from 1.
        lock_timeout: seconds that it may wait for a lock.
        blockers: who was in the way when it was looked last.
        since: when the work began that has to be done again without it; monotonic.
        began: when it was sent itself.
        reads: it leaves nothing that had to be written down.
        told_at: after how many seconds somebody is told that it still waits.
    """

    revision: str
    statement: str
    number: int
    lock_timeout: float
    blockers: tuple[Blocker, ...] = ()
    since: float = field(default_factory=time.monotonic)
    began: float = field(default_factory=time.monotonic)
    reads: bool = False
    told_at: float = 1.0

    @property
    def seconds(self) -> float:
        """Since it was sent."""
        return time.monotonic() - self.began


class Trials:
    """Decides after a failed try whether there is another one, and waits for it.

    Args:
        run: its id.
        patience: what is allowed.
        history: where tries are written down.
        stop: ends a wait.
        tell: is told.
        still: whether a blocker is in the same transaction still.
        luck: from 0 to 1, evenly.
    """

    def __init__(
        self,
        run: str,
        patience: Patience,
        *,
        history: History,
        stop: StopSign,
        tell: Tell,
        still: Callable[[tuple[Blocker, ...]], Awaitable[bool]],
        luck: Callable[[], float] = random.random,
    ) -> None:
        self.patience = patience
        self.budget = Budget(patience.budget)
        self._run = run
        self._history = history
        self._stop = stop
        self._tell = tell
        self._still = still
        self._luck = luck
        self._blockers: tuple[Blocker, ...] = ()

    def luck(self) -> float:
        """From 0 to 1."""
        return self._luck()

    async def failed(self, trial: Trial, error: "DBAPIError") -> None:
        """Pauses before the next try.

        Args:
            trial: that failed.
            error: what it failed with.

        Raises:
            InterruptedRunError: the statement was cancelled because of a stop.
            LocksDeniedError: the budget is used up.
            MigrationError: another try would not help; the cause is chained.
        """
        sqlstate = getattr(error.orig, "sqlstate", None)
        self._blockers = trial.blockers or self._blockers
        await self._history.attempt(
            trial.revision,
            trial.statement,
            number=trial.number,
            lock_timeout=trial.lock_timeout,
            seconds=trial.seconds,
            outcome=_outcome(sqlstate),
            sqlstate=sqlstate,
            blockers=trial.blockers,
        )
        if not is_retried(sqlstate):
            raise self._final(trial, error, sqlstate)
        self.budget.spend(time.monotonic() - trial.since)
        pause = min(self.patience.pause(trial.number, self._luck()), self.budget.left)
        if not self.budget.left:
            raise self._denied(trial) from error
        self._tell(self._blocked(trial, pause))
        self.budget.spend(pause)
        await self._stop.pause(pause)
        await self._outlast(trial.blockers)

    async def _outlast(self, blockers: tuple[Blocker, ...]) -> None:
        """Waits for those who had the lock: until then a try makes others wait in vain.

        Not for ever: one that was only before us in the queue may have left it.
        """
        ends = time.monotonic() + _OUTLAST
        while (
            self.budget.left and time.monotonic() < ends and await self._still(blockers)
        ):
            self.budget.spend(_LOOK)
            await self._stop.pause(_LOOK)

    def waits(self, trial: Trial) -> None:
        """Tells that a try has been waiting for a while, and goes on doing so."""
        self._tell(self._blocked(trial, None))

    def _final(
        self, trial: Trial, error: "DBAPIError", sqlstate: str | None
    ) -> Exception:
        if sqlstate == _CANCELLED and self._stop.urgent:
            return InterruptedRunError(
                "the statement under way was cancelled",
                remedy="the same command goes on where it ended",
            )
        if sqlstate == _CANCELLED and trial.seconds >= self.patience.statement > 0:
            return MigrationError(
                f"{trial.revision}: a statement that others wait for was not done in"
                f" {self.patience.statement:g} s: {_short(trial.statement)}",
                remedy="do it by a safe operation (`pm33 migrate lint` says which), or"
                " raise PM33_MIGRATE_STATEMENT_TIMEOUT while nobody needs the table",
            )
        return error

    def _denied(self, trial: Trial) -> LocksDeniedError:
        # A try may be over before anybody has looked.
        by = "; ".join(map(str, self._blockers)) or "somebody who could not be seen"
        pids = ", ".join(str(one.pid) for one in self._blockers)
        end = f" or end what blocks it (pid {pids})" if pids else ""
        return LocksDeniedError(
            f"{trial.revision}: no lock in {trial.number} tries, and the"
            f" {self.budget.whole:.0f} s for waiting are used up;"
            f" blocked by {by}: {_short(trial.statement)}",
            remedy=f"nothing of this try was kept: run it again{end};"
            " PM33_MIGRATE_LOCK_BUDGET is how long to try",
        )

    def _blocked(self, trial: Trial, pause: float | None) -> MigrationEvent:
        waited = trial.seconds if pause is None else 0.0
        return MigrationEvent(
            kind=Happening.BLOCKED,
            run=self._run,
            revision=trial.revision,
            statement=masked(trial.statement),
            attempt=trial.number,
            seconds=trial.seconds,
            pause=pause,
            budget_left=max(0.0, self.budget.left - waited - (pause or 0.0)),
            blockers=trial.blockers,
        )


def _outcome(sqlstate: str | None) -> str:
    """In words; without a state the server was not heard, and may have done it."""
    if sqlstate is None:
        return "lost"
    return "blocked" if is_retried(sqlstate) else "failed"


def _short(statement: Any) -> str:
    return " ".join(masked(str(statement)).split())[:100]
