"""What was kept comes back, and overwrites nothing."""

from pathlib import Path

import pytest

from app.backend.migrations.back.restore import RestoreReport
from app.backend.migrations.migration_manager import ADVISORY_LOCK, restore
from app.errors import PreflightError
from tests.support.ways_down import ACCEPTED, Place, connected

TABLE = (
    """
    op.execute("CREATE TABLE t (id int PRIMARY KEY)")
    op.execute("INSERT INTO t SELECT generate_series(1, 4)")
    """,
    "op.drop_table('t')",
)
COLUMN = (
    "op.add_column('t', sa.Column('b', sa.Text()))",
    "op.drop_column('t', 'b')",
)
OTHER = (
    "op.execute('CREATE TABLE o (id int PRIMARY KEY, x text)')",
    "op.drop_table('o')",
)


@pytest.fixture
async def place(database_url: str, tmp_path: Path) -> Place:
    place = Place(database_url, tmp_path)
    await place.up(revisions=[TABLE, COLUMN, OTHER])
    await place.execute("UPDATE t SET b = 'old' || id")
    await place.execute("INSERT INTO o SELECT i, 'old' FROM generate_series(1, 4) i")
    await place.down("r1", acceptance=ACCEPTED)
    return place


async def restored(place: Place) -> RestoreReport:
    return await restore(place.target, tell=place.told.append)


async def test_before_the_schema_is_up_again_nothing_comes_back(place: Place) -> None:
    report = await restored(place)

    assert not report.is_complete
    assert {one.restored for one in report.entries} == {0}
    assert all("go up again first" in one.problem for one in report.entries)


async def test_what_is_otherwise_by_now_is_left_and_counted(place: Place) -> None:
    await place.up()
    await place.execute("UPDATE t SET b = 'new' WHERE id = 1")
    await place.execute("UPDATE t SET b = 'old2' WHERE id = 2")
    await place.execute("DELETE FROM t WHERE id = 3")
    await place.execute("INSERT INTO o VALUES (1, 'new'), (2, 'old')")

    report = await restored(place)

    rows = {one.table: one for one in report.entries}
    counts = (rows["t"].restored, rows["t"].there, rows["t"].conflicts, rows["t"].gone)
    assert counts == (1, 1, 1, 1)
    counts = (rows["o"].restored, rows["o"].there, rows["o"].conflicts, rows["o"].gone)
    assert counts == (2, 1, 1, 0)
    seen = await place.rows("SELECT id, b FROM t ORDER BY id")
    assert seen == [(1, "new"), (2, "old2"), (4, "old4")]
    assert (1, "new") in await place.rows("SELECT id, x FROM o")

    # Once the conflict is gone, the rest comes back; then there is nothing left.
    await place.execute("UPDATE t SET b = NULL WHERE id = 1; INSERT INTO t VALUES (3)")
    await place.execute("DELETE FROM o WHERE id = 1")
    assert (await restored(place)).is_complete
    assert (await restored(place)).run is None
    assert (3, "old3") in await place.rows("SELECT id, b FROM t")


@pytest.mark.full
async def test_a_row_that_is_refused_does_not_keep_the_others(place: Place) -> None:
    await place.up()
    await place.execute("ALTER TABLE o ADD CHECK (id <> 2)")

    (row,) = [one for one in (await restored(place)).entries if one.table == "o"]

    assert (row.restored, row.conflicts) == (3, 1)
    assert "check constraint" in row.problem


async def test_a_run_that_kept_nothing_is_said_to(place: Place) -> None:
    with pytest.raises(PreflightError, match="kept nothing"):
        await restore(place.target, "nobody")


@pytest.mark.full
async def test_it_waits_for_no_migration(place: Place) -> None:
    async with connected(place.url) as holder:
        await holder.execute("SELECT pg_advisory_lock($1)", ADVISORY_LOCK)
        with pytest.raises(PreflightError, match="under way"):
            await restored(place)
