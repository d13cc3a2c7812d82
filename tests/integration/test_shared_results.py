"""The rows by which replicas share: claimed by one, published once, never kept long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.connection import ReservedConnection
from app.backend.database.target import parse_target
from app.backend.health.models import CheckResult
from app.backend.health.observations import Finding
from app.backend.health.shared_results import Key, SharedResults

KEY = Key("openai", "f-1")
FOUND = Finding(result=CheckResult.healthy(models=3), run=2, pause=60.0)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[SharedResults]:
    target = parse_target(SecretStr(url), DatabaseSettings())
    connection = ReservedConnection(target, name="pm33-store", connect_timeout=5)
    try:
        yield SharedResults(connection)
    finally:
        await connection.close()


@pytest.fixture
async def results(database_url: str) -> AsyncIterator[SharedResults]:
    async with opened(database_url) as shared:
        yield shared


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        await connection.execute(statement, timeout=30)
    finally:
        await connection.close(timeout=30)


async def test_what_nobody_has_asked_about_is_due(results: SharedResults) -> None:
    standing = await results.look(KEY)

    assert standing.is_due
    assert standing.newest is None


async def test_a_clock_that_is_put_back_stops_nobody(
    results: SharedResults, database_url: str
) -> None:
    claim = await results.claim(KEY, "r-1", lasts=60, spacing=0)
    assert claim is not None
    await results.publish(KEY, claim, "r-1", FOUND)
    await execute(
        database_url,
        "update ops.shared_result set observed_at = observed_at + interval '1 day',"
        " claimed_until = claimed_until + interval '1 day',"
        " next_at = next_at + interval '1 day'",
    )
    assert not (await results.look(KEY)).is_due

    standing = await results.look(KEY, horizon=7200)
    again = await results.claim(KEY, "r-2", lasts=60, spacing=0, horizon=7200)

    assert standing.is_due
    assert standing.newest is None
    assert again == 2


async def test_of_many_that_claim_at_the_same_time_one_gets_it(
    database_url: str,
) -> None:
    async with AsyncExitStack() as stack:
        replicas = [
            await stack.enter_async_context(opened(database_url)) for _ in range(8)
        ]
        await asyncio.gather(*(one.look(KEY) for one in replicas))
        claims = await asyncio.gather(
            *(
                one.claim(KEY, f"r-{number}", lasts=60, spacing=0)
                for number, one in enumerate(replicas)
            )
        )

    assert sorted(map(str, claims)) == ["1", *["None"] * 7]


async def test_what_is_published_is_heard_with_its_age_and_is_not_due(
    results: SharedResults, database_url: str
) -> None:
    claim = await results.claim(KEY, "r-1", lasts=60, spacing=0)
    assert claim is not None
    published = await results.publish(KEY, claim, "r-1", FOUND)
    await execute(
        database_url,
        "update ops.shared_result set observed_at = observed_at - interval '9 s'",
    )
    standing = await results.look(KEY)

    assert published is not None
    assert standing.newest is not None
    assert standing.newest.finding == published.finding == FOUND
    assert standing.newest.by == "r-1"
    assert 9 <= standing.newest.age < 40
    assert standing.held_for <= 0
    assert 20 < standing.due_in <= 60
    assert await results.claim(KEY, "r-2", lasts=60, spacing=0) is None


async def test_a_claim_that_ran_out_can_be_taken_and_its_holder_comes_too_late(
    results: SharedResults,
) -> None:
    first = await results.claim(KEY, "r-1", lasts=0, spacing=0)
    second = await results.claim(KEY, "r-2", lasts=60, spacing=0)
    assert (first, second) == (1, 2)

    assert await results.publish(KEY, 1, "r-1", FOUND) is None
    assert (await results.look(KEY)).newest is None
    assert await results.publish(KEY, 2, "r-2", FOUND) is not None


async def test_a_claim_that_ran_out_and_that_nobody_took_still_publishes(
    results: SharedResults,
) -> None:
    assert await results.claim(KEY, "r-1", lasts=0, spacing=0) == 1
    assert await results.publish(KEY, 1, "r-1", FOUND) is not None


async def test_the_budget_holds_also_where_the_holder_dies(
    results: SharedResults,
) -> None:
    assert await results.claim(KEY, "r-1", lasts=0, spacing=60) == 1
    assert await results.claim(KEY, "r-2", lasts=60, spacing=0) is None
    assert not (await results.look(KEY)).is_due


async def test_what_is_left_alone_for_long_can_be_claimed_by_who_asks_for_that(
    results: SharedResults, database_url: str
) -> None:
    assert await results.claim(KEY, "r-1", lasts=60, spacing=0) == 1
    alone = Finding(result=FOUND.result, run=1, pause=3600.0)
    assert await results.publish(KEY, 1, "r-1", alone) is not None
    assert await results.claim(KEY, "r-2", lasts=60, spacing=0, rested=60) is None
    await execute(
        database_url,
        "update ops.shared_result set claimed_until = now() - interval '61 s'",
    )

    assert (await results.look(KEY)).held_for < -60
    assert await results.claim(KEY, "r-2", lasts=60, spacing=0) is None
    assert await results.claim(KEY, "r-2", lasts=60, spacing=0, rested=60) == 2
    assert await results.claim(KEY, "r-3", lasts=60, spacing=0, rested=60) is None


async def test_two_fingerprints_know_nothing_of_each_other(
    results: SharedResults,
) -> None:
    other = Key(KEY.check, "f-2")
    assert await results.claim(KEY, "r-1", lasts=60, spacing=60) == 1
    assert await results.publish(KEY, 1, "r-1", FOUND) is not None

    standing = await results.look(other)
    assert standing.is_due
    assert standing.newest is None


async def test_living_replicas_are_counted(
    results: SharedResults, database_url: str
) -> None:
    await execute(
        database_url,
        "insert into ops.replica select 'r-' || n, '', '', '', '',"
        " now() - n * interval '12 s' from generate_series(0, 4) as n",
    )
    assert (await results.look(KEY)).replicas == 3


async def test_rows_that_nobody_asks_about_any_more_are_forgotten(
    results: SharedResults, database_url: str
) -> None:
    old = Key(KEY.check, "of a key that was rotated")
    assert await results.claim(old, "r-1", lasts=60, spacing=60) == 1
    await execute(
        database_url, "update ops.shared_result set next_at = now() - interval '8 d'"
    )
    assert await results.claim(KEY, "r-1", lasts=60, spacing=60) == 1
    assert await results.publish(KEY, 1, "r-1", FOUND) is not None

    connection = await asyncpg.connect(database_url, timeout=30)
    try:
        kept = await connection.fetch("select fingerprint from ops.shared_result")
    finally:
        await connection.close(timeout=30)
    assert [row["fingerprint"] for row in kept] == [KEY.fingerprint]


async def test_a_row_that_cannot_be_read_is_no_observation(
    results: SharedResults, database_url: str
) -> None:
    assert await results.claim(KEY, "r-1", lasts=0, spacing=0) == 1
    assert await results.publish(KEY, 1, "r-1", FOUND) is not None
    await execute(
        database_url, """update ops.shared_result set result = '{"run": "many"}'"""
    )
    assert (await results.look(KEY)).newest is None
