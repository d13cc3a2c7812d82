import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer
from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.migration_manager import (
    ADVISORY_LOCK,
    pending,
    plan_hash,
    upgrade,
)
from tests.support.postgres import fresh_database
from tests.support.processes import start
from tests.support.service import Finished, pm33, until

NOWHERE = "postgresql://u:p@127.0.0.1:1/d"
OLD = "0" * 64


def target_of(url: str) -> DatabaseTarget:
    return parse_target(SecretStr(url), DatabaseSettings())


@pytest.fixture
async def behind(postgres: EmbeddedServer) -> AsyncIterator[str]:
    """The URL of a database that lacks the last revision."""
    async with fresh_database(postgres, migrated=False) as url:
        await upgrade(target_of(url), REVISIONS[-2])
        yield url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url, timeout=30, command_timeout=30)
    try:
        yield connection
    finally:
        await connection.close(timeout=30)


async def applied(url: str) -> list[str]:
    async with connected(url) as connection:
        rows = await connection.fetch("select version_num from ops.alembic_version")
        return [row[0] for row in rows]


async def pre_deploy(url: str, **variables: str) -> Finished:
    words = ("migrate", "up", "--phase", "expand", "--plan-from-env")
    return await pm33(*words, DATABASE_URL=url, **variables)


async def test_the_plan_that_was_made_is_applied(behind: str) -> None:
    plan = await plan_hash(target_of(behind))
    done = await pre_deploy(behind, PM33_MIGRATION_PLAN=plan)
    assert (done.code, await applied(behind)) == (0, [EXPAND_HEAD]), done.err


async def test_another_plan_is_refused_and_nothing_is_touched(behind: str) -> None:
    done = await pre_deploy(
        behind, PM33_MIGRATION_PLAN=OLD, PM33_MIGRATE_ON_DEPLOY="expand"
    )
    assert (done.code, await applied(behind)) == (5, [REVISIONS[-2]])
    assert EXPAND_HEAD in done.err
    assert "remedy: deploy again" in done.err


async def test_up_carries_out_the_plan_that_is_named_and_no_other(behind: str) -> None:
    refused = await pm33("migrate", "up", "--plan", OLD, DATABASE_URL=behind)
    assert (refused.code, await applied(behind)) == (5, [REVISIONS[-2]])
    plan = await plan_hash(target_of(behind))
    done = await pm33("migrate", "up", "--plan", plan, DATABASE_URL=behind)
    assert (done.code, await applied(behind)) == (0, [EXPAND_HEAD]), done.err


async def test_without_a_plan_it_only_looks(behind: str) -> None:
    done = await pre_deploy(behind)
    assert (done.code, await applied(behind)) == (5, [REVISIONS[-2]])
    assert "PM33_MIGRATE_ON_DEPLOY=expand" in done.err


async def test_a_refusal_leaves_an_empty_database_empty(
    postgres: EmbeddedServer,
) -> None:
    async with fresh_database(postgres, migrated=False) as url:
        done = await pre_deploy(url)
        async with connected(url) as connection:
            schema = await connection.fetchval("select to_regnamespace('ops')::text")
    assert (done.code, schema) == (5, None)


async def test_it_may_be_told_to_expand_without_a_plan(behind: str) -> None:
    done = await pre_deploy(behind, PM33_MIGRATE_ON_DEPLOY="expand")
    assert (done.code, await applied(behind)) == (0, [EXPAND_HEAD])


@pytest.mark.parametrize(
    "plan", [{}, {"PM33_MIGRATION_PLAN": OLD}], ids=["none", "old"]
)
@pytest.mark.parametrize("row", [EXPAND_HEAD, "9999"], ids=["current", "ahead"])
async def test_a_rollback_may_run_it_again_with_an_old_plan(
    database_url: str, row: str, plan: dict[str, str]
) -> None:
    async with connected(database_url) as connection:
        await connection.execute("update ops.alembic_version set version_num = $1", row)
    done = await pre_deploy(database_url, **plan)
    assert (done.code, await applied(database_url)) == (0, [row]), done.err


async def test_what_this_release_cannot_live_with_is_refused(
    database_url: str,
) -> None:
    async with connected(database_url) as connection:
        await connection.execute(
            "insert into ops.schema_floor (revision, requires) values ('9999', '9999')"
        )
    assert (await pre_deploy(database_url)).code == 5


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({}, 0),
        ({"PM33_MIGRATE_ON_DEPLOY": "expand"}, 0),
        ({"PM33_MIGRATION_PLAN": OLD}, 1),
    ],
    ids=["no plan", "told to expand", "a plan"],
)
async def test_a_database_that_is_away_stops_only_what_has_to_be_applied(
    variables: dict[str, str], code: int
) -> None:
    done = await pre_deploy(NOWHERE, **variables)
    assert done.code == code, done.err
    assert "Traceback" not in done.err


async def test_a_schema_that_another_migrator_brings_along_is_not_refused(
    behind: str, tmp_path: Path
) -> None:
    words = ["-m", "app.cli", "migrate", "up", "--plan-from-env"]
    async with connected(behind) as other:
        await other.execute("select pg_advisory_lock($1)", ADVISORY_LOCK)
        with start(words, output=tmp_path / "up", env={"DATABASE_URL": behind}) as up:
            await waits(other)
            await other.execute("update ops.alembic_version set version_num = '9999'")
            await other.execute("select pg_advisory_unlock($1)", ADVISORY_LOCK)
            code = await up.exit_code()
            assert code == 0, up.output()


async def waits(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Until a migrator asks for the lock, over and over."""
    asks = """
        select count(*) from pg_stat_activity
        where datname = current_database() and application_name like 'pm33-migrate:%'
        and query ~* 'advisory|rollback'
    """

    async def seen() -> bool:
        return bool(await connection.fetchval(asks))

    await until(seen)


async def test_the_plan_is_shown_and_changes_nothing(behind: str) -> None:
    shown = await pm33("migrate", "plan", DATABASE_URL=behind)
    told = await pm33("migrate", "plan", "--json", DATABASE_URL=behind)
    plan = json.loads(told.out)

    assert f"expand {EXPAND_HEAD}.py: " in shown.out
    assert plan["hash"] in shown.out
    assert plan["hash"] == await plan_hash(target_of(behind))
    assert plan["traced"]
    assert [one["id"] for one in plan["pending"]] == [EXPAND_HEAD]
    assert {one["lock"] for one in plan["pending"][0]["statements"]} == {"none"}
    assert await applied(behind) == [REVISIONS[-2]]
    assert [one.id for one in await pending(target_of(behind))] == [EXPAND_HEAD]
