"""What health keeps in PostgreSQL: replicas, transitions, overrides."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from app.backend.database.connection import ReservedConnection
from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.health.history import Transition
from app.backend.health.identity import Identity
from app.backend.health.overrides import Override, OverrideKind

__all__ = ["STORE_ERRORS", "NewOverride", "OpsStore"]

CALL_TIMEOUT = 5.0
"""Seconds that one call may take."""
REPLICA_EXPIRY = 30.0
"""Seconds after which a replica that was not seen counts as gone."""
HISTORY_KEPT = timedelta(days=30)
"""How long transitions are kept."""
STORE_ERRORS = (
    OSError,
    UnicodeError,  # a host that is no possible name
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)
"""What a call raises when the store cannot be reached or has no tables yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOverride:
    """An override to be: what, for whom, for how long."""

    kind: OverrideKind
    lasts: timedelta
    reason: str
    check: str | None = None
    replica: str | None = None
    release: str | None = None


class OpsStore:
    """Plain SQL over one reserved connection; every call raises ``STORE_ERRORS``."""

    def __init__(self, connection: ReservedConnection) -> None:
        self._connection = connection

    async def heartbeat(self, identity: Identity, state: str) -> None:
        """Says that this replica lives; buries those that have not been seen."""
        async with asyncio.timeout(CALL_TIMEOUT), self._connection.use() as connection:
            await connection.execute(
                """
                insert into ops.replica
                    (replica, deployment, release, needed_head, state, seen_at)
                values ($1, $2, $3, $4, $5, now())
                on conflict (replica) do update set
                    deployment = excluded.deployment, release = excluded.release,
                    needed_head = excluded.needed_head, state = excluded.state,
                    seen_at = excluded.seen_at
                """,
                identity.replica_id,
                identity.deployment_id,
                identity.commit,
                EXPAND_HEAD,
                state,
            )
            await connection.execute(
                "delete from ops.replica where seen_at < now() - $1::interval",
                timedelta(seconds=REPLICA_EXPIRY),
            )

    async def leave(self, identity: Identity) -> None:
        """Takes this replica's row away; it stops."""
        async with asyncio.timeout(CALL_TIMEOUT), self._connection.use() as connection:
            await connection.execute(
                "delete from ops.replica where replica = $1", identity.replica_id
            )

    async def save(self, identity: Identity, transitions: Iterable[Transition]) -> None:
        """Stores transitions, all or none, and forgets the oldest."""
        rows = [
            (
                identity.replica_id,
                identity.commit,
                one.check,
                one.before,
                one.after,
                one.failure,
                one.message,
                one.at,
            )
            for one in transitions
        ]
        async with asyncio.timeout(CALL_TIMEOUT), self._connection.use() as connection:
            await connection.executemany(
                """
                insert into ops.check_transition
                    (replica, release, check_name, before, after, failure, message, at)
                values ($1, $2, $3, $4, $5, $6, $7, $8)
                """,
                rows,
            )
            await connection.execute(
                "delete from ops.check_transition where at < now() - $1::interval",
                HISTORY_KEPT,
            )

    async def overrides(self) -> tuple[Override, ...]:
        """Every override that has not ended."""
        async with asyncio.timeout(CALL_TIMEOUT), self._connection.use() as connection:
            rows = await connection.fetch(
                """
                select id, kind, check_name, replica, release, reason, until
                from ops.health_override where until > now() order by id
                """
            )
        return tuple(
            Override(
                id=row["id"],
                kind=OverrideKind(row["kind"]),
                check=row["check_name"],
                replica=row["replica"],
                release=row["release"],
                reason=row["reason"],
                until=row["until"],
            )
            for row in rows
            # One of a newer release; ours knows nothing to do about it.
            if row["kind"] in set(OverrideKind)
        )

    async def add_override(self, new: NewOverride) -> int:
        """Stores it and returns its id; replicas follow within seconds."""
        async with asyncio.timeout(CALL_TIMEOUT), self._connection.use() as connection:
            return int(
                await connection.fetchval(
                    """
                    insert into ops.health_override
                        (kind, check_name, replica, release, reason, until)
                    values ($1, $2, $3, $4, $5, now() + $6::interval) returning id
                    """,
                    new.kind,
                    new.check,
                    new.replica,
                    new.release,
                    new.reason,
                    new.lasts,
                )
            )

    async def end_override(self, override_id: int) -> bool:
        """Ends it now; says whether there was one in force."""
        async with asyncio.timeout(CALL_TIMEOUT), self._connection.use() as connection:
            ended = await connection.fetchval(
                """
                update ops.health_override set until = now()
                where id = $1 and until > now() returning id
                """,
                override_id,
            )
        return ended is not None
