"""The two connections of a run: one that changes the schema, and one that looks on."""

from contextlib import suppress
from typing import Final

import asyncpg

from app.backend.database.target import DatabaseTarget
from app.errors import MigrationError, PreflightError

__all__ = ["APPLICATION", "SIDE_ERRORS", "close", "connect", "prepare", "refuse_pooler"]

APPLICATION: Final = "pm33-migrate"
"""What every connection of ours is called; a run's adds a colon and its id."""
SIDE_ERRORS: Final = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What the connection beside may raise; a migration does not fail for it."""

CONNECT_TIMEOUT = 10.0
_POOLERS: Final = (
    asyncpg.ProtocolViolationError,  # statement mode knows no transactions
    asyncpg.DuplicatePreparedStatementError,  # of another client of the backend
    asyncpg.InvalidSQLStatementNameError,
)
_URLS: Final = "MIGRATION_DATABASE_URL, else DATABASE_UNPOOLED_URL, else DATABASE_URL"
_ROUNDS = 3
_PATIENCE = 10.0
_FOURTEEN = 14

_SETTINGS: Final = {
    # Under UTC, timestamp to timestamptz rewrites nothing.
    "timezone": "UTC",
    # A role may have these; a revision that computes something is idle meanwhile.
    "idle_in_transaction_session_timeout": "0",
    # A host that is gone without a word is noticed within a minute (TCP only).
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
_SETTINGS_SINCE: Final = {
    14: {"idle_session_timeout": "0"},
    17: {"transaction_timeout": "0"},  # a build takes its time
}
_SET: Final = """
    select set_config(name, value, false)
    from unnest($1::text[], $2::text[]) as wanted (name, value)
"""


async def connect(
    target: DatabaseTarget, name: str = APPLICATION
) -> "asyncpg.Connection[asyncpg.Record]":
    """Opens a connection that prepares nothing.

    Raises:
        MigrationError: the database cannot be reached; the cause is chained.
    """
    arguments = {**target.connect_arguments(name), "statement_cache_size": 0}
    try:
        return await asyncpg.connect(**arguments, timeout=CONNECT_TIMEOUT)
    except (OSError, UnicodeError, asyncpg.PostgresError) as error:
        raise MigrationError(
            f"the database cannot be reached: {_where(target)}:"
            f" {type(error).__name__}: {error}",
            remedy=_remedy(error),
        ) from error


def _where(target: DatabaseTarget) -> str:
    return f"{target.database} at {target.host}:{target.port}"


def _remedy(error: Exception) -> str:
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError():  # a wrong password, too
            return f"correct user and password in {_URLS}"
        case asyncpg.InvalidCatalogNameError():
            return f"create it, or correct its name in {_URLS}"
        case _:
            return f"see whether it runs, and where {_URLS} leads"


async def close(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Says goodbye, for a second at most; what the session holds goes with it."""
    try:
        await connection.close(timeout=1)
    except SIDE_ERRORS:
        connection.terminate()


async def prepare(main: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Settings of the session that changes the schema.

    From PostgreSQL 14 on the server looks every second whether its client is still
    there; a runner that was killed then leaves no build behind that goes on for hours.
    """
    version = main.get_server_version().major
    settings = dict(_SETTINGS)
    for since, known in _SETTINGS_SINCE.items():
        if version >= since:
            settings |= known
    await main.execute(_SET, list(settings), list(settings.values()))
    if version >= _FOURTEEN:
        # Not on a server whose system cannot tell.
        with suppress(asyncpg.DataError):
            await main.execute("set client_connection_check_interval = '1s'")


async def refuse_pooler(
    main: "asyncpg.Connection[asyncpg.Record]",
    side: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    """Refuses to migrate through a pooler that changes backends between transactions.

    Its backend would keep our lock for whoever comes next, and would lose our
    timeouts. The URL is no proof; the backend behind it is: it has to stay ours, with
    what we set on it, while another connection is at work.

    Raises:
        PreflightError: it does not.
    """
    if await _is_pooled(main, side):
        raise PreflightError(
            "this connection goes through a pooler in transaction mode, on which"
            " neither locks nor timeouts are ours",
            remedy="set MIGRATION_DATABASE_URL to a direct connection, or to the"
            " pooler's session mode",
        )


async def _is_pooled(
    main: "asyncpg.Connection[asyncpg.Record]",
    side: "asyncpg.Connection[asyncpg.Record]",
) -> bool:
    own = "select pg_backend_pid()"
    seen = "select pg_backend_pid() as pid, current_setting('pm33.probe', true) as word"
    try:
        pid = await main.fetchval(own, timeout=_PATIENCE)
        await main.execute("set pm33.probe = 'ours'", timeout=_PATIENCE)
        for _ in range(_ROUNDS):
            async with side.transaction():
                # Taken first: with one backend for both, ours would never answer.
                if await side.fetchval(own, timeout=_PATIENCE) == pid:
                    return True
                row = await main.fetchrow(seen, timeout=_PATIENCE)
            if row is None or (row["pid"], row["word"]) != (pid, "ours"):
                return True
    except _POOLERS:
        return True
    except asyncpg.ConnectionDoesNotExistError as error:
        if isinstance(error.__cause__, _POOLERS):
            return True
        raise
    return False
