"""What a way down refuses, and why."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from app.backend.database.schema_heads import EXPAND_HEAD
from app.backend.migrations.back.risk import RiskKind
from app.errors import DataAtRiskError, LocksDeniedError, PreflightError
from tests.support.ways_down import (
    ACCEPTED,
    COLUMN,
    TABLE,
    TEN,
    Place,
    connected,
    counted,
)


@pytest.fixture
def place(database_url: str, tmp_path: Path) -> Place:
    return Place(database_url, tmp_path)


async def refused(place: Place, to: str = "r1") -> Mapping[RiskKind, Sequence[str]]:
    """What is at risk; nothing may have been reversed."""
    before = await place.applied()
    with pytest.raises(DataAtRiskError):
        await place.down(to)
    assert await place.applied() == before
    return counted(await place.find(to))


@pytest.mark.parametrize(
    ("up", "down", "kind", "count"),
    [
        pytest.param(
            "op.drop_column('t', 'a')",
            "op.add_column('t', sa.Column('a', sa.Integer()))",
            RiskKind.COMES_BACK_EMPTY,
            "t.a 10",
            id="a column that was dropped",
        ),
        pytest.param(
            "op.execute('UPDATE t SET a = a * 2')",
            "pass",
            RiskKind.NO_INVERSE,
            "t.a 10",
            id="rows that were changed",
        ),
        pytest.param(
            "op.execute('SELECT 1')",
            "op.execute('DELETE FROM t AS x WHERE x.a > 7')",
            RiskKind.ROWS_GO,
            "t. 3",
            id="a downgrade that deletes",
        ),
        pytest.param(
            "op.execute('SELECT 1')",
            "op.execute('UPDATE t SET a = 0 WHERE id < 5')",
            RiskKind.VALUES_OVERWRITTEN,
            "t.a 4",
            id="a downgrade that overwrites",
        ),
        pytest.param(
            "op.rename_table('t', 's')\nop.alter_column('s', 'a', new_column_name='b')",
            "op.alter_column('s', 'b', new_column_name='a')\n"
            "op.drop_column('s', 'a')\nop.rename_table('s', 't')",
            RiskKind.VALUES_GO,
            "s.b 10",
            id="under the names of now",
        ),
    ],
)
@pytest.mark.full
async def test_rows_are_counted_and_refused(
    place: Place, up: str, down: str, kind: RiskKind, count: str
) -> None:
    await place.up(revisions=[TABLE])
    await place.execute(TEN)
    await place.up(revisions=[(up, down)])
    assert await refused(place) == {kind: [count]}


IRREVERSIBLE = {
    "missing": ("pass", "no downgrade"),
    "raising": ("raise NotImplementedError('no way back')", "no way back"),
    "asking": ("op.get_bind().execute(sa.text('SELECT 1')).scalar()", "cannot be told"),
    "hidden": ("op.execute('DO $$ BEGIN DROP TABLE t; END $$')", "cannot be told"),
}


@pytest.mark.parametrize(
    "name",
    [
        name if name != "raising" else pytest.param(name, marks=pytest.mark.full)
        for name in IRREVERSIBLE
    ],
)
async def test_what_is_irreversible_is_refused_whatever_is_accepted(
    place: Place, name: str
) -> None:
    down, says = IRREVERSIBLE[name]
    await place.up(revisions=[TABLE, (COLUMN[0], down)])

    with pytest.raises(DataAtRiskError, match=says):
        await place.down("r1", acceptance=ACCEPTED)

    assert await place.applied() == ["r2"]


@pytest.mark.full
async def test_a_contract_revision_is_crossed_only_when_that_is_accepted(
    place: Place,
) -> None:
    await place.up(revisions=[TABLE])
    place.add(
        "op.drop_column('t', 'a')",
        "op.add_column('t', sa.Column('a', sa.Integer()))",
        "contract",
    )
    await place.up()

    assert await refused(place) == {RiskKind.CONTRACTED: [". None"]}
    await place.down("r1", acceptance=ACCEPTED)
    assert await place.applied() == ["r1"]


async def test_a_schema_that_has_changed_since_is_asked_again(place: Place) -> None:
    await place.up(revisions=[TABLE, COLUMN])
    way = await place.find("r1")
    await place.execute("ALTER TABLE t ADD COLUMN c int")

    with pytest.raises(PreflightError, match="has changed"):
        await place.go(way)

    assert await place.applied() == ["r2"]


@pytest.mark.parametrize(
    ("to", "says"),
    [("base", "written down in"), ("r9", "no way down"), ("r2", "no way down")],
)
async def test_where_there_is_no_way_nothing_is_asked(
    place: Place, to: str, says: str
) -> None:
    await place.up(revisions=[TABLE])
    place.add(*COLUMN)
    with pytest.raises(PreflightError, match=says):
        await place.find(to)


async def test_a_revision_that_nobody_here_knows_is_not_reversed(place: Place) -> None:
    await place.execute("UPDATE ops.alembic_version SET version_num = '9999'")
    with pytest.raises(PreflightError, match="does not have"):
        await place.find(EXPAND_HEAD)


@pytest.mark.full
async def test_rows_that_others_hang_on_are_not_set_aside(place: Place) -> None:
    child = "CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t ON DELETE CASCADE)"
    check = (
        "op.execute('SELECT 1')",
        "op.execute('ALTER TABLE t ADD CHECK (a < 5)')",
    )
    await place.up(
        revisions=[TABLE, (f"op.execute('{child}')", "op.drop_table('c')"), check]
    )
    await place.execute(TEN)
    await place.execute("INSERT INTO c VALUES (1, 9)")

    with pytest.raises(DataAtRiskError, match="would go with those of t"):
        await place.down("r2", acceptance=ACCEPTED)

    assert await place.rows("SELECT t FROM c") == [(9,)]


async def test_what_cannot_be_counted_is_at_risk(place: Place) -> None:
    odd = (
        "op.execute('SELECT 1')",
        "op.execute('DELETE FROM t WHERE 1 / (a - a) = 1')",
    )
    await place.up(revisions=[TABLE, odd])
    await place.execute(TEN)

    way = await place.find("r1")

    (one,) = way.at_risk
    assert (one.rows, one.uncounted) == (None, "division by zero")
    with pytest.raises(DataAtRiskError, match="rows not counted"):
        await place.go(way)


@pytest.mark.full
async def test_a_table_that_somebody_changes_is_not_waited_for(place: Place) -> None:
    await place.up(revisions=[TABLE, COLUMN])
    async with connected(place.url) as holder, holder.transaction():
        await holder.execute("LOCK TABLE t")
        with pytest.raises(LocksDeniedError):
            await place.find("r1")
