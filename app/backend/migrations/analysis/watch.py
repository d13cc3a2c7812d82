"""Looks at each statement of a revision before and after it runs."""

import json
import re
import sys
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Final

from sqlalchemy.engine import Connection

from app.backend.migrations.analysis.catalogue import (
    ALL_RELATIONS,
    HELD_RELATIONS,
    SCANS,
)
from app.backend.migrations.analysis.ledger import Ledger, Seen
from app.backend.migrations.analysis.outcome import outcome_of
from app.backend.migrations.analysis.side import SideWatch
from app.backend.migrations.analysis.traced import Traced
from app.backend.migrations.changes import Work
from app.backend.migrations.statements import Lock, Statement, Step
from app.backend.migrations.texts.statement import Reading, read_statement

__all__ = ["StatementWatch", "reason_of", "runs_alone"]

# In a transaction that has failed, nothing else can be asked before these.
_CONTROL: Final = re.compile(
    r"\s*(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE)\b", re.IGNORECASE
)
_ALONE: Final = (
    *("CREATE DATABASE", "DROP DATABASE", "CREATE TABLESPACE", "DROP TABLESPACE"),
    *("ALTER SYSTEM", "REINDEX DATABASE", "REINDEX SCHEMA", "REINDEX SYSTEM"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Open:
    """A statement that has begun.

    Attributes:
        wrapped: in a transaction of our own, so that its locks can be seen after it.
        alone: it cannot be, and is watched from the side.
    """

    cursor: Any
    statement: Statement
    transaction: str
    scans: Mapping[str, int]
    wrapped: bool
    alone: bool


class StatementWatch:
    """The hooks of SQLAlchemy's ``before_cursor_execute`` and ``after_cursor_execute``.

    Args:
        connection: that the revisions run on; its driver is asyncpg.
        side: stands in the way of what cannot run inside of a transaction.

    Attributes:
        traced: what was seen so far.
    """

    def __init__(self, connection: Connection, side: SideWatch) -> None:
        self.traced: list[Traced] = []
        self._connection = connection
        self._side = side
        self._ledger = Ledger()
        self._held: dict[str, Lock] = {}
        self._transaction = ""
        self._numbers: dict[str, int] = {}
        self._keys: list[tuple[int, int, int]] = []
        self._revision = self._file = self._shown = ""
        self._label: tuple[Step | None, str | None] = (None, None)
        self._own = self._together = False
        self._open: _Open | None = None

    def learn(self) -> None:
        """Takes down what is there before the first revision."""
        with self.unseen():
            self._ledger.begin(*self._ask(ALL_RELATIONS))

    def begin(self, revision: str, file: str, shown: str) -> None:
        """A revision's function is called next."""
        self._revision, self._file, self._shown = revision, file, shown
        self._numbers.clear()
        self._ledger.begin_revision()

    def end(self) -> None:
        """It is through."""
        for place, table, constraint in self._keys:
            name = self._ledger.lacks_index(table, constraint)
            if name is not None:
                traced = self.traced[place]
                self.traced[place] = replace(
                    traced, unindexed=(*traced.unindexed, name)
                )
        self._keys.clear()
        self._revision = ""

    def fail(self, error: BaseException) -> None:
        """It has raised; where no statement is to blame, its own line is."""
        why = reason_of(error)
        if self._open is None:
            line, traceback = 0, error.__traceback__
            while traceback is not None:
                if traceback.tb_frame.f_code.co_filename == self._file:
                    line = traceback.tb_lineno
                traceback = traceback.tb_next
            statement = self._statement("", line, None)
        else:
            statement = self._open.statement
        self.traced.append(Traced(statement=statement, error=why))

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """What runs in here is not the revision's."""
        before, self._own = self._own, True
        try:
            yield
        finally:
            self._own = before

    @contextmanager
    def of(self, step: Step | None, directive: str) -> Iterator[None]:
        """What runs in here is a safe operation's."""
        before, self._label = self._label, (step, directive)
        try:
            yield
        finally:
            self._label = before

    @contextmanager
    def one_transaction(self) -> Iterator[None]:
        """What runs in here shares a transaction, though the connection commits."""
        with self.unseen():
            self._connection.exec_driver_sql("BEGIN")
        self._together = True
        try:
            yield
        finally:
            self._together = False
        with self.unseen():
            self._connection.exec_driver_sql("COMMIT")

    def before(
        self, connection: Connection, cursor: Any, sql: str, *_others: Any
    ) -> None:
        """Has the transaction begin, and sees what it holds."""
        line = self._line(sys._getframe(1))  # noqa: SLF001 - inspect costs 1 ms
        if self._own or not self._revision or not line or _CONTROL.match(sql):
            return
        with self.unseen():
            self._give_up()
            alone = self._commits(connection) and runs_alone(sql)
            wrapped = self._commits(connection) and not alone
            if wrapped:
                connection.exec_driver_sql("BEGIN")
            transaction, scans = ("", None) if alone else self._ask(SCANS)
            if transaction != self._transaction or alone:
                self._transaction = transaction
                self._held = {}
            number = None if self._commits(connection) else self._number(transaction)
            self._open = _Open(
                cursor=cursor,
                statement=self._statement(sql, line, number),
                transaction=transaction,
                scans=json.loads(scans or "{}"),
                wrapped=wrapped,
                alone=alone,
            )
            if alone:
                self._wait_for(self._side.begin())

    def after(self, connection: Connection, cursor: Any, *_others: Any) -> None:
        """Sees what it holds now, and what has changed."""
        # One that has failed is still open while its savepoint is rolled back.
        if self._open is None or self._open.cursor is not cursor:
            return
        with self.unseen():
            opened, self._open = self._open, None
            reading = read_statement(opened.statement.sql)
            seen = self._look(opened, reading)
            self._keys += [(len(self.traced), *key) for key in seen.added_keys]
            statement, held, alone = opened.statement, self._held, opened.alone
            new = frozenset(filter(self._ledger.is_new, _tables(reading)))
            self.traced.append(
                outcome_of(statement, seen, reading, held=held, alone=alone, new=new)
            )
            for table, lock in seen.locks.items():
                if not opened.alone:
                    self._held[table] = lock
            if opened.wrapped:
                connection.exec_driver_sql("COMMIT")

    def _look(self, opened: _Open, reading: Reading) -> Seen:
        unclear = reading.work is Work.UNKNOWN and not opened.alone
        emptied = None if unclear else reading.verb == "TRUNCATE"
        locks = self._wait_for(self._side.end()) if opened.alone else None
        query = ALL_RELATIONS if opened.alone else HELD_RELATIONS
        seen = self._ledger.look(
            *self._ask(query), scans=opened.scans, seen_locks=locks, emptied=emptied
        )
        return replace(seen, scanned=()) if opened.alone else seen

    def _statement(self, sql: str, line: int, transaction: int | None) -> Statement:
        step, directive = self._label
        return Statement(
            sql=sql.strip(),
            revision=self._revision,
            file=self._shown,
            line=line,
            transaction=transaction,
            step=step,
            directive=directive,
        )

    def _number(self, transaction: str) -> int:
        return self._numbers.setdefault(transaction, len(self._numbers) + 1)

    def _give_up(self) -> None:
        """The revision has caught an error of its statement, and goes on."""
        opened, self._open = self._open, None
        if opened is not None and opened.wrapped:
            self._connection.exec_driver_sql("ROLLBACK")
        if opened is not None and opened.alone:
            self._wait_for(self._side.end())

    def _commits(self, connection: Connection) -> bool:
        """Whether each statement is its own transaction (an autocommit block)."""
        level = connection.get_execution_options().get("isolation_level")
        return level == "AUTOCOMMIT" and not self._together

    def _ask(self, query: str) -> tuple[str, str]:
        first, second = self._connection.exec_driver_sql(query).one()
        return first, second

    def _wait_for(self, work: Awaitable[Any]) -> Any:
        driver: Any = self._connection.connection.dbapi_connection
        return driver.run_async(lambda _: work)

    def _line(self, frame: FrameType | None) -> int:
        while frame is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        return 0 if frame is None else frame.f_lineno


def reason_of(error: BaseException) -> str:
    """The first line of what asyncpg has raised, which SQLAlchemy wraps twice."""
    adapted = getattr(error, "orig", None)
    root = getattr(adapted, "__cause__", None) or error
    return f"{type(root).__name__}: {root}".partition("\n")[0]


def runs_alone(sql: str) -> bool:
    """Whether the server refuses the statement inside of a transaction."""
    head = " ".join(sql.split()[:2]).upper()
    reading = read_statement(sql)
    if reading.concurrently or head in _ALONE or reading.verb == "VACUUM":
        return True
    if reading.verb == "CLUSTER":
        return not reading.locks
    ends = any(word in sql.upper() for word in ("COMMIT", "ROLLBACK"))
    return reading.verb in {"DO", "CALL"} and ends


def _tables(reading: Reading) -> Iterator[str]:
    return (change.table for change in reading.changes)
