"""Who is in the way is ended when that was asked for, and it is said."""

import asyncio
import contextlib
import re
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.backend.migrations.running.events import Happening
from tests.support.migrating import Revisions, connected, run, target_of


@pytest.fixture
async def shop(database_url: str) -> str:
    async with connected(database_url) as connection:
        await connection.execute("create table shop (id bigint primary key)")
    return database_url


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_size", "op.add_column('shop', sa.Column('size', sa.Text()))")
    return chain


async def test_a_blocker_that_is_ended_is_named(
    shop: str, revisions: Revisions
) -> None:
    with contextlib.suppress(asyncpg.InterfaceError):
        async with connected(shop) as connection, connection.transaction():
            await connection.execute("select 1 from shop")
            events = await run(shop, revisions, cancel_blockers_after=0.1, budget=20)
    (told,) = {event.message for event in events if event.kind is Happening.ENDED}
    assert re.match(r"ended what was in the way: pid \d+ \(", told)


async def test_a_blocker_that_cannot_be_ended_is_said_so_once(
    shop: str, revisions: Revisions
) -> None:
    role, name = secrets.token_hex(8), target_of(shop).database
    async with connected(shop) as owner:
        await owner.execute(
            f"create role \"{role}\" login password 'x';"
            f'grant all on schema public, ops to "{role}";'
            f'grant create on database "{name}" to "{role}";'
            f'grant all on all tables in schema ops to "{role}";'
            f'grant all on all sequences in schema ops to "{role}";'
            f'alter table shop owner to "{role}"'
        )
        try:
            account = urlsplit(shop).netloc.rpartition("@")[0]
            theirs = shop.replace(account, f"{role}:x")
            transaction = owner.transaction()
            await transaction.start()
            await owner.execute("select 1 from shop")
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(
                    run(theirs, revisions, cancel_blockers_after=0.1, budget=20)
                )
                await asyncio.sleep(1.0)
                await transaction.rollback()
            events = await running
        finally:
            await owner.execute(f'drop owned by "{role}"; drop role "{role}"')
    (told,) = [one.message for one in events if one.kind is Happening.ENDED]
    assert "its state is hidden from this role" in told
    assert "pg_signal_backend" in told
