"""Safe operations under plain Alembic, when somebody is in the way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy.exc import DBAPIError

from app.backend.migrations.operations import (
    SafeAddColumnOp,
    SafeBackfillOp,
    SafeCreateCheckOp,
    SafeCreateUniqueOp,
    SafeSetNotNullOp,
)
from app.errors import MigrationError
from tests.support.safe_cases import CURSORS
from tests.support.safe_operations import offline, perform, run, shape

TABLE = """
CREATE TABLE t (id bigint PRIMARY KEY, a text);
INSERT INTO t SELECT n, 'a' || n FROM generate_series(1, 20) n
"""
QUEUED = "SELECT 1 FROM pg_locks WHERE relation = 't'::regclass AND NOT granted"


@pytest.fixture
async def url(database_url: str) -> str:
    await run(database_url, CURSORS)
    await run(database_url, TABLE)
    return database_url


@asynccontextmanager
async def holding(url: str, sql: str) -> AsyncIterator[asyncpg.Connection]:
    """A transaction that is open, and has done something."""
    connection = await asyncpg.connect(url, timeout=30, command_timeout=30)
    try:
        await connection.execute(f"BEGIN; {sql}")
        yield connection
    finally:
        await connection.close(timeout=30)


def add(op: Operations) -> None:
    SafeAddColumnOp.safe_add_column(op, "t", sa.Column("b", sa.Text()))


async def test_readers_get_through_between_two_attempts(url: str) -> None:
    async with holding(url, "SELECT * FROM t") as reader:
        running = asyncio.create_task(perform(url, add))
        try:
            async with asyncio.timeout(30):
                while not await run(url, QUEUED):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.01)
                # Behind a lock that is waited for without an end, this would be one.
                for _ in range(5):
                    await run(url, "SELECT count(*) FROM t")
            assert not running.done()
        finally:
            await reader.execute("COMMIT")
            await running

    assert "t.b text default: required:f comment:" in await shape(url)


async def test_it_gives_up_when_the_budget_is_used_and_leaves_the_schema(
    url: str,
) -> None:
    before = await shape(url)

    async with holding(url, "SELECT * FROM t"):
        with pytest.raises(MigrationError, match="not free within 0 s") as caught:
            await perform(url, add, budget=0.0)

    assert "pg_stat_activity" in caught.value.remedy
    assert await shape(url) == before


async def test_a_row_that_is_locked_is_waited_for_in_attempts(url: str) -> None:
    def fill(op: Operations) -> None:
        SafeBackfillOp.safe_backfill(op, "t", {"a": "x"}, where="a <> 'x'", batch=5)

    async with holding(url, "UPDATE t SET id = id WHERE id = 12") as writer:
        running = asyncio.create_task(perform(url, fill))
        done = "SELECT cursor::text FROM ops.backfill"
        async with asyncio.timeout(30):
            while await run(url, done) != ['["10"]']:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        await writer.execute("COMMIT")
        await running

    assert await run(url, "SELECT DISTINCT a FROM t") == ["x"]


async def test_a_build_that_fails_leaves_nothing_behind(url: str) -> None:
    def unique(op: Operations) -> None:
        SafeCreateUniqueOp.safe_create_unique(op, "u", "t", ["a"])

    before = await shape(url)
    await run(url, "UPDATE t SET a = 'same' WHERE id < 3")

    with pytest.raises(DBAPIError, match="could not create unique"):
        await perform(url, unique)

    assert await shape(url) == before
    await run(url, "UPDATE t SET a = id")
    await perform(url, unique)
    assert "t.u UNIQUE (a) valid:t" in await shape(url)


async def test_rows_that_do_not_fit_are_the_servers_to_name(url: str) -> None:
    await run(url, "UPDATE t SET a = NULL WHERE id = 7")

    def not_null(op: Operations) -> None:
        SafeSetNotNullOp.safe_set_not_null(op, "t", "a")

    with pytest.raises(DBAPIError, match="violated"):
        await perform(url, not_null)

    await run(url, "UPDATE t SET a = '' WHERE id = 7")
    await perform(url, not_null)
    assert "t.a text default: required:t comment:" in await shape(url)


async def test_the_sessions_own_limits_are_there_again_afterwards(url: str) -> None:
    seen: list[str] = []

    def revision(op: Operations) -> None:
        bind = op.get_bind()
        bind.exec_driver_sql("SET lock_timeout = '7s'")
        bind.exec_driver_sql("SET statement_timeout = '8s'")
        SafeCreateCheckOp.safe_create_check(op, "c", "t", "id > 0")
        limits = ("lock_timeout", "statement_timeout")
        seen.extend(
            bind.exec_driver_sql(f"SHOW {name}").scalar_one() for name in limits
        )

    await perform(url, revision)

    assert seen == ["7s", "8s"]


async def test_a_directive_may_stand_in_the_authors_own_autocommit_block(
    url: str,
) -> None:
    def revision(op: Operations) -> None:
        with op.get_context().autocommit_block():
            add(op)

    await perform(url, revision)

    assert "t.b text default: required:f comment:" in await shape(url)


def test_a_script_waits_for_strong_locks_only_so_long() -> None:
    def revision(op: Operations) -> None:
        SafeCreateUniqueOp.safe_create_unique(op, "u", "t", ["a"])

    assert offline(revision).split("\n\n")[:-1] == [
        "BEGIN;",
        "COMMIT;",
        "-- Should this fail, before it is tried again: DROP INDEX CONCURRENTLY u",
        "CREATE UNIQUE INDEX CONCURRENTLY u ON t (a);",
        "BEGIN;",
        "COMMIT;",
        "SET lock_timeout = '1s';",
        "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX u;",
        "RESET lock_timeout;",
        "BEGIN;",
        "COMMIT;",
    ]
