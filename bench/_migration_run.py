"""One migration under load: what its users felt, and how long it took."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from app.errors import OpsError
from bench._migration_cases import Crowd
from bench._migration_load import READY, Operation
from bench._migration_watch import BLOCKER, connected, watched
from bench._servers import ROOT, environment

__all__ = ["Felt", "Order", "under_load"]

_LEAD: Final = 3.0
"""Seconds of load before anything happens, which warm the caches."""
_AFTER: Final = 1.0
_LONG: Final = 10.0
_HURRIED: Final = 0.05
_HURRYING: Final = 8
_DEADLINE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Order:
    """What load there is to be; see :mod:`bench._migration_load`."""

    rate: float
    orders: int
    customers: int
    seed: int


@dataclass(frozen=True, slots=True)
class Felt:
    """What came of one run.

    Attributes:
        operations: of the load, those that were due while the migration was connected.
        before: those of the last seconds before anything happened.
        waited: the longest that one was seen to wait for a lock of the migration.
        seconds: from the start of the migration's process to its end.
    """

    operations: Sequence[Operation]
    before: Sequence[Operation]
    waited: float
    looks: int
    seconds: float


async def under_load(
    url: str,
    order: Order,
    crowd: Crowd,
    happen: Callable[[], Awaitable[object]],
) -> Felt:
    """Lets something happen while the tables are in use.

    Args:
        url: of the database.
        order: the load.
        crowd: who else is there.
        happen: does it, and returns when it is over.
    """
    async with AsyncExitStack() as stack:
        load = await stack.enter_async_context(_loaded(url, order))
        lead = time.monotonic()
        await asyncio.sleep(_LEAD)
        waits = await stack.enter_async_context(watched(url))
        async with _crowded(url, crowd):
            began = time.monotonic()
            await happen()
            ended = time.monotonic()
        await asyncio.sleep(_AFTER)
        operations = await load.outcome()
    since = waits.since or began
    return Felt(
        operations=[one for one in operations if since <= one.due <= ended],
        before=[one for one in operations if lead + _LEAD / 2 <= one.due < began],
        waited=waits.longest,
        looks=waits.looks,
        seconds=ended - began,
    )


class _Load:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def outcome(self) -> list[Operation]:
        """Ends the load, and returns what came of it."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        self._process.stdin.close()
        async with asyncio.timeout(_DEADLINE):
            printed, _ = await self._process.communicate()
        return [Operation(*one) for one in json.loads(printed)]


@asynccontextmanager
async def _loaded(url: str, order: Order) -> AsyncIterator[_Load]:
    """Load in a process of its own, which waits for nobody here."""
    told = {"url": url, "rate": order.rate, "seed": order.seed}
    rows = {"orders": order.orders, "customers": order.customers}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench._migration_load", json.dumps(told | rows)),
        cwd=ROOT,
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**26,
    )
    try:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        async with asyncio.timeout(_DEADLINE):
            if (await process.stdout.readline()).decode().strip() != READY:
                raise OpsError("the load did not begin", remedy="see what it printed")
        yield _Load(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _crowded(url: str, crowd: Crowd) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        match crowd:
            case Crowd.NOBODY:
                pass
            case Crowd.LONG:
                await stack.enter_async_context(_held(url))
            case Crowd.HURRYING:
                for _ in range(_HURRYING):
                    await stack.enter_async_context(_hurrying(url))
        yield


@asynccontextmanager
async def _held(url: str) -> AsyncIterator[None]:
    """For ten seconds a transaction has read the table, and does not end."""
    async with connected(url, BLOCKER) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.fetchval("SELECT amount FROM orders WHERE id = 1")

        async def let_go() -> None:
            await asyncio.sleep(_LONG)
            await transaction.rollback()

        letting_go = asyncio.create_task(let_go())
        try:
            yield
        finally:
            await letting_go


@asynccontextmanager
async def _hurrying(url: str) -> AsyncIterator[None]:
    """A client that is always in a transaction."""
    async with connected(url, BLOCKER) as connection:
        over = asyncio.Event()

        async def hurry() -> None:
            while not over.is_set():
                async with connection.transaction():
                    await connection.fetchval("SELECT amount FROM orders WHERE id = 1")
                    await asyncio.sleep(_HURRIED)

        hurrying = asyncio.create_task(hurry())
        try:
            yield
        finally:
            over.set()
            await asyncio.wait([hurrying])
        hurrying.result()
