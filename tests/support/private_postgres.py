"""A PostgreSQL of one test's own: stopped, frozen, and filled up at will."""

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer, Places, start
from app.backend.database.target import parse_target
from app.backend.migrations.migration_manager import upgrade
from tests.support.postgres import open_home

__all__ = ["PrivatePostgres", "private_postgres"]

_TIMEOUT = 30.0
_ROLE = "application"


class PrivatePostgres:
    """One server with a migrated database, and a role that is no superuser.

    Attributes:
        password: of the role, as it was made.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._server: EmbeddedServer | None = None
        self._url = ""
        self.password = secrets.token_urlsafe(16)

    @property
    def url(self) -> str:
        """Where the role reaches the database."""
        return self.url_of(_ROLE, self.password)

    def url_of(self, user: str, password: str) -> str:
        """Where a user reaches the database."""
        parts = urlsplit(self._url)
        place = f"{user}:{password}@{parts.hostname}:{parts.port}"
        return parts._replace(netloc=place).geturl()

    async def start(self) -> None:
        """Starts it where it was before, and waits until it accepts connections."""
        places = Places(scratch=self._home)
        self._server = await start(self._home, durable=False, places=places)
        self._url = self._server.url

    async def stop(self) -> None:
        """Stops it; it does nothing to a stopped one."""
        if self._server is not None:
            self.thaw()
            await self._server.stop()
            self._server = None

    def freeze(self) -> None:
        """SIGSTOP for every process; the kernel goes on accepting connections."""
        self._signal(psutil.Process.suspend)

    def thaw(self) -> None:
        """Lets every process go on."""
        self._signal(psutil.Process.resume)

    async def execute(self, *statements: str) -> None:
        """Runs statements as the superuser, each in a transaction of its own."""
        connection = await asyncpg.connect(self._url, timeout=_TIMEOUT)
        try:
            for statement in statements:
                await connection.execute(statement, timeout=_TIMEOUT)
        finally:
            await connection.close(timeout=_TIMEOUT)

    @asynccontextmanager
    async def filled_up(self, user: str, password: str) -> AsyncIterator[None]:
        """Takes every connection that a user can still get."""
        async with AsyncExitStack() as stack:
            with contextlib.suppress(asyncpg.TooManyConnectionsError):
                while True:
                    url = self.url_of(user, password)
                    connection = await asyncpg.connect(url, timeout=_TIMEOUT)
                    stack.push_async_callback(connection.close, timeout=_TIMEOUT)
            yield

    async def prepare(self, **settings: object) -> None:
        """Makes schema and role; restarts where there are settings."""
        await self.start()
        await upgrade(parse_target(SecretStr(self._url), DatabaseSettings()))
        await self.execute(
            f"CREATE ROLE {_ROLE} LOGIN PASSWORD '{self.password}'",
            f"GRANT USAGE ON SCHEMA ops TO {_ROLE}",
            f"GRANT ALL ON ALL TABLES IN SCHEMA ops TO {_ROLE}",
            *(f"ALTER SYSTEM SET {name} = {value}" for name, value in settings.items()),
        )
        if settings:
            await self.stop()
            await self.start()

    def _signal(self, send: Callable[[psutil.Process], None]) -> None:
        """Signals the postmaster and its children; none when it does not run."""
        if self._server is None or not psutil.pid_exists(self._server.pid):
            return
        postmaster = psutil.Process(self._server.pid)
        for process in (postmaster, *postmaster.children(recursive=True)):
            # Backends come and go.
            with contextlib.suppress(psutil.NoSuchProcess):
                send(process)


@asynccontextmanager
async def private_postgres(**settings: object) -> AsyncIterator[PrivatePostgres]:
    """A running server with these settings; gone at the end, with its data."""
    with open_home() as home:
        server = PrivatePostgres(home)
        try:
            await server.prepare(**settings)
            yield server
        finally:
            await server.stop()
