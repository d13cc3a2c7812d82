"""A rollback leaves the variables of the next deployment alone, whatever Railway does.

Whether Railway stores those of what it restores nobody has established: here it does.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.errors import PlatformError
from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway.plans import Unknowns
from tests.support.railway.records import Record
from tests.support.railway.waiting import until
from tests.support.railway_platform import NEW, OLD, AtRailway, at_railway

TAG, AGAIN = "20260101-120000-abcd/back", "20260101-120000-abcd/back-again"
ANOTHER = "20260101-130000-dcba/back"


@pytest_asyncio.fixture
async def railway(tmp_path: Path) -> AsyncIterator[AtRailway]:
    unknowns = Unknowns(rollback_rewrites_variables=True)
    async with at_railway(folder=tmp_path, unknowns=unknowns) as place:
        yield place


async def rotated(railway: AtRailway) -> Record:
    """What served with the first colour; the second one is for the next deployment."""
    railway.simulator.gives(COLOUR="first")
    old = await railway.simulator.deploys(OLD)
    railway.simulator.gives(COLOUR="second", SIZE="new")
    await railway.simulator.deploys(NEW)
    await railway.simulator.reaches(old, Status.REMOVED)
    return old


async def ended(platform: RailwayPlatform, deployment: str) -> DeploymentStatus:
    return [state.status async for state in platform.follow(deployment)][-1]


def stored(railway: AtRailway) -> tuple[str | None, str | None]:
    variables = railway.simulator.service.variables
    return variables.get("COLOUR"), variables.get("SIZE")


async def test_what_railway_stores_with_a_rollback_is_stored_over_and_told(
    railway: AtRailway,
) -> None:
    old = await rotated(railway)
    platform = railway.open()
    back = await platform.roll_back(old.id, tag=TAG, epoch=1)
    assert stored(railway) == ("second", "new")
    assert (await platform.variables(back.id))["COLOUR"] == "first"
    (told,) = [one for one in railway.said if "COLOUR, SIZE" in one]
    assert "stored again" in told
    assert "second" not in "".join(railway.said)
    # Nothing is deployed for it.
    assert await ended(platform, back.id) is DeploymentStatus.SUCCESS
    assert len(railway.simulator.deployments) == 3


async def test_where_railway_leaves_them_alone_nothing_is_changed_or_told(
    tmp_path: Path,
) -> None:
    async with at_railway(folder=tmp_path) as railway:
        old = await rotated(railway)
        await railway.open().roll_back(old.id, tag=TAG, epoch=1)
        assert railway.simulator.changes() == ["Rollback"]
        assert railway.said == []


async def test_what_somebody_changes_after_it_stays_changed(
    railway: AtRailway,
) -> None:
    old = await rotated(railway)
    platform = railway.open()
    await platform.roll_back(old.id, tag=TAG, epoch=1)
    railway.simulator.gives(COLOUR="third")
    await platform.deploy(OLD, tag=AGAIN, epoch=1)
    assert stored(railway) == ("third", "new")


@pytest.mark.full
async def test_a_name_that_comes_back_is_told_and_left(railway: AtRailway) -> None:
    railway.simulator.gives(GONE="since")
    old = await rotated(railway)
    del railway.simulator.service.variables["GONE"]
    await railway.open().roll_back(old.id, tag=TAG, epoch=1)
    assert any("GONE again with the rollback" in one for one in railway.said)
    assert len(railway.simulator.changes()) == 2


@pytest.mark.full
async def test_an_old_migrations_plan_does_not_stay(railway: AtRailway) -> None:
    railway.simulator.gives(PM33_MIGRATION_PLAN="0" * 64)
    old = await rotated(railway)
    railway.simulator.gives(PM33_MIGRATION_PLAN="")
    platform = railway.open()
    await platform.roll_back(old.id, tag=TAG, epoch=1)
    assert "PM33_MIGRATION_PLAN" not in await platform.variables()


@pytest.mark.full
async def test_where_they_cannot_be_read_the_way_back_goes_on_and_it_is_told(
    railway: AtRailway,
) -> None:
    old = await rotated(railway)
    railway.simulator.faults.add(
        Fault.NOT_AUTHORIZED, operation="StoredVariables", times=9
    )
    platform = railway.open()
    back = await platform.roll_back(old.id, tag=TAG, epoch=1)
    assert await ended(platform, back.id) is DeploymentStatus.SUCCESS
    assert any("old values of variables may be" in one for one in railway.said)


@pytest.mark.full
async def test_what_could_not_be_stored_at_once_is_before_the_next_build(
    railway: AtRailway,
) -> None:
    old = await rotated(railway)
    operation = "VariableCollectionUpsert"
    railway.simulator.faults.add(Fault.SERVER_ERROR, operation=operation)
    platform = railway.open()
    await platform.roll_back(old.id, tag=TAG, epoch=1)
    assert stored(railway) == ("first", None)
    assert any("could not be stored again" in one for one in railway.said)
    await platform.deploy(OLD, tag=AGAIN, epoch=1)
    assert stored(railway) == ("second", "new")


@pytest.mark.full
async def test_what_one_run_has_seen_another_does_not_store(
    railway: AtRailway,
) -> None:
    old = await rotated(railway)
    railway.simulator.faults.add(Fault.ROLLBACK_REFUSED)
    platform = railway.open()
    with pytest.raises(PlatformError):
        await platform.roll_back(old.id, tag=TAG, epoch=1)
    railway.simulator.gives(COLOUR="third")
    await platform.roll_back(old.id, tag=ANOTHER, epoch=1)
    assert stored(railway) == ("third", "new")


@pytest.mark.parametrize("rewrites", [False, True])
async def test_what_somebody_changes_meanwhile_stays_changed(
    tmp_path: Path, *, rewrites: bool
) -> None:
    unknowns = Unknowns(rollback_rewrites_variables=rewrites)
    async with at_railway(folder=tmp_path, unknowns=unknowns) as railway:
        old = await rotated(railway)
        railway.simulator.faults.add(Fault.ROLLBACK_LATE, seconds=12)
        begun = asyncio.create_task(railway.open().roll_back(old.id, tag=TAG, epoch=1))
        await until(lambda: railway.asked("Rollback"), bool)
        await asyncio.sleep(0.01)
        railway.simulator.gives(COLOUR="third")
        await begun
        assert stored(railway)[0] == "third"
