"""Takes down what a revision sends, in place of a database."""

import sys
from collections.abc import Callable, Mapping
from types import FrameType, TracebackType
from typing import Any, NoReturn

from alembic.ddl.base import AlterColumn
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.runtime.migration import MigrationContext
from sqlalchemy import ForeignKeyConstraint, text
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import DDLElement, DropConstraint
from typing_extensions import override

from app.backend.migrations import operations as _directives  # noqa: F401 - op.safe_…
from app.backend.migrations.sql.script import Control, control_of, split
from app.backend.migrations.sql.tokens import LexicalError
from app.backend.migrations.statements import Statement, Step

__all__ = ["Tape"]


class Tape:
    """The statements of one run of one function, each with line and transaction.

    It is the executor of safe operations as well.

    Attributes:
        shown: the revision's file, as it is shown.
        statements: what has been sent so far.
        asked: whether an answer was wanted that only a database can give.
    """

    def __init__(self, revision: str, file: str, shown: str) -> None:
        self.shown = shown
        self.statements: list[Statement] = []
        self.asked = False
        self._revision = revision
        self._file = file
        self._count = 1
        self._transaction: int | None = 1

    def attach(self, context: MigrationContext) -> None:
        """Takes the place of what the context would send its statements to."""
        bind: Any = _Bind(context.dialect, self)
        recorder = _Recorder(
            context.dialect,
            bind,
            as_sql=True,
            transactional_ddl=None,
            output_buffer=None,
            context_opts=context.opts,
        )
        recorder.tape = self
        context.connection, context.impl = bind, recorder

    def run(self, step: Step, *, directive: str) -> None:
        """Takes down a step of a safe operation, which is alone in its transaction."""
        self._add(step.sql, None, step=step, directive=directive)
        self.begin()

    def batches(
        self,
        work: Callable[[], int | None],  # noqa: ARG002 - there is nobody to work on
        *,
        directive: str,
    ) -> None:
        """Takes down that batches would run; without a database there are none."""
        self._add(f"/* batches of {directive} */", None, directive=directive)
        self.begin()

    def begin(self) -> None:
        """What follows is in a new transaction."""
        self._count += 1
        self._transaction = self._count

    def commit(self) -> None:
        """What follows is in none, until one begins."""
        self._transaction = None

    def take(self, sql: str, was: str | None = None) -> None:
        """Takes down what one call has sent: a statement, or several."""
        try:
            pieces = split(sql)
        except LexicalError:
            self._add(sql.strip().rstrip(";"), self._transaction)
            return
        for piece in pieces:
            match control_of(piece.tokens):
                case Control.BEGIN:
                    self.begin()
                case Control.END:
                    self.commit()
                case Control.WITHIN:
                    pass
                case None:
                    self._add(piece.sql, self._transaction, was=was)

    def line_of(self, traceback: TracebackType | None) -> int:
        """The innermost line of the revision's file on the way to an error."""
        line = 0
        while traceback is not None:
            if traceback.tb_frame.f_code.co_filename == self._file:
                line = traceback.tb_lineno
            traceback = traceback.tb_next
        return line

    def _add(self, sql: str, transaction: int | None, **more: Any) -> None:
        self.statements.append(
            Statement(
                sql=sql,
                revision=self._revision,
                file=self.shown,
                line=self._line(sys._getframe(1)),  # noqa: SLF001 - inspect costs 1 ms
                transaction=transaction,
                **more,
            )
        )

    def _line(self, frame: FrameType | None) -> int:
        while frame is not None and frame.f_code.co_filename != self._file:
            frame = frame.f_back
        return 0 if frame is None else frame.f_lineno


class _Unanswered:
    """What a statement returns here; whoever looks into it needs a database."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape

    def __getattr__(self, name: str) -> NoReturn:
        self._tape.asked = True
        raise AttributeError(f"the result's {name} is known to a database only")

    def __iter__(self) -> NoReturn:
        self._tape.asked = True
        raise TypeError("the result's rows are known to a database only")


class _Bind(MockConnection):
    """What ``op.get_bind()`` returns: it takes statements, and has no answers."""

    def __init__(self, dialect: Any, tape: Tape) -> None:
        super().__init__(dialect, self._take)
        self._tape = tape

    def _take(self, construct: Any, parameters: Any = None) -> _Unanswered:
        _send(self._tape, self.dialect, construct, parameters)
        return _Unanswered(self._tape)

    def __getattr__(self, name: str) -> NoReturn:
        # Alembic itself asks whether there is a transaction, and takes this for no.
        self._tape.asked |= name != "in_transaction"
        raise AttributeError(f"{name} needs a connection")


class _Recorder(PostgresqlImpl):
    """Alembic's rules for PostgreSQL, with the tape for a database."""

    # No __dialect__: the class must not take the place of the registered one.
    tape: Tape

    @property
    @override
    def bind(self) -> Any:
        self.tape.asked = True
        return self.connection

    @override
    def static_output(self, text: str) -> None:
        """Alembic's remarks."""

    @override
    def emit_begin(self) -> None:
        self.tape.begin()

    @override
    def emit_commit(self) -> None:
        self.tape.commit()

    @override
    def _exec(
        self,
        construct: Any,
        execution_options: Any = None,
        multiparams: Any = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        if multiparams is not None or params:
            raise TypeError("SQL parameters not allowed with as_sql")
        _send(self.tape, self.dialect, construct, None)


def _send(tape: Tape, dialect: Any, construct: Any, parameters: Any) -> None:
    tape.take(_rendered(dialect, construct, parameters), _was(dialect, construct))


def _rendered(dialect: Any, construct: Any, parameters: Any) -> str:
    if isinstance(construct, str):
        construct = text(construct)
    if isinstance(parameters, Mapping) and hasattr(construct, "bindparams"):
        construct = construct.bindparams(**parameters)
    plain = construct.compile(dialect=dialect)
    unset = any(one.required for one in getattr(plain, "binds", {}).values())
    if unset or isinstance(construct, DDLElement):
        return str(plain)
    try:
        literal = {"literal_binds": True}
        return str(construct.compile(dialect=dialect, compile_kwargs=literal))
    except CompileError:
        # A value that has no literal: its name says enough.
        return str(plain)


def _was(dialect: Any, construct: Any) -> str | None:
    """What the revision says of the state before, which the SQL does not."""
    if isinstance(construct, DropConstraint):
        is_key = isinstance(construct.element, ForeignKeyConstraint)
        return "foreign key" if is_key else None
    if isinstance(construct, AlterColumn) and construct.existing_type is not None:
        return str(construct.existing_type.compile(dialect=dialect))
    return None
