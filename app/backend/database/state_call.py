"""One call to the state database: with a deadline, and with errors that say what to do.

The state database holds the lease, the runs and the operations; schema ``ops`` may not
be there yet, and the server may be away just when somebody has to roll back.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from app.backend.database.connection import ReservedConnection
from app.errors import JournalError

__all__ = ["CALL_TIMEOUT", "state_call"]

CALL_TIMEOUT = 5.0
"""Seconds that one call may take, connecting included."""

_NO_TABLES = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.InvalidSchemaNameError,
)
_ERRORS = (
    OSError,
    UnicodeError,  # a host that is no possible name
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)


@asynccontextmanager
async def state_call(
    reserved: ReservedConnection,
    seconds: float = CALL_TIMEOUT,
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Hands the connection out for ``seconds`` at most.

    Raises:
        JournalError: the database cannot be asked, or has no such tables; whether a
            statement under way has taken effect is not known.
    """
    try:
        async with asyncio.timeout(seconds), reserved.use() as connection:
            yield connection
    except _NO_TABLES as error:
        raise JournalError(
            f"the state database answers, but its tables are not there yet: {error}",
            remedy="deploy with --migrate, or run `pm33 migrate up` against it",
        ) from error
    except _ERRORS as error:
        told = str(error) or f"no answer within {seconds:.0f} s"
        raise JournalError(
            f"the state database cannot be used: {type(error).__name__}: {told}",
            remedy="see whether it runs, and whether PM33_STATE_DATABASE_URL,"
            " DATABASE_PUBLIC_URL or DATABASE_URL leads there",
        ) from error
