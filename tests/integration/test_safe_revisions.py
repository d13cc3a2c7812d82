"""Safe operations in revisions that Alembic itself runs."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config as AlembicConfig
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.database.target import parse_target
from app.backend.migrations.revisions import alembic_config
from app.errors import MigrationError
from tests.support.safe_cases import CURSORS
from tests.support.safe_operations import run, shape

ROOT = Path(__file__).resolve().parents[2]

REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "{id}"
down_revision = {after}
branch_labels = {labels}
depends_on = {needs}


def upgrade():
    {up}


def downgrade():
    {down}
"""


class Project:
    """A folder of revisions after ours."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url

    def add(
        self,
        name: str,
        after: str | None,
        up: str,
        down: str = "pass",
        *,
        labels: str | None = None,
        needs: str | None = None,
    ) -> None:
        text = REVISION.format(
            id=name,
            after=repr(after),
            labels=repr(labels),
            needs=repr(needs),
            up=up,
            down=down,
        )
        (self._folder / f"{name}.py").write_text(text)

    async def up(self, revision: str) -> None:
        await asyncio.to_thread(command.upgrade, self._config(), revision)

    async def down(self, revision: str) -> None:
        await asyncio.to_thread(command.downgrade, self._config(), revision)

    def _config(self) -> AlembicConfig:
        config = alembic_config()
        config.set_main_option("path_separator", "newline")
        places = f"{ROOT / 'migrations' / 'versions'}\n{self._folder}"
        config.set_main_option("version_locations", places)
        target = parse_target(SecretStr(self._url), DatabaseSettings())
        config.attributes["target"] = target
        return config


@pytest.fixture
async def project(tmp_path: Path, database_url: str) -> Project:
    await run(database_url, CURSORS)
    await run(database_url, "CREATE TABLE t (id bigint PRIMARY KEY, old text)")
    await run(database_url, "INSERT INTO t SELECT n FROM generate_series(1, 30) n")
    project = Project(tmp_path, database_url)
    project.add(
        "9001_token",
        EXPAND_HEAD,
        'op.safe_add_column("t", sa.Column("token", sa.Uuid(), nullable=False),'
        ' default=sa.text("gen_random_uuid()"))\n'
        '    op.safe_create_index("ix_token", "t", ["token"], unique=True)',
        'op.safe_drop_index("ix_token", "t")\n    op.safe_drop_column("t", "token")',
    )
    return project


async def applied(url: str) -> list[str]:
    return await run(url, "SELECT version_num FROM ops.alembic_version ORDER BY 1")


async def test_alembic_runs_them_there_and_back(
    project: Project, database_url: str
) -> None:
    before = await shape(database_url)

    await project.up("expand@head")
    assert await applied(database_url) == ["9001_token"]
    assert await run(database_url, "SELECT id FROM t WHERE token IS NULL") == []
    assert "t.token uuid default:gen_random_uuid() required:t comment:" in (
        await shape(database_url)
    )

    await project.down(EXPAND_HEAD)
    assert await applied(database_url) == [EXPAND_HEAD]
    assert await shape(database_url) == before


async def test_what_fails_in_the_middle_is_gone_on_with(
    project: Project, database_url: str
) -> None:
    duplicates = "ALTER TABLE t ADD token uuid DEFAULT md5('a')::uuid"
    await run(database_url, duplicates)
    with pytest.raises(Exception, match="could not create unique index"):
        await project.up("expand@head")
    assert await applied(database_url) == [EXPAND_HEAD]

    await run(database_url, "UPDATE t SET token = gen_random_uuid()")
    await project.up("expand@head")

    assert await applied(database_url) == ["9001_token"]


async def test_a_column_is_not_dropped_while_the_release_before_serves(
    project: Project, database_url: str
) -> None:
    project.add("9002_drop", "9001_token", 'op.safe_drop_column("t", "old")')

    with pytest.raises(MigrationError, match=r"t\.old may still be used") as caught:
        await project.up("expand@head")

    assert "contract" in caught.value.remedy
    assert await applied(database_url) == ["9001_token"]


@pytest.mark.parametrize("after", [None, "9001_token"], ids=["apart", "leaving-expand"])
async def test_a_contract_revision_drops_it(
    project: Project, database_url: str, after: str | None
) -> None:
    needs = None if after else "9001_token"
    project.add(
        "c001", after, 'op.safe_drop_column("t", "old")', labels="contract", needs=needs
    )

    await project.up("contract@head")

    assert not [line for line in await shape(database_url) if line.startswith("t.old")]
