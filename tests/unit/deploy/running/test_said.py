"""What whoever waits is told while a run goes on."""

from pathlib import Path

import pytest

from app.backend.deploy.pipeline import deploy, resume
from app.backend.deploy.tools import Milestone
from app.errors import LeaseHeldError
from tests.support.delivery import Delivery


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


async def test_gate_and_bake_say_how_they_go(delivery: Delivery) -> None:
    await delivery.good("one")

    assert any(" well; to stay so for 2 s" in line for line in delivery.said)
    assert any("good so far: 6 rounds; 35 s left" in line for line in delivery.said)


async def test_bad_rounds_are_counted_aloud_and_a_failed_step_ends_its_line(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    await delivery.deploy(delivery.commit("bad", good=False))

    assert any("bad round 1 of 3: " in line for line in delivery.said)
    (failed,) = [line for line in delivery.said if line.startswith("bake      failed")]
    assert failed.endswith(" s)")


async def test_who_holds_the_lease_that_a_resume_waits_for_is_said(
    delivery: Delivery,
) -> None:
    await delivery.good("one")

    async def interrupt(at: str, edge: Milestone) -> None:
        if (at, edge) == ("bake", Milestone.AFTER_CALL):
            delivery.tools.interrupt.ask()

    second = delivery.commit("two")
    await deploy(delivery.request(second), delivery.at(interrupt))
    delivery.renew()
    delivery.leases.holder = "somebody"
    with pytest.raises(LeaseHeldError):
        await resume(delivery.tools, actor="test")

    assert any("somebody has the lease" in line for line in delivery.said)
