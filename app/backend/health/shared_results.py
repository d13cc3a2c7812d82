"""The rows of ``ops.shared_result``: whose turn it is, and what was found last.

A claim is one statement, judged by the server's own clock, and so one transaction that
needs nobody to end it: a replica that is killed in the middle leaves no lock behind,
and its claim runs out by itself.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from app.backend.database.connection import ReservedConnection
from app.backend.health.observations import (
    FORMAT,
    Finding,
    Observation,
    decode,
    encode,
)
from app.backend.health.store import CALL_TIMEOUT, REPLICA_EXPIRY

__all__ = ["Key", "SharedResults", "Standing"]

_KEPT = timedelta(days=7)
"""How long the row of a check, or of a credential, is kept that nobody asks about."""

_HORIZON = 1e9
"""Seconds; longer than any clock is put back."""

_LOOK = """
    select fleet.replicas, known.result, known.observed_by, known.observed_at,
        extract(epoch from now() - known.observed_at)::float8 as age,
        extract(epoch from known.claimed_until - now())::float8 as held_for,
        extract(epoch from known.next_at - now())::float8 as due_in
    from (
        select count(*) as replicas from ops.replica
        where seen_at > now() - $3::interval
    ) as fleet
    left join ops.shared_result as known
        on known.check_name = $1 and known.fingerprint = $2
"""
_CLAIM = """
    insert into ops.shared_result as known
        (check_name, fingerprint, claim, claimed_by, claimed_until, next_at, format)
    values ($1, $2, 1, $3, now() + $4::interval, now() + $5::interval, $6)
    on conflict (check_name, fingerprint) do update set
        claim = known.claim + 1, claimed_by = excluded.claimed_by,
        claimed_until = excluded.claimed_until, next_at = excluded.next_at
    where (
            known.claimed_until <= now() - $7::interval
            and (known.next_at <= now() or $7::interval > interval '0')
        )
        or greatest(known.claimed_until, known.next_at) > now() + $8::interval
    returning known.claim
"""
_PUBLISH = """
    update ops.shared_result set
        result = $5::jsonb, observed_by = $3, observed_at = now(),
        claimed_until = now(), next_at = greatest(next_at, now() + $6::interval)
    where check_name = $1 and fingerprint = $2 and claimed_by = $3 and claim = $4
    returning observed_by, observed_at
"""


@dataclass(frozen=True, slots=True)
class Key:
    """Which row: a check, and what its answers depend on."""

    check: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things stand; seconds are on the database's clock.

    Attributes:
        newest: the newest observation; None: there is none that can be read.
        held_for: for how long somebody has it claimed; 0 or less: nobody has, for so
            long.
        due_in: until somebody may ask again; 0 or less: now.
        replicas: how many are alive.
    """

    newest: Observation | None
    held_for: float
    due_in: float
    replicas: int

    @property
    def is_due(self) -> bool:
        """Whether it may be claimed."""
        return self.held_for <= 0 and self.due_in <= 0


class SharedResults:
    """Plain SQL over one reserved connection; every call raises ``STORE_ERRORS``."""

    def __init__(self, connection: ReservedConnection) -> None:
        self._connection = connection

    async def look(self, key: Key, *, horizon: float = _HORIZON) -> Standing:
        """How things stand; nothing is locked or written.

        Args:
            key: which row.
            horizon: seconds. What lies further ahead than anybody writes is of a clock
                that has been put back, and counts for nothing: else nobody would ask
                until it is right again.
        """
        [row] = await self._fetch(
            _LOOK, key.check, key.fingerprint, timedelta(seconds=REPLICA_EXPIRY)
        )
        held_for, due_in = row["held_for"] or 0.0, row["due_in"] or 0.0
        if max(held_for, due_in) > horizon:
            return Standing(
                newest=None, held_for=0.0, due_in=0.0, replicas=row["replicas"]
            )
        return Standing(
            newest=_observation_of(row),
            held_for=held_for,
            due_in=due_in,
            replicas=row["replicas"],
        )

    async def claim(
        self,
        key: Key,
        by: str,
        *,
        lasts: float,
        spacing: float,
        rested: float = 0.0,
        horizon: float = _HORIZON,
    ) -> int | None:
        """Takes the turn if it is due; returns its number, None if somebody was faster.

        Args:
            key: which row.
            by: the replica.
            lasts: seconds after which somebody else may claim it.
            spacing: seconds before which nobody may, also where this one dies.
            rested: it is due as well when nobody has asked for so many seconds.
            horizon: as for :meth:`look`.
        """
        rows = await self._fetch(
            _CLAIM,
            *(key.check, key.fingerprint, by),
            *(timedelta(seconds=lasts), timedelta(seconds=spacing), FORMAT),
            *(timedelta(seconds=rested), timedelta(seconds=horizon)),
        )
        return rows[0]["claim"] if rows else None

    async def publish(
        self, key: Key, claim: int, by: str, finding: Finding
    ) -> Observation | None:
        """Ends a claim with what was found; None: it has been taken away meanwhile.

        Forgets what nobody has asked about for a week.
        """
        rows = await self._fetch(
            _PUBLISH,
            *(key.check, key.fingerprint, by, claim),
            *(encode(finding), timedelta(seconds=finding.pause)),
        )
        await self._fetch(
            "delete from ops.shared_result where next_at < now() - $1::interval", _KEPT
        )
        if not rows:
            return None
        row = rows[0]
        return Observation(
            finding=finding, by=row["observed_by"], at=row["observed_at"], age=0.0
        )

    async def _fetch(self, statement: str, *values: object) -> list[Any]:
        async with asyncio.timeout(CALL_TIMEOUT), self._connection.use() as connection:
            return list(await connection.fetch(statement, *values))


def _observation_of(row: Any) -> Observation | None:
    finding = decode(row["result"]) if row["result"] else None
    if finding is None:
        return None
    return Observation(
        finding=finding,
        by=row["observed_by"],
        at=row["observed_at"],
        age=max(row["age"], 0.0),
    )
