"""A way down that is killed: it goes on where it ended, and nothing kept is lost."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.backend.database.embedded import EmbeddedServer
from app.backend.migrations.back.restore import restore_kept
from app.backend.migrations.migration_manager import verify
from app.errors import PreflightError
from tests.support.migrating import STEADY, catalogue
from tests.support.postgres import fresh_database
from tests.support.processes import Child, start
from tests.support.service import until
from tests.support.ways_down import ACCEPTED, Place, connected

TTL = 2.0
PATIENCE = 60.0

CHAIN = (
    (
        """
        op.execute("create table t (id int primary key, a int not null)")
        op.execute("insert into t select n, n from generate_series(1, 50) n")
        """,
        "op.drop_table('t')",
    ),
    (
        """
        op.add_column("t", sa.Column("b", sa.Text()))
        op.create_index("ix_b", "t", ["b"])
        """,
        """
        op.drop_index("ix_b")
        op.drop_column("t", "b")
        """,
    ),
    (
        """
        op.add_column("t", sa.Column("m", sa.Text()))
        op.alter_column("t", "a", nullable=True)
        with op.get_context().autocommit_block():
            op.create_index("ix_a", "t", ["a"], postgresql_concurrently=True)
        """,
        """
        op.drop_column("t", "m")
        with op.get_context().autocommit_block():
            op.drop_index("ix_a", "t", postgresql_concurrently=True)
            op.execute("alter table t alter column a set default 0")
        op.execute("alter table t alter column a drop default")
        op.alter_column("t", "a", nullable=False)
        """,
    ),
    (
        """
        op.safe_add_column("t", sa.Column("s", sa.Text()), default="new")
        op.safe_create_index("ix_s", "t", ["s"])
        op.safe_create_unique("uq_a", "t", ["a", "id"])
        """,
        """
        op.safe_drop_constraint("uq_a", "t", type_="unique")
        op.safe_drop_index("ix_s", "t")
        op.safe_drop_column("t", "s")
        """,
    ),
)
ROWS = "update t set b = 'b' || id, m = 'm' || id, s = 's' || id where id < 20"
SEEN = "select id, a, b, m, s from t order by id"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of the revisions, which are the same in every database."""
    folder = tmp_path / "versions"
    folder.mkdir()
    place = Place("", folder)
    for up, down in CHAIN:
        place.add(up, down)
    return folder


async def at_the_top(url: str, folder: Path) -> Place:
    place = Place(url, folder)
    await place.up()
    await place.execute(ROWS)
    return place


@contextmanager
def going_down(place: Place, folder: Path, **order: Any) -> Iterator[Child]:
    asked = {"url": place.url, "folder": str(folder), "to": "r1", "lease_ttl": TTL}
    words = ["-m", "tests.support.down_child", json.dumps({**asked, **order})]
    with start(words, output=folder.parent / "killed.log") as child:
        yield child


async def comes_back(place: Place, before: list[tuple[Any, ...]]) -> None:
    """What each of the runs has kept is whole, once the schema is up again."""
    await place.up()
    while (report := await restore_kept(place.target, tell=place.told.append)).run:
        assert report.is_complete, report
    assert await place.rows(SEEN) == before


async def killed_at(place: Place, folder: Path, number: int) -> None:
    """Killed at an event of the way down, and gone on with."""
    with going_down(place, folder, barrier=number) as child:
        await child.event(number=number, within=PATIENCE)
        child.signal(signal.SIGKILL)
        await child.exit_code()
    if await place.applied() != ["r1"]:
        await place.down("r1", acceptance=ACCEPTED)
    assert await verify(place.target) == (), f"killed at event {number}"


async def test_a_way_down_that_is_killed_is_made_up_for(
    database_url: str, folder: Path
) -> None:
    place = await at_the_top(database_url, folder)
    before = await place.rows(SEEN)
    # Amid the revision that is not one transaction.
    await killed_at(place, folder, 27)
    await comes_back(place, before)


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_a_way_down_that_is_killed_anywhere_is_made_up_for(
    postgres: EmbeddedServer, folder: Path
) -> None:
    async with fresh_database(postgres) as url:
        place = await at_the_top(url, folder)
        before = await place.rows(SEEN)
        place.told.clear()
        await place.down("r1", acceptance=ACCEPTED)
        whole = await catalogue(url)
        count = sum(one.kind in STEADY and bool(one.run) for one in place.told)
        await comes_back(place, before)
    for number in range(1, count + 1):
        async with fresh_database(postgres) as url:
            place = await at_the_top(url, folder)
            await killed_at(place, folder, number)
            assert await catalogue(url) == whole, f"killed at event {number}"
            await comes_back(place, before)


@pytest.mark.full
@pytest.mark.parametrize("index", ["ix_a", "ix_s"])
async def test_a_way_down_that_is_killed_inside_a_statement_is_made_up_for(
    postgres: EmbeddedServer, folder: Path, index: str
) -> None:
    waits = f"""
        select count(*) from pg_stat_activity
        where wait_event_type = 'Lock' and application_name like 'pm33-migrate:%'
          and datname = current_database() and query ilike '%drop %{index}%'
    """  # noqa: S608 - a name of ours
    async with fresh_database(postgres) as url:
        place = await at_the_top(url, folder)
        before = await place.rows(SEEN)
        async with connected(url) as looking, connected(url) as other:
            with going_down(place, folder, to="r2", before=index) as child:
                await until(lambda: seen(child, index), PATIENCE)
                async with other.transaction():
                    # Whoever has read from the table keeps its index.
                    await other.execute("select count(*) from t")
                    (folder / "go").touch()
                    await until(lambda: looking.fetchval(waits), PATIENCE)
                    child.signal(signal.SIGKILL)
                    await child.exit_code()
        await place.down("r2", acceptance=ACCEPTED)
        assert await place.applied() == ["r2"]
        assert await verify(place.target) == ()
        await comes_back(place, before)


async def seen(child: Child, words: str) -> bool:
    said = (one.get("statement") or "" for one in child.events())
    return any(words in one for one in said)


@pytest.mark.full
async def test_a_way_down_that_is_killed_between_two_tries_is_made_up_for(
    database_url: str, folder: Path
) -> None:
    place = await at_the_top(database_url, folder)
    before = await place.rows(SEEN)
    async with connected(place.url) as other, other.transaction():
        await other.execute("select count(*) from t")
        with going_down(place, folder) as child:
            await child.event(kind="blocked", within=PATIENCE)
            child.signal(signal.SIGKILL)
            await child.exit_code()
    await place.down("r1", acceptance=ACCEPTED)
    await comes_back(place, before)


@pytest.mark.full
async def test_a_way_down_that_is_stopped_says_how_it_goes_on(
    database_url: str, folder: Path
) -> None:
    place = await at_the_top(database_url, folder)
    with going_down(place, folder, before="ix_a") as child:
        await until(lambda: seen(child, "ix_a"), PATIENCE)
        child.signal(signal.SIGTERM)
        (folder / "go").touch()
        assert await child.exit_code() == 130

    told = child.events()[-1]
    assert told["error"] == "InterruptedRunError"
    assert told["remedy"] == "`pm33 migrate down --to r1` goes on where it ended"
    (fault,) = await verify(place.target)
    assert "r3 (down) is half applied" in fault.message
    assert fault.remedy == "`pm33 migrate down --to r1` goes on where it ended"
    await place.down("r1", acceptance=ACCEPTED)
    assert await verify(place.target) == ()


async def test_a_count_is_not_counted_on_from_where_it_was_cut_off(
    database_url: str, folder: Path
) -> None:
    place = await at_the_top(database_url, folder)
    lost = "update ops.migration_run set state = 'lost' where kind = 'downgrade'"
    await place.down("-1", acceptance=ACCEPTED)
    await place.execute(lost)

    with pytest.raises(PreflightError, match="was on its way down to r3") as caught:
        await place.find("-1")

    assert "`pm33 migrate down --to r3`" in caught.value.remedy
    assert [one.id for one in (await place.find("r2")).reverses] == ["r3"]
    assert (await place.find("r3")).reverses == ()
