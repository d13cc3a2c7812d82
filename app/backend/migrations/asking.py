"""A connection for a few questions to the database that is to be migrated."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.backend.database.target import DatabaseTarget
from app.backend.migrations.running.connecting import close, connect
from app.errors import MigrationError

__all__ = ["asked"]

QUERY_TIMEOUT = 30.0


@asynccontextmanager
async def asked(
    target: DatabaseTarget,
) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection for a few questions.

    Raises:
        MigrationError: the database cannot be asked.
    """
    connection = await connect(target)
    try:
        async with asyncio.timeout(QUERY_TIMEOUT):
            yield connection
    except (OSError, asyncpg.PostgresError) as error:
        raise MigrationError(
            f"the database cannot be asked: {type(error).__name__}: {error}",
            remedy="see whether it runs, and what the role may read",
        ) from error
    finally:
        await close(connection)
