"""However a process ends that leaves autodeploy off, it says so, and what ends that."""

from pathlib import Path

import pytest

from app.backend.deploy.pipeline import deploy, resume
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.tools import Milestone
from app.errors import LeaseLostError
from tests.support.delivery import ENVIRONMENT, Delivery


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    """A platform that deploys pushes by itself."""
    delivery = Delivery(tmp_path)
    delivery.platform.deploy_pushes(enabled=True)
    return delivery


def told(delivery: Delivery) -> bool:
    """Whether somebody was told once, with the command."""
    said = [one for one in delivery.said if "do not deploy by themselves:" in one]
    return len(said) == 1 and f"`pm33 deploy resume -e {ENVIRONMENT}`" in said[0]


async def test_a_lease_that_is_lost_while_the_platform_is_silent(
    delivery: Delivery,
) -> None:
    async def vanish(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("bake", Milestone.AFTER_INTENT):
            delivery.platform.be_away()
            delivery.leases.highest += 1

    with pytest.raises(LeaseLostError):
        await deploy(delivery.request(delivery.commit("one")), delivery.at(vanish))
    assert told(delivery)


async def test_an_error_that_nobody_has_expected(delivery: Delivery) -> None:
    async def fail(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("gate", Milestone.AFTER_INTENT):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await deploy(delivery.request(delivery.commit("one")), delivery.at(fail))
    assert told(delivery)
    delivery.renew()
    resumed = await resume(delivery.tools, actor="test")
    assert resumed.ending is Ending.DONE, resumed.text()
    assert await delivery.platform.autodeploy() is True


async def test_a_run_that_ends_as_it_should_has_nothing_to_say(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    assert not told(delivery)
