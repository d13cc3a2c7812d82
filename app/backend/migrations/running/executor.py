"""Runs the steps of safe operations one by one, each as often as locks demand."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from alembic import context
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

from app.backend.migrations.running.aside import autocommits
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.gate import Gate
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.trial import Trials
from app.backend.migrations.statements import Lock, Presence, Step
from app.errors import OpsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["RetryingExecutor"]

_BREATH = 0.005
"""Seconds between two batches, for others and for replication."""
_TELLING = 2.0
"""Seconds until the first word about a backfill; then twice as many each time."""
_RARELY = 30.0
"""Seconds between two words, at most."""


class RetryingExecutor:
    """A :class:`~app.backend.migrations.statements.StepExecutor` that does not give up.

    A step that gets no lock is tried again by itself: what came before it is done, and
    stays so. What is there already is left alone, what is half made is taken away.

    Args:
        run: its id.
        gate: what the statements pass.
        trials: decide whether there is another try.
        stop: ends it between two steps, and between two batches.
        tell: is told.
    """

    def __init__(
        self, run: str, *, gate: Gate, trials: Trials, stop: StopSign, tell: Tell
    ) -> None:
        self._run = run
        self._gate = gate
        self._trials = trials
        self._stop = stop
        self._tell = tell

    def run(self, step: Step, *, directive: str) -> None:
        """Runs it outside of any transaction, until it is done.

        Raises:
            LocksDeniedError: its lock was not to be had within the budget.
            InterruptedRunError: a stop was asked for.
            sqlalchemy.exc.DBAPIError: it failed for another reason.
        """
        with _autocommit() as connection:
            try:
                self._finish(connection, step, directive)
            except (DBAPIError, OpsError):
                self._sweep(connection, step, directive)
                raise

    def batches(self, work: Callable[[], int | None], *, directive: str) -> None:
        """Calls ``work`` until it returns None, each time in a transaction of its own.

        Raises:
            LocksDeniedError, InterruptedRunError, DBAPIError: as :meth:`run` does.
        """
        rows, told, pause = 0, time.monotonic(), _TELLING
        with _autocommit() as connection:
            while (done := self._batch(connection, work, directive)) is not None:
                rows += done
                if time.monotonic() - told > pause:
                    told, pause = time.monotonic(), min(2 * pause, _RARELY)
                    self._say(Happening.BATCH, f"{directive}: {rows} rows so far")
                await_only(self._stop.pause(_BREATH))
        self._say(Happening.BATCH, f"{directive}: {rows} rows")

    def _finish(self, connection: "Connection", step: Step, directive: str) -> None:
        for number in count(1):
            self._stop.check()
            presence = _presence(connection, step)
            if presence is Presence.VALID:
                self._say(Happening.KEPT, step.sql)
                return
            if presence is Presence.INVALID and step.clean is not None:
                self._finish(connection, step.clean, directive)
                self._say(Happening.CLEANED, step.clean.sql)
            try:
                with self._gate.of_directive(directive, step=step, number=number):
                    connection.exec_driver_sql(step.sql)
            except DBAPIError as error:
                self._failed(error)
            else:
                return

    def _sweep(self, connection: "Connection", step: Step, directive: str) -> None:
        """Takes away what a failed build has left: it slows writes, or refuses them.

        One brief try; what it does not get is taken away by the next run.
        """
        if step.clean is None or connection.invalidated:
            return
        brief = replace(step.clean, lock=Lock.ACCESS_EXCLUSIVE, long=False)
        # The first error is the one to tell; a stop that was asked for stops this, too.
        with suppress(DBAPIError, OpsError):
            if _presence(connection, step) is Presence.INVALID:
                with self._gate.of_directive(directive, step=brief):
                    connection.exec_driver_sql(brief.sql)
        await_only(self._gate.fallen())

    def _batch(
        self, connection: "Connection", work: Callable[[], int | None], directive: str
    ) -> int | None:
        for number in count(1):
            self._stop.check()
            # The block's isolation level starts none, so that we may do it ourselves.
            connection.exec_driver_sql("BEGIN")
            try:
                with self._gate.of_directive(directive, number=number):
                    done = work()
            except BaseException as error:
                self._roll_back(connection)
                if not isinstance(error, DBAPIError):
                    raise
                self._failed(error)
            else:
                connection.exec_driver_sql("COMMIT")
                return done
        raise AssertionError  # count() has no end

    def _roll_back(self, connection: "Connection") -> None:
        if not connection.invalidated:
            connection.connection.cursor().execute("ROLLBACK")

    def _failed(self, error: DBAPIError) -> None:
        trial = await_only(self._gate.fallen())
        if trial is None:
            raise error
        await_only(self._trials.failed(trial, error))

    def _say(self, kind: Happening, words: str) -> None:
        is_batch = kind is Happening.BATCH
        self._tell(
            MigrationEvent(
                kind=kind,
                run=self._run,
                revision=self._gate.revision,
                statement=None if is_batch else words,
                message=words if is_batch else "",
            )
        )


@contextmanager
def _autocommit() -> "Iterator[Connection]":
    """What a revision has done before is committed; its transaction begins anew."""
    migration = context.get_context()
    outside = migration.connection is not None and autocommits(migration.connection)
    with nullcontext() if outside else migration.autocommit_block():
        connection = migration.connection
        assert connection is not None  # noqa: S101 - a run is online
        yield connection


def _presence(connection: "Connection", step: Step) -> Presence:
    if step.ask is None:
        return Presence.ABSENT
    return Presence(connection.exec_driver_sql(step.ask).scalar_one())
