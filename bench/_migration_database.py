"""A server that keeps its promises in a crash, and databases with two tables in use."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.backend.database.embedded import EmbeddedServer, Places, start
from bench._migration_process import run_python
from bench._migration_watch import connected
from bench._progress import say
from bench._servers import ROOT

__all__ = ["Databases", "customers_of", "databases"]

_SEED: Final = "seed"
_DEADLINE = 60.0
_PER_CUSTOMER: Final = 10
_FIFTEEN: Final = 15
_TABLES: Final = """
    CREATE TABLE customers (
        id bigint PRIMARY KEY, name text NOT NULL, visits integer NOT NULL
    );
    CREATE TABLE orders (
        id bigint PRIMARY KEY, customer_id bigint NOT NULL, state text,
        amount integer NOT NULL, placed_at timestamptz NOT NULL, remark text NOT NULL
    )
"""
_CUSTOMERS: Final = """
    INSERT INTO customers SELECT n, 'customer ' || n, 0 FROM generate_series(1, $1) n
"""
# Some 100 bytes a row; when an order was placed is in no order.
_ORDERS: Final = """
    INSERT INTO orders
    SELECT n, 1 + n % $2, 'paid', n % 1000,
           now() - make_interval(secs => (n::bigint * 7919) % 31536000), repeat('x', 32)
    FROM generate_series(1, $1) n
"""


def customers_of(rows: int) -> int:
    """How many customers there are to so many orders."""
    return max(1, rows // _PER_CUSTOMER)


class Databases:
    """Copies of one database, which is filled and migrated once.

    Args:
        server: on which they are.
    """

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server

    @property
    def version(self) -> str:
        """PostgreSQL's."""
        return self._server.version

    def url(self, name: str) -> str:
        """Of one of them."""
        return urlsplit(self._server.url)._replace(path=f"/{name}").geturl()

    async def fill(self, rows: int) -> None:
        """Makes what all are copied from: our own tables, and the two."""
        say(f"a database with {rows:,} orders")
        await self._execute(f"CREATE DATABASE {_SEED}")
        await run_python(
            ("app.cli", "migrate", "up"), ROOT, {"DATABASE_URL": self.url(_SEED)}
        )
        customers = customers_of(rows)
        async with connected(self.url(_SEED)) as connection:
            await connection.execute(_TABLES)
            long = {"timeout": 600.0}
            await connection.execute(_CUSTOMERS, customers, **long)
            await connection.execute(_ORDERS, rows, customers, **long)
            await connection.execute(
                "CREATE INDEX ix_orders_customer_id ON orders (customer_id)", **long
            )
            await connection.execute("VACUUM (FREEZE, ANALYZE)", **long)

    @asynccontextmanager
    async def copy(self, name: str) -> AsyncIterator[str]:
        """The URL of a copy, which is dropped when the block ends."""
        recent = int(self.version.split(".")[0]) >= _FIFTEEN
        how = " STRATEGY file_copy" if recent else ""
        await self._execute(f"CREATE DATABASE {name} TEMPLATE {_SEED}{how}")
        try:
            async with connected(self.url(name)) as connection:
                # Read once, so that no run finds its files colder than another.
                await connection.execute("SELECT sum(amount) FROM orders")
                await connection.execute("CHECKPOINT")
            yield self.url(name)
        finally:
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    @asynccontextmanager
    async def empty(self, name: str) -> AsyncIterator[str]:
        """The URL of an empty one."""
        await self._execute(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            await self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def _execute(self, statement: str) -> None:
        async with connected(self.url("postgres")) as connection:
            await connection.execute(statement, timeout=_DEADLINE)


@asynccontextmanager
async def databases() -> AsyncIterator[Databases]:
    """Runs the server until the block ends."""
    with tempfile.TemporaryDirectory(prefix="pm33-bench-", dir="/var/tmp") as folder:
        home = Path(folder)
        # The server's own user has to get in, where the server may not be root.
        await asyncio.to_thread(home.chmod, 0o711)
        server = await start(home, places=Places(scratch=home))
        try:
            yield Databases(server)
        finally:
            await server.stop()
