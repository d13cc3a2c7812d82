"""A table under traffic, and who of its users has to wait for a migration."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

__all__ = ["Waits", "busy", "held_table", "hurrying", "waits_for_migrations"]

_CLIENT = "busy-table"
_LOOK = 0.005
_VICTIMS = """
    select pid, extract(epoch from clock_timestamp() - query_start)::float8 as seconds
    from pg_stat_activity
    where application_name = $1 and wait_event_type = 'Lock'
      and exists (
          select from unnest(pg_blocking_pids(pid)) as blocking (pid)
          join pg_stat_activity as migration using (pid)
          where migration.application_name like 'pm33-migrate%')
"""


@dataclass(slots=True)
class Waits:
    """What was seen of users who waited for a migration.

    Attributes:
        longest: seconds that one statement had waited when it was seen last.
        victims: how often somebody was seen to wait.
    """

    longest: float = 0.0
    victims: int = 0


@asynccontextmanager
async def waits_for_migrations(url: str) -> AsyncIterator[Waits]:
    """Looks two hundred times a second, with the server's own eyes."""
    waits = Waits()

    async def look(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        for row in await connection.fetch(_VICTIMS, _CLIENT):
            waits.victims += 1
            waits.longest = max(waits.longest, row["seconds"])
        await asyncio.sleep(_LOOK)

    async with _repeated(url, look, "watcher"):
        yield waits


@asynccontextmanager
async def busy(url: str, *, rate: int = 200, clients: int = 20) -> AsyncIterator[None]:
    """Point reads and updates of table shop, ``rate`` a second, on ``clients``."""
    pause = clients / rate

    async def use(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        await connection.fetchval("select name from shop where id = 7")
        await asyncio.sleep(pause)
        await connection.execute("update shop set name = 'y' where id = 8")
        await asyncio.sleep(pause)

    async with contextlib.AsyncExitStack() as stack:
        for _ in range(clients):
            await stack.enter_async_context(_repeated(url, use))
        yield


@asynccontextmanager
async def hurrying(url: str, *, clients: int, seconds: float) -> AsyncIterator[None]:
    """Clients that are always in a transaction of so many seconds on table shop."""

    async def hurry(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        async with connection.transaction():
            await connection.fetchval("select name from shop where id = 7")
            await asyncio.sleep(seconds)

    async with contextlib.AsyncExitStack() as stack:
        for _ in range(clients):
            await stack.enter_async_context(_repeated(url, hurry))
        yield


@asynccontextmanager
async def held_table(url: str, seconds: float) -> AsyncIterator[None]:
    """For so many seconds a transaction has read table shop, and does not end."""
    connection = await asyncpg.connect(url, timeout=30)
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("select 1 from shop")

    async def let_go() -> None:
        await asyncio.sleep(seconds)
        await transaction.rollback()

    task = asyncio.create_task(let_go())
    try:
        yield
    finally:
        await task
        await connection.close(timeout=30)


@asynccontextmanager
async def _repeated(
    url: str,
    work: Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[None]],
    name: str = _CLIENT,
) -> AsyncIterator[None]:
    connection = await asyncpg.connect(
        url, timeout=30, command_timeout=60, server_settings={"application_name": name}
    )
    over = False

    async def repeat() -> None:
        while not over:
            await work(connection)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        over = True
        await asyncio.wait([task], timeout=60)
        await connection.close(timeout=30)
    task.result()
