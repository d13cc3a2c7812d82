"""Alembic's environment: which database, which tables, under which lock."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from alembic import context
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema

from app.backend.config.environment import get_config
from app.backend.database.target import DatabaseTarget
from app.backend.migrations import operations as _directives  # noqa: F401 - op.safe_…
from app.backend.migrations.migration_manager import ADVISORY_LOCK, migration_target
from app.backend.migrations.sources import OURS, Source, load_metadata, sources_of
from app.errors import ConfigError, MigrationError

__all__ = ["options_for", "run"]

LOCK_WAIT = 60.0
"""Seconds to wait for another migrator."""
LOCK_POLL = 0.25


def run() -> None:
    """What ``migrations/env.py`` calls; offline mode prints the SQL instead."""
    if context.is_offline_mode():
        source = _source()
        context.configure(
            dialect_name="postgresql", literal_binds=True, **options_for(source)
        )
        with context.begin_transaction():
            context.execute(CreateSchema(source.history.schema, if_not_exists=True))
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
    schema = _source().history.schema
    # Asked first: to be refused, IF NOT EXISTS needs no schema to create.
    there = text("SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = :name)")
    if not connection.scalar(there, {"name": schema}):
        connection.execute(CreateSchema(schema))
    # Committed before Alembic looks for its version table, which lives in here.
    connection.commit()
    _run_on(connection)


def _run_on(connection: Connection) -> None:
    """Runs on a connection; the runner has the lock already, and options of its own."""
    own = context.config.attributes.get("options", {})
    context.configure(
        connection=connection,
        transaction_per_migration=True,
        **options_for(_source()),
        **own,
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


def options_for(source: Source) -> dict[str, Any]:
    """What Alembic is told of a source: its tables, and where its version rows are."""
    metadata = load_metadata(source)
    history = source.history
    return {
        "target_metadata": metadata,
        "version_table": history.table,
        "version_table_schema": history.schema,
        "include_schemas": True,
        "include_name": partial(_is_of, source, _schemas(metadata)),
        "compare_type": True,
        "compare_server_default": True,
    }


def _source() -> Source:
    """Whose revisions are run: those that were handed in, or those in that folder.

    The application's own ``env.py`` may call us, too, with its folder.
    """
    handed_in = context.config.attributes.get("source")
    if handed_in is not None:
        assert isinstance(handed_in, Source)  # noqa: S101 - set by alembic_config
        return handed_in
    place = Path(context.script.dir).resolve()
    if OURS.folder.is_relative_to(place):
        return OURS
    theirs = sources_of(get_config())
    for source in theirs:
        if source.folder.is_relative_to(place):
            return source
    raise ConfigError(
        f"the revisions in {place} are not those of PM33_MIGRATIONS",
        remedy="set PM33_MIGRATIONS to that folder",
    )


def _schemas(metadata: Any) -> set[str | None]:
    several = metadata if isinstance(metadata, Sequence) else [metadata]
    return {
        table.schema
        for one in several
        if one is not None
        for table in one.tables.values()
    }


def _is_of(
    source: Source,
    schemas: set[str | None],
    name: str | None,
    kind: str,
    parents: Mapping[str, str | None],
) -> bool:
    """Only a source's own schemas are compared; the others' are their own matter."""
    if kind == "schema":
        return name in schemas
    # By name, not by schema: the default one has two.
    is_version = kind == "table" and name == source.history.table
    return not (
        is_version and parents.get("schema_name") in {None, source.history.schema}
    )
