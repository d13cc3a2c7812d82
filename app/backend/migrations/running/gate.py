"""What every statement of a revision passes, whoever wrote it.

SQLAlchemy's events see what operations, ``op.execute``, helpers and loops send, so that
no statement is without a lock timeout, and none goes unseen.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

from app.backend.migrations.running.account import Account
from app.backend.migrations.running.allowance import Allowance, lock_of
from app.backend.migrations.running.aside import aside, autocommits
from app.backend.migrations.running.blockers import Blocker
from app.backend.migrations.running.events import Happening
from app.backend.migrations.running.ledger import Ledger
from app.backend.migrations.running.leftover import finish_leftover
from app.backend.migrations.running.lock_needed import (
    built_index,
    is_lock,
    locks_nothing,
    reads_only,
    returns_rows,
)
from app.backend.migrations.running.lookout import Lookout
from app.backend.migrations.running.stopping import StopSign
from app.backend.migrations.running.trial import Trial, Trials
from app.backend.migrations.statements import Lock, Step
from app.errors import MigrationError, OpsError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine, ExceptionContext

__all__ = ["Gate"]

_NOTHING: Final = "do $$ begin end $$"
_VERSIONS: Final = "alembic_version"
_TELLING = 30.0
"""Seconds between two words about the same wait, at most."""


class Gate:
    """Stands before the statements of one run.

    Args:
        trials: how long a statement may wait.
        lookout: looks on while it waits.
        account: what happens is told to, and written down by.
        stop: refuses the next statement once it is asked for.
    """

    def __init__(
        self,
        *,
        trials: Trials,
        lookout: Lookout,
        account: Account,
        stop: StopSign,
    ) -> None:
        self._trials = trials
        self._allowance = Allowance(trials)
        self._lookout = lookout
        self._account = account
        self._stop = stop
        self._ledger = Ledger("")
        self._number = 1
        self._directive: str | None = None
        self._step: Step | None = None
        self._begun: float | None = None
        self._trial: Trial | None = None
        self._ours = False

    @property
    def revision(self) -> str:
        """The one whose statements pass now; empty before the first."""
        return self._account.revision

    def attach(self, engine: "Engine") -> None:
        """Has every statement of an engine pass here."""
        event.listen(engine, "before_cursor_execute", self._before, retval=True)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "handle_error", self._failed)
        event.listen(engine, "commit", self._ends_transaction)
        event.listen(engine, "rollback", self._ends_transaction)

    def open_for(self, revision: str, ledger: Ledger, number: int) -> None:
        """Statements are a revision's from now on.

        Args:
            revision: which one.
            ledger: what of it is done already.
            number: which try of it this is, from 1.
        """
        self._account.open_for(revision)
        self._ledger, self._number = ledger, number

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

    def sweep(self, connection: "Connection", trial: Trial) -> None:
        """Takes away the index that a build has left for which there is no more try.

        One brief try; what it does not get is taken away by the next run.
        """
        if connection.invalidated or built_index(trial.statement) is None:
            return
        # The first error is the one to tell; a stop that was asked for stops this, too.
        with suppress(DBAPIError, OpsError):
            outside = connection.execution_options(isolation_level="AUTOCOMMIT")
            ask = partial(aside, outside)
            leftover = finish_leftover(trial.statement, ask, begun=False)
            if leftover.clean is not None:
                brief = replace(leftover.clean, lock=Lock.ACCESS_EXCLUSIVE, long=False)
                self._clean(outside, brief)
        await_only(self.fallen())

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
        # Alembic keeps its own table by itself.
        if not self.revision or locks_nothing(statement) or _VERSIONS in statement:
            return statement, parameters
        if reads_only(statement):  # which waits like any other, and leaves nothing
            self._send(connection, statement, reads=True)
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
        if trial.reads:
            return
        self._say(Happening.DONE, trial.statement, trial.seconds)
        if self._directive is None or self._step is not None:
            self._keep(connection, trial.statement)
        if self._ours:
            self._ours = False
            aside(connection, "commit")
        elif self._directive is None and autocommits(connection):
            await_only(self._account.note(trial, "done"))

    def _failed(self, context: "ExceptionContext") -> None:
        """Whoever goes on after an error finds no transaction that it did not begin."""
        ours, self._ours = self._ours, False
        if ours and context.connection is not None and not context.is_disconnect:
            aside(context.connection, "rollback")

    def _ends_transaction(self, _connection: "Connection") -> None:
        self._begun = None
        self._allowance.end_transaction()

    def _is_done(self, connection: "Connection", statement: str) -> bool:
        if self._ledger.holds(statement):
            if returns_rows(statement):
                raise MigrationError(
                    f"{self.revision} is half applied, and needs the rows that a"
                    " statement gave which is done already",
                    remedy="finish it by hand; `pm33 migrate history` shows what is"
                    " done",
                )
            return True
        if not autocommits(connection) or self._is_ours(statement):
            return False
        begun = await_only(self._account.was_begun(statement))
        lock = lock_of(statement, None)
        self._allowance.give(connection, lock, number=self._number, long=True)
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

    def _is_ours(self, statement: str) -> bool:
        """Whether rows are changed in a transaction that we begin and end for it.

        So that it is written down exactly when it is done: twice would be wrong, and
        nothing would tell.
        """
        changes_rows = lock_of(statement, None) is Lock.ROW_EXCLUSIVE
        return self._directive is None and self._account.is_kept and changes_rows

    def _send(
        self, connection: "Connection", statement: str, *, reads: bool = False
    ) -> None:
        if self._trial is not None:  # a revision that has gone on after an error
            await_only(self.fallen())
        step = self._step if not reads else None
        is_batch = self._directive is not None and self._step is None
        if autocommits(connection) and not is_batch:
            self._allowance.end_transaction()
        lock_timeout = self._allowance.give(
            connection,
            lock_of(statement, step),
            number=self._number,
            has_rows=is_batch,
            long=reads or (step is not None and step.long),
            keeps=not reads or is_lock(statement),
        )
        trial = Trial(self.revision, statement, self._number, lock_timeout, reads=reads)
        if not reads and self._directive is None and autocommits(connection):
            if self._is_ours(statement):
                aside(connection, "begin")
                self._ours = True
            else:
                await_only(self._account.note(trial, "begun"))
        self._trial = trial
        if not reads:
            self._say(Happening.STATEMENT, statement)
        trial.began = time.monotonic()
        if self._begun is None or autocommits(connection):
            self._begun = trial.began
        trial.since = self._begun

        def seen(blockers: tuple[Blocker, ...]) -> None:
            trial.blockers = blockers
            if trial.seconds > trial.told_at:
                trial.told_at = min(2 * trial.seconds, trial.seconds + _TELLING)
                self._trials.waits(trial)

        self._lookout.begin(lock_timeout, seen)

    def _keep(self, connection: "Connection", statement: str) -> None:
        lock = lock_of(statement, self._step)
        self._account.keep(connection, statement, self._directive, lock)

    def _say(self, kind: Happening, statement: str, seconds: float = 0.0) -> None:
        self._account.say(kind, statement, number=self._number, seconds=seconds)
