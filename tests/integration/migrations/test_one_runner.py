"""Many runners at once: one of them runs, and all of them are content."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.backend.database.embedded import EmbeddedServer
from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS
from app.backend.migrations.migration_manager import ADVISORY_LOCK, upgrade
from app.backend.migrations.running.events import Happening
from tests.support.busy_table import busy
from tests.support.migrating import Revisions, connected, migrating, run, target_of
from tests.support.postgres import fresh_database
from tests.support.processes import start
from tests.support.service import until

PATIENCE = 120.0
CONTENT = (0, f"schema is at {EXPAND_HEAD}")
WAITING = (
    "select count(*) from pg_stat_activity where datname = current_database()"
    " and application_name like 'pm33-migrate:%'"
)


@pytest.fixture
async def empty(postgres: EmbeddedServer) -> AsyncIterator[str]:
    async with fresh_database(postgres, migrated=False) as url:
        yield url


@pytest.fixture
async def behind(postgres: EmbeddedServer) -> AsyncIterator[str]:
    """A database that lacks the last revision, and has a table."""
    async with fresh_database(postgres, migrated=False) as url:
        await upgrade(target_of(url), REVISIONS[-2])
        async with connected(url) as connection:
            await connection.execute(
                "create table shop (id bigint primary key, name text)"
            )
        yield url


async def all_at_once(url: str, count: int, folder: Path) -> list[tuple[int, str]]:
    """How so many runners have ended that began together, and their last words."""
    up = ["-m", "app.cli", "migrate", "up"]
    env = {"DATABASE_URL": url}
    async with AsyncExitStack() as stack:
        holder = await stack.enter_async_context(connected(url))
        await holder.execute("select pg_advisory_lock($1)", ADVISORY_LOCK)
        runners = [
            stack.enter_context(start(up, output=folder / f"runner{one}", env=env))
            for one in range(count)
        ]

        async def wait() -> bool:
            return int(await holder.fetchval(WAITING)) == count

        await until(wait, PATIENCE)
        await holder.execute("select pg_advisory_unlock($1)", ADVISORY_LOCK)
        codes = [await runner.exit_code(PATIENCE) for runner in runners]
        said = [runner.output().splitlines()[-1] for runner in runners]
    return list(zip(codes, said, strict=True))


async def runs_of(url: str, head: str = EXPAND_HEAD) -> list[str]:
    """How the runs have ended that brought the schema there."""
    async with connected(url) as connection:
        assert await connection.fetchval(
            "select version_num = $1 from ops.alembic_version", head
        )
        return [
            row[0]
            for row in await connection.fetch("select state from ops.migration_run")
        ]


async def test_of_three_runners_on_an_empty_database_one_runs(
    empty: str, tmp_path: Path
) -> None:
    assert await all_at_once(empty, 3, tmp_path) == [CONTENT] * 3
    assert await runs_of(empty) == ["done"]


@pytest.mark.full
async def test_of_ten_runners_on_a_busy_database_one_runs(
    behind: str, tmp_path: Path
) -> None:
    before = await runs_of(behind, REVISIONS[-2])
    async with busy(behind):
        assert await all_at_once(behind, 10, tmp_path) == [CONTENT] * 10
    assert await runs_of(behind) == [*before, "done"]


@pytest.mark.full
async def test_a_revision_that_computes_for_long_does_not_look_dead(
    postgres: EmbeddedServer, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_slow", "__import__('time').sleep(4)")
    output = tmp_path / "slow"
    async with fresh_database(postgres) as url:
        with migrating(url, chain, output, lease_ttl=1.5) as slow:
            await slow.event(kind="revision", within=PATIENCE)
            second = await run(url, chain, lease_ttl=1.5)
            assert await slow.exit_code(PATIENCE) == 0, slow.output()

    assert Happening.ORPHAN not in [event.kind for event in second]
