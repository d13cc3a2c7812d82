"""Safe operations run as a revision runs them, stopped where a test wants, compared."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from io import StringIO
from typing import Any, TypeVar

import asyncpg
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool
from typing_extensions import override

from app.backend.migrations.operations import SafeOperation
from app.backend.migrations.operations.plain import PlainExecutor
from app.backend.migrations.statements import EXECUTOR, Step

__all__ = [
    "Directive",
    "Stopped",
    "offline",
    "operation_of",
    "perform",
    "run",
    "shape",
]

Directive = Callable[[Operations], None]
T = TypeVar("T")

# Everything that an operation can leave in a schema; numbers of columns are not, since
# a column that was dropped leaves its number behind.
_SHAPE = """
WITH ours AS (
    SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = '{schema}'
)
SELECT format('%s is a %s', relname, relkind) FROM ours
UNION ALL
SELECT format('%s.%s %s default:%s required:%s comment:%s', relname, a.attname,
    format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid),
    a.attnotnull, col_description(ours.oid, a.attnum))
FROM ours JOIN pg_attribute a ON a.attrelid = ours.oid AND a.attnum > 0
    AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = ours.oid AND d.adnum = a.attnum
WHERE relkind IN ('r', 'v')
UNION ALL
SELECT format('%s valid:%s', pg_get_indexdef(indexrelid), indisvalid)
FROM ours JOIN pg_index ON indrelid = ours.oid
UNION ALL
SELECT format('%s.%s %s valid:%s', relname, c.conname, pg_get_constraintdef(c.oid),
    c.convalidated)
FROM ours JOIN pg_constraint c ON c.conrelid = ours.oid
UNION ALL
SELECT format('%s %s %s', t.typname, e.enumlabel, row_number() OVER (
    PARTITION BY t.oid ORDER BY e.enumsortorder))
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = '{schema}'
"""


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """The process has been killed, as far as the operation can tell."""


class StoppingExecutor:
    """Goes as far as it is told, then stops."""

    def __init__(self, plain: PlainExecutor, *, parts: int, batches: int) -> None:
        self._plain = plain
        self._parts = parts
        self._batches = batches

    def run(self, step: Step, *, directive: str) -> None:
        self._count()
        self._plain.run(step, directive=directive)

    def batches(self, work: Callable[[], int | None], *, directive: str) -> None:
        self._count()

        def some() -> int | None:
            if self._parts == 0 and self._batches == 0:
                raise Stopped
            self._batches -= 1
            return work()

        self._plain.batches(some, directive=directive)

    def _count(self) -> None:
        if self._parts == 0:
            raise Stopped
        self._parts -= 1


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[AsyncConnection]:
    connect = partial(asyncpg.connect, url, timeout=30)
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            yield connection
    finally:
        await engine.dispose()


async def perform(
    url: str,
    *directives: Directive,
    schema: str = "public",
    parts: int | None = None,
    batches: int = 0,
    opts: dict[str, Any] | None = None,
    budget: float = 60.0,
) -> None:
    """Runs directives as one revision does.

    Args:
        url: of the database.
        directives: each is called with ``op``.
        schema: that names without one mean.
        parts: stop after so many, at the latest before the end; None: never.
        batches: of the last of them, if that is a backfill.
        opts: of the migration context.
        budget: seconds of attempts at one step.

    Raises:
        Stopped: it was stopped.
    """

    def revision(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET search_path = {schema}, public")
        connection.commit()
        context = MigrationContext.configure(connection, opts=dict(opts or {}))
        plain = PlainExecutor(context, budget=budget)
        context.opts[EXECUTOR] = plain
        if parts is not None:
            stopping = StoppingExecutor(plain, parts=parts, batches=batches)
            context.opts[EXECUTOR] = stopping
        with context.begin_transaction(), Operations.context(context) as op:
            for directive in directives:
                directive(op)
            if parts is not None:
                raise Stopped

    async with connected(url) as connection:
        await connection.run_sync(revision)


async def run(url: str, sql: str, *, schema: str = "public") -> list[Any]:
    """Runs a script, or a query, whose first column it returns."""
    connection = await asyncpg.connect(url, timeout=30, command_timeout=60)
    try:
        await connection.execute(f"SET search_path = {schema}, public")
        if sql.lstrip().upper().startswith(("SELECT", "WITH", "SHOW")):
            return [row[0] for row in await connection.fetch(sql)]
        await connection.execute(sql)
        return []
    finally:
        await connection.close(timeout=30)


async def shape(url: str, schema: str = "public") -> list[str]:
    """All that is in a schema, without the schema's name."""
    found = await run(url, _SHAPE.format(schema=schema))
    return sorted(str(one).replace(f"{schema}.", "") for one in found)


class _Capturing(Operations):
    """Keeps operations instead of running them."""

    def __init__(self, context: MigrationContext) -> None:
        super().__init__(context)
        self.seen: list[SafeOperation] = []

    @override
    def invoke(self, operation: Any) -> None:  # type: ignore[override] # of overloads
        self.seen.append(operation)


def operation_of(directive: Directive, **opts: Any) -> SafeOperation:
    """What a directive would run; nothing is run."""
    op = _Capturing(_offline_context(StringIO(), opts))
    directive(op)
    (operation,) = op.seen
    return operation


def offline(*directives: Directive, **opts: Any) -> str:
    """What ``alembic upgrade --sql`` prints for directives of one revision."""
    output = StringIO()
    context = _offline_context(output, opts)
    with context.begin_transaction(), Operations.context(context) as op:
        for directive in directives:
            directive(op)
    return output.getvalue()


def _offline_context(output: StringIO, opts: dict[str, Any]) -> MigrationContext:
    return MigrationContext.configure(
        dialect_name="postgresql",
        opts={"as_sql": True, "output_buffer": output} | opts,
    )
