"""What every statement of a revision passes, whoever wrote it.

SQLAlchemy's events see what operations, ``op.execute``, helpers and loops send, so that
no statement is without a lock timeout, and none goes unseen.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event
from sqlalchemy.util import await_only

from app.backend.migrations.running.blockers import Blocker
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.history import INSERT_STEP, History, step_values
from app.backend.migrations.running.ledger import Ledger
from app.backend.migrations.running.leftover import finish_leftover
from app.backend.migrations.running.lock_needed import (
    lock_needed,
    reads_only,
    returns_rows,
)
from app.backend.migrations.running.lookout import Lookout
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.trial import Trial, Trials
from app.backend.migrations.statements import Lock, Step
from app.errors import MigrationError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

__all__ = ["Gate", "aside", "autocommits"]

_NOTHING: Final = "do $$ begin end $$"
_VERSIONS: Final = "alembic_version"
_TIMEOUTS: Final = """
    select set_config('lock_timeout', $1, false),
           set_config('statement_timeout', $2, false)
"""
_LEAST_PATIENT = 1.0


def aside(connection: "Connection", sql: str, *values: Any) -> list[Any]:
    """Runs a statement of our own on a revision's connection, past the gate.

    Raises:
        Exception: what the driver raises, not wrapped by SQLAlchemy.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()


class Gate:
    """Stands before the statements of one run.

    Args:
        run: its id.
        trials: how long a statement may wait.
        lookout: looks on while it waits.
        history: where what took effect is written down.
        stop: refuses the next statement once it is asked for.
        tell: is told.
    """

    def __init__(
        self,
        run: str,
        *,
        trials: Trials,
        lookout: Lookout,
        history: History,
        stop: StopSign,
        tell: Tell,
    ) -> None:
        self._run = run
        self._trials = trials
        self._lookout = lookout
        self._history = history
        self._stop = stop
        self._tell = tell
        self._revision = ""
        self._ledger = Ledger("")
        self._number = 1
        self._position = 0
        self._directive: str | None = None
        self._step: Step | None = None
        self._begun: float | None = None
        self._strong_since: float | None = None
        self._trial: Trial | None = None

    @property
    def revision(self) -> str:
        """The one whose statements pass now; empty before the first."""
        return self._revision

    def attach(self, engine: "Engine") -> None:
        """Has every statement of an engine pass here."""
        event.listen(engine, "before_cursor_execute", self._before, retval=True)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "commit", self._ends_transaction)
        event.listen(engine, "rollback", self._ends_transaction)

    def open_for(self, revision: str, ledger: Ledger, number: int) -> None:
        """Statements are a revision's from now on.

        Args:
            revision: which one.
            ledger: what of it is done already.
            number: which try of it this is, from 1.
        """
        if revision != self._revision:
            self._position = 0
        self._revision, self._ledger, self._number = revision, ledger, number

    @contextmanager
    def of_directive(
        self, name: str, *, step: Step | None = None, number: int = 1
    ) -> Iterator[None]:
        """Statements are a safe operation's, which knows by itself what is done.

        Args:
            name: of the operation.
            step: the one to be run; None: what one batch of rows needs.
            number: which try this is, from 1.
        """
        before = self._directive, self._step, self._number
        self._directive, self._step, self._number = name, step, number
        try:
            yield
        finally:
            self._directive, self._step, self._number = before

    async def fallen(self) -> Trial | None:
        """The statement that has failed; None when it was none that passed here."""
        trial, self._trial = self._trial, None
        if trial is not None:
            trial.blockers = await self._lookout.end() or trial.blockers
        return trial

    def _before(
        self,
        connection: "Connection",
        _cursor: Any,
        statement: str,
        parameters: Any,
        _context: Any,
        executemany: bool,  # noqa: FBT001 - SQLAlchemy's signature
    ) -> tuple[str, Any]:
        self._stop.check()
        # Alembic keeps its own table by itself; what only reads leaves nothing.
        if not self._revision or reads_only(statement) or _VERSIONS in statement:
            return statement, parameters
        if self._directive is None and self._is_done(connection, statement):
            self._say(Happening.KEPT, statement)
            return _NOTHING, [()] if executemany else ()
        self._send(connection, statement)
        return statement, parameters

    def _after(self, connection: "Connection", *_rest: Any) -> None:
        trial = self._trial
        if trial is None:
            return
        await_only(self.fallen())
        self._say(Happening.DONE, trial.statement, trial.seconds)
        if self._directive is None and autocommits(connection):
            await_only(self._note(trial, "done"))
        if self._directive is None or self._step is not None:
            self._keep(connection, trial.statement)

    def _ends_transaction(self, _connection: "Connection") -> None:
        self._begun = self._strong_since = None

    def _is_done(self, connection: "Connection", statement: str) -> bool:
        if self._ledger.holds(statement):
            if returns_rows(statement):
                raise MigrationError(
                    f"{self._revision} is half applied, and needs the rows that a"
                    " statement gave which is done already",
                    remedy="finish it by hand; `pm33 migrate history` shows what is"
                    " done",
                )
            return True
        if not autocommits(connection):
            return False
        begun = await_only(self._history.was_begun(self._revision, statement))
        self._allow(connection, lock_needed(statement), long=True)
        leftover = finish_leftover(statement, partial(aside, connection), begun=begun)
        if leftover.clean is not None:
            self._clean(connection, leftover.clean)
        if leftover.done:
            self._keep(connection, statement)
        return leftover.done

    def _clean(self, connection: "Connection", step: Step) -> None:
        with self.of_directive("clean", step=step, number=self._number):
            connection.exec_driver_sql(step.sql)
        self._say(Happening.CLEANED, step.sql)

    def _send(self, connection: "Connection", statement: str) -> None:
        step = self._step
        lock = _strongest(step) if step else lock_needed(statement)
        lock_timeout = self._allow(
            connection, lock, long=step is not None and step.long
        )
        trial = Trial(self._revision, statement, self._number, lock_timeout)
        if self._directive is None and autocommits(connection):
            await_only(self._note(trial, "begun"))
        self._trial = trial
        self._say(Happening.STATEMENT, statement)
        trial.began = time.monotonic()
        if self._begun is None or autocommits(connection):
            self._begun = trial.began
        trial.since = self._begun

        def seen(blockers: tuple[Blocker, ...]) -> None:
            trial.blockers = blockers
            if trial.seconds > _LEAST_PATIENT:
                self._trials.waits(trial)

        self._lookout.begin(lock_timeout, seen)

    def _allow(self, connection: "Connection", lock: Lock, *, long: bool) -> float:
        """Sets the timeouts of the next statement; returns the lock's, in seconds.

        Whoever waits for a weak lock keeps nobody waiting, unless its transaction has
        a strong one, or rows.
        """
        now, patience = time.monotonic(), self._trials.patience
        batch = self._directive is not None and self._step is None
        if lock.blocks_writes or batch or self._strong_since is not None:
            held = now - (self._strong_since or now)
            timeout = patience.lock_timeout(self._number, self._trials.luck(), held)
            # Below the lock's, the wrong error would come first.
            limit = 0.0 if long else max(patience.statement, 2 * timeout)
            limit = limit if patience.statement else 0.0
        else:
            timeout, limit = max(_LEAST_PATIENT, self._trials.budget.left), 0.0
        if lock.blocks_writes and self._strong_since is None:
            self._strong_since = now
        aside(connection, _TIMEOUTS, f"{timeout * 1000:.0f}", f"{limit * 1000:.0f}")
        return timeout

    def _keep(self, connection: "Connection", statement: str) -> None:
        """Writes a statement down in the transaction that it belongs to."""
        if not self._history.there:
            return
        self._position += 1
        lock = self._step.lock if self._step else lock_needed(statement)
        values = step_values(
            self._run,
            self._revision,
            self._position,
            statement,
            directive=self._directive,
            lock=lock,
        )
        aside(connection, INSERT_STEP, *values)

    async def _note(self, trial: Trial, outcome: str) -> None:
        await self._history.attempt(
            trial.revision,
            trial.statement,
            number=trial.number,
            lock_timeout=trial.lock_timeout,
            seconds=trial.seconds,
            outcome=outcome,
        )

    def _say(self, kind: Happening, statement: str, seconds: float = 0.0) -> None:
        self._tell(
            MigrationEvent(
                kind=kind,
                run=self._run,
                revision=self._revision,
                statement=statement,
                attempt=self._number,
                seconds=seconds,
            )
        )


def autocommits(connection: "Connection") -> bool:
    """Whether each statement is its own transaction now."""
    options = connection.get_execution_options()
    return options.get("isolation_level") == "AUTOCOMMIT"


def _strongest(step: Step) -> Lock:
    """Of all the tables that it locks: users of the others wait, too."""
    locks = [step.lock, *(lock for _, lock in step.also)]
    return max(locks, key=lambda lock: lock.strength)
