"""The application's engine: one pool, sized by ``DB_POOL_SIZE``, never overflowing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from app.backend.config.settings import DatabaseSettings
from app.backend.database.target import DatabaseTarget

if (
    TYPE_CHECKING
):  # SQLAlchemy takes a second and 40 MB; it is imported where it is used
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import QueuePool

__all__ = ["PoolUse", "create_engine", "pool_use"]


@dataclass(frozen=True, slots=True)
class PoolUse:
    """How much of the pool is taken; information, never a verdict."""

    size: int
    checked_out: int

    @property
    def exhausted(self) -> bool:
        """Whether the next request for a connection has to wait."""
        return self.checked_out >= self.size


def create_engine(target: DatabaseTarget, settings: DatabaseSettings) -> AsyncEngine:
    """Builds the engine; nothing is connected yet.

    No overflow: the configured size is what the connection budget counts with.
    """
    import asyncpg  # noqa: PLC0415 - see above
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - see above

    arguments = target.connect_arguments("pm33-app")
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(
            asyncpg.connect, **arguments, timeout=settings.connect_timeout
        ),
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_pre_ping=True,
        pool_recycle=settings.pool_recycle,
        pool_timeout=settings.pool_timeout,
    )


def pool_use(engine: AsyncEngine) -> PoolUse:
    """How much of the engine's pool is taken right now."""
    pool = cast("QueuePool", engine.pool)
    return PoolUse(size=pool.size(), checked_out=pool.checkedout())
