"""Who of the load waits for a migration's locks, as the server itself tells it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from bench._migration_load import CLIENT

__all__ = ["BLOCKER", "Waits", "connected", "watched"]

BLOCKER: Final = "bench-blocker"
"""What transactions are called that are in a migration's way."""

_WATCHER: Final = "bench-watch"
_TIMEOUT: Final = 60.0
_LOOK: Final = 0.005
# Whoever is none of ours is a migration. Those queued before a victim block it, too: a
# migration that waits itself, behind a transaction that would let the victim through.
_SEEN: Final = """
    WITH migration AS (
        SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend'
          AND application_name <> ALL ($2::text[])
    )
    SELECT exists (SELECT FROM migration),
           coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)::float8
    FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = $1
      AND wait_event_type = 'Lock'
      AND pg_blocking_pids(pid) && array(SELECT pid FROM migration)
"""


@dataclass(slots=True)
class Waits:
    """What was seen so far.

    Attributes:
        longest: seconds that one statement of the load had been waiting for a
            migration when it was seen last.
        looks: how often was looked.
        since: when a migration was seen first, on the monotonic clock; None: never.
    """

    longest: float = 0.0
    looks: int = 0
    since: float | None = None


@asynccontextmanager
async def connected(
    url: str, name: str = _WATCHER
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that is no migration's."""
    connection = await asyncpg.connect(
        url,
        timeout=_TIMEOUT,
        command_timeout=_TIMEOUT,
        server_settings={"application_name": name},
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=_TIMEOUT)


@asynccontextmanager
async def watched(url: str) -> AsyncIterator[Waits]:
    """Looks some 150 times a second until the block ends."""
    waits = Waits()
    over = asyncio.Event()
    async with connected(url) as connection:
        looking = asyncio.create_task(_look(connection, waits, over))
        try:
            yield waits
        finally:
            over.set()
            await asyncio.wait([looking])
        looking.result()


async def _look(
    connection: "asyncpg.Connection[asyncpg.Record]", waits: Waits, over: asyncio.Event
) -> None:
    ours = [CLIENT, BLOCKER, _WATCHER]
    while not over.is_set():
        now = time.monotonic()
        row = await connection.fetchrow(_SEEN, CLIENT, ours)
        assert row is not None  # noqa: S101 - an aggregate has one
        is_there, longest = row
        waits.looks += 1
        waits.longest = max(waits.longest, longest)
        if is_there and waits.since is None:
            waits.since = now
        await asyncio.sleep(_LOOK)
