"""One connection kept for one purpose, opened when wanted and replaced when broken.

Health must not compete with the application for its pool (an exhausted pool would look
like a dead database), and the pool must not lose a connection to every probe.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.backend.database.target import DatabaseTarget

__all__ = ["RESERVED_CONNECTIONS", "ReservedConnection"]

RESERVED_CONNECTIONS = 2
"""Connections of one process beside the pool: the database check's, and the store's."""


class ReservedConnection:
    """A lazily opened connection that one user at a time works with.

    Args:
        target: where it leads.
        name: its ``application_name``, so that an operator sees whose it is.
        connect_timeout: seconds; asyncpg raises TimeoutError past it.
    """

    def __init__(
        self, target: DatabaseTarget, *, name: str, connect_timeout: float
    ) -> None:
        self.target = target
        self._name = name
        self._connect_timeout = connect_timeout
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def use(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """Hands the connection out, opened if need be.

        It is given up after anything but the server's own complaint: nobody knows in
        which state a cancelled or broken exchange has left it.

        Raises:
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: as
                asyncpg does.
        """
        async with self._lock:
            connection = await self._open()
            try:
                yield connection
            except asyncpg.PostgresError:
                raise
            except BaseException:  # a cancellation, too; raised again
                self.abort()
                raise

    def abort(self) -> None:
        """Breaks the connection at once, with whatever hangs on it."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        """Says goodbye to the server, for a second at most."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=1)
            except (OSError, TimeoutError, asyncpg.PostgresError):
                connection.terminate()

    async def _open(self) -> "asyncpg.Connection[asyncpg.Record]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                **self.target.connect_arguments(self._name),
                timeout=self._connect_timeout,
            )
        return self._connection
