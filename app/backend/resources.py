"""Everything that touches the outside world, opened and closed in one place."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import SecretStr

from app.backend.clients import Clients
from app.backend.config.environment import Config
from app.backend.database.connection import ReservedConnection
from app.backend.database.embedded import running_url
from app.backend.database.target import DatabaseTarget, parse_target
from app.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from app.backend.database.engine import PoolUse

__all__ = ["Resources", "database_target", "open_resources"]


def database_target(config: Config) -> DatabaseTarget | None:
    """The application's database: the configured one, else the embedded one.

    The embedded one counts only while it runs; nothing is started here.

    Raises:
        ConfigError: the configured URL cannot be used.
    """
    url = config.database.url
    if url is None:
        found = running_url(config.home)
        url = SecretStr(found) if found else None
    return parse_target(url, config.database) if url else None


@dataclass(slots=True)
class Resources:
    """What the service and the application share; see :func:`open_resources`.

    Attributes:
        config: what they were opened with.
        target: of the application's database; None where there is none.
        database_error: why the configured database URL cannot be used.
        health_connection: the database check's own.
        store_connection: for the tables of schema ``ops``.
        clients: the application's own, of AI, vector and payment services.
    """

    config: Config
    target: DatabaseTarget | None = None
    database_error: ConfigError | None = None
    health_connection: ReservedConnection | None = None
    store_connection: ReservedConnection | None = None
    clients: Clients = field(init=False)
    _engine: AsyncEngine | None = None

    def __post_init__(self) -> None:
        self.clients = Clients(self.config)

    async def engine(self) -> AsyncEngine:
        """The application's engine, built when it is first asked for.

        Raises:
            ConfigError: no database is configured.
        """
        if self._engine is None:
            if self.target is None:
                raise self.database_error or ConfigError(
                    "no database is configured", remedy="set DATABASE_URL"
                )
            # A second of importing must not hold the event loop.
            await asyncio.to_thread(importlib.import_module, "sqlalchemy.ext.asyncio")
            from app.backend.database.engine import create_engine  # noqa: PLC0415

            if self._engine is None:  # somebody else may have been faster
                self._engine = create_engine(self.target, self.config.database)
        return self._engine

    def pool_use(self) -> PoolUse | None:
        """How much of the engine's pool is taken; None while there is none."""
        if self._engine is None:
            return None
        from app.backend.database.engine import pool_use  # noqa: PLC0415 - as above

        return pool_use(self._engine)

    @classmethod
    def of(cls, config: Config) -> Resources:
        """Prepares what ``config`` asks for; nothing connects before it is used.

        A database URL that cannot be used is kept as ``database_error``: it turns the
        startup gate red, not the process down.
        """
        try:
            target = database_target(config)
        except ConfigError as error:
            return cls(config, database_error=error)
        if target is None:
            return cls(config)
        return cls(
            config,
            target=target,
            health_connection=_reserve(target, "pm33-health", config),
            store_connection=_reserve(target, "pm33-store", config),
        )

    async def close(self) -> None:
        """Closes what was opened, in reverse order; it may be opened again."""
        await self.clients.close()
        for reserved in (self.store_connection, self.health_connection):
            if reserved is not None:
                await reserved.close()
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.dispose()


@asynccontextmanager
async def open_resources(config: Config) -> AsyncIterator[Resources]:
    """Resources for the length of a block."""
    resources = Resources.of(config)
    try:
        yield resources
    finally:
        await resources.close()


def _reserve(target: DatabaseTarget, name: str, config: Config) -> ReservedConnection:
    return ReservedConnection(
        target, name=name, connect_timeout=config.database.connect_timeout
    )
