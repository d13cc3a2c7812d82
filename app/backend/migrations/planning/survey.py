"""What of a plan only the live database knows: sizes of tables, and who is at work."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import asyncpg

from app.backend.migrations.analysis.catalogue import lock_named
from app.backend.migrations.planning.costs import Blocker, Size, conflicts
from app.backend.migrations.statements import Lock

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["Sessions", "sessions_on", "sizes_of"]

_TIMEOUT: Final = 10.0
_NAMED: Final = r"""
WITH wanted AS (
  SELECT c.oid, c.relkind, c.reltuples, c.relpages,
         CASE n.nspname WHEN 'public' THEN c.relname::text
         ELSE n.nspname || '.' || c.relname END AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname NOT LIKE 'pg\_%'
    AND CASE n.nspname WHEN 'public' THEN c.relname::text
        ELSE n.nspname || '.' || c.relname END = ANY($1::text[])
)
"""
# pg_table_size takes ACCESS SHARE, which waits behind an ACCESS EXCLUSIVE, and whoever
# comes later does not wait for it; when it has to wait, the estimate has to do.
_SIZES: Final = f"""{_NAMED}
SELECT name, sum(pg_table_size(leaf.oid))::bigint AS bytes,
       sum(leaf.reltuples)::bigint AS rows,
       bool_or(leaf.reltuples < 0 OR (leaf.relpages = 0
                                      AND pg_relation_size(leaf.oid) > 0)) AS guessed
FROM wanted
CROSS JOIN LATERAL (
  SELECT wanted.oid AS relid WHERE wanted.relkind <> 'p'
  UNION ALL
  SELECT relid::oid FROM pg_partition_tree(wanted.oid)
  WHERE isleaf AND wanted.relkind = 'p'
) part
JOIN pg_class leaf ON leaf.oid = part.relid
GROUP BY name
"""  # noqa: S608 - constants
_ESTIMATES: Final = f"""{_NAMED}
SELECT name, relpages::bigint * current_setting('block_size')::bigint AS bytes,
       reltuples::bigint AS rows, reltuples < 0 OR relpages = 0 AS guessed
FROM wanted
"""  # noqa: S608 - constants
_SESSIONS: Final = f"""{_NAMED}
SELECT wanted.name, l.pid, l.mode,
       coalesce(nullif(a.application_name, ''), a.backend_type, '') AS application,
       coalesce(a.state, '') AS state,
       coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 AS age
FROM pg_locks l JOIN wanted ON wanted.oid = l.relation
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_backend_pid()
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608 - constants
_OLD: Final = """
SELECT '' AS name, pid, 'AccessShareLock' AS mode,
       coalesce(nullif(application_name, ''), backend_type) AS application,
       coalesce(state, '') AS state,
       coalesce(extract(epoch FROM clock_timestamp() - xact_start), 0)::float8 AS age
FROM pg_stat_activity
WHERE datname = current_database() AND backend_xmin IS NOT NULL
  AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class Sessions:
    """Who is at work on some tables, as of one moment.

    Args:
        holders: each with a lock on one of them.
        old: those whose transaction a CONCURRENTLY waits for.
    """

    def __init__(self, holders: Iterable[Blocker], old: Iterable[Blocker]) -> None:
        self._holders = tuple(holders)
        self._old = tuple(old)

    def blocking(
        self, locks: Iterable[tuple[str, Lock]], *, waits: bool
    ) -> tuple[Blocker, ...]:
        """Those that a statement would wait for; each once, the oldest first.

        Args:
            locks: that the statement takes.
            waits: it also waits for every transaction that is older.
        """
        wanted = dict(locks)
        # A CONCURRENTLY waits until all who had the table open before it are gone.
        seen = self._old if waits else ()
        found = {one.pid: one for one in seen}
        for one in self._holders:
            lock = wanted.get(one.table, Lock.NONE)
            lock = Lock.SHARE if waits and lock is not Lock.NONE else lock
            if conflicts(lock, one.lock):
                found[one.pid] = one
        return tuple(sorted(found.values(), key=lambda one: -one.seconds))


async def sizes_of(
    connection: "Connection", tables: Collection[str]
) -> Mapping[str, Size]:
    """How large these tables are; one that is not there is not in the answer.

    Raises:
        asyncpg.PostgresError, OSError: as asyncpg does.
    """
    names = list(tables)
    try:
        async with connection.transaction(readonly=True):
            await connection.execute("SET LOCAL lock_timeout = '200ms'")
            rows = await connection.fetch(_SIZES, names, timeout=_TIMEOUT)
    except asyncpg.LockNotAvailableError:
        rows = await connection.fetch(_ESTIMATES, names, timeout=_TIMEOUT)
    return {
        row["name"]: Size(
            bytes=row["bytes"], rows=None if row["guessed"] else row["rows"]
        )
        for row in rows
    }


async def sessions_on(connection: "Connection", tables: Collection[str]) -> Sessions:
    """Who has locks on these tables now; query texts are not asked for.

    Raises:
        asyncpg.PostgresError, OSError: as asyncpg does.
    """
    holders = await connection.fetch(_SESSIONS, list(tables), timeout=_TIMEOUT)
    old = await connection.fetch(_OLD, timeout=_TIMEOUT)
    return Sessions(map(_blocker, holders), map(_blocker, old))


def _blocker(row: asyncpg.Record) -> Blocker:
    return Blocker(
        pid=row["pid"],
        application=row["application"],
        state=row["state"],
        table=row["name"],
        lock=lock_named(row["mode"]),
        seconds=row["age"],
    )
