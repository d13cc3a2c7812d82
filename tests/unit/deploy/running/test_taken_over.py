from pathlib import Path

import pytest

from app.backend.deploy.pipeline import deploy
from app.backend.deploy.request import RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.tools import Milestone
from app.errors import LeaseLostError
from tests.support.delivery import ENVIRONMENT, Delivery


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


async def test_whoever_is_pushed_out_is_told_by_whom_for_what_and_what_serves(
    delivery: Delivery,
) -> None:
    first = await delivery.good("one")
    await delivery.good("two")
    back = RollbackRequest(
        environment=ENVIRONMENT, actor="ada", gate_hold=1.0, reason="it is slow"
    )

    async def somebody(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("deploy", Milestone.BEFORE_INTENT):
            # As after a process that slept for longer than its lease.
            delivery.leases.holder = None
            await roll_back(back, delivery.tools)

    request = delivery.request(delivery.commit("three"))
    with pytest.raises(LeaseLostError) as error:
        await deploy(request, delivery.at(somebody))

    told = str(error.value)
    (theirs, ours, *_) = await delivery.runs()
    assert told.startswith(f"{ours.run} is over: ")
    assert f"taken over by {theirs.run} (rollback {first[:12]}: it is slow)" in told
    assert told.endswith(f"{first[:12]} (d3) serves")


async def test_while_the_other_is_still_at_work_its_lease_tells(
    delivery: Delivery,
) -> None:
    await delivery.good("one")

    async def somebody(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("switch", Milestone.BEFORE_INTENT):
            delivery.leases.highest += 1
            delivery.leases.holder = "ada run-9"
            delivery.leases.taken.append("deploy hotfix")

    with pytest.raises(
        LeaseLostError, match=r"taken over by ada run-9 \(deploy hotfix"
    ):
        await deploy(delivery.request(delivery.commit("two")), delivery.at(somebody))
