"""A runner that is killed: the next one ends where an undisturbed one does."""

import random
import signal
from pathlib import Path

import asyncpg
import pytest

from app.backend.database.embedded import EmbeddedServer
from app.backend.migrations.running.events import Happening
from app.errors import MigrationError
from tests.support.migrating import (
    STEADY,
    Revisions,
    catalogue,
    connected,
    migrating,
    run,
)
from tests.support.postgres import fresh_database
from tests.support.service import until

TTL = 2.0
PATIENCE = 60.0

TABLE = """
    op.create_table("shop", sa.Column("id", sa.BigInteger(), primary_key=True),
                    sa.Column("name", sa.Text()))
    op.execute("insert into shop select n, 'x' from generate_series(1, 100) n")
"""
COLUMNS = """
    op.add_column("shop", sa.Column("size", sa.Text()))
    op.execute("alter table shop add column colour text")
"""
MIXED = """
    op.add_column("shop", sa.Column("weight", sa.Integer()))
    with op.get_context().autocommit_block():
        op.create_index("ix_shop_name", "shop", ["name"],
                        postgresql_concurrently=True)
        op.execute("alter type mood add value 'soso'")
    op.execute("alter table shop add column height integer")
"""
STEPS = """
    context = op.get_context()
    weak = Lock.SHARE_UPDATE_EXCLUSIVE
    for step in (
        Step(sql="create index concurrently ix_shop_size on shop (size)", table="shop",
             lock=weak, long=True,
             ask="select coalesce((select case when indisvalid then 'valid' else"
             " 'invalid' end from pg_index where indexrelid ="
             " to_regclass('ix_shop_size')), 'absent')",
             clean=Step(sql="drop index concurrently ix_shop_size", table="shop",
                        lock=weak)),
        Step(sql="alter table shop alter column size set default 'm'", table="shop",
             lock=Lock.ACCESS_EXCLUSIVE),
    ):
        context.opts[EXECUTOR].run(step, directive="safe_example")
"""


SAFE = """
    op.safe_create_index("ix_shop_size", "shop", ["size"])
    op.safe_create_check("known", "shop", "id > 0")
    op.safe_add_column("shop", sa.Column("state", sa.Text(), nullable=False),
                       default="new", backfill="old", batch=30)
    op.safe_create_unique("uq_shop_name", "shop", ["id", "name"])
    op.safe_add_enum_value("mood", "glad")
"""


@pytest.fixture
def safe(tmp_path: Path) -> Revisions:
    chain = Revisions(tmp_path / "safe")
    chain.add(
        "9001_table", TABLE + "    op.execute(\"create type mood as enum ('ok')\")"
    )
    chain.add("9002_columns", COLUMNS)
    chain.add("9003_safe", SAFE)
    return chain


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    chain = Revisions(tmp_path / "versions")
    chain.add(
        "9001_table", TABLE + "    op.execute(\"create type mood as enum ('ok')\")"
    )
    chain.add("9002_columns", COLUMNS)
    chain.add("9003_mixed", MIXED)
    chain.add("9004_steps", STEPS)
    return chain


async def undisturbed(
    postgres: EmbeddedServer, revisions: Revisions
) -> tuple[list[str], int]:
    """What there is in the end, and how many events there are on the way."""
    async with fresh_database(postgres) as url:
        events = await run(url, revisions)
        steady = sum(event.kind in STEADY for event in events)
        return await found(url), steady


async def found(url: str) -> list[str]:
    """What there is: the catalogue, and the rows."""
    rows = "select md5(string_agg(shop::text, ',' order by id)) from shop"
    async with connected(url) as connection:
        return [*await catalogue(url), await connection.fetchval(rows)]


async def killed_at(url: str, revisions: Revisions, folder: Path, number: int) -> None:
    options = {"barrier": number, "lease_ttl": TTL}
    with migrating(url, revisions, folder / f"killed{number}", **options) as child:
        await child.event(number=number, within=PATIENCE)
        child.signal(signal.SIGKILL)
        await child.exit_code()


async def everywhere(
    postgres: EmbeddedServer, revisions: Revisions, folder: Path, *, sample: int | None
) -> None:
    whole, count = await undisturbed(postgres, revisions)
    numbers = list(range(1, count + 1))
    if sample is not None:
        numbers = random.Random(20_261_123).sample(numbers, sample)  # noqa: S311 - seeded
    for number in numbers:
        async with fresh_database(postgres) as url:
            await killed_at(url, revisions, folder, number)
            await run(url, revisions, lease_ttl=TTL)
            assert await found(url) == whole, f"killed at event {number}"


async def test_a_runner_killed_between_statements_is_made_up_for(
    postgres: EmbeddedServer, revisions: Revisions, tmp_path: Path
) -> None:
    await everywhere(postgres, revisions, tmp_path, sample=1)


@pytest.mark.full
@pytest.mark.timeout(600)
async def test_a_runner_killed_anywhere_is_made_up_for(
    postgres: EmbeddedServer, revisions: Revisions, tmp_path: Path
) -> None:
    await everywhere(postgres, revisions, tmp_path, sample=None)


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_safe_operations_killed_anywhere_are_made_up_for(
    postgres: EmbeddedServer, safe: Revisions, tmp_path: Path
) -> None:
    await everywhere(postgres, safe, tmp_path, sample=None)


@pytest.mark.parametrize(
    ("before", "statement", "fragment"),
    [
        pytest.param(
            "9001_table",
            "lock table shop in access share mode",
            "size",
            id="waiting",
            marks=pytest.mark.full,
        ),
        pytest.param(
            "9001_table",
            "select 1",
            "ix_shop_name",
            id="building",
            marks=pytest.mark.full,
        ),
        pytest.param(
            "9003_mixed",
            "select 1",
            "ix_shop_size",
            id="step",
            marks=pytest.mark.full,
        ),
    ],
)
async def test_a_runner_killed_inside_a_statement_is_made_up_for(
    postgres: EmbeddedServer,
    database_url: str,
    revisions: Revisions,
    tmp_path: Path,
    before: str,
    statement: str,
    fragment: str,
) -> None:
    whole, _ = await undisturbed(postgres, revisions)
    await run(database_url, revisions, goal=before)
    options = {"lease_ttl": TTL}
    async with connected(database_url) as other:
        # A build waits for whoever has an older snapshot.
        blocking = other.transaction(isolation="repeatable_read")
        await blocking.start()
        await other.execute(statement)
        with migrating(
            database_url, revisions, tmp_path / "killed", **options
        ) as child:
            await waits_for(database_url, fragment)
            child.signal(signal.SIGKILL)
            await child.exit_code()
        # What blocked it is still there: its backend has to be ended, or has ended.
        await blocking.rollback()

    await run(database_url, revisions, lease_ttl=TTL)

    assert await found(database_url) == whole


async def waits_for(url: str, fragment: str) -> None:
    """Until a statement of ours waits for a lock."""
    query = """
        select count(*) from pg_stat_activity
        where wait_event_type = 'Lock' and application_name like 'pm33-migrate:%'
          and datname = current_database() and query like '%' || $1 || '%'
    """

    async with connected(url) as connection:

        async def waiting() -> bool:
            return bool(await connection.fetchval(query, fragment))

        await until(waiting, PATIENCE)


COUNTED = """
    with op.get_context().autocommit_block():
        op.execute("update shop set id = id + 1000")
    op.execute("alter table shop add column size text")
"""


async def test_rows_are_not_changed_twice_by_a_runner_that_was_killed_after_it(
    database_url: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_table", TABLE)
    await run(database_url, chain)
    chain.add("9002_counted", COUNTED)
    with migrating(
        database_url, chain, tmp_path / "killed", barrier=3, lease_ttl=TTL
    ) as child:
        told = await child.event(number=3, within=PATIENCE)
        child.signal(signal.SIGKILL)
        await child.exit_code()
    assert (told["kind"], told["statement"]) == (
        "done",
        "update shop set id = id + 1000",
    )

    await run(database_url, chain, lease_ttl=TTL)

    async with connected(database_url) as connection:
        assert await connection.fetchval("select max(id) from shop") == 1100


CAUGHT = """
    with op.get_context().autocommit_block():
        try:
            op.execute("insert into shop values (1, 'twice')")
        except sa.exc.IntegrityError:
            op.execute("update shop set name = 'once' where id = 1")
"""


async def test_a_revision_may_go_on_after_rows_that_were_refused(
    database_url: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_table", TABLE)
    await run(database_url, chain)
    chain.add("9002_caught", CAUGHT)
    await run(database_url, chain)
    async with connected(database_url) as connection:
        named = await connection.fetchval("select name from shop where id = 1")
    assert named == "once"


async def test_the_backend_of_a_dead_runner_is_ended_before_going_on(
    database_url: str, revisions: Revisions, tmp_path: Path
) -> None:
    await run(database_url, revisions, goal="9002_columns")
    order = {"lease_ttl": TTL}
    with migrating(database_url, revisions, tmp_path / "stopped", **order) as child:
        async with (
            connected(database_url) as other,
            other.transaction(isolation="repeatable_read"),
        ):
            await other.execute("select 1")
            await waits_for(database_url, "ix_shop_name")
            # Stopped, not killed: the server cannot tell that nobody is there any more.
            child.signal(signal.SIGSTOP)
        try:
            events = await run(database_url, revisions, lease_ttl=TTL)
        finally:
            child.signal(signal.SIGKILL)
            await child.exit_code()

    kinds = [event.kind for event in events]
    assert Happening.ORPHAN in kinds[:2]
    assert (kinds[-1], events[-1].revision) == (Happening.APPLIED, "9004_steps")


async def test_a_failing_revision_with_an_autocommit_block_goes_on_where_it_failed(
    database_url: str, revisions: Revisions
) -> None:
    await run(database_url, revisions, goal="9002_columns")
    revisions.write(
        "9003_mixed", "9002_columns", f"{MIXED}\n    op.execute('select 1 / 0')\n"
    )
    for _ in range(2):
        with pytest.raises(MigrationError, match="division by zero") as caught:
            await run(database_url, revisions)
        assert "goes on" in caught.value.remedy or "stays done" in caught.value.remedy

    revisions.write("9003_mixed", "9002_columns", MIXED)
    await run(database_url, revisions)

    assert "version 9004_steps" in await catalogue(database_url)


async def test_a_half_applied_revision_that_was_changed_is_refused(
    database_url: str, revisions: Revisions
) -> None:
    await run(database_url, revisions, goal="9002_columns")
    revisions.write(
        "9003_mixed", "9002_columns", f"{MIXED}\n    op.execute('select 1 / 0')\n"
    )
    with pytest.raises(MigrationError):
        await run(database_url, revisions)

    revisions.write("9003_mixed", "9002_columns", MIXED.replace('"weight"', '"mass"'))
    with pytest.raises(MigrationError, match="half applied") as caught:
        await run(database_url, revisions)

    assert "migrate history" in caught.value.remedy


async def test_an_index_that_was_left_invalid_is_built_again(
    database_url: str, revisions: Revisions
) -> None:
    await run(database_url, revisions, goal="9002_columns")
    async with connected(database_url) as other:
        await other.execute("update shop set name = 'twice'")
        with pytest.raises(asyncpg.UniqueViolationError):
            await other.execute(
                "create unique index concurrently ix_shop_name on shop (name)"
            )

    await run(database_url, revisions)

    built = [line for line in await catalogue(database_url) if "ix_shop_name" in line]
    assert [line for line in built if "valid:t" in line]
