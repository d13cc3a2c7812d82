"""One runner at a time: whose turn it is, and what to do about one that has died."""

import socket
import time
from dataclasses import dataclass
from typing import Final

import asyncpg

from app.backend.database.guard import Guard
from app.backend.database.lease import acquire, break_lease, held
from app.backend.database.target import DatabaseTarget
from app.backend.migrations.running.connecting import APPLICATION
from app.backend.migrations.running.events import Happening, MigrationEvent, Tell
from app.backend.migrations.running.options import RunOptions
from app.backend.migrations.running.stopping import StopSign
from app.errors import LeaseHeldError, MigrationError

__all__ = ["ADVISORY_LOCK", "LEASE", "take_lease", "take_lock"]

ADVISORY_LOCK: Final = 0x504D_3333_4D49_4752
"""The key of the advisory lock that every migrator takes ("PM33MIGR")."""
LEASE: Final = "migration"

_POLL = 0.25
_SILENT = 2.0
_ENDING = 30.0

_HOLDER: Final = """
    select a.pid, a.application_name as name, a.backend_start::text as since
    from pg_locks l join pg_stat_activity a on a.pid = l.pid
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1
      and l.database = (select oid from pg_database where datname = current_database())
      and (l.classid::bigint << 32) | l.objid::bigint = $1
"""
_LEASE: Final = """
    select holder, expires_at <= clock_timestamp() as free
    from ops.lease where name = $1
"""


@dataclass(frozen=True, slots=True)
class _Holder:
    """The backend that has the lock."""

    pid: int
    name: str
    since: str


async def take_lock(
    main: "asyncpg.Connection[asyncpg.Record]",
    run: str,
    *,
    options: RunOptions,
    stop: StopSign,
    tell: Tell,
) -> None:
    """Tries until the lock is free; it is the session's, and ends with it.

    Nobody waits inside the server: a waiter would hold a snapshot, for which CREATE
    INDEX CONCURRENTLY of the winner waits in turn (research, migrations §2).

    A runner that was killed may leave a backend that goes on, with the lock. It is
    known by its name and by a lease that nobody renews any more; it is ended, and
    waited for.

    Raises:
        MigrationError: another migration did not end in time.
        InterruptedRunError: a stop was asked for.
    """
    began = changed = time.monotonic()
    holder, told = None, False
    while not await main.fetchval("select pg_try_advisory_lock($1)", ADVISORY_LOCK):
        now = time.monotonic()
        found = await _holder(main)
        if found != holder:
            holder, changed = found, now
        if holder and await _is_orphan(main, holder, now - changed, options.lease_ttl):
            tell(_event(Happening.ORPHAN, run, f"ending {holder.name}, which has died"))
            await _end(main, holder, stop)
            continue
        if holder and not told and now - began > _SILENT:
            told = True
            words = f"{holder.name} (pid {holder.pid}, since {holder.since}) migrates"
            tell(_event(Happening.WAITING, run, f"{words}; waiting for it"))
        if now - began > options.wait:
            who = f"{holder.name} (pid {holder.pid})" if holder else "another migration"
            raise MigrationError(
                f"{who} has held the lock for {options.wait:.0f} s",
                remedy="`pm33 migrate status` shows what runs; PM33_MIGRATE_WAIT is"
                " how long to wait for it",
            )
        await stop.pause(_POLL)


async def take_lease(target: DatabaseTarget, name: str, *, ttl: float) -> Guard:
    """A sign of life for those who wait; to be taken by who has the lock.

    Whoever has the row still, without the lock, is gone: the lock decides.

    Raises:
        JournalError: there is no table for it yet, or it cannot be asked.
    """
    holder = f"{name} {socket.gethostname()}"
    reason = "pm33 migrate"
    try:
        return await acquire(target, LEASE, holder=holder, reason=reason, ttl=ttl)
    except LeaseHeldError:
        state = await held(target, LEASE)
        if state is not None:
            await break_lease(target, LEASE, state.holder)
        return await acquire(target, LEASE, holder=holder, reason=reason, ttl=ttl)


async def _holder(main: "asyncpg.Connection[asyncpg.Record]") -> _Holder | None:
    row = await main.fetchrow(_HOLDER, ADVISORY_LOCK)
    return _Holder(**dict(row)) if row else None


async def _is_orphan(
    main: "asyncpg.Connection[asyncpg.Record]",
    holder: _Holder,
    seconds: float,
    ttl: float,
) -> bool:
    """Whether nobody stands behind a backend any more, ``seconds`` after it was seen.

    One that has just begun has no lease yet, and is given the time for two.
    """
    if not holder.name.startswith(f"{APPLICATION}:"):
        return False
    if not await main.fetchval("select to_regclass('ops.lease') is not null"):
        return False
    row = await main.fetchrow(_LEASE, LEASE)
    if row is not None and row["holder"].startswith(f"{holder.name} "):
        return bool(row["free"])
    return seconds > 2 * ttl


async def _end(
    main: "asyncpg.Connection[asyncpg.Record]", holder: _Holder, stop: StopSign
) -> None:
    """Ends a backend, and waits until it is gone: it may be undoing something."""
    ends, pid = time.monotonic() + _ENDING, holder.pid
    # By its name as well: a number may be another one's by now.
    of_it = "from pg_stat_activity where pid = $1 and application_name = $2"
    there = f"select exists (select {of_it})"
    try:
        await main.execute(
            f"select pg_terminate_backend(pid) {of_it}", pid, holder.name
        )
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            f"backend {pid} of a migration that has died is another role's",
            remedy=f"have that role, or a superuser, run pg_terminate_backend({pid})",
        ) from error
    while await main.fetchval(there, pid, holder.name):
        if time.monotonic() > ends:
            raise MigrationError(
                f"backend {pid} of a migration that has died does not end",
                remedy="see what it does in pg_stat_activity, then run this again",
            )
        await stop.pause(_POLL)


def _event(kind: Happening, run: str, message: str) -> MigrationEvent:
    return MigrationEvent(kind=kind, run=run, message=message)
