"""Alembic's environment: which database, which tables, under which lock."""

import asyncio
import time
from typing import Any, Literal

from alembic import context
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.backend.database.models import SCHEMA, Base
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
    handed_in = context.config.attributes.get("connection")
    if handed_in is not None:
        _run_on(handed_in)
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
    # Committed before Alembic looks for its version table, which lives in here.
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    connection.commit()
    _run_on(connection)


def _run_on(connection: Connection) -> None:
    """Runs on a connection; the runner has the lock already, and options of its own."""
    own = context.config.attributes.get("options", {})
    context.configure(
        connection=connection, transaction_per_migration=True, **_options(), **own
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
