"""Whatever revisions do: down and up again gives the same schema, and all rows."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from app.backend.database.embedded import EmbeddedServer
from app.backend.migrations.back.restore import restore_kept
from app.backend.migrations.back.risk import RiskKind
from app.backend.migrations.planning.fingerprint import SCHEMA_LINES
from app.errors import DataAtRiskError
from tests.support.chains import BASE, CHAINS, FILL, Link, seen
from tests.support.postgres import fresh_database
from tests.support.ways_down import ACCEPTED, Place

OURS = settings(suppress_health_check=list(HealthCheck), deadline=None)


async def lines(place: Place, *, enums: bool = True) -> set[str]:
    found = {str(row[0]) for row in await place.rows(SCHEMA_LINES)}
    return {one for one in found if enums or " holds " not in one}


async def goes_down_and_up(server: EmbeddedServer, links: Sequence[Link]) -> None:
    with tempfile.TemporaryDirectory(prefix="pm33-chain-") as folder:
        async with fresh_database(server) as url:
            await play(Place(url, Path(folder)), links)


async def play(place: Place, links: Sequence[Link]) -> None:
    await place.up(revisions=[BASE])
    await place.execute(FILL)
    base = await lines(place, enums=False)
    await place.up(revisions=[link.revision for link in links])
    first = await lines(place)
    for link in links:
        await place.execute(link.writes)
    before = {name: await place.rows(query) for name, query in seen(links).items()}

    run = await go_down(place, links)
    assert await place.applied() == ["r1"]
    assert await lines(place, enums=False) == base
    await place.up()
    assert await lines(place) == first
    if run:
        report = await restore_kept(place.target, run, tell=place.told.append)
        assert report.is_complete, report
    for name, query in seen(links).items():
        assert await place.rows(query) == before[name], name


async def go_down(place: Place, links: Sequence[Link]) -> str:
    """The run that has kept something; empty: there was nothing to keep."""
    expected = Counter(link.loses for link in links if link.loses is not None)
    way = await place.find("r1")
    found: Counter[tuple[RiskKind, str, int]] = Counter()
    for one in way.at_risk:
        where = f"{one.risk.table}.{','.join(one.risk.columns)}"
        found[one.risk.kind, where, one.rows or 0] += 1
    assert found == expected
    if not expected:
        await place.go(way)
        return ""
    with pytest.raises(DataAtRiskError):
        await place.go(way)
    assert await place.applied() == [f"r{1 + len(links)}"]
    run = await place.go(way, acceptance=ACCEPTED)
    kept = set(found) - {one for one in found if one[0] is RiskKind.COMES_BACK_EMPTY}
    return run if kept else ""


@given(CHAINS)
@settings(OURS, max_examples=2)
def test_a_chain_goes_down_and_up(
    postgres: EmbeddedServer, links: Sequence[Link]
) -> None:
    asyncio.run(goes_down_and_up(postgres, links))


@pytest.mark.full
@pytest.mark.timeout(900)
@given(CHAINS)
@settings(OURS, max_examples=30)
def test_thirty_chains_go_down_and_up(
    postgres: EmbeddedServer, links: Sequence[Link]
) -> None:
    asyncio.run(goes_down_and_up(postgres, links))
