"""Ways down of the application's own revisions, beside ours."""

import json
from pathlib import Path

import pytest

from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.migrations import migration_manager
from app.errors import DataAtRiskError, PreflightError, TargetError
from tests.support.migrating import connected, target_of
from tests.support.service import pm33
from tests.support.shop import Shop

REVISION = '''"""{name}."""

import sqlalchemy as sa
from alembic import op

revision = {name!r}
down_revision = {follows!r}


def upgrade():
    {up}


def downgrade():
    {down}
'''
TABLE = (
    'op.create_table("cake", sa.Column("id", sa.Integer(), primary_key=True))',
    'op.drop_table("cake")',
)
COLUMN = (
    'op.safe_add_column("cake", sa.Column("cream", sa.Text()))',
    'op.safe_drop_column("cake", "cream")',
)
ROWS = "insert into cake values (1, 'much'), (2, 'none'), (3, null)"


@pytest.fixture
async def shop(tmp_path: Path, database_url: str) -> Shop:
    """Both revisions are applied, and there are rows."""
    follows = None
    for name, (up, down) in {"a1": TABLE, "a2": COLUMN}.items():
        text = REVISION.format(name=name, follows=follows, up=up, down=down)
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        follows = name
    shop = Shop(tmp_path, target_of(database_url))
    await shop.up()
    async with connected(database_url) as connection:
        await connection.execute(ROWS)
    return shop


async def rows(url: str, query: str) -> list[object]:
    async with connected(url) as connection:
        return [row[0] for row in await connection.fetch(query)]


async def test_a_way_down_of_theirs_is_told_by_its_revision_and_brought_back(
    shop: Shop, database_url: str
) -> None:
    way = await migration_manager.way_down(shop.target, "a1", sources=shop.sources)
    assert (way.source, [one.id for one in way.reverses]) == ("app", ["a2"])
    assert (way.rows, way.columns) == (2, 1)
    with pytest.raises(DataAtRiskError):
        await migration_manager.downgrade(shop.target, way, sources=shop.sources)

    run = await migration_manager.downgrade(
        shop.target, way, accept_loss="a test", sources=shop.sources
    )

    theirs = "select version_num from public.alembic_version"
    assert await rows(database_url, theirs) == ["a1"]
    ours = "select version_num from ops.alembic_version"
    assert await rows(database_url, ours) == [EXPAND_HEAD]
    newest, *_ = await migration_manager.history(shop.target)
    assert (newest.run, newest.source, newest.goal) == (run, "app", "a1")
    await shop.up()
    assert (await migration_manager.restore(shop.target)).is_complete
    cream = "select cream from cake order by id"
    assert await rows(database_url, cream) == ["much", "none", None]


async def test_whose_revisions_are_meant_has_to_be_clear(shop: Shop) -> None:
    for to in ("-1", "base", "expand@-1"):
        with pytest.raises(TargetError) as caught:
            await migration_manager.way_down(shop.target, to, sources=shop.sources)
        assert "--source pm33 or app" in caught.value.remedy
    with pytest.raises(PreflightError, match="no source has it"):
        await migration_manager.way_down(shop.target, "a9", sources=shop.sources)
    with pytest.raises(TargetError, match="no revisions of cakes"):
        await migration_manager.way_down(
            shop.target, "a1", source="cakes", sources=shop.sources
        )

    way = await migration_manager.way_down(
        shop.target, "-1", source="app", sources=shop.sources
    )
    assert (way.goal, way.source) == ("a1", "app")
    way = await migration_manager.way_down(
        shop.target, "base", source="app", sources=shop.sources
    )
    assert [one.id for one in way.reverses] == ["a2", "a1"]
    with pytest.raises(PreflightError, match="written down in"):
        await migration_manager.way_down(
            shop.target, "base", source="pm33", sources=shop.sources
        )


@pytest.mark.full
async def test_theirs_are_rehearsed_above_ours(
    shop: Shop, tmp_path: Path, database_url: str
) -> None:
    found = await migration_manager.rehearse(
        shop.target, "base", source="app", sources=shop.sources, home=tmp_path
    )
    assert [(one.revision, one.ok) for one in found] == [("a1", True), ("a2", True)]
    assert found[1].rows > 3
    (only,) = await migration_manager.rehearse(
        shop.target, "a1", sources=shop.sources, home=tmp_path
    )
    assert (only.revision, only.ok) == ("a2", True), only


@pytest.mark.full
async def test_the_command_line_knows_them(
    shop: Shop, tmp_path: Path, database_url: str
) -> None:
    async def ask(*words: str) -> tuple[int, str, str]:
        done = await pm33(
            "migrate", *words, DATABASE_URL=database_url, PM33_MIGRATIONS=tmp_path
        )
        return done.code, done.out, done.err

    code, _, err = await ask("down", "--to", "-1")
    assert (code, "--source pm33 or app" in err) == (2, True)
    code, out, err = await ask("down", "--to", "-1", "--source", "app", "--rehearse")
    assert (code, "a2: up, down, up" in out) == (0, True), err
    code, out, _ = await ask("down", "--to", "a1", "--json")
    assert (code, json.loads(out)["source"]) == (5, "app")
    accept = ("--accept-loss", "--reason", "bad release")
    code, _, err = await ask("down", "--to", "a1", *accept)
    assert (code, "reversed a2" in err) == (0, True), err
    assert (await ask("up"))[0] == 0
    assert (await ask("restore"))[0] == 0
    assert await rows(database_url, "select cream from cake where id = 1") == ["much"]
