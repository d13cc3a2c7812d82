import asyncio
import sys
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database import schema_heads
from app.backend.database.embedded import EmbeddedServer
from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS
from app.backend.database.target import parse_target
from app.backend.migrations.migration_manager import render_heads
from tests.support.postgres import fresh_database
from tests.support.processes import start
from tests.support.service import pm33

ALEMBIC = str(Path(sys.executable).with_name("alembic"))
ROOT = Path(__file__).resolve().parents[2]
INI = "app/backend/migrations/alembic.ini"
PATIENCE = 90.0

# Tables, sequences, columns, defaults, indexes, constraints: what a revision can leave.
SHAPE = """
WITH ours AS (
    SELECT c.oid, c.relname, c.relkind FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'ops' AND c.relname NOT LIKE 'alembic_version%'
)
SELECT format('%s is a %s', relname, relkind) FROM ours
UNION ALL
SELECT format('%s.%s %s default:%s required:%s', relname, a.attname,
              format_type(a.atttypid, a.atttypmod),
              pg_get_expr(d.adbin, d.adrelid), a.attnotnull)
FROM ours JOIN pg_attribute a ON a.attrelid = ours.oid AND a.attnum > 0
LEFT JOIN pg_attrdef d ON d.adrelid = ours.oid AND d.adnum = a.attnum
UNION ALL
SELECT pg_get_indexdef(indexrelid) FROM ours JOIN pg_index ON indrelid = ours.oid
UNION ALL
SELECT format('%s %s', relname, pg_get_constraintdef(c.oid))
FROM ours JOIN pg_constraint c ON c.conrelid = ours.oid
"""


@pytest.fixture
async def empty_database(postgres: EmbeddedServer) -> AsyncIterator[str]:
    async with fresh_database(postgres, migrated=False) as url:
        yield url


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url, timeout=30, command_timeout=30)
    try:
        yield connection
    finally:
        await connection.close(timeout=30)


async def query(url: str, statement: str) -> list[str]:
    async with connected(url) as connection:
        return sorted(str(row[0]) for row in await connection.fetch(statement))


async def execute(url: str, script: str) -> None:
    async with connected(url) as connection:
        await connection.execute(script)


async def applied(url: str) -> list[str]:
    return await query(url, "SELECT version_num FROM ops.alembic_version")


async def alembic(folder: Path, *words: str, **env: str) -> str:
    """Runs the command as a developer does, and returns what it said."""
    with start([ALEMBIC, *words], output=folder / "alembic", env=env) as child:
        code = await child.exit_code(PATIENCE)
        assert code == 0, child.output()
        return child.output()


@pytest.mark.parametrize(
    "ini",
    [(), pytest.param(("-c", INI), marks=pytest.mark.full)],
    ids=["pyproject", "alembic.ini"],
)
async def test_alembic_upgrades_to_the_models_and_finds_nothing_to_add(
    tmp_path: Path, empty_database: str, ini: tuple[str, ...]
) -> None:
    await alembic(tmp_path, *ini, "upgrade", "heads", DATABASE_URL=empty_database)

    assert await applied(empty_database) == [EXPAND_HEAD]
    said = await alembic(tmp_path, *ini, "check", DATABASE_URL=empty_database)
    assert "No new upgrade operations detected" in said


async def test_the_sql_of_the_offline_mode_builds_the_same_schema(
    tmp_path: Path, empty_database: str, database_url: str
) -> None:
    script = await alembic(tmp_path, "upgrade", "heads", "--sql")

    await execute(empty_database, script)

    assert await applied(empty_database) == [EXPAND_HEAD]
    assert await query(empty_database, SHAPE) == await query(database_url, SHAPE)


async def test_every_revision_goes_up_down_and_up_again(empty_database: str) -> None:
    config = AlembicConfig(ROOT / INI)
    database = parse_target(SecretStr(empty_database), DatabaseSettings())
    config.attributes["target"] = database
    shapes = []

    for revision in REVISIONS:
        shapes.append(await query(empty_database, SHAPE))
        await asyncio.to_thread(command.upgrade, config, revision)
    whole = await query(empty_database, SHAPE)
    assert len(whole) > len(shapes[0])

    for before in reversed(shapes):
        await asyncio.to_thread(command.downgrade, config, "-1")
        assert await query(empty_database, SHAPE) == before
    assert await applied(empty_database) == []
    await asyncio.to_thread(command.upgrade, config, "heads")
    assert await query(empty_database, SHAPE) == whole


async def test_a_downgrade_to_base_leaves_no_table(
    tmp_path: Path, database_url: str
) -> None:
    await alembic(tmp_path, "downgrade", "base", DATABASE_URL=database_url)

    assert await query(database_url, SHAPE) == []


def test_the_service_knows_the_revisions_that_are_there() -> None:
    generated = Path(schema_heads.__file__).read_text(encoding="utf-8")
    assert generated == render_heads()


@pytest.mark.parametrize(
    ("floor", "code", "says"),
    [(None, 0, "ahead of this release"), ("9999_gone", 5, "contract revision")],
    ids=["expanded", "contracted"],
)
async def test_a_schema_that_is_ahead_is_left_alone(
    database_url: str, floor: str | None, code: int, says: str
) -> None:
    await execute(database_url, "UPDATE ops.alembic_version SET version_num = '9999'")
    if floor is not None:
        values = f"VALUES ('9999', '{floor}')"
        await execute(
            database_url, f"INSERT INTO ops.schema_floor (revision, requires) {values}"
        )

    finished = await pm33("migrate", "up", DATABASE_URL=database_url)

    assert (finished.code, await applied(database_url)) == (code, ["9999"])
    assert says in finished.err


async def test_a_revision_that_fails_leaves_nothing_of_itself(
    tmp_path: Path, empty_database: str
) -> None:
    # The last table of the first revision is there already, so that it fails late.
    await execute(empty_database, "CREATE SCHEMA ops; CREATE TABLE ops.schema_floor ()")
    up = ["-m", "app.cli", "migrate", "up"]
    env = {"DATABASE_URL": empty_database}

    with start(up, output=tmp_path / "output", env=env) as child:
        assert await child.exit_code(PATIENCE) == 1
        said = child.output()

    assert "Traceback" not in said
    assert "remedy: " in said
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'ops'"
    assert "replica" not in await query(empty_database, tables)
    await execute(empty_database, "DROP TABLE ops.schema_floor")
    with start(up, output=tmp_path / "again", env=env) as child:
        assert await child.exit_code(PATIENCE) == 0, child.output()


def unpack(folder: Path, target: Path) -> set[str]:
    """Unpacks the one wheel in a folder; returns the names of its files."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
        return set(archive.namelist())


async def test_the_wheel_brings_along_what_migrates(
    tmp_path: Path, empty_database: str
) -> None:
    build = ["-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    with start(build, output=tmp_path / "build") as child:
        assert await child.exit_code(PATIENCE) == 0, child.output()
    installed = tmp_path / "installed"
    shipped = unpack(tmp_path, installed)

    # -P: not from the folder where it starts, which is the project's.
    up = ["-P", "-m", "app.cli", "migrate", "up"]
    env = {"DATABASE_URL": empty_database, "PYTHONPATH": str(installed)}
    with start(up, output=tmp_path / "up", env=env) as child:
        assert await child.exit_code(PATIENCE) == 0, child.output()

    assert await applied(empty_database) == [EXPAND_HEAD]
    needed = {"app/cli/main.py", INI, "migrations/env.py", "migrations/script.py.mako"}
    assert needed <= shipped
    assert "app/backend/deploy/platforms/graphql/Deploy.graphql" in shipped
    assert {f"migrations/versions/{name}.py" for name in REVISIONS} <= shipped
    assert not [name for name in shipped if name.startswith(("tests", "bench"))]
