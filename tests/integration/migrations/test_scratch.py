import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer, Places
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.analysis.scratch import (
    MAX_AGE,
    ScratchPlace,
    scratch_database,
)
from app.errors import NoScratchDatabaseError
from tests.support.postgres import fresh_database, open_home


@pytest.fixture
async def target(postgres: EmbeddedServer) -> AsyncIterator[DatabaseTarget]:
    async with fresh_database(postgres, migrated=False) as url:
        yield parse_target(SecretStr(url), DatabaseSettings())


@asynccontextmanager
async def connected(
    target: DatabaseTarget,
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(**target.connect_arguments("test"), timeout=30)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


async def databases(target: DatabaseTarget) -> set[str]:
    async with connected(target) as connection:
        rows = await connection.fetch(
            "SELECT datname FROM pg_database WHERE datname LIKE 'pm33%scratch%'"
        )
    return {row[0] for row in rows}


async def plain_role(target: DatabaseTarget) -> DatabaseTarget:
    """The same database, as somebody who may not create any."""
    async with connected(target) as connection:
        await connection.execute(
            "DO $$ BEGIN CREATE ROLE plain LOGIN PASSWORD 'plain';"
            " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
    return replace(target, user="plain", password=SecretStr("plain"))


async def test_it_is_empty_and_is_gone_afterwards_whoever_is_connected(
    target: DatabaseTarget, tmp_path: Path
) -> None:
    async with scratch_database(target, home=tmp_path) as scratch:
        assert scratch.database in await databases(target)
        left = await asyncpg.connect(**scratch.connect_arguments("left"), timeout=30)
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert await left.fetchval(tables) == 0
        assert await left.fetchval("SHOW lock_timeout") == "10s"
    assert scratch.database not in await databases(target)
    left.terminate()


async def test_it_is_gone_after_an_error_too(
    target: DatabaseTarget, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="odd"):
        async with scratch_database(target, home=tmp_path) as scratch:
            raise ValueError("odd")
    assert scratch.database not in await databases(target)


async def test_what_a_crash_has_left_is_dropped_an_hour_later(
    target: DatabaseTarget, tmp_path: Path
) -> None:
    now = int(time.time())
    old = f"pm33_scratch_{now - MAX_AGE - 60}_0a"
    recent = f"pm33_scratch_{now - 60}_0b"
    foreign = "pm33_scratch_of_a_person"
    async with connected(target) as connection:
        for name in (old, recent, foreign):
            await connection.execute(f"CREATE DATABASE {name}")
    try:
        async with scratch_database(target, home=tmp_path):
            left = await databases(target)
        assert {old, recent, foreign} & left == {recent, foreign}
    finally:
        async with connected(target) as connection:
            for name in (recent, foreign):
                await connection.execute(f"DROP DATABASE {name}")


async def test_it_has_the_extensions_of_the_database(
    target: DatabaseTarget, tmp_path: Path
) -> None:
    async with connected(target) as connection:
        available = await connection.fetchval(
            "SELECT count(*) FROM pg_available_extensions WHERE name = 'citext'"
        )
        if not available:
            pytest.skip("this PostgreSQL has no citext")
        await connection.execute("CREATE EXTENSION citext")
    async with (
        scratch_database(target, home=tmp_path) as scratch,
        connected(scratch) as connection,
    ):
        assert await connection.fetchval("SELECT 'A'::citext = 'a'::citext")


async def test_a_role_that_may_not_create_databases_is_told_so(
    target: DatabaseTarget, tmp_path: Path
) -> None:
    plain = await plain_role(target)
    with pytest.raises(NoScratchDatabaseError) as caught:
        async with scratch_database(plain, home=tmp_path, place=ScratchPlace.TARGET):
            pass
    assert "CREATEDB" in caught.value.remedy


async def test_where_there_is_no_other_server_that_is_said(
    target: DatabaseTarget, tmp_path: Path
) -> None:
    nowhere = Places(pg_config="no", debian=tmp_path, path="", packages=())
    pooled = replace(target, pooled=True)
    with pytest.raises(NoScratchDatabaseError, match="no usable PostgreSQL"):
        async with scratch_database(pooled, home=tmp_path, places=nowhere):
            pass


@pytest.mark.full
async def test_a_role_that_may_not_create_databases_gets_a_server_of_its_own(
    target: DatabaseTarget,
) -> None:
    plain = await plain_role(target)
    with open_home() as home:
        places = Places(scratch=home)
        async with (
            scratch_database(plain, home=home, places=places) as scratch,
            connected(scratch) as connection,
        ):
            assert (scratch.host, scratch.port) != (target.host, target.port)
            assert await connection.fetchval("SELECT 1") == 1
