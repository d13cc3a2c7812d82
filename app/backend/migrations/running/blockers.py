"""Who stands in the way of a lock, seen from a connection beside the one that waits."""

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from app.backend.database.connection import ReservedConnection
from app.backend.migrations.running.connecting import APPLICATION

__all__ = ["Blocker", "blockers_of", "end_blocker", "still_there"]

_BLOCKERS: Final = """
    select a.pid, a.application_name as application, a.usename::text as "user",
           coalesce(a.state, a.backend_type) as state, a.backend_type as kind,
           coalesce(extract(epoch from clock_timestamp() - a.xact_start), 0)::float8
               as seconds,
           extract(epoch from a.xact_start)::float8 as began,
           case when $2 then left(a.query, 500) end as query
    from (select distinct unnest(pg_blocking_pids($1)) as pid) as blocking
    join pg_stat_activity a using (pid)
    order by a.xact_start
"""
# Only what was seen: its next transaction is in nobody's way.
_SEEN: Final = """
    from pg_stat_activity
    where pid = $1 and clock_timestamp() - xact_start >= make_interval(secs => $2)
"""
_CANCEL: Final = f"select pg_cancel_backend(pid) {_SEEN}"
_TERMINATE: Final = f"select pg_terminate_backend(pid) {_SEEN}"
_STILL: Final = """
    select exists (
        select from unnest($1::int[], $2::float8[]) as seen (pid, began)
        join pg_stat_activity a using (pid)
        where extract(epoch from a.xact_start)::float8 = seen.began
            and extract(epoch from clock_timestamp()) - seen.began <= $3)
"""
_AUTOVACUUM: Final = "autovacuum worker"
_CLIENT: Final = "client backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One backend in the way.

    Attributes:
        application: its ``application_name``.
        state: as ``pg_stat_activity`` says, or what kind of process it is.
        kind: of process.
        seconds: the age of its transaction.
        began: when that was, in the server's seconds since 1970; None: in none.
        query: its newest statement; None where queries are not to be shown.
    """

    pid: int
    application: str | None
    user: str | None
    state: str | None
    kind: str | None
    seconds: float
    began: float | None = None
    query: str | None = None

    @property
    def is_hidden(self) -> bool:
        """Whether our role may not see since when it does what."""
        return self.state is None and self.kind is None

    @override
    def __str__(self) -> str:
        """For a line of progress or an error."""
        name = self.application or self.kind or "unknown"
        since = f"{self.state or '?'} for {self.seconds:.1f} s"
        if self.is_hidden:
            since = "its state is hidden from this role"
        words = f"pid {self.pid} ({name}, {self.user or 'no user'}, {since})"
        return f"{words}: {' '.join(self.query.split())}" if self.query else words


async def blockers_of(
    side: ReservedConnection, pid: int, *, show_queries: bool
) -> tuple[Blocker, ...]:
    """Who keeps a backend waiting now, the oldest transaction first.

    A prepared transaction has no backend, and is not among them.
    https://www.postgresql.org/docs/current/functions-info.html (pg_blocking_pids)

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: as asyncpg does.
    """
    async with side.use() as connection:
        rows = await connection.fetch(_BLOCKERS, pid, show_queries)
    return tuple(Blocker(**dict(row)) for row in rows)


async def still_there(
    side: ReservedConnection, blockers: tuple[Blocker, ...], *, younger_than: float
) -> bool:
    """Whether one of them is in the same transaction as when it was seen.

    Args:
        side: the connection to look from.
        blockers: as they were seen.
        younger_than: seconds; older transactions do not count.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: as asyncpg does.
    """
    if not blockers:
        return False
    pids, began = zip(*((one.pid, one.began) for one in blockers), strict=True)
    async with side.use() as connection:
        return bool(
            await connection.fetchval(_STILL, list(pids), list(began), younger_than)
        )


async def end_blocker(side: ReservedConnection, blocker: Blocker) -> bool:
    """Ends what a backend does; says whether it was told to.

    A statement is cancelled. A transaction in which nothing runs hears of no
    cancellation, so that its session is ended. Autovacuum comes again by itself;
    other processes of the server, and other migrations, are left alone.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: as asyncpg does.
    """
    if blocker.application and blocker.application.startswith(APPLICATION):
        return False
    if blocker.kind == _AUTOVACUUM or blocker.state == "active":
        ending = _CANCEL
    elif blocker.kind == _CLIENT:
        ending = _TERMINATE
    else:
        return False
    async with side.use() as connection:
        return bool(await connection.fetchval(ending, blocker.pid, blocker.seconds))
