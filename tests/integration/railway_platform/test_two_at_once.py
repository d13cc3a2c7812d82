"""Railway cannot be fenced: whoever has lost the lease must find that out itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.backend.deploy.pipeline import deploy, resume
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import EMERGENCY
from app.backend.deploy.tools import Milestone
from app.errors import LeaseLostError
from tests.support.delivery import QuickClock
from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway_delivery import RailwayDelivery
from tests.support.railway_faults import faulty_run
from tests.support.railway_platform import at_railway


@pytest_asyncio.fixture
async def delivery(tmp_path: Path) -> AsyncIterator[RailwayDelivery]:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        delivery = RailwayDelivery(tmp_path, railway, clock)
        await railway.simulator.deploys(delivery.commit("one"))
        yield delivery


def active(delivery: RailwayDelivery) -> list[str | None]:
    """The commits that Railway calls active, the overlap over."""
    world = delivery.railway.simulator.world
    return [world.records[one].commit for one in world.roster.active]


@pytest.mark.parametrize(
    "milestone",
    [
        Milestone.AFTER_INTENT,
        pytest.param(Milestone.AFTER_CALL, marks=pytest.mark.full),
    ],
)
async def test_a_zombie_that_wakes_after_its_lease_changes_nothing(
    delivery: RailwayDelivery, milestone: Milestone
) -> None:
    new = delivery.commit("two")
    endings: list[Ending] = []

    async def sleep_on(step: str, reached: Milestone) -> None:
        if (step, reached) == ("deploy", milestone) and not endings:
            delivery.leases.holder, delivery.leases.lapsed = None, 0.5
            delivery.renew()
            report = await resume(delivery.tools, actor="successor")
            endings.append(report.ending)
            assert report.ending is Ending.DONE, report.text()

    zombie = delivery.at(sleep_on)
    with pytest.raises(LeaseLostError):
        await deploy(delivery.request(new), zombie)
    assert endings == [Ending.DONE]
    assert delivery.railway.asked("Deploy") == 1
    assert active(delivery) == [new]


@pytest.mark.full
async def test_a_stray_deploy_that_lands_late_ends_the_watch_and_nothing_else(
    delivery: RailwayDelivery,
) -> None:
    new, stray = delivery.commit("two"), delivery.commit("stray")

    async def land(step: str, reached: Milestone) -> None:
        if (step, reached) == ("bake", Milestone.AFTER_INTENT):
            await delivery.railway.simulator.deploys(stray)

    report = await deploy(delivery.request(new), delivery.at(land))
    assert report.ending is Ending.SUPERSEDED, report.text()
    assert delivery.railway.asked("Deploy") == 1
    assert delivery.railway.asked("Rollback") == 0
    assert active(delivery) == [stray]


class Killed(BaseException):
    """The process is gone."""


async def test_who_takes_over_cancels_what_no_run_knows_of_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path) as run:
        simulator, add = run.simulator, run.simulator.faults.add
        await run.serves("one")
        new, stray = run.commit("two"), run.commit("stray")
        add(Fault.SLOW_INITIALIZING, commit=new, seconds=60)
        add(Fault.STUCK_QUEUED, commit=stray)

        async def die(step: str, reached: Milestone) -> None:
            if (step, reached) == ("deploy", Milestone.AFTER_CALL):
                raise Killed

        with pytest.raises(Killed):
            await deploy(run.request(new), run.at(die))
        (ours,) = run.made("deploy", new)
        theirs = await simulator.deploys(stray, wait=False)
        await run.time.sleep(5.0)
        assert run.unfinished() == [ours, theirs]
        run.leases.holder, run.leases.lapsed = None, 0.5
        run.renew()
        report = await resume(run.tools, actor="successor")

        assert report.ending is Ending.DONE, report.text()
        assert run.railway.asked("Cancel") == 1
        assert simulator.status(theirs) is Status.REMOVED
        assert not theirs.succeeded
        assert active(run) == [new]
        assert run.unfinished() == []


@pytest.mark.full
async def test_a_way_back_that_takes_over_cancels_a_stray_before_it_asks(
    tmp_path: Path,
) -> None:
    async with faulty_run(tmp_path) as run:
        old = await run.serves("one")
        await run.serves("two")
        stray = run.commit("stray")
        run.simulator.faults.add(Fault.STUCK_QUEUED, commit=stray)
        record = await run.simulator.deploys(stray, wait=False)
        await run.time.sleep(5.0)
        run.leases.lapsed = 0.5
        report = await run.goes_back(reason=EMERGENCY)

        assert isinstance(report, RunReport), report
        assert report.ending is Ending.RESTORED, report.text()
        changes = run.simulator.changes()
        assert changes.index("Cancel") < changes.index("Rollback")
        assert run.simulator.status(record) is Status.REMOVED
        assert active(run) == [old]
        assert run.unfinished() == []
