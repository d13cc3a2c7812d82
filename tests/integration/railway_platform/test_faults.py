"""Every fault there is, in the middle of a deploy: a typed end, and nothing twice.

Faults that only webhooks or logs know of are left out, and so is what never comes to an
end: the pipeline's own deadlines are minutes of real time.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.request import EMERGENCY, RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.errors import OpsError
from tests.support.delivery import QuickClock
from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway_delivery import RailwayDelivery
from tests.support.railway_platform import ENVIRONMENT, NEW, AtRailway, at_railway

DEADLINE = 60.0
AROUND = {Fault.WEBHOOKS_LATE, Fault.WEBHOOKS_TWICE}
LOGS = {Fault.LOG_LINES_MISSING, Fault.LOG_LINES_TWICE}
LASTING = {Fault.STUCK_QUEUED, Fault.SLOW_INITIALIZING}
UNTOLD = {Fault.UNKNOWN_STATUS}
ROLLBACKS = {
    Fault.ROLLBACK_FAILS,
    Fault.ROLLBACK_LATE,
    Fault.ROLLBACK_LOST,
    Fault.ROLLBACK_REFUSED,
    Fault.TARGET_AGED_OUT,
}
DEPLOYS = sorted(set(Fault) - AROUND - LOGS - LASTING - ROLLBACKS - UNTOLD)
API = {
    *(Fault.DOWN, Fault.SERVER_ERROR, Fault.TIMEOUT, Fault.SLOW, Fault.CUT),
    *(Fault.DATA_NULL, Fault.PARTIAL_DATA, Fault.PROBLEM, Fault.NOT_AUTHORIZED),
    *(Fault.TWO_FACTOR, Fault.TOO_QUICKLY, Fault.DEPLOY_LIMIT, Fault.RATE_LIMITED),
    *(Fault.EDGE_LIMITED, Fault.EDGE_REFUSED, Fault.AFTER_MUTATION_CUT),
    *(Fault.AFTER_MUTATION_ERROR, Fault.AFTER_MUTATION_TIMEOUT),
}
OTHERS = "f" * 40
"""What somebody else deploys meanwhile."""
QUICK = {Fault.CRASHES, Fault.SERVER_ERROR}


@pytest_asyncio.fixture
async def delivery(tmp_path: Path) -> AsyncIterator[RailwayDelivery]:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        railway.simulator.stores(preDeployCommand=["pm33 migrate up"])
        yield RailwayDelivery(tmp_path, railway, clock)


def deploys_of(railway: AtRailway, commit: str) -> int:
    """Deployments of a commit that were asked for by us, ways back aside."""
    made = [one for one in railway.simulator.deployments if one.commit == commit]
    return sum(one.origin.reason == "deploy" for one in made)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(one, marks=() if one in QUICK else pytest.mark.full)
        for one in DEPLOYS
    ],
)
async def test_a_deploy_has_a_typed_end_and_is_made_once(
    delivery: RailwayDelivery, fault: Fault
) -> None:
    simulator = delivery.railway.simulator
    old = delivery.commit("one")
    await simulator.deploys(old)
    new = delivery.commit("two")
    operation = "Deploy" if fault in API else None
    simulator.faults.add(fault, operation=operation)
    ending: Ending | None = None
    async with asyncio.timeout(DEADLINE):
        with suppress(OpsError):
            ending = (await delivery.deploy(new)).ending
    # Asked for again only where it was refused for certain.
    assert deploys_of(delivery.railway, new) <= 1
    serving = simulator.serving
    if ending is Ending.DONE:
        assert serving is not None
        assert serving.commit == new
    if ending in {Ending.FAILED, Ending.ROLLED_BACK}:
        assert serving is not None
        assert serving.commit in {old, OTHERS}


@pytest.mark.full
@pytest.mark.parametrize("fault", sorted(ROLLBACKS))
async def test_a_way_back_has_a_typed_end_and_is_asked_for_once(
    delivery: RailwayDelivery, fault: Fault
) -> None:
    simulator = delivery.railway.simulator
    await simulator.deploys(delivery.commit("one"))
    await simulator.deploys(delivery.commit("two"))
    await simulator.reaches(simulator.deployments[0], Status.REMOVED)
    simulator.faults.add(fault)
    request = RollbackRequest(environment=ENVIRONMENT, actor="test", reason=EMERGENCY)
    ending: Ending | None = None
    async with asyncio.timeout(DEADLINE):
        with suppress(OpsError):
            ending = (await roll_back(request, delivery.tools)).ending
    assert delivery.railway.asked("Rollback") <= 1
    if ending is Ending.RESTORED:
        assert simulator.serving is not None
        assert simulator.serving.commit == simulator.deployments[0].commit


@pytest.mark.full
@pytest.mark.parametrize("fault", sorted(LASTING))
async def test_what_lasts_is_told_and_can_be_cancelled(
    delivery: RailwayDelivery, fault: Fault
) -> None:
    delivery.railway.simulator.faults.add(fault, seconds=100_000)
    platform = delivery.platform
    begun = await platform.deploy(NEW, tag="a-run", epoch=1)
    told = await platform.deployment(begun.id)
    assert not told.active
    assert not told.status.is_over
    await platform.cancel(begun.id, epoch=1)
    assert (await platform.deployment(begun.id)).status is DeploymentStatus.REMOVED
