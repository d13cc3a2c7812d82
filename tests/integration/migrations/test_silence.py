"""A database whose host vanishes without a word amid a statement."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.migrations.running.events import Happening
from app.errors import MigrationError
from tests.support.migrating import Revisions, catalogue, connected, run
from tests.support.service import until
from tests.support.silent_proxy import proxied

PATIENCE = 60.0
SLEEPS = "do $$ begin create table shop (id int); perform pg_sleep({}); end $$"


@pytest.mark.full
async def test_a_run_whose_database_is_gone_ends_and_the_next_one_makes_up_for_it(
    database_url: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_sleeps", f"op.execute({SLEEPS.format(100)!r})")
    asleep = """
        select exists (select from pg_stat_activity
                       where wait_event = 'PgSleep' and datname = current_database())
    """
    # A statement without a limit: the server itself would end no wait.
    allowed: dict[str, Any] = {"silence": 3.0, "lease_ttl": 2.0, "statement": 0.0}
    async with proxied(database_url) as proxy, connected(database_url) as looking:
        running = asyncio.create_task(run(proxy.url, chain, **allowed))
        await until(lambda: looking.fetchval(asleep), PATIENCE)
        proxy.fall_silent()
        began = time.monotonic()

        with pytest.raises(MigrationError) as caught:
            await running

        assert time.monotonic() - began < PATIENCE
        assert "`pm33 migrate up` goes on" in caught.value.remedy
        # The server has heard of nothing: what it does has to be ended first.
        assert await looking.fetchval(asleep)
        chain.write("9001_sleeps", EXPAND_HEAD, f"op.execute({SLEEPS.format(0)!r})")
        told = await run(database_url, chain, lease_ttl=2.0)

    assert Happening.ORPHAN in {one.kind for one in told}
    assert "version 9001_sleeps" in await catalogue(database_url)


@pytest.mark.full
async def test_a_database_that_is_gone_between_two_statements_is_not_waited_for(
    database_url: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    gone = tmp_path / "gone"
    chain.add(
        "9001_pauses",
        f"""
        from pathlib import Path
        from time import sleep
        op.execute("create table shop (id int)")
        while not Path({str(gone)!r}).exists():
            sleep(0.05)
        op.execute("create table other (id int)")
        """,
    )
    there = """
        select exists (select from pg_stat_activity
                       where state = 'idle in transaction'
                       and query ilike '%migration_step%'
                       and datname = current_database())
    """
    async with proxied(database_url) as proxy, connected(database_url) as looking:
        running = asyncio.create_task(run(proxy.url, chain, silence=3.0, lease_ttl=2.0))
        await until(lambda: looking.fetchval(there), PATIENCE)
        proxy.fall_silent()
        gone.touch()

        async with asyncio.timeout(PATIENCE):
            with pytest.raises(MigrationError) as caught:
                await running

    assert "`pm33 migrate up` goes on" in caught.value.remedy
    await run(database_url, chain, lease_ttl=2.0)
    assert "version 9001_pauses" in await catalogue(database_url)
