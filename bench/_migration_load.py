"""Open-loop load on two tables: ``python -m bench._migration_load ORDER``.

ORDER is JSON: ``url``, ``rate``, ``orders`` and ``customers`` (how many), ``seed``.
It prints a line when every connection is warm, goes on until its standard input is
closed, and prints what came of each operation.

An operation is due at its time, whatever has become of those before it, and its latency
counts from then on: a client that waits for its answer before it asks again would hide
the very stalls that are to be seen.
"""

import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from itertools import count
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

__all__ = ["CLIENT", "CONNECTIONS", "LIMIT", "READY", "Operation", "main"]

CLIENT: Final = "bench-load"
"""What its connections are called."""
CONNECTIONS: Final = 20
LIMIT: Final = 30.0
"""Seconds after which a client gives an operation up."""
READY: Final = "ready"

_READ_ORDER: Final = text(
    "SELECT id, customer_id, state, amount FROM orders WHERE id = :id"
)
_READ_CUSTOMER: Final = text("SELECT id, name FROM customers WHERE id = :id")
_WRITE_ORDER: Final = text("UPDATE orders SET amount = amount + 1 WHERE id = :id")
_WRITE_CUSTOMER: Final = text("UPDATE customers SET visits = visits + 1 WHERE id = :id")
# 75 % reads, 25 % writes of one row; a fifth of either on the smaller table.
_MIX: Final = (
    *((_READ_ORDER, "orders"),) * 12,
    *((_READ_CUSTOMER, "customers"),) * 3,
    *((_WRITE_ORDER, "orders"),) * 4,
    *((_WRITE_CUSTOMER, "customers"),) * 1,
)


class Operation(NamedTuple):
    """One operation.

    Attributes:
        due: on the system's monotonic clock.
        seconds: from then until it was done, or had failed.
        error: its SQLSTATE, or what else went wrong; None: it went well.
    """

    due: float
    seconds: float
    error: str | None


def main(arguments: Sequence[str]) -> None:
    """Runs the load that the one argument orders."""
    print(json.dumps(asyncio.run(_Load(json.loads(arguments[0])).run())), flush=True)


class _Load:
    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._random = random.Random(order["seed"])  # noqa: S311 - not a secret
        self._done: list[Operation] = []

    async def run(self) -> list[Operation]:
        # As an application has it: SQLAlchemy, a pool, prepared statements.
        engine = create_async_engine(
            self._order["url"].replace("postgresql:", "postgresql+asyncpg:", 1),
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=LIMIT,
            connect_args={"server_settings": {"application_name": CLIENT}},
        )
        try:
            await _warm(engine)
            print(READY, flush=True)
            stopped = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
            await self._offer(engine, stopped)
        finally:
            await engine.dispose()
        return self._done

    async def _offer(self, engine: AsyncEngine, stopped: "asyncio.Task[str]") -> None:
        began = time.monotonic()
        running: set[asyncio.Task[None]] = set()
        for number in count():
            due = began + number / self._order["rate"]
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if stopped.done():
                break
            task = asyncio.create_task(self._operate(engine, due))
            running.add(task)
            task.add_done_callback(running.discard)
        if running:
            await asyncio.wait(running)

    async def _operate(self, engine: AsyncEngine, due: float) -> None:
        statement, table = self._random.choice(_MIX)
        row = {"id": self._random.randint(1, self._order[table])}
        error = None
        try:
            async with asyncio.timeout(LIMIT), engine.begin() as connection:
                await connection.execute(statement, row)
        except TimeoutError:
            error = "timeout"
        except DBAPIError as fault:
            error = getattr(fault.orig, "sqlstate", None) or type(fault.orig).__name__
        except (SQLAlchemyError, OSError) as fault:
            error = type(fault).__name__
        self._done.append(Operation(due, time.monotonic() - due, error))


async def _warm(engine: AsyncEngine) -> None:
    """Opens every connection, and prepares every statement on it."""
    connections = [await engine.connect() for _ in range(CONNECTIONS)]
    for connection in connections:
        for statement, _ in dict.fromkeys(_MIX):
            await connection.execute(statement, {"id": 0})
        await connection.rollback()
        await connection.close()


if __name__ == "__main__":
    main(sys.argv[1:])
