"""What goes down, what is kept on the way, and what was written meanwhile."""

from pathlib import Path

import pytest

from app.backend.migrations.back.restore import restore_kept
from app.backend.migrations.back.risk import RiskKind
from app.backend.migrations.migration_manager import verify
from app.backend.migrations.running.events import Happening
from app.errors import DataAtRiskError, LocksDeniedError
from tests.support.lossy_chain import AT_RISK, BASE, CHAIN, ROWS, SEEN
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


async def test_every_loss_is_counted_then_kept_then_brought_back(place: Place) -> None:
    await place.up(revisions=[BASE, *CHAIN])
    await place.execute(ROWS)
    before = [await place.rows(query) for query in SEEN]

    way = await place.find("r2")
    assert counted(way) == AT_RISK
    with pytest.raises(DataAtRiskError, match="nothing has been reversed") as caught:
        await place.go(way)
    assert caught.value.exit_code == 5
    assert "t.k: 8 rows" in str(caught.value)
    assert [await place.rows(query) for query in SEEN] == before

    run = await place.go(way, acceptance=ACCEPTED)
    assert await place.applied() == ["r2"]
    assert await place.rows("SELECT max(n), max(length(v)) FROM t") == [(40, 3)]
    await place.up()
    report = await restore_kept(place.target, run, tell=place.told.append)

    assert report.is_complete, report
    assert [await place.rows(query) for query in SEEN] == before
    # The sequence does not give again what came back.
    assert await place.rows("INSERT INTO u (x) VALUES ('new') RETURNING id") == [(4,)]
    states = "SELECT kind, state FROM ops.migration_run ORDER BY started_at"
    assert ("downgrade", "done") in await place.rows(states)


async def test_what_nobody_has_written_to_goes_down(place: Place) -> None:
    default = "op.add_column('t', sa.Column('b', sa.Text(), server_default='x'))"
    index = ("op.create_index('ix', 't', ['a'])", "op.drop_index('ix')")
    await place.up(revisions=[TABLE, (default, COLUMN[1]), index])
    await place.execute(TEN)

    await place.down("r1")

    assert await place.applied() == ["r1"]
    assert len(await place.rows("SELECT * FROM t")) == 10
    kinds = {one.kind for one in place.told}
    assert {Happening.COUNTING, Happening.REVERSED} <= kinds


async def test_what_is_written_after_it_was_asked_is_refused_under_the_lock(
    place: Place,
) -> None:
    await place.up(revisions=[TABLE, COLUMN])
    await place.execute(TEN)
    way = await place.find("r1")
    await place.execute("UPDATE t SET b = 'late' WHERE id = 1")

    with pytest.raises(DataAtRiskError, match="were not there when it was asked"):
        await place.go(way)

    assert await place.applied() == ["r2"]
    assert await place.rows("SELECT b FROM t WHERE id = 1") == [("late",)]


@pytest.mark.parametrize("accepted", [False, True])
async def test_a_safe_operation_keeps_in_its_own_step(
    place: Place, *, accepted: bool
) -> None:
    safe = (
        "op.safe_add_column('t', sa.Column('b', sa.Text()))",
        "op.safe_drop_column('t', 'b')",
    )
    await place.up(revisions=[TABLE, safe])
    await place.execute(TEN)
    way = await place.find("r1")
    await place.execute("UPDATE t SET b = 'late' WHERE id = 1")

    if not accepted:
        with pytest.raises(DataAtRiskError):
            await place.go(way)
        assert await place.rows("SELECT b FROM t WHERE id = 1") == [("late",)]
        return
    await place.go(way, acceptance=ACCEPTED)
    await place.up()
    await restore_kept(place.target, tell=place.told.append)
    assert await place.rows("SELECT id, b FROM t WHERE b IS NOT NULL") == [(1, "late")]


async def test_a_way_down_that_was_cut_off_goes_on_where_it_ended(
    place: Place,
) -> None:
    both = (
        """
        op.safe_add_column("t", sa.Column("b", sa.Text()))
        op.safe_add_column("o", sa.Column("c", sa.Text()))
        """,
        "op.safe_drop_column('t', 'b')\nop.safe_drop_column('o', 'c')",
    )
    other = ("op.execute('CREATE TABLE o (id int PRIMARY KEY)')", "op.drop_table('o')")
    await place.up(revisions=[TABLE, other, both])
    await place.execute(TEN)
    await place.execute("UPDATE t SET b = 'kept'; INSERT INTO o VALUES (1, 'kept')")

    way = await place.find("r2")
    async with connected(place.url) as holder, holder.transaction():
        await holder.execute("LOCK TABLE o IN ACCESS SHARE MODE")
        with pytest.raises(LocksDeniedError):
            await place.go(way, acceptance=ACCEPTED, budget=0.5)
    assert await place.applied() == ["r3"]
    (fault,) = await verify(place.target)
    assert "r3 (down) is half applied" in fault.message
    assert "migrate down" in fault.remedy

    assert counted(await place.find("r2")) == {RiskKind.VALUES_GO: ["o.c 1"]}
    await place.down("r2", acceptance=ACCEPTED)
    assert await place.applied() == ["r2"]
    assert await verify(place.target) == ()
    await place.up()
    for _ in range(2):  # each run has kept its own
        assert (await restore_kept(place.target, tell=place.told.append)).is_complete
    assert await place.rows("SELECT count(b) FROM t") == [(10,)]
    assert await place.rows("SELECT c FROM o") == [("kept",)]
