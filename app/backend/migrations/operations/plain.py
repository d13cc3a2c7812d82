"""Safe operations under plain Alembic: ``alembic upgrade``, also with ``--sql``."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy.exc import DBAPIError

from app.backend.migrations.statements import Presence, Step
from app.errors import MigrationError

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.engine import Connection

__all__ = ["PlainExecutor"]

BUDGET: Final = 60.0
"""Seconds of attempts at one step, or at one batch."""
PAUSE: Final = 0.25
"""Seconds between two attempts, in which those who queued behind us go on."""
BREATH: Final = 0.005
"""Seconds between two batches."""

BRIEF: Final = "100ms"
"""How long a lock is waited for behind which readers or writers queue."""
SCRIPTED: Final = "1s"
"""The same in a script, which cannot try again."""
PATIENT: Final = "300s"
"""The same for a lock behind which nobody queues but DDL and vacuum."""
INSTANT: Final = "5s"
"""How long a statement may run that should take no time."""

RETRIED: Final = frozenset({"55P03", "40P01"})
"""lock_not_available, deadlock_detected: nothing was done, and it may do later."""

T = TypeVar("T")


class PlainExecutor:
    """Runs each step in a transaction of its own, asking the catalogue first.

    It keeps to a few attempts and writes down nothing; ``pm33 migrate up`` has an
    executor that knows more. Without a database it prints the steps, to which what the
    catalogue would say is not known.

    Args:
        context: whose connection, or output, is used.
        budget: seconds of attempts at one step.
        clock: seconds, rising.
        sleep: waits.
    """

    def __init__(
        self,
        context: "MigrationContext",
        *,
        budget: float = BUDGET,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._context = context
        self._budget = budget
        self._clock = clock
        self._sleep = sleep

    def run(self, step: Step, *, directive: str) -> None:
        """As :meth:`StepExecutor.run`.

        Raises:
            MigrationError: the lock was not free within the budget.
            sqlalchemy.exc.DBAPIError: the server refused the statement.
        """
        with self._outside():
            if self._context.as_sql:
                self._print(step)
                return
            wait = BRIEF if _queues(step) else PATIENT
            with self._limits(lock=wait, statement="0" if step.long else INSTANT):
                try:
                    self._retried(partial(self._bring_about, step), directive)
                except (DBAPIError, MigrationError):
                    self._sweep(step)
                    raise

    def batches(self, work: Callable[[], int | None], *, directive: str) -> None:
        """As :meth:`StepExecutor.batches`; needs a database.

        Raises:
            MigrationError: a row's lock was not free within the budget.
            sqlalchemy.exc.DBAPIError: the server refused the statement.
        """
        with self._outside(), self._limits(lock=BRIEF, statement="0"):
            one = partial(self._in_transaction, work)
            while self._retried(one, directive) is not None:
                self._sleep(BREATH)

    def _bring_about(self, step: Step) -> None:
        presence = self._presence(step)
        if presence is Presence.VALID:
            return
        if presence is Presence.INVALID and step.clean is not None:
            self._connection.exec_driver_sql(step.clean.sql)
        self._connection.exec_driver_sql(step.sql)

    def _presence(self, step: Step) -> Presence:
        if step.ask is None:
            return Presence.ABSENT
        return Presence(self._connection.exec_driver_sql(step.ask).scalar_one())

    def _sweep(self, step: Step) -> None:
        """Takes away what a failed build has left: it slows writes, or refuses them."""
        if step.clean is None or self._connection.invalidated:
            return
        with suppress(DBAPIError):  # the first error is the one to tell
            if self._presence(step) is Presence.INVALID:
                self._connection.exec_driver_sql(step.clean.sql)

    def _retried(self, attempt: Callable[[], T], directive: str) -> T:
        ends = self._clock() + self._budget
        while True:
            try:
                return attempt()
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) not in RETRIED:
                    raise
                if self._clock() >= ends:
                    raise _out_of_budget(directive, self._budget) from error
            self._sleep(PAUSE)

    def _in_transaction(self, work: Callable[[], T]) -> T:
        self._connection.exec_driver_sql("BEGIN")
        try:
            done = work()
        except BaseException:
            if not self._connection.invalidated:
                self._connection.exec_driver_sql("ROLLBACK")
            raise
        self._connection.exec_driver_sql("COMMIT")
        return done

    @property
    def _connection(self) -> "Connection":
        # Alembic replaces it for the time of an autocommit block.
        connection = self._context.connection
        if connection is None:
            raise MigrationError(
                "there is no connection to run a safe operation on",
                remedy="run it from a revision, or pass as_sql to render it",
            )
        return connection

    def _outside(self) -> AbstractContextManager[None]:
        """Outside of the revision's transaction, which is committed first."""
        if not self._context.as_sql:
            options = self._connection.get_execution_options()
            if options.get("isolation_level") == "AUTOCOMMIT":
                return nullcontext()  # the author's own block
        return self._context.autocommit_block()

    @contextmanager
    def _limits(self, *, lock: str, statement: str) -> Iterator[None]:
        """Sets both timeouts, and afterwards what they were."""
        limits = {"lock_timeout": lock, "statement_timeout": statement}
        before = {name: self._shown(name) for name in limits}
        self._set(limits)
        try:
            yield
        finally:
            if not self._connection.invalidated:
                self._set(before)

    def _shown(self, name: str) -> str:
        return str(self._connection.exec_driver_sql(f"SHOW {name}").scalar_one())

    def _set(self, limits: dict[str, str]) -> None:
        for name, limit in limits.items():
            self._connection.exec_driver_sql(f"SET {name} = '{limit}'")

    def _print(self, step: Step) -> None:
        write = self._context.impl.static_output
        if step.clean is not None:
            write(f"-- Should this fail, before it is tried again: {step.clean.sql}")
        if not _queues(step):
            write(f"{step.sql};")
            return
        write(f"SET lock_timeout = '{SCRIPTED}';")
        write(f"{step.sql};")
        write("RESET lock_timeout;")


def _queues(step: Step) -> bool:
    """Whether readers or writers queue behind it while it waits for its lock."""
    modes = [step.lock, *(mode for _, mode in step.also)]
    return any(mode.blocks_writes for mode in modes)


def _out_of_budget(directive: str, budget: float) -> MigrationError:
    return MigrationError(
        f"{directive}: what it has to lock was not free within {budget:.0f} s",
        remedy="see in pg_stat_activity which transactions are old, end them,"
        " and run again: it goes on where it stopped",
    )
