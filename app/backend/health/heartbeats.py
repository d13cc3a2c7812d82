"""When jobs last said that they have run: the rows, and who takes the beats."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, runtime_checkable

from app.backend.database.connection import ReservedConnection
from app.backend.database.storable import storable_text
from app.backend.health.store import CALL_TIMEOUT

__all__ = ["Beat", "Heartbeat", "HeartbeatStore"]

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Beat:
    """The newest one of a job.

    Attributes:
        age: seconds, by the database's clock.
        sender: who said so.
    """

    age: float
    sender: str = ""


@runtime_checkable
class Heartbeat(Protocol):
    """A check that is told of its component instead of asking it.

    Attributes:
        every: seconds from one beat to the next.
        grace: seconds that one may be late.
    """

    every: float
    grace: float

    async def beat(self, sender: str) -> datetime:
        """Stores that the job has run, and says when that was.

        Raises:
            HeartbeatError: it could not be stored; it may be repeated.
        """
        ...


class HeartbeatStore:
    """Plain SQL over one reserved connection; every call raises ``STORE_ERRORS``."""

    def __init__(self, connection: ReservedConnection) -> None:
        self._connection = connection

    async def beat(self, name: str, sender: str) -> datetime:
        """Stores one, and returns its time."""
        async with asyncio.timeout(CALL_TIMEOUT), self._connection.use() as connection:
            beaten_at: datetime = await connection.fetchval(
                """
                insert into ops.heartbeat (name, beaten_at, sender, format)
                values ($1, now(), $2, $3)
                on conflict (name) do update set
                    beaten_at = excluded.beaten_at, sender = excluded.sender,
                    format = excluded.format
                returning beaten_at
                """,
                name,
                storable_text(sender),
                FORMAT,
            )
        return beaten_at

    async def last(self, name: str) -> Beat | None:
        """The newest one; None: there has never been one."""
        async with asyncio.timeout(CALL_TIMEOUT), self._connection.use() as connection:
            row = await connection.fetchrow(
                """
                select extract(epoch from now() - beaten_at)::float8 as age, sender
                from ops.heartbeat where name = $1
                """,
                name,
            )
        return None if row is None else Beat(row["age"], row["sender"])
