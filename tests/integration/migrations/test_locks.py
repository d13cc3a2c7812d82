"""Locks that others have: who waits for whom, how long, and what is said of it."""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from app.backend.database.connection import ReservedConnection
from app.backend.migrations.running.blockers import Blocker, end_blocker
from app.backend.migrations.running.events import Happening
from app.backend.migrations.running.stopping import StopSign
from app.errors import InterruptedRunError, LocksDeniedError, MigrationError
from tests.support.migrating import (
    Revisions,
    catalogue,
    connected,
    migrating,
    run,
    target_of,
)

SECRET = "what a user has typed"
READ = "select 1 from shop -- what a user has typed"


@pytest.fixture
async def shop(database_url: str) -> str:
    async with connected(database_url) as connection:
        await connection.execute(
            "create table shop (id bigint primary key, name text);"
            "insert into shop select n, 'x' from generate_series(1, 1000) n"
        )
    return database_url


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_ours", "op.execute('create table ours (id bigint)')")
    chain.add("9002_size", "op.add_column('shop', sa.Column('size', sa.Text()))")
    return chain


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[None]:
    """A transaction that has read the table, and does nothing more."""
    async with connected(url) as connection, connection.transaction():
        await connection.execute(READ)
        yield


@contextlib.asynccontextmanager
async def reading_in_turns(url: str) -> AsyncIterator[None]:
    """Transactions that end one by one, each much longer than a try may last."""
    lengths = random.Random(33)  # noqa: S311 - no secret
    begun = asyncio.Semaphore(0)

    async def read() -> None:
        # On one connection: on a busy machine, opening another takes as long.
        async with connected(url) as connection:
            while True:
                async with connection.transaction():
                    await connection.execute(READ)
                    begun.release()
                    await asyncio.sleep(lengths.uniform(0.6, 1.2))

    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(read()) for _ in range(6)]
        for _ in readers:
            await begun.acquire()
        yield
        for reader in readers:
            reader.cancel()


async def test_it_gets_through_when_a_blocker_ends(
    shop: str, revisions: Revisions
) -> None:
    async with asyncio.TaskGroup() as tasks:
        blocked = asyncio.Event()

        async def block() -> None:
            async with reading(shop):
                blocked.set()
                await asyncio.sleep(0.7)

        tasks.create_task(block())
        await blocked.wait()
        events = await run(shop, revisions, cap=0.1)

    failed = [event for event in events if event.kind is Happening.BLOCKED]
    assert failed
    assert all(event.seconds < 0.1 + 0.05 for event in failed)
    assert [event.attempt for event in failed] == list(range(1, len(failed) + 1))
    budgets = [event.budget_left for event in failed]
    assert budgets == sorted(budgets, key=lambda left: -(left or 0))
    assert "version 9002_size" in await catalogue(shop)


async def test_it_gives_up_when_the_budget_is_used_up_and_says_who_blocked(
    shop: str, revisions: Revisions
) -> None:
    await run(shop, revisions, goal="9001_ours")
    before = await catalogue(shop)
    async with reading(shop):
        with pytest.raises(LocksDeniedError) as caught:
            await run(shop, revisions, budget=0.5)

    assert (caught.value.exit_code, caught.value.http_status) == (1, 503)
    assert "idle in transaction" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "PM33_MIGRATE_LOCK_BUDGET" in caught.value.remedy
    assert await catalogue(shop) == before


@pytest.mark.parametrize(
    "statement", ["lock table shop in access exclusive mode", "select take()"]
)
async def test_what_leaves_nothing_waits_no_longer_than_the_budget_either(
    shop: str, tmp_path: Path, statement: str
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_reads", f"op.execute({statement!r})")
    async with connected(shop) as connection:
        await connection.execute(
            "create function take() returns void language plpgsql as"
            " 'begin lock table shop; end'"
        )
        async with connection.transaction():
            await connection.execute(READ)
            async with asyncio.timeout(20):
                with pytest.raises(LocksDeniedError) as caught:
                    await run(shop, chain, budget=0.5)
    assert "idle in transaction" in str(caught.value)


@pytest.mark.full
async def test_a_table_that_somebody_has_to_himself_is_said_to_be_in_the_way(
    shop: str, revisions: Revisions
) -> None:
    async with connected(shop) as connection, connection.transaction():
        await connection.execute("alter table shop alter name set default 'x'")
        with pytest.raises(LocksDeniedError, match="ACCESS EXCLUSIVE") as caught:
            await run(shop, revisions)
    assert "pg_locks" in caught.value.remedy


@pytest.mark.full
async def test_a_step_of_a_directive_waits_longer_each_time(
    shop: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add(
        "9001_step",
        """
        op.get_context().opts[EXECUTOR].run(
            Step(sql="alter table shop add column one text", table="shop",
                 lock=Lock.ACCESS_EXCLUSIVE), directive="safe_example")
        """,
    )
    async with reading_in_turns(shop):
        with pytest.raises(LocksDeniedError):
            await run(shop, chain, budget=8, cap=10)
    async with connected(shop) as connection:
        waited = await connection.fetch(
            "select lock_timeout from ops.migration_attempt order by id"
        )
    waits = [row[0] for row in waited]
    assert len(waits) > 3
    assert min(waits[1:]) >= 0.02, "of which a longer one is never had"


async def test_queries_that_block_are_shown_when_they_are_asked_for(
    shop: str, revisions: Revisions
) -> None:
    async with reading(shop):
        with pytest.raises(LocksDeniedError, match=SECRET):
            await run(shop, revisions, budget=2, show_queries=True)


async def test_a_blocker_that_is_too_old_is_ended_if_that_was_asked_for(
    shop: str, revisions: Revisions
) -> None:
    with contextlib.suppress(asyncpg.InterfaceError):
        async with reading(shop):
            await run(shop, revisions, cancel_blockers_after=0.1, budget=20)
            assert "version 9002_size" in await catalogue(shop)


async def test_a_session_is_left_alone_once_it_is_in_nobodys_way(shop: str) -> None:
    side = ReservedConnection(target_of(shop), name="side", connect_timeout=10)
    async with connected(shop) as connection:
        seen = Blocker(
            pid=connection.get_server_pid(),
            application="",
            user=None,
            state="idle in transaction",
            kind="client backend",
            seconds=60.0,
        )
        await connection.transaction().start()
        assert not await end_blocker(side, seen)
        assert await connection.fetchval("select 1") == 1
        assert await end_blocker(side, replace(seen, seconds=0.0))
    await side.close()


async def test_a_step_of_a_directive_is_tried_again_by_itself(
    shop: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add(
        "9001_steps",
        """
        run = op.get_context().opts[EXECUTOR].run
        for column in ("one", "two"):
            ask = (f"select case when count(*) = 1 then 'valid' else 'absent' end"
                   f" from information_schema.columns where column_name = '{column}'"
                   f" and table_name = 'shop'")
            run(Step(sql=f"alter table shop add column {column} text", table="shop",
                     lock=Lock.ACCESS_EXCLUSIVE, ask=ask), directive="safe_example")
        """,
    )
    async with reading(shop):
        with pytest.raises(LocksDeniedError) as caught:
            await run(shop, chain, budget=1.0)
    assert "add column one" in str(caught.value)
    async with connected(shop) as connection:
        tries = await connection.fetch(
            "select number, lock_timeout from ops.migration_attempt order by id"
        )
    assert [one["number"] for one in tries] == list(range(1, len(tries) + 1))
    # What an earlier try held is gone with it.
    assert all(0.020 <= one["lock_timeout"] <= 0.2 for one in tries)

    events = await run(shop, chain)

    sent = [event.statement for event in events if event.kind is Happening.STATEMENT]
    assert len([one for one in sent if one and "add column" in one]) == 2
    assert "version 9001_steps" in await catalogue(shop)


async def test_batches_are_transactions_of_their_own(shop: str, tmp_path: Path) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add(
        "9001_batches",
        """
        context, left = op.get_context(), [3]
        def work():
            if not left[0]:
                return None
            left[0] -= 1
            done = context.connection.exec_driver_sql(
                f"update shop set name = txid_current()::text where id % 3 = {left[0]}")
            return done.rowcount
        context.opts[EXECUTOR].batches(work, directive="safe_backfill")
        """,
    )
    events = await run(shop, chain)

    async with connected(shop) as connection:
        names = await connection.fetchval("select count(distinct name) from shop")
    assert names == 3
    told = [event.message for event in events if event.kind is Happening.BATCH]
    assert told == ["safe_backfill: 1000 rows"]


async def test_a_statement_that_holds_a_lock_too_long_is_ended(
    shop: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add(
        "9001_long",
        "op.execute('do $$ begin perform pg_sleep(5); end $$')",
    )
    began = time.monotonic()
    with pytest.raises(Exception, match="was not done in") as caught:
        await run(shop, chain, statement=1.0)
    assert time.monotonic() - began < 5
    assert "PM33_MIGRATE_STATEMENT_TIMEOUT" in caught.value.remedy  # type: ignore[attr-defined]


async def test_a_stop_comes_between_two_statements(
    shop: str, revisions: Revisions
) -> None:
    stop = StopSign()
    async with reading(shop):
        task = asyncio.create_task(run(shop, revisions, stop=stop))
        await asyncio.sleep(0.5)
        stop.ask()
        with pytest.raises(InterruptedRunError):
            await task
    assert "shop.size" not in " ".join(await catalogue(shop))


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGINT, marks=pytest.mark.full), signal.SIGTERM]
)
async def test_a_signal_ends_a_run_with_130(
    shop: str, revisions: Revisions, tmp_path: Path, number: signal.Signals
) -> None:
    async with reading(shop):
        with migrating(shop, revisions, tmp_path / "output") as child:
            await child.event(kind="blocked")
            child.signal(number)
            assert await child.exit_code() == 130
            assert "stopping after the statement under way" in child.output()
    async with connected(shop) as connection:
        state = await connection.fetchval(
            "select state from ops.migration_run order by started_at desc limit 1"
        )
    assert state == "interrupted"


async def test_a_build_that_is_given_up_leaves_no_index(
    shop: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add(
        "9001_build",
        """
        with op.get_context().autocommit_block():
            op.create_index("ix_shop_name", "shop", ["name"],
                            postgresql_concurrently=True)
        """,
    )
    async with (
        connected(shop) as other,
        other.transaction(isolation="repeatable_read"),
    ):
        await other.execute("select 1")
        with pytest.raises(LocksDeniedError):
            await run(shop, chain, budget=0.5)
        assert "ix_shop_name" not in " ".join(await catalogue(shop))
    await run(shop, chain)
    assert "version 9001_build" in await catalogue(shop)


async def test_a_backend_that_somebody_ends_is_an_error_and_no_end_of_waiting(
    shop: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_long", "op.execute('update shop set name = pg_sleep(0.03)::text')")
    task = asyncio.create_task(run(shop, chain))
    async with connected(shop) as connection:
        async with asyncio.timeout(20):
            while not await connection.fetchval(  # noqa: ASYNC110 - another process
                "select bool_or(pg_terminate_backend(pid)) from pg_stat_activity"
                " where wait_event = 'PgSleep' and datname = current_database()"
            ):
                await asyncio.sleep(0.05)
    with pytest.raises(MigrationError, match="9001_long failed") as caught:
        await task
    assert "goes on" in caught.value.remedy


async def test_a_cancellation_ends_the_statement_under_way(
    shop: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_long", "op.execute('update shop set name = pg_sleep(30)::text')")
    task = asyncio.create_task(run(shop, chain))
    async with connected(shop) as connection:
        async with asyncio.timeout(20):
            while not await connection.fetchval(  # noqa: ASYNC110 - another process
                "select count(*) from pg_stat_activity where wait_event = 'PgSleep'"
            ):
                await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = await connection.fetchval(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and application_name like 'pm33-m%'"
        )
    assert left == 0
