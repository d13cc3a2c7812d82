"""A real PostgreSQL for tests: a server per worker, a database per test."""

import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer, Places, start
from app.backend.database.target import parse_target
from app.backend.migrations.migration_manager import upgrade

__all__ = ["database_named", "fresh_database", "open_home", "session_server"]

_EMPTY = "template1"
_TIMEOUT = 30.0


@contextlib.contextmanager
def open_home() -> Iterator[Path]:
    """A temporary home that the server's user can reach, as pytest's cannot be."""
    with tempfile.TemporaryDirectory(prefix="pm33-test-", dir="/var/tmp") as folder:
        home = Path(folder)
        home.chmod(0o711)
        yield home


@contextlib.contextmanager
def session_server() -> Iterator[EmbeddedServer]:
    """A server without safety in a crash, whose own database is migrated."""
    with open_home() as home:
        server = asyncio.run(_started(home))
        try:
            yield server
        finally:
            asyncio.run(server.stop())


async def _started(home: Path) -> EmbeddedServer:
    server = await start(home, durable=False, places=Places(scratch=home))
    try:
        await upgrade(parse_target(SecretStr(server.url), DatabaseSettings()))
    except BaseException:
        await server.stop()
        raise
    return server


def database_named(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@contextlib.asynccontextmanager
async def fresh_database(
    server: EmbeddedServer, *, migrated: bool = True
) -> AsyncIterator[str]:
    """The URL of a database of one's own, dropped afterwards whoever is connected."""
    template = urlsplit(server.url).path.lstrip("/") if migrated else _EMPTY
    name = f"test_{secrets.token_hex(6)}"
    async with _maintenance(server) as connection:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield database_named(server.url, name)
    finally:
        async with _maintenance(server) as connection:
            await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.asynccontextmanager
async def _maintenance(server: EmbeddedServer) -> AsyncIterator[asyncpg.Connection]:
    url = database_named(server.url, "postgres")
    connection = await asyncpg.connect(url, timeout=_TIMEOUT, command_timeout=_TIMEOUT)
    try:
        yield connection
    finally:
        await connection.close(timeout=_TIMEOUT)
