"""Two sources of revisions on one database: ours, and the application's."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.backend.database.embedded import EmbeddedServer
from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.database.schema_state import SchemaPosition
from app.backend.migrations import migration_manager
from app.backend.migrations.sources import OURS
from app.errors import PreflightError
from tests.support.migrating import target_of
from tests.support.postgres import fresh_database
from tests.support.processes import start
from tests.support.service import TOKEN, Finished, pm33, served_service
from tests.support.shop import Shop

ROWS = "SELECT version_num FROM {}.alembic_version"
REVISION = '''"""{title}."""

import sqlalchemy as sa
from alembic import op

revision = "{id}"
down_revision = {follows!r}


def upgrade():
    {body}


def downgrade():
    op.drop_table("{title}")
'''


@pytest.fixture
async def empty(postgres: EmbeddedServer) -> AsyncIterator[str]:
    async with fresh_database(postgres, migrated=False) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project as Alembic makes it: without branches, in ``versions``."""
    versions = tmp_path / "theirs" / "versions"
    versions.mkdir(parents=True)
    write(versions, "a1", None, "cake")
    return versions.parent


def write(folder: Path, name: str, follows: str | None, table: str) -> None:
    body = f'op.create_table("{table}", sa.Column("id", sa.Integer()))'
    text = REVISION.format(title=table, id=name, follows=follows, body=body)
    (folder / f"{name}_{table}.py").write_text(text)


async def rows(url: str, statement: str) -> list[str]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        return sorted(row[0] for row in await connection.fetch(statement))
    finally:
        await connection.close(timeout=30)


async def ask(url: str, folder: Path, *words: str, **more: str) -> Finished:
    return await pm33(
        "migrate", *words, DATABASE_URL=url, PM33_MIGRATIONS=folder, **more
    )


async def test_both_are_migrated_ours_first_each_with_its_own_rows(
    empty: str, folder: Path
) -> None:
    done = await ask(empty, folder, "up", "--json")

    assert done.code == 0, done.err
    assert json.loads(done.out)["app"] == {
        "position": "current",
        "needed": "a1",
        "applied": ["a1"],
    }
    assert done.err.splitlines()[-2:] == [
        f"schema is at {EXPAND_HEAD}",
        "schema of app is at a1",
    ]
    assert await rows(empty, ROWS.format("ops")) == [EXPAND_HEAD]
    assert await rows(empty, ROWS.format("public")) == ["a1"]
    assert await rows(empty, "SELECT state FROM ops.migration_run") == ["done"] * 2


@pytest.mark.full
async def test_one_plan_is_over_both_and_its_hash_is_what_may_be_carried_out(
    empty: str, folder: Path
) -> None:
    planned = json.loads((await ask(empty, folder, "plan", "--json")).out)
    assert [one["id"] for one in planned["pending"]][-2:] == [EXPAND_HEAD, "a1"]

    write(folder / "versions", "b2", "a1", "bread")
    other = await ask(empty, folder, "up", "--plan", planned["hash"])
    assert other.code == 5
    assert await rows(empty, "SELECT 'x' FROM pg_tables WHERE tablename='cake'") == []

    (folder / "versions" / "b2_bread.py").unlink()
    same = await ask(empty, folder, "up", "--plan", planned["hash"])
    assert same.code == 0, same.err
    assert await rows(empty, ROWS.format("public")) == ["a1"]


async def test_the_pre_deploy_command_carries_out_the_plan_of_both(
    database_url: str, folder: Path
) -> None:
    plan = await ask(database_url, folder, "plan", "--json")
    words = ("up", "--phase", "expand", "--plan-from-env")

    unplanned = await ask(database_url, folder, *words)
    assert unplanned.code == 5
    assert "needs a1" in unplanned.err
    hash_ = json.loads(plan.out)["hash"]
    planned = await ask(database_url, folder, *words, PM33_MIGRATION_PLAN=hash_)
    assert planned.code == 0, planned.err
    assert await rows(database_url, ROWS.format("public")) == ["a1"]


@pytest.mark.full
async def test_a_plan_is_tried_above_our_own_revisions(
    database_url: str, folder: Path
) -> None:
    body = 'op.safe_backfill("cake", {"id": 1}, where="id IS NULL")'
    text = REVISION.format(title="fill", id="b2", follows="a1", body=body)
    table = 'op.create_table("cake", sa.Column("id", sa.Integer(), primary_key=True))'
    first = REVISION.format(title="cake", id="a1", follows=None, body=table)
    (folder / "versions" / "a1_cake.py").write_text(first)
    (folder / "versions" / "b2_fill.py").write_text(text)

    plan = await ask(
        database_url, folder, "plan", "--json", "--trace", "--scratch", "target"
    )

    told = json.loads(plan.out)
    assert (told["traced"], told["untraced_because"]) == (True, None)
    assert [one["rule"] for one in told["findings"]] == []


@pytest.mark.full
async def test_status_verify_heads_and_lint_tell_of_both(
    database_url: str, folder: Path
) -> None:
    status = await ask(database_url, folder, "status")
    assert "the schema of app is behind: at nothing, needed is a1" in status.out
    verify = await ask(database_url, folder, "verify")
    assert (verify.code, "behind a1" in verify.out) == (5, True)
    assert (
        "# app: needed is a1\n#   a1\n"
        in (await ask(database_url, folder, "heads")).out
    )
    lint = await ask(database_url, folder, "lint", "a1", "--json")
    assert (lint.code, json.loads(lint.out)) == (0, [])


@pytest.mark.full
async def test_the_sql_of_both_builds_them(empty: str, folder: Path) -> None:
    script = await ask("", folder, "up", "--sql")
    assert script.code == 0, script.err

    connection = await asyncpg.connect(empty, timeout=30)
    try:
        await connection.execute(script.out)
    finally:
        await connection.close(timeout=30)

    assert await rows(empty, ROWS.format("ops")) == [EXPAND_HEAD]
    assert await rows(empty, ROWS.format("public")) == ["a1"]


@pytest.mark.full
async def test_alembic_itself_runs_theirs_by_our_environment(
    tmp_path: Path, database_url: str, folder: Path
) -> None:
    (folder / "env.py").write_text("from app.backend.migrations.env import run\nrun()")
    (tmp_path / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\n")
    words = ["-m", "alembic", "-c", str(tmp_path / "alembic.ini"), "upgrade", "head"]
    env = {"DATABASE_URL": database_url, "PM33_MIGRATIONS": str(folder)}

    with start(words, output=tmp_path / "log", env=env) as child:
        assert await child.exit_code(60) == 0, child.output()

    assert await rows(database_url, ROWS.format("public")) == ["a1"]


async def test_a_contract_revision_stands_for_the_head_that_it_depends_on(
    tmp_path: Path, database_url: str
) -> None:
    shop = Shop(tmp_path, target_of(database_url))
    await shop.new("begin")
    await shop.up()
    await shop.new("end", contract=True, empty=True)
    await shop.up("contract@head")

    state = await migration_manager.schema_state(shop.target, shop.sources)

    assert state.of("app").applied == ("0002_end",)
    assert state.overall is SchemaPosition.CURRENT
    ours = await migration_manager.schema_state(shop.target, [OURS])
    assert ours.overall is SchemaPosition.INCOMPATIBLE


@pytest.mark.full
async def test_a_new_database_is_expanded_though_a_contract_revision_depends_on_that(
    tmp_path: Path, database_url: str, postgres: EmbeddedServer
) -> None:
    shop = Shop(tmp_path, target_of(database_url))
    await shop.new("begin")
    await shop.up()
    await shop.new("end", contract=True, empty=True)
    async with fresh_database(postgres) as url:
        shop = Shop(tmp_path, target_of(url))
        await shop.up()
        state = await migration_manager.schema_state(shop.target, shop.sources)
    assert state.of("app").applied == ("0001_begin",)


@pytest.mark.full
async def test_who_migrates_theirs_in_between_spoils_the_plan(
    tmp_path: Path, database_url: str
) -> None:
    shop = Shop(tmp_path, target_of(database_url))
    await shop.new("begin")
    hash_ = await migration_manager.plan_hash(shop.target, sources=shop.sources)
    await shop.up()
    await shop.new("more", empty=True)

    with pytest.raises(PreflightError, match="no longer those"):
        await migration_manager.upgrade(shop.target, plan=hash_, sources=shop.sources)


async def test_the_gate_waits_for_the_applications_schema_too(
    tmp_path: Path, database_url: str, folder: Path
) -> None:
    env = {"DATABASE_URL": database_url, "PM33_MIGRATIONS": folder}
    quick = {"HEALTH_DATABASE_PERIOD": 0.2, "HEALTH_GATE_GRACE": 1}
    async with served_service(tmp_path, **env, **quick) as service:
        await service.answers("/api/health/startup", 503)
        (fault, *_) = (await service.json("/api/health/startup", token=TOKEN))["gate"][
            "faults"
        ] or [None]
        assert (await ask(database_url, folder, "up")).code == 0
        await service.answers("/api/health/startup", 200)
        check = await service.check("database")

    assert fault is None or fault["source"] == "database"
    assert check["data"]["schema"]["app"]["position"] == "current"


async def test_the_phase_contract_does_not_pass_over_what_has_to_expand_first(
    database_url: str, folder: Path
) -> None:
    refused = await ask(database_url, folder, "up", "--phase", "contract")

    assert refused.code == 5
    assert "the schema of app is behind a1" in refused.err
    assert "remedy: `pm33 migrate up` first" in refused.err
    assert await rows(database_url, ROWS.format("ops")) == [EXPAND_HEAD]


@pytest.mark.parametrize(
    "command",
    [
        ("up", "--plan-from-env"),
        pytest.param(("plan", "--no-trace"), marks=pytest.mark.full),
        pytest.param(("up",), marks=pytest.mark.full),
        pytest.param(("new", "--empty", "more"), marks=pytest.mark.full),
        pytest.param(("lint",), marks=pytest.mark.full),
    ],
)
async def test_a_file_that_is_no_revision_is_named(
    database_url: str, folder: Path, command: tuple[str, ...]
) -> None:
    with (folder / "versions" / "a1_cake.py").open("a") as file:
        file.write("\n\nimport nothing_of_that_name\n")

    refused = await ask(database_url, folder, *command)

    assert refused.code == 2
    assert "loaded: a1_cake.py:18: ModuleNotFoundError: No module" in refused.err
    assert "Traceback" not in refused.err
