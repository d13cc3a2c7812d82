"""What every safe operation is, and how it is brought about."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from alembic.operations import MigrateOperation, Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection

from app.backend.migrations.operations.backfill import Backfill
from app.backend.migrations.operations.backfill_run import BackfillRun
from app.backend.migrations.operations.plain import PlainExecutor
from app.backend.migrations.operations.versions import OLDEST
from app.backend.migrations.statements import (
    EXECUTOR,
    SERVER_VERSION,
    Step,
    StepExecutor,
)
from app.errors import MigrationError

__all__ = ["Guard", "Part", "SafeOperation", "irreversible", "perform"]

Part = Step | Backfill
"""What an operation consists of: statements, and changes of rows between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What must not be found in the database before an operation begins.

    Attributes:
        query: its rows, of one text each, name what stands in the way.
        says: what that means.
        remedy: what to do about it.
    """

    query: str
    says: str
    remedy: str


class SafeOperation(MigrateOperation, ABC):
    """An operation in the steps of its safe way.

    Each step is a transaction of its own, so that a run may end between any two; the
    next one asks the catalogue and goes on. Not frozen: Alembic's rewriter marks the
    operations that it has seen.
    """

    directive: ClassVar[str]
    """What it is called as, on ``op``."""

    @abstractmethod
    def parts(self, server_version: int) -> tuple[Part, ...]:
        """What is done, in its order. Pure.

        Args:
            server_version: as in ``server_version_num``.

        Raises:
            MigrationError: this server cannot, or must not, do it.
        """

    def steps(self, server_version: int) -> tuple[Step, ...]:
        """The parts as statements, of which a change of rows is one, too. Pure.

        Raises:
            MigrationError: as :meth:`parts`.
        """
        return tuple(
            part.offline() if isinstance(part, Backfill) else part
            for part in self.parts(server_version)
        )

    def guards(self) -> tuple[Guard, ...]:
        """What must not be found beforehand. Pure."""
        return ()


def irreversible(operation: SafeOperation, why: str, remedy: str) -> MigrationError:
    """The error of an operation that has no reverse."""
    return MigrationError(f"{operation.directive} has no reverse: {why}", remedy=remedy)


def perform(operations: Operations, operation: SafeOperation) -> None:
    """Runs an operation, through the context's executor or the plain one.

    Without a database it is rendered in steps; its guards cannot be asked then.

    Raises:
        MigrationError: the server, or what is in the database, forbids it.
    """
    context = operations.get_context()
    executor: StepExecutor = context.opts.get(EXECUTOR) or PlainExecutor(context)
    name = operation.directive
    if context.as_sql:
        for step in operation.steps(context.opts.get(SERVER_VERSION, OLDEST)):
            executor.run(step, directive=name)
        return
    connection = _connection(context)
    parts = operation.parts(_server_version(connection))
    for guard in operation.guards():
        _ask(guard, connection, name)
    for part in parts:
        if isinstance(part, Backfill):
            executor.batches(BackfillRun(connection, part), directive=name)
        else:
            executor.run(part, directive=name)


def _ask(guard: Guard, connection: Connection, name: str) -> None:
    found = connection.exec_driver_sql(guard.query).scalars().all()
    if found:
        raise MigrationError(
            f"{name}: {guard.says}: {', '.join(map(str, found))}", remedy=guard.remedy
        )


def _server_version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())


def _connection(context: MigrationContext) -> Connection:
    if context.connection is None:
        raise MigrationError(
            "there is no connection to run a safe operation on",
            remedy="run it from a revision, or pass as_sql to render it",
        )
    return context.connection
