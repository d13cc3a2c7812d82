from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.backend.deploy.pipeline import resume
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.request import RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.running.steps_back import STEPS
from app.backend.deploy.tools import Milestone
from tests.support.delivery import QuickClock
from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway.plans import Unknowns
from tests.support.railway_delivery import RailwayDelivery
from tests.support.railway_platform import ENVIRONMENT, at_railway


class Killed(BaseException):
    """The process is gone."""


@pytest_asyncio.fixture
async def delivery(tmp_path: Path) -> AsyncIterator[RailwayDelivery]:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        yield RailwayDelivery(tmp_path, railway, clock)


async def serving(delivery: RailwayDelivery, name: str = "one") -> str:
    """A good commit that serves."""
    commit = delivery.commit(name)
    await delivery.railway.simulator.deploys(commit)
    return commit


def served(delivery: RailwayDelivery) -> str | None:
    """The commit that users get."""
    record = delivery.railway.simulator.serving
    return record.commit if record else None


def unfinished(delivery: RailwayDelivery) -> list[str]:
    """What may still come to serve."""
    simulator = delivery.railway.simulator
    statuses = {one.id: simulator.status(one) for one in simulator.deployments}
    return [one for one, status in statuses.items() if status.is_unfinished]


async def test_a_release_that_turns_bad_is_left_again(
    delivery: RailwayDelivery,
) -> None:
    old = await serving(delivery)
    bad = delivery.commit("two")
    delivery.bad.add(bad)
    report = await delivery.deploy(bad, gate_hold=0.0)
    # Railway switches before anybody can judge: what is bad has served by then.
    assert report.ending is Ending.ROLLED_BACK, report.text()
    assert served(delivery) == old
    assert delivery.railway.asked("Deploy") == 1
    assert delivery.railway.asked("Rollback") == 1
    assert unfinished(delivery) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault.BUILD_FAILS,
        pytest.param(Fault.NEVER_HEALTHY, marks=pytest.mark.full),
        pytest.param(Fault.SKIPPED, marks=pytest.mark.full),
        pytest.param(Fault.NEEDS_APPROVAL, marks=pytest.mark.full),
    ],
)
async def test_a_deploy_that_fails_leaves_what_served(
    delivery: RailwayDelivery, fault: Fault
) -> None:
    old = await serving(delivery)
    delivery.railway.simulator.faults.add(fault)
    report = await delivery.deploy(delivery.commit("two"))
    assert report.ending is Ending.FAILED, report.text()
    assert report.cause
    assert served(delivery) == old
    assert unfinished(delivery) == []


async def test_a_rollback_works_without_a_commit_here(
    delivery: RailwayDelivery,
) -> None:
    old = await serving(delivery)
    await serving(delivery, "two")
    first = delivery.railway.simulator.deployments[0]
    await delivery.railway.simulator.reaches(first, Status.REMOVED)
    request = RollbackRequest(
        environment=ENVIRONMENT, actor="test", reason="user_initiated"
    )
    report = await roll_back(request, delivery.tools)
    assert report.ending is Ending.RESTORED, report.text()
    assert served(delivery) == old


async def test_where_a_token_may_not_roll_back_the_commit_is_built_anew(
    tmp_path: Path,
) -> None:
    clock, unknowns = QuickClock(), Unknowns(project_token_may_roll_back=False)
    async with at_railway(
        folder=tmp_path, clock=clock, scale=0.001, unknowns=unknowns
    ) as railway:
        delivery = RailwayDelivery(tmp_path, railway, clock)
        old = await serving(delivery)
        await serving(delivery, "two")
        await railway.simulator.reaches(
            railway.simulator.deployments[0], Status.REMOVED
        )
        request = RollbackRequest(
            environment=ENVIRONMENT, actor="test", reason="emergency"
        )
        report = await roll_back(request, delivery.tools)
        assert report.ending is Ending.RESTORED, report.text()
        assert served(delivery) == old
        assert railway.asked("Rollback") == railway.asked("Deploy") == 1


KILLS = [
    (step.name, milestone)
    for step in STEPS
    if step.name in {"deploy", "switch", "bake", "finalise"}
    for milestone in Milestone
]


@pytest.mark.parametrize(
    ("step", "milestone"),
    [
        pytest.param(*one, marks=() if one == KILLS[2] else pytest.mark.full)
        for one in KILLS
    ],
)
async def test_a_run_that_was_killed_deploys_nothing_twice(
    delivery: RailwayDelivery, step: str, milestone: Milestone
) -> None:
    await serving(delivery)
    new = delivery.commit("two")

    async def kill(name: str, reached: Milestone) -> None:
        if (name, reached) == (step, milestone):
            raise Killed

    delivery.tools = delivery.at(kill)
    with pytest.raises(Killed):
        await delivery.deploy(new)
    delivery.leases.holder = None
    delivery.renew()
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.DONE, report.text()
    assert served(delivery) == new
    assert delivery.railway.asked("Deploy") == 1


BACK = [
    (name, milestone)
    for name in ("choose", "restore", "verify")
    for milestone in Milestone
]


@pytest.mark.parametrize(
    ("step", "milestone"),
    [pytest.param(*one, marks=pytest.mark.full) for one in BACK],
)
async def test_a_way_back_that_was_killed_goes_back_once(
    delivery: RailwayDelivery, step: str, milestone: Milestone
) -> None:
    old = await serving(delivery)
    await serving(delivery, "two")
    first = delivery.railway.simulator.deployments[0]
    await delivery.railway.simulator.reaches(first, Status.REMOVED)

    async def kill(name: str, reached: Milestone) -> None:
        if (name, reached) == (step, milestone):
            raise Killed

    request = RollbackRequest(
        environment=ENVIRONMENT, actor="test", reason="user_initiated"
    )
    with pytest.raises(Killed):
        await roll_back(request, delivery.at(kill))
    delivery.leases.holder = None
    delivery.renew()
    report = await resume(delivery.tools, actor="test")
    assert report.ending is Ending.RESTORED, report.text()
    assert served(delivery) == old
    assert delivery.railway.asked("Rollback") == 1
