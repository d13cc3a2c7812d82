from pathlib import Path

import pytest

from app.backend.deploy.cancelling import cancel
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.errors import (
    DeploymentNotFoundError,
    LeaseHeldError,
    OpsError,
    PreflightError,
)
from tests.support.delivery import Delivery


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    return Delivery(tmp_path)


async def waiting(delivery: Delivery) -> Deployment:
    """One that has become ready, and that nobody has switched to."""
    commit = delivery.commit("left")
    one = await delivery.platform.deploy(commit, tag="run-1/deploy", epoch=0)
    async for state in delivery.platform.follow(one.id):
        if state.status is DeploymentStatus.READY:
            return state
    raise AssertionError("it never became ready")


async def test_what_was_left_waiting_is_ended_under_the_lease(
    delivery: Delivery,
) -> None:
    one = await waiting(delivery)
    ended = await cancel(one.id, delivery.tools, actor="ada")

    assert ended.status.is_over
    assert delivery.leases.taken == [f"cancel {one.id}"]
    assert delivery.leases.holder is None


async def test_asked_again_it_says_that_it_is_over(delivery: Delivery) -> None:
    one = await waiting(delivery)
    ended = await cancel(one.id, delivery.tools, actor="ada")

    assert await cancel(one.id, delivery.tools, actor="ada") == ended
    assert len(delivery.leases.taken) == 1


async def test_what_serves_is_refused(delivery: Delivery) -> None:
    await delivery.good("one")
    active = delivery.platform.active()
    assert active
    with pytest.raises(PreflightError, match="serves"):
        await cancel(active.id, delivery.tools, actor="ada")
    assert delivery.platform.active() == active


async def test_what_somebody_works_at_is_left_alone(delivery: Delivery) -> None:
    one = await waiting(delivery)
    delivery.leases.holder = "ada"
    with pytest.raises(LeaseHeldError):
        await cancel(one.id, delivery.tools, actor="bob")
    assert not (await delivery.platform.deployment(one.id)).status.is_over


async def test_without_a_lease_to_be_had_nothing_is_done(delivery: Delivery) -> None:
    one = await waiting(delivery)
    delivery.leases.away = True
    with pytest.raises(OpsError) as refused:
        await cancel(one.id, delivery.tools, actor="ada")
    assert refused.value.exit_code == 5
    assert refused.value.remedy


async def test_what_nobody_knows_is_not_there(delivery: Delivery) -> None:
    with pytest.raises(DeploymentNotFoundError):
        await cancel("d-none", delivery.tools, actor="ada")
