"""What only newer servers than most machines' own know."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.backend.database.embedded import EmbeddedServer
from tests.support.migrating import Revisions, catalogue, connected, run
from tests.support.newest_postgres import newest_server
from tests.support.postgres import fresh_database


@pytest.fixture(scope="module")
def newest() -> Iterator[EmbeddedServer]:
    with newest_server() as server:
        yield server


@pytest.mark.full
async def test_a_databases_own_limit_of_transactions_does_not_end_a_run(
    newest: EmbeddedServer, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_slow", "op.execute('select pg_sleep(1.5)')")
    async with fresh_database(newest, migrated=False) as url:
        async with connected(url) as connection:
            name = await connection.fetchval("select current_database()")
            await connection.execute(
                f"alter database {name} set transaction_timeout = '1s'"
            )
        await run(url, chain)
        assert "version 9001_slow" in await catalogue(url)
