"""Keeps what a downgrade loses, or refuses it, in the downgrade's own transaction."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from app.backend.migrations.back.keeping import keeping_of
from app.backend.migrations.back.reverse import Reverse
from app.backend.migrations.back.risk import Keep, Risk
from app.backend.migrations.back.risks import risks_of
from app.backend.migrations.back.schema import SCHEMA_QUERY, Schema, read_schema
from app.backend.migrations.statements import Lock, Presence, Step, StepExecutor
from app.errors import DataAtRiskError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from app.backend.migrations.running.gate import Gate

__all__ = ["Acceptance", "Keeper", "KeepingExecutor"]

_DIRECTIVE: Final = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Somebody has accepted that rows or values are lost.

    Attributes:
        reason: why, for the manifest.
        actor: who.
    """

    reason: str
    actor: str


class Keeper:
    """Looks once more at the rows before each revision is reversed, under its locks.

    What was written since the live data was asked is seen, too: without an acceptance
    it is refused, with one it is kept.

    Args:
        run: its id.
        gate: what the statements pass; it bounds how long anybody waits.
        acceptance: None: nothing may be lost.
    """

    def __init__(self, run: str, gate: "Gate", acceptance: Acceptance | None) -> None:
        self._run = run
        self._gate = gate
        self._acceptance = acceptance
        self._copies = 0
        self._tries: Counter[str] = Counter()
        self._try = 1
        self._steps: Mapping[str, Risk] = {}
        self._schema: Schema | None = None

    def begin(self, connection: "Connection", reverse: Reverse) -> None:
        """At the beginning of a revision's transaction.

        Raises:
            DataAtRiskError: rows are at risk, and nobody has accepted it.
            sqlalchemy.exc.DBAPIError: a lock was not to be had, or as it may.
        """
        self._begin_try(reverse.id)
        told = connection.exec_driver_sql(SCHEMA_QUERY).scalar_one()
        self._schema = read_schema(told)
        risks = risks_of([reverse], self._schema)
        # By statement: one step may concern one column only.
        self._steps = {one.statement: one for one in risks if one.in_step}
        wanted = [one for one in risks if self._is_mine(one) and not one.in_step]
        for table in sorted({one.table for one in wanted}):
            self._lock(connection, self._schema.tables[table].sql)
        self._each(connection, wanted)

    def at_step(self, step: Step) -> Risk | None:
        """The risk of a safe operation's step; None: it has none."""
        risk = self._steps.get(step.sql)
        return risk if risk is not None and self._is_mine(risk) else None

    def perform(self, connection: "Connection", step: Step, directive: str) -> None:
        """Runs a step after keeping what it loses; within one transaction.

        Raises:
            DataAtRiskError, sqlalchemy.exc.DBAPIError: as :meth:`begin`.
        """
        self._begin_try(step.sql)
        risk = self.at_step(step)
        if risk is not None and self._schema is not None:
            self._lock(connection, self._schema.tables[risk.table].sql)
            self._each(connection, [risk])
        self._send(connection, step, directive)

    def _is_mine(self, risk: Risk) -> bool:
        if risk.keep is Keep.NOTHING or self._schema is None:
            return False
        known = risk.table in self._schema.tables
        return known and (risk.silent or self._acceptance is not None)

    def _begin_try(self, what: str) -> None:
        """Lock timeouts rise with the tries."""
        self._tries[what] += 1
        self._try = self._tries[what]

    def _lock(self, connection: "Connection", table: str) -> None:
        # In a block, since LOCK alone would pass the gate as one that only reads.
        mode = "IN ACCESS EXCLUSIVE MODE"
        sql = f"DO $$ BEGIN LOCK TABLE {table} {mode}; END $$"
        self._send(connection, _step(sql, table), _DIRECTIVE)

    def _each(self, connection: "Connection", risks: Iterable[Risk]) -> None:
        for risk in risks:
            some = f"SELECT EXISTS (SELECT FROM {risk.source} WHERE {risk.condition})"  # noqa: S608 - from the catalogue
            if not connection.exec_driver_sql(some).scalar_one():
                continue
            if self._acceptance is None:
                raise DataAtRiskError(
                    f"{risk.revision}: {risk.table} has rows at risk that were not"
                    f" there when it was asked: {risk.why}",
                    remedy="nothing of this revision was reversed; look again with"
                    " `pm33 migrate down`",
                )
            self._keep(connection, risk, self._acceptance)

    def _keep(
        self, connection: "Connection", risk: Risk, acceptance: Acceptance
    ) -> None:
        assert self._schema is not None  # noqa: S101 - begin() has read it
        self._copies += 1
        keeping = keeping_of(
            risk,
            self._schema,
            run=self._run,
            number=self._copies,
            reason=acceptance.reason,
            actor=acceptance.actor,
        )
        for sql in keeping.statements:
            self._send(connection, _step(sql, keeping.table), _DIRECTIVE)

    def _send(self, connection: "Connection", step: Step, directive: str) -> None:
        with self._gate.of_directive(directive, step=step, number=self._try):
            connection.exec_driver_sql(step.sql)


class KeepingExecutor:
    """A :class:`StepExecutor` that keeps what a step loses, in the step's transaction.

    Args:
        inner: runs all steps that lose nothing.
        keeper: knows which ones do.
        connection: of the migration that runs.
    """

    def __init__(
        self,
        inner: StepExecutor,
        keeper: Keeper,
        connection: Callable[[], Any],
    ) -> None:
        self._inner = inner
        self._keeper = keeper
        self._connection = connection

    def run(self, step: Step, *, directive: str) -> None:
        """As :meth:`StepExecutor.run`."""
        if self._keeper.at_step(step) is None:
            self._inner.run(step, directive=directive)
            return
        done = False

        def once() -> int | None:
            nonlocal done
            connection = self._connection()
            if done or _is_done(connection, step):
                return None
            self._keeper.perform(connection, step, directive)
            done = True
            return 1

        self._inner.batches(once, directive=directive)

    def batches(self, work: Callable[[], int | None], *, directive: str) -> None:
        """As :meth:`StepExecutor.batches`."""
        self._inner.batches(work, directive=directive)


def _is_done(connection: "Connection", step: Step) -> bool:
    if step.ask is None:
        return False
    told = connection.exec_driver_sql(step.ask).scalar_one()
    return Presence(told) is Presence.VALID


def _step(sql: str, table: str) -> Step:
    return Step(sql=sql, table=table, lock=Lock.ACCESS_EXCLUSIVE)
