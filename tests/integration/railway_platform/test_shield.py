"""A service whose edge lets browsers through alone, as platform and run see it."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from app.backend.deploy.pipeline import make_plan, resume
from app.backend.deploy.records.ending import Ending
from tests.support.delivery import QuickClock
from tests.support.railway.faults import Fault
from tests.support.railway.ground import EdgeRequest
from tests.support.railway_delivery import RailwayDelivery
from tests.support.railway_platform import OLD, AtRailway, at_railway


@pytest_asyncio.fixture
async def delivery(tmp_path: Path) -> AsyncIterator[RailwayDelivery]:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        yield RailwayDelivery(tmp_path, railway, clock)


@pytest.mark.parametrize("seconds", [3600.0, math.inf])
async def test_the_platform_knows_of_the_shield_with_an_end_and_without(
    railway: AtRailway, seconds: float
) -> None:
    before = railway.open()
    assert not await before.shielded()
    await raise_it(railway, seconds)
    after = railway.open()
    assert await after.shielded()
    assert await after.watched.shielded()


async def test_the_platform_tells_of_failed_requests(railway: AtRailway) -> None:
    record = await railway.simulator.deploys(OLD)
    for status in (200, 502):
        railway.ground.traffic.append(
            EdgeRequest(
                at=datetime.now(UTC), deployment=record.id, status=status, seconds=0.1
            )
        )
    lines = await railway.open().http_logs(record.id, failed=True)
    assert lines is not None
    assert [one.text for one in lines] == ["GET / 502 100 ms"]


@pytest.mark.full
async def test_a_run_under_the_shield_ends_undecided_and_goes_on_without_it(
    delivery: RailwayDelivery,
) -> None:
    railway = delivery.railway
    await railway.simulator.deploys(delivery.commit("one"))
    new = delivery.commit("two")
    await raise_it(railway, 3600)
    plan = await make_plan(delivery.request(new), delivery.tools)
    assert "shield" in {one.code for one in plan.findings}

    report = await delivery.deploy(new)
    assert (report.ending, report.exit_code) == (Ending.PAUSED, 6), report.text()
    serving = railway.simulator.serving
    assert serving is not None
    assert serving.commit == new

    await railway.simulator.world.shield(None)
    delivery.renew()
    again = await resume(delivery.tools, actor="test")
    assert again.ending is Ending.DONE, again.text()
    assert (railway.asked("Deploy"), railway.asked("Rollback")) == (1, 0)


@pytest.mark.full
async def test_a_shield_that_a_token_may_not_see_rolls_nothing_back(
    delivery: RailwayDelivery,
) -> None:
    railway = delivery.railway
    await railway.simulator.deploys(delivery.commit("one"))
    railway.simulator.faults.add(Fault.NOT_AUTHORIZED, operation="Picture")
    new = delivery.commit("two")
    await raise_it(railway, 3600)

    report = await delivery.deploy(new)
    assert (report.ending, report.exit_code) == (Ending.PAUSED, 6), report.text()
    assert "keeps machines out" in report.cause
    assert not await delivery.platform.shielded()
    assert len(railway.simulator.requests) <= 60

    await railway.simulator.world.shield(None)
    delivery.renew()
    again = await resume(delivery.tools, actor="test")
    assert again.ending is Ending.DONE, again.text()
    assert (railway.asked("Deploy"), railway.asked("Rollback")) == (1, 0)


@pytest.mark.full
async def test_a_passing_fault_does_not_hide_the_shield_for_good(
    railway: AtRailway,
) -> None:
    old = await railway.simulator.deploys(OLD)
    platform = railway.open()
    railway.simulator.faults.add(Fault.PROBLEM, operation="Picture", times=3)
    assert (await platform.deployment(old.id)).active
    await raise_it(railway, math.inf)
    await railway.clock.sleep(300)
    assert not await platform.shielded()
    await railway.clock.sleep(400)
    assert await platform.shielded()
    told = [line for line in railway.said if "shield cannot be seen" in line]
    assert len(told) == 1
    assert "asked for again later" in told[0]


async def raise_it(railway: AtRailway, seconds: float) -> None:
    ends = datetime.now(UTC).timestamp() + seconds
    await railway.simulator.world.shield(0 if math.isinf(ends) else int(ends))
