"""PostgreSQL: does it answer, how fast, and is the schema what this release needs?"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import asyncpg

from app.backend.database.budget import ConnectionBudget
from app.backend.database.connection import ReservedConnection
from app.backend.database.engine import PoolUse
from app.backend.database.revision_history import OURS, RevisionHistory
from app.backend.database.schema_state import (
    SchemaPosition,
    read_schema_state,
)
from app.backend.health.checks.database_failures import classify
from app.backend.health.models import CheckResult, Failure, Status
from app.errors import ConfigError

__all__ = ["DatabaseCheck"]

# A role that may not read others' statistics sees no backend_type of their sessions,
# but their user and database, which the server's own processes do not have.
_FACTS = """
select current_setting('server_version') as version,
       pg_is_in_recovery() as in_recovery,
       coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false)
           as tls,
       current_setting('max_connections')::int
           - current_setting('superuser_reserved_connections')::int as room,
       (select count(*) from pg_stat_activity
           where usesysid is not null and datid is not null
           and coalesce(backend_type, 'client backend') = 'client backend') as used,
       (select count(*) from pg_stat_activity where application_name like 'pm33-%')
           as ours
"""


class DatabaseCheck:
    """Asks on a connection of its own, so that the pool's state is no verdict.

    Args:
        connection: the reserved one; None where no database is configured.
        error: why the configured URL cannot be used.
        pool_use: how much of the application's pool is taken, as information.
        pool_size: for the connection budget.
        histories: the revisions of each source, ours first.
    """

    name = "database"
    critical = True
    shared = True
    gate = True
    period = 5.0
    timeout = 2.0

    def __init__(
        self,
        connection: ReservedConnection | None,
        *,
        error: ConfigError | None,
        pool_use: Callable[[], PoolUse | None],
        pool_size: int,
        histories: Sequence[RevisionHistory] = (OURS,),
    ) -> None:
        self._connection = connection
        self._error = error
        self._pool_use = pool_use
        self._pool_size = pool_size
        self._histories = tuple(histories)

    async def probe(self) -> CheckResult:
        """One round trip for the latency, two more for the facts."""
        if self._error is not None:
            return CheckResult.unhealthy(
                Failure.CONFIG, str(self._error), remedy=self._error.remedy
            )
        if self._connection is None:
            return CheckResult.skipped(
                "no database is configured", remedy="set DATABASE_URL"
            )
        try:
            async with self._connection.use() as connection:
                return await self._ask(connection)
        except (
            OSError,
            UnicodeError,
            asyncpg.PostgresError,
            asyncpg.InterfaceError,
        ) as error:
            return classify(error)

    def abort(self) -> None:
        """Breaks the connection under an attempt that hangs."""
        if self._connection is not None:
            self._connection.abort()

    async def _ask(
        self, connection: "asyncpg.Connection[asyncpg.Record]"
    ) -> CheckResult:
        started = time.monotonic()
        await connection.fetchval("select 1")
        latency_ms = (time.monotonic() - started) * 1000
        facts = await connection.fetchrow(_FACTS)
        schema = await read_schema_state(connection, self._histories)
        data = self._data(facts) | {"schema": schema.to_dict()}
        result = (
            _judge_schema(schema.overall, data)
            or _judge_room(facts, data)
            or _judge_role(facts, data)
        )
        result = result or CheckResult(status=Status.HEALTHY, data=data)
        return replace(result, latency_ms=latency_ms)

    def _data(self, facts: Any) -> dict[str, Any]:
        pool = self._pool_use()
        budget = ConnectionBudget(
            pool_size=self._pool_size,
            replicas=1,
            max_connections=facts["room"],
            others=facts["used"] - facts["ours"],
        )
        return {
            "server_version": facts["version"],
            "tls": facts["tls"],
            "in_recovery": facts["in_recovery"],
            "connections": {"used": facts["used"], "room": facts["room"]},
            "budget": {
                "needed_per_replica": budget.needed,
                "available": budget.available,
                "fits": budget.fits,
            },
            "pool": None if pool is None else {**asdict(pool), "full": pool.exhausted},
        }


def _judge_schema(position: SchemaPosition, data: dict[str, Any]) -> CheckResult | None:
    match position:
        case SchemaPosition.BEHIND:
            return CheckResult.degraded(
                Failure.CONFIG,
                "the schema is behind what this release needs",
                remedy="run `pm33 migrate up`, on Railway as the pre-deploy command",
                **data,
            )
        case SchemaPosition.INCOMPATIBLE:
            return CheckResult.degraded(
                Failure.CONFIG,
                "a contract revision has removed what this release uses",
                remedy="deploy a release that knows that revision",
                **data,
            )
        case SchemaPosition.CURRENT | SchemaPosition.AHEAD:
            return None


def _judge_room(facts: Any, data: dict[str, Any]) -> CheckResult | None:
    """The own connection is safe, but nobody else gets a new one."""
    if facts["used"] < facts["room"]:
        return None
    return CheckResult.degraded(
        Failure.OVERLOADED,
        "the server has no connection left for a new client",
        remedy="lower DB_POOL_SIZE or the number of replicas, or raise max_connections",
        **data,
    )


def _judge_role(facts: Any, data: dict[str, Any]) -> CheckResult | None:
    """After a failover an open connection may be left with a standby."""
    if not facts["in_recovery"]:
        return None
    result = CheckResult.degraded(
        Failure.CONFIG,
        "the server is a standby and takes no writes",
        remedy="point DATABASE_URL to the primary, or wait for the failover to end",
        **data,
    )
    return replace(result, transient=True)
