"""The row behind a lease; every statement is judged by the server's own clock.

Each is one statement, and so one transaction that needs nobody to end it: a process
that is stopped in the middle leaves no lock behind.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from app.backend.database.connection import ReservedConnection
from app.backend.database.state_call import CALL_TIMEOUT, state_call
from app.backend.database.target import DatabaseTarget

__all__ = ["FENCE", "LeaseRow", "LeaseState"]

FENCE: Final = """
    select 1 as held from ops.lease
    where name = $1 and epoch = $2 and expires_at > clock_timestamp() for share
"""
"""Gives a row only to who holds lease ``$1`` with epoch ``$2``.

For the ``with`` of a statement that writes what this gives it: the lock keeps the
epoch as it is until the statement has ended, and is taken on the newest row.
"""
_FREED = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseState:
    """A lease as its row says.

    Attributes:
        epoch: of whoever holds it, or held it last.
        free: released, or run out.
        ago: seconds since then, by the server's clock; negative while it is held.
    """

    name: str
    epoch: int
    holder: str
    reason: str
    acquired_at: datetime
    expires_at: datetime
    free: bool
    ago: float = 0.0

    @property
    def released(self) -> bool:
        """Whether whoever held it last has let go of it."""
        return self.free and self.holder == _FREED


class LeaseRow:
    """One lease's row; every call opens a connection of its own, and closes it.

    Args:
        target: the state database.
        name: which lease.
        ttl: seconds that it is taken or renewed for.

    Attributes:
        before: how it was when :meth:`take` took it; None: nobody had ever held it.
    """

    def __init__(self, target: DatabaseTarget, name: str, ttl: float = 15.0) -> None:
        self.name = name
        self.ttl = ttl
        self._target = target
        self.before: LeaseState | None = None

    async def read(self) -> LeaseState | None:
        """The row; None when there is none yet. Raises JournalError."""
        rows = await self._ask(
            """
            select name, epoch, holder, reason, acquired_at, expires_at,
                   expires_at <= clock_timestamp() as free,
                   extract(epoch from clock_timestamp() - expires_at)::float8 as ago
            from ops.lease where name = $1
            """,
            self.name,
        )
        return LeaseState(**rows[0]) if rows else None

    async def take(self, holder: str, reason: str, above: int) -> int | LeaseState:
        """Takes it if it is free; returns the new epoch, else who holds it.

        Raises:
            JournalError: the database cannot be asked; the lease may have been taken
                for nobody, and is then free after its TTL.
        """
        while True:
            state = await self.read()
            if state is not None and not state.free:
                return state
            epoch = max(state.epoch if state else 0, above) + 1
            seen = state.epoch if state else None
            if await self._swap(seen, epoch, holder, reason):
                self.before = state
                return epoch

    async def renew(self, epoch: int, seconds: float) -> bool:
        """Renews it within ``seconds``; False when it is no longer this epoch's."""
        return bool(
            await self._ask(
                """
                update ops.lease set expires_at = clock_timestamp() + $3::interval
                where name = $1 and epoch = $2 and expires_at > clock_timestamp()
                returning epoch
                """,
                *(self.name, epoch, timedelta(seconds=self.ttl)),
                seconds=seconds,
            )
        )

    async def free(self, epoch: int) -> None:
        """Frees it if it is still this epoch's."""
        await self._ask(
            """
            update ops.lease set expires_at = clock_timestamp(), holder = $3
            where name = $1 and epoch = $2 and expires_at > clock_timestamp()
            """,
            *(self.name, epoch, _FREED),
        )

    async def take_away(self, holder: str) -> bool:
        """Frees it if this holder has it; says whether it had."""
        return bool(
            await self._ask(
                """
                update ops.lease set expires_at = clock_timestamp(), holder = $3
                where name = $1 and holder = $2 and expires_at > clock_timestamp()
                returning epoch
                """,
                *(self.name, holder, _FREED),
            )
        )

    async def _swap(
        self, seen: int | None, epoch: int, holder: str, reason: str
    ) -> bool:
        values = (self.name, epoch, holder, reason, timedelta(seconds=self.ttl))
        if seen is None:
            return bool(
                await self._ask(
                    """
                    insert into ops.lease
                        (name, epoch, holder, reason, acquired_at, expires_at)
                    values ($1, $2, $3, $4, clock_timestamp(),
                            clock_timestamp() + $5::interval)
                    on conflict (name) do nothing returning epoch
                    """,
                    *values,
                )
            )
        return bool(
            await self._ask(
                """
                update ops.lease set epoch = $2, holder = $3, reason = $4,
                    acquired_at = clock_timestamp(),
                    expires_at = clock_timestamp() + $5::interval
                where name = $1 and epoch = $6 and expires_at <= clock_timestamp()
                returning epoch
                """,
                *values,
                seen,
            )
        )

    async def _ask(
        self, statement: str, *values: object, seconds: float = CALL_TIMEOUT
    ) -> list[dict[str, Any]]:
        reserved = ReservedConnection(
            self._target, name="pm33-lease", connect_timeout=seconds
        )
        try:
            async with state_call(reserved, seconds) as connection:
                return [dict(row) for row in await connection.fetch(statement, *values)]
        finally:
            await reserved.close()
