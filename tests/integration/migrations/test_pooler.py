"""A pooler in transaction mode is refused, whatever its URL looks like."""

import pytest

from app.errors import PreflightError
from tests.support.migrating import Revisions, catalogue, run
from tests.support.pgbouncer import pooled
from tests.support.service import pm33

pytestmark = pytest.mark.full


@pytest.fixture
def revisions(tmp_path_factory: pytest.TempPathFactory) -> Revisions:
    chain = Revisions(tmp_path_factory.mktemp("versions"))
    chain.add("9001_ours", "op.execute('create table ours (id bigint)')")
    return chain


@pytest.mark.parametrize("mode", ["transaction", "statement"])
async def test_a_pooler_that_changes_backends_is_refused_with_the_remedy(
    database_url: str, revisions: Revisions, mode: str
) -> None:
    before = await catalogue(database_url)
    async with pooled(database_url, mode) as url:
        with pytest.raises(PreflightError, match="pooler") as caught:
            await run(url, revisions)

    assert caught.value.exit_code == 5
    assert "MIGRATION_DATABASE_URL" in caught.value.remedy
    assert await catalogue(database_url) == before


async def test_a_pooler_that_keeps_its_backend_is_as_good_as_none(
    database_url: str, revisions: Revisions
) -> None:
    async with pooled(database_url, "session") as url:
        await run(url, revisions)

    assert "version 9001_ours" in await catalogue(database_url)


async def test_the_direct_url_is_taken_where_there_is_one(database_url: str) -> None:
    async with pooled(database_url, "transaction") as url:
        done = await pm33(
            "migrate", "up", DATABASE_URL=url, MIGRATION_DATABASE_URL=database_url
        )
    assert done.code == 0, done.err
