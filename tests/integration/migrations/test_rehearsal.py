"""Revisions are rehearsed on a scratch database with rows."""

from pathlib import Path

import pytest

from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS
from app.backend.migrations.back.rehearsal import Rehearsed
from app.backend.migrations.migration_manager import rehearse
from tests.support.ways_down import Place

TABLE = (
    """
    op.execute("CREATE TYPE mood AS ENUM ('calm')")
    op.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b text UNIQUE,"
        " v varchar(4), m mood, at timestamptz, j jsonb, u uuid)"
    )
    op.execute("CREATE TABLE c (id serial PRIMARY KEY, t int NOT NULL REFERENCES t)")
    """,
    "op.drop_table('c')\nop.drop_table('t')\nop.execute('DROP TYPE mood')",
)


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    return Place(database_url, tmp_path)


async def rehearsed(place: Place, home: Path) -> dict[str, Rehearsed]:
    found = await rehearse(
        place.target,
        EXPAND_HEAD,
        home=home,
        tell=place.told.append,
        config=place.config,
    )
    return {one.revision: one for one in found}


async def test_good_and_bad_revisions_are_told_apart(
    place: Place, tmp_path: Path
) -> None:
    await place.up(
        revisions=[
            TABLE,
            (
                "op.alter_column('t', 'a', type_=sa.BigInteger())",
                "op.alter_column('t', 'a', type_=sa.Integer())",
            ),
            (
                "op.create_index('ix', 't', ['a'])\nop.create_index('iy', 't', ['v'])",
                "op.drop_index('ix')",
            ),
        ]
    )

    found = await rehearsed(place, tmp_path)

    assert found["r1"].ok, found["r1"]
    assert found["r2"].ok, found["r2"]
    assert found["r2"].rows > 3  # t has some, and c, which refers to it
    assert "iy" in found["r3"].error  # the second time it is there already
    assert not found["r3"].ok
    assert await place.applied() == ["r3"]


@pytest.mark.full
async def test_rows_that_do_not_come_back_are_told(
    place: Place, tmp_path: Path
) -> None:
    await place.up(
        revisions=[
            TABLE,
            (
                "op.drop_column('t', 'v')",
                "op.add_column('t', sa.Column('v', sa.String(4)))",
            ),
            ("op.safe_add_enum_value('mood', 'wild')", "pass"),
            (
                "op.create_check_constraint(op.f('ck'), 't', 'a > 0')",
                """
                op.drop_constraint("ck", "t")
                op.create_index("left", "t", ["a"], if_not_exists=True)
                """,
            ),
        ]
    )

    found = await rehearsed(place, tmp_path)

    assert found["r2"].lost == {"t": 3}
    assert found["r3"].ok
    assert [one for one in found["r3"].left if "wild" in one]
    assert [one for one in found["r4"].left if "CREATE INDEX" in one]
    assert "left behind" in found["r4"].words


@pytest.mark.full
async def test_our_own_revisions_go_up_down_and_up(
    place: Place, tmp_path: Path
) -> None:
    found = await rehearse(place.target, "base", home=tmp_path)
    assert [one.revision for one in found] == list(REVISIONS)
    assert all(one.ok for one in found), found
