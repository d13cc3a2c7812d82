"""Sees the locks of a statement that cannot run inside of a transaction."""

import asyncio
import time
from contextlib import suppress
from typing import Final

import asyncpg

from app.backend.migrations.analysis.catalogue import lock_named
from app.backend.migrations.statements import Lock

__all__ = ["SideWatch"]

_POLL: Final = 0.002
_PATIENCE: Final = 10.0
"""Seconds after which the statement is let go, whether or not it was seen waiting."""

_TABLES: Final = """
SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384 AND NOT c.relispartition
  AND n.nspname NOT LIKE 'pg\\_%'
"""
_LOCKS: Final = """
SELECT relation::bigint AS oid, mode FROM pg_locks
WHERE pid = $1 AND locktype = 'relation' AND relation >= 16384
  AND pg_backend_pid() = ANY(pg_blocking_pids($1))
"""


class SideWatch:
    """Another connection, which stands in the statement's way for a moment.

    It holds ROW EXCLUSIVE on every table, as a writer does. CREATE INDEX CONCURRENTLY
    and its like wait for writers, and anything stronger asks for a lock in vain; what
    the waiting session holds and asks for is read, and then it is let go.

    Args:
        connection: of its own, to the same database.
        pid: of the session that is watched.
    """

    def __init__(
        self, connection: "asyncpg.Connection[asyncpg.Record]", pid: int
    ) -> None:
        self._connection = connection
        self._pid = pid
        self._over = False
        self._look: asyncio.Task[dict[int, Lock]] | None = None

    async def begin(self) -> None:
        """Stands in the way; the statement has to be sent next."""
        tables = await self._connection.fetchval(_TABLES)
        self._over = False
        await self._connection.execute("BEGIN")
        if tables:
            await self._connection.execute(f"LOCK TABLE {tables} IN ROW EXCLUSIVE MODE")
        self._look = asyncio.create_task(self._watch(), name="side-watch")

    async def end(self) -> dict[int, Lock]:
        """What was seen, by oid; nothing where the statement waited for nobody."""
        self._over = True
        look, self._look = self._look, None
        return {} if look is None else await look

    async def close(self) -> None:
        """Ends it in whatever state it is, with its connection; never fails."""
        look, self._look = self._look, None
        if look is not None:
            look.cancel()
            await asyncio.wait([look])
        self._connection.terminate()

    async def _watch(self) -> dict[int, Lock]:
        deadline = time.monotonic() + _PATIENCE
        try:
            while not self._over and time.monotonic() < deadline:
                rows = await self._connection.fetch(_LOCKS, self._pid)
                if rows:
                    return _strongest(rows)
                await asyncio.sleep(_POLL)
            return {}
        finally:
            # Without its connection nobody stands in the way either.
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await self._connection.execute("ROLLBACK")


def _strongest(rows: "list[asyncpg.Record]") -> dict[int, Lock]:
    found: dict[int, Lock] = {}
    for row in rows:
        lock = lock_named(row["mode"])
        before = found.get(row["oid"], Lock.NONE)
        found[row["oid"]] = max(lock, before, key=lambda one: one.strength)
    return found
