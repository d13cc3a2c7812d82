"""Migrations under traffic, beside what plain Alembic does to it."""

import asyncio
from pathlib import Path

import pytest
from alembic import command

from tests.support.busy_table import (
    busy,
    held_table,
    hurrying,
    waits_for_migrations,
)
from tests.support.migrating import (
    Revisions,
    catalogue,
    config_of,
    connected,
    run,
    target_of,
)

CAP = 0.2
SLACK = 0.05


@pytest.fixture
async def shop(database_url: str) -> str:
    async with connected(database_url) as connection:
        await connection.execute(
            "create table shop (id bigint primary key, name text);"
            "insert into shop select n, 'x' from generate_series(1, 1000) n"
        )
    return database_url


@pytest.fixture
def column(tmp_path: Path) -> Revisions:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_size", "op.add_column('shop', sa.Column('size', sa.Text()))")
    return chain


def alembic_upgrade(url: str, revisions: Revisions) -> None:
    config = config_of(revisions.folder)
    config.attributes["target"] = target_of(url)
    command.upgrade(config, "heads")


@pytest.mark.parametrize("seconds", [1.0, pytest.param(10.0, marks=pytest.mark.full)])
async def test_nobody_waits_for_us_longer_than_the_cap_behind_a_long_transaction(
    shop: str, column: Revisions, seconds: float
) -> None:
    async with (
        busy(shop),
        waits_for_migrations(shop) as waits,
        held_table(shop, seconds),
    ):
        await run(shop, column, cap=CAP)

    assert "version 9001_size" in await catalogue(shop)
    assert waits.longest <= CAP + SLACK


@pytest.mark.full
async def test_everybody_waits_for_plain_alembic_behind_a_long_transaction(
    shop: str, column: Revisions
) -> None:
    async with busy(shop), waits_for_migrations(shop) as waits, held_table(shop, 10.0):
        await asyncio.to_thread(alembic_upgrade, shop, column)

    assert waits.longest > 5


@pytest.mark.parametrize("clients", [3, pytest.param(8, marks=pytest.mark.full)])
async def test_it_gets_through_continuous_transactions_within_its_budget(
    shop: str, column: Revisions, clients: int
) -> None:
    async with hurrying(shop, clients=clients, seconds=0.05):
        await run(shop, column, cap=CAP, budget=30.0)

    assert "version 9001_size" in await catalogue(shop)
