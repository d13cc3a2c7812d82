"""A database to try revisions on, dropped again whatever happens."""

import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

import asyncpg
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database import embedded
from app.backend.database.target import DatabaseTarget, parse_target
from app.errors import EmbeddedPostgresError, NoScratchDatabaseError

__all__ = ["MAX_AGE", "ScratchPlace", "scratch_database"]

MAX_AGE: Final = 3600
"""Seconds after which a scratch database is nobody's any more."""

_TIMEOUT: Final = 10.0
_CREATE_TIMEOUT: Final = 60.0
_NAME: Final = re.compile(r"pm33_scratch_(?P<made>\d+)_[0-9a-f]+")
# Everything that waits has an end, and nothing in here has to survive a crash.
_SETTINGS: Final = {
    "synchronous_commit": "off",
    "timezone": "UTC",  # as for every migration
    "lock_timeout": "10s",
    "statement_timeout": "60s",
    "idle_in_transaction_session_timeout": "120s",
}
_ALLOWED: Final = """
SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user
"""
_EXTENSIONS: Final = """
SELECT format('CREATE SCHEMA IF NOT EXISTS %I', nspname),
       format('CREATE EXTENSION IF NOT EXISTS %I SCHEMA %I CASCADE', extname, nspname)
FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace
WHERE nspname <> 'pg_catalog'
"""
_FORCED_SINCE: Final = 13
"""PostgreSQL's version that knows DROP DATABASE … WITH (FORCE)."""


class ScratchPlace(StrEnum):
    """Where a scratch database is made.

    ``target``: on the server that is to be migrated, which has its version and its
    settings. ``embedded``: on a server of our own, started for it. ``auto``: on the
    target's where that is allowed, else on our own.
    """

    AUTO = "auto"
    TARGET = "target"
    EMBEDDED = "embedded"


_OWN: Final = ScratchPlace.EMBEDDED


@dataclass(frozen=True, slots=True, kw_only=True)
class _Likeness:
    """What a revision may take for granted, since it is there without any."""

    settings: Mapping[str, str] = field(default_factory=dict)
    statements: tuple[str, ...] = ()


@asynccontextmanager
async def scratch_database(
    target: DatabaseTarget | None,
    *,
    home: Path,
    place: ScratchPlace = ScratchPlace.AUTO,
    places: embedded.Places | None = None,
) -> AsyncIterator[DatabaseTarget]:
    """An empty database with the target's extensions and search path, for a block.

    Its name says when it was made, so that one which a crash has left is dropped by
    the next that comes along, an hour later.

    Args:
        target: the database that is to be migrated; None: there is none.
        home: the folder of local state; a server of our own lives below it.
        place: where.
        places: where to look for a server's programs; None: the usual places.

    Raises:
        NoScratchDatabaseError: there is none to be had; the cause is chained.
    """
    async with AsyncExitStack() as stack:
        try:
            server = await _allowed(target) if place is not _OWN else None
            if server is None and place is ScratchPlace.TARGET:
                raise NoScratchDatabaseError(
                    "the role may not create databases there",
                    remedy="ALTER ROLE … CREATEDB, or take a server of our own",
                )
            if server is None:
                server = await _started(stack, home / "scratch", places)
            made = await _created(stack, server, await _likeness(target))
        except (OSError, asyncpg.PostgresError, EmbeddedPostgresError) as error:
            raise NoScratchDatabaseError(
                f"no database could be made to try the revisions on: {error}",
                remedy="give the migrator's role CREATEDB, or install PostgreSQL here",
            ) from error
        yield made


async def _allowed(target: DatabaseTarget | None) -> DatabaseTarget | None:
    """The target's server, where the role may create databases."""
    if (
        target is None or target.pooled
    ):  # a pooler knows the databases that it was configured with
        return None
    async with _connected(target) as connection:
        return target if await connection.fetchval(_ALLOWED) else None


async def _started(
    stack: AsyncExitStack, home: Path, places: embedded.Places | None
) -> DatabaseTarget:
    server = await embedded.start(home, durable=False, places=places)
    stack.push_async_callback(server.stop)
    return parse_target(SecretStr(server.url), DatabaseSettings())


async def _created(
    stack: AsyncExitStack, server: DatabaseTarget, likeness: _Likeness
) -> DatabaseTarget:
    async with _connected(server) as connection:
        now = int(await connection.fetchval("SELECT extract(epoch FROM now())"))
        await _drop_stale(connection, now)
        name = f"pm33_scratch_{now}_{secrets.token_hex(4)}"
        stack.push_async_callback(_dropped, server, name)
        # Nobody is ever connected to template0, which would make this fail.
        await connection.execute(
            f"CREATE DATABASE {name} TEMPLATE template0", timeout=_CREATE_TIMEOUT
        )
    settings = {**server.settings, **likeness.settings, **_SETTINGS}
    made = replace(server, database=name, settings=settings)
    async with _connected(made) as connection:
        for statement in likeness.statements:
            # One that only a superuser may create is missed where it is used.
            with suppress(asyncpg.PostgresError):
                await connection.execute(statement)
    return made


async def _likeness(target: DatabaseTarget | None) -> _Likeness:
    if target is None:
        return _Likeness()
    async with _connected(target) as connection:
        path = await connection.fetchval("SELECT current_setting('search_path')")
        rows = await connection.fetch(_EXTENSIONS)
    statements = tuple(statement for row in rows for statement in row)
    return _Likeness(settings={"search_path": path}, statements=statements)


async def _drop_stale(
    connection: "asyncpg.Connection[asyncpg.Record]", now: int
) -> None:
    rows = await connection.fetch(
        r"SELECT datname FROM pg_database WHERE datname LIKE 'pm33\_scratch\_%'"
    )
    for row in rows:
        found = _NAME.fullmatch(row[0])
        if found and now - int(found["made"]) > MAX_AGE:
            with suppress(asyncpg.PostgresError):  # somebody else may be faster
                await _drop(connection, row[0])


async def _dropped(server: DatabaseTarget, name: str) -> None:
    # What cannot be dropped now is dropped as stale; the trace has its result.
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        async with _connected(server) as connection:
            await _drop(connection, name)


async def _drop(connection: "asyncpg.Connection[asyncpg.Record]", name: str) -> None:
    if connection.get_server_version().major >= _FORCED_SINCE:
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        return
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
        name,
    )
    await connection.execute(f"DROP DATABASE IF EXISTS {name}")


@asynccontextmanager
async def _connected(
    target: DatabaseTarget,
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(
        **target.connect_arguments("pm33-scratch"),
        timeout=_TIMEOUT,
        command_timeout=_CREATE_TIMEOUT,
    )
    try:
        yield connection
    finally:
        try:
            await connection.close(timeout=1)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection.terminate()
