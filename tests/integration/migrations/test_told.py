"""What is said when something is wrong: the cause, and what to do about it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.backend.migrations import migration_manager
from app.errors import MigrationError
from tests.support.migrating import Revisions, connected, run, target_of
from tests.support.service import pm33


@pytest.fixture
async def shop(database_url: str) -> str:
    async with connected(database_url) as connection:
        await connection.execute("create table shop (id bigint, name text)")
    return database_url


END = "op.execute('do $$ begin perform pg_terminate_backend(pg_backend_pid()); end $$')"


@pytest.mark.parametrize(
    "body",
    [
        END,
        pytest.param(
            f"with op.get_context().autocommit_block():\n    {END}",
            id="outside of a transaction",
        ),
    ],
)
async def test_a_connection_that_the_server_ends_is_told_as_such(
    shop: str, tmp_path: Path, body: str
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_ended", body)

    with pytest.raises(MigrationError, match="administrator command") as caught:
        await run(shop, chain)

    newest, *_ = await migration_manager.history(target_of(shop))
    assert "administrator command" in str(newest.error)
    assert "restarted" in caught.value.remedy
    assert "mend" not in caught.value.remedy


async def test_an_error_is_shown_whole(shop: str, tmp_path: Path) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_long", f"raise ValueError({'x ' * 150 + 'end'!r})")
    with pytest.raises(MigrationError):
        await run(shop, chain)

    assert "x x end\n" in (await pm33("migrate", "history", DATABASE_URL=shop)).out


async def test_rows_that_break_a_constraint_are_named_by_a_query(
    shop: str, tmp_path: Path
) -> None:
    chain = Revisions(tmp_path / "versions")
    chain.add("9001_once", "op.safe_create_unique('once', 'shop', ['id', 'name'])")
    async with connected(shop) as connection:
        await connection.execute("insert into shop values (1, 'a'), (1, 'a')")
        with pytest.raises(MigrationError) as caught:
            await run(shop, chain)
        query = caught.value.remedy.partition("(")[2].partition("), and run again")[0]
        (found,) = await connection.fetch(query)
    assert [*found] == [1, "a", 2]


async def test_a_runner_that_has_died_migrates_no_more(shop: str) -> None:
    status = ("migrate", "status", "--json")
    async with connected(shop) as connection:
        await connection.execute(
            "update ops.lease set holder = 'pm33-migrate:0a host',"
            " expires_at = now() + interval '1 h' where name = 'migration'"
        )
        assert (
            json.loads((await pm33(*status, DATABASE_URL=shop)).out)["runner"] is None
        )
        await connection.execute("set application_name = 'pm33-migrate:0a'")
        found = json.loads((await pm33(*status, DATABASE_URL=shop)).out)
    assert found["runner"] == "pm33-migrate:0a host"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PM33_MIGRATE_LOCK_TIMEOUT", "soon"),
        pytest.param("PM33_VERSION_TABLE", "versions", marks=pytest.mark.full),
        pytest.param("PM33_MIGRATE_ON_DEPLOY", "yes", marks=pytest.mark.full),
        pytest.param("DB_SSL_VERIFY", "maybe", marks=pytest.mark.full),
    ],
)
async def test_no_default_counts_instead_of_what_was_meant(
    name: str, value: str
) -> None:
    for command in ("status", "up") if name.endswith("TIMEOUT") else ("up",):
        refused = await pm33("migrate", command, "--json", **{name: value})

        told = json.loads(refused.out)
        assert (refused.code, told["exit_code"]) == (78, 78)
        assert told["detail"].startswith(f"{name} cannot be used")
        assert f"pm33 env explain {name}" in told["remedy"]


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"user": "nobody-knows"}, "correct user and password in MIGRATION_DATABASE"),
        ({"database": "nowhere"}, "create it, or correct its name"),
        ({"host": "127.0.0.1", "port": 1}, "see whether it runs"),
    ],
)
async def test_what_cannot_be_reached_is_named_with_what_to_correct(
    database_url: str, change: dict[str, Any], remedy: str
) -> None:
    target = replace(target_of(database_url), **change)

    with pytest.raises(MigrationError) as caught:
        await migration_manager.status(target)

    assert f"{target.database} at {target.host}:{target.port}: " in str(caught.value)
    assert remedy in caught.value.remedy
