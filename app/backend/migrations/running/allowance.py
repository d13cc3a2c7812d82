"""How long a statement may wait for its lock, and how long hold it."""

import time
from typing import TYPE_CHECKING, Final

from app.backend.migrations.running.aside import aside
from app.backend.migrations.running.lock_needed import lock_needed
from app.backend.migrations.running.trial import Trials
from app.backend.migrations.statements import Lock, Step

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["Allowance", "lock_of"]

_TIMEOUTS: Final = """
    select set_config('lock_timeout', $1, false),
           set_config('statement_timeout', $2, false)
"""
_LEAST_PATIENT = 1.0


def lock_of(statement: str, step: Step | None) -> Lock:
    """The strongest lock that it takes, of all the tables: their users wait, too."""
    if step is None:
        return lock_needed(statement)
    locks = [step.lock, *(lock for _, lock in step.also)]
    return max(locks, key=lambda lock: lock.strength)


class Allowance:
    """The timeouts of one run's statements.

    Whoever waits for a weak lock keeps nobody waiting, unless its transaction has a
    strong one, or rows.

    Args:
        trials: know the patience and the budget.
    """

    def __init__(self, trials: Trials) -> None:
        self._trials = trials
        self._strong_since: float | None = None

    def end_transaction(self) -> None:
        """Its locks are gone."""
        self._strong_since = None

    def give(
        self,
        connection: "Connection",
        lock: Lock,
        *,
        number: int,
        has_rows: bool = False,
        long: bool = False,
        keeps: bool = True,
    ) -> float:
        """Sets both timeouts for the next statement; returns the lock's, in seconds.

        Args:
            connection: that it is sent on.
            lock: that it wants.
            number: which try it is, from 1.
            has_rows: its transaction keeps others from rows.
            long: it may take its time once it has its lock.
            keeps: its transaction has that lock until its end; False: nobody knows.
        """
        now, patience = time.monotonic(), self._trials.patience
        if lock.blocks_writes or has_rows or self._strong_since is not None:
            held = now - (self._strong_since or now)
            timeout = patience.lock_timeout(number, self._trials.luck(), held)
            # Below the lock's, the wrong error would come first.
            limit = max(patience.statement, 2 * timeout)
            limit = 0.0 if long or not patience.statement else limit
        else:
            timeout, limit = max(_LEAST_PATIENT, self._trials.budget.left), 0.0
        if lock.blocks_writes and keeps and self._strong_since is None:
            self._strong_since = now
        aside(connection, _TIMEOUTS, f"{timeout * 1000:.0f}", f"{limit * 1000:.0f}")
        return timeout
