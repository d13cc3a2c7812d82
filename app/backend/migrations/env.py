"""Alembic's environment: which database, which tables, under which lock."""

import asyncio
import time
from typing import Any, Literal

from alembic import context
from sqlalchemy import column, select, text
from sqlalchemy import table as table_of
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.backend.database.models import SCHEMA, Base
from app.backend.database.schema_state import SchemaState, judge_schema
from app.backend.database.target import DatabaseTarget
from app.backend.migrations import operations as _directives  # noqa: F401 - op.safe_…
from app.backend.migrations.migration_manager import ADVISORY_LOCK, migration_target
from app.errors import MigrationError

__all__ = ["run"]

LOCK_WAIT = 60.0
"""Seconds to wait for another migrator."""
LOCK_POLL = 0.25
NameType = Literal[
    "schema",
    "table",
    "column",
    "index",
    "unique_constraint",
    "foreign_key_constraint",
    "check_constraint",
]


def run() -> None:
    """What ``migrations/env.py`` calls; offline mode prints the SQL instead."""
    if context.is_offline_mode():
        context.configure(dialect_name="postgresql", literal_binds=True, **_options())
        with context.begin_transaction():
            context.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            context.run_migrations()
        return
    asyncio.run(_run_online())


async def _run_online() -> None:
    handed_in = context.config.attributes.get("target")
    target = handed_in if handed_in is not None else migration_target()
    engine = _engine(target)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


def _engine(target: DatabaseTarget) -> Any:
    import asyncpg  # noqa: PLC0415 - offline mode does without a driver

    async def connect() -> Any:
        return await asyncpg.connect(
            **target.connect_arguments("pm33-migrate"), timeout=10
        )

    return create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=NullPool
    )


def _migrate(connection: Connection) -> None:
    _take_lock(connection)
    decide = context.config.attributes.get("decide")
    if decide is not None and not decide(_state(connection)):
        return
    # Committed before Alembic looks for its version table, which lives in here.
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    connection.commit()
    context.configure(
        connection=connection, transaction_per_migration=True, **_options()
    )
    with context.begin_transaction():
        context.run_migrations()


def _take_lock(connection: Connection) -> None:
    """Tries until it is free: a waiter inside a transaction blocks CONCURRENTLY.

    The lock is the session's; it ends with the connection, however that ends.
    """
    deadline = time.monotonic() + LOCK_WAIT
    while not connection.scalar(
        text("SELECT pg_try_advisory_lock(:key)"), {"key": ADVISORY_LOCK}
    ):
        connection.rollback()
        if time.monotonic() > deadline:
            raise MigrationError(
                f"another migration has held the lock for {LOCK_WAIT:.0f} s",
                remedy="see who is connected as pm33-migrate in pg_stat_activity",
            )
        time.sleep(LOCK_POLL)
    connection.commit()


def _state(connection: Connection) -> SchemaState:
    """Where the schema stands; nobody moves it, since we have the lock."""
    applied = _column(connection, "version_num", "alembic_version")
    floors = _column(connection, "requires", "schema_floor")
    connection.commit()
    return judge_schema(applied, floors)


def _column(connection: Connection, name: str, table: str) -> list[str]:
    if not connection.scalar(text(f"SELECT to_regclass('{SCHEMA}.{table}')")):
        return []
    columns = table_of(table, column(name), schema=SCHEMA)
    return list(connection.scalars(select(columns.c[name])))


def _options() -> dict[str, Any]:
    return {
        "target_metadata": Base.metadata,
        "version_table_schema": SCHEMA,
        "include_schemas": True,
        "include_name": _is_ours,
        "compare_type": True,
        "compare_server_default": True,
    }


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Only schema ``ops`` is compared; the application's tables are its own matter."""
    return kind != "schema" or name == SCHEMA
