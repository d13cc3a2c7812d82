"""On a platform that takes every change from everybody."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typing_extensions import override

from app.backend.database.lease import Guard
from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.report import Ending
from app.backend.deploy.request import EMERGENCY, RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.running.fencing import let_land, time_to_act
from app.errors import LeaseLostError
from tests.support.delivery import ENVIRONMENT, Delivery
from tests.support.memory_platform import MemoryPlatform

LONGEST = 10.0


@dataclass
class Shrinking(Guard):
    """A lease that is told how much is left of it, look by look."""

    lefts: list[float] = field(default_factory=list)
    lapsed: float = float("inf")
    name: str = "environment/test"
    epoch: int = 1
    locked: bool = True
    checks: int = 0

    @property
    @override
    def left(self) -> float:
        return self.lefts.pop(0) if len(self.lefts) > 1 else self.lefts[0]

    @override
    def check(self) -> None:
        self.checks += 1
        if self.lefts[0] <= 0:
            raise LeaseLostError("it ran out")

    @override
    def on_lost(self, tell: object) -> None:
        """Nobody is told."""

    @override
    async def release(self) -> None:
        """There is nothing to let go of."""


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    delivery = Delivery(tmp_path)
    delivery.platform = MemoryPlatform(
        tmp_path / "platform.json", switches_itself=True, longest_change=LONGEST
    )
    delivery.leases.ttl = 15.0
    delivery.renew()
    return delivery


async def test_a_change_waits_for_a_lease_that_outlasts_it(
    delivery: Delivery,
) -> None:
    guard = Shrinking(lefts=[9.0, 8.0, 15.0])
    await time_to_act(delivery.tools, guard)
    assert guard.lefts == [15.0]


async def test_with_enough_left_nothing_waits(delivery: Delivery) -> None:
    guard = Shrinking(lefts=[10.0, 1.0])
    await time_to_act(delivery.tools, guard)
    assert guard.lefts == [1.0]


async def test_a_lease_that_nobody_renews_sends_nothing(delivery: Delivery) -> None:
    guard = Shrinking(lefts=[9.0, 5.0, 0.0])
    with pytest.raises(LeaseLostError):
        await time_to_act(delivery.tools, guard)


async def test_a_short_lease_that_is_renewed_is_enough(delivery: Delivery) -> None:
    delivery.leases.ttl = 1.0
    await time_to_act(delivery.tools, Shrinking(lefts=[0.7]))


@pytest.mark.parametrize(("ago", "waits"), [(0.0, 10.0), (4.0, 6.0), (60.0, 0.0)])
async def test_what_a_dead_holder_has_sent_lands_first(
    delivery: Delivery, ago: float, waits: float
) -> None:
    before = delivery.tools.clock.time()
    guard = Shrinking(lefts=[15.0], lapsed=ago)
    assert await let_land(delivery.tools, guard)
    assert delivery.tools.clock.time() - before == waits


async def test_after_a_holder_that_let_go_nobody_waits(delivery: Delivery) -> None:
    assert not await let_land(delivery.tools, Shrinking(lefts=[15.0]))


async def test_a_platform_that_fences_is_not_waited_for(tmp_path: Path) -> None:
    guard = Shrinking(lefts=[1.0], lapsed=0.0)
    delivery = Delivery(tmp_path)
    assert not await let_land(delivery.tools, guard)
    await time_to_act(delivery.tools, guard)


async def test_whoever_takes_over_cancels_what_no_run_knows_of(
    delivery: Delivery,
) -> None:
    await delivery.good("one")
    await delivery.good("two")
    stray = await delivery.platform.deploy(
        delivery.commit("stray"), tag="nobody", epoch=2
    )
    delivery.leases.lapsed = 0.5
    request = RollbackRequest(environment=ENVIRONMENT, actor="test", reason=EMERGENCY)
    report = await roll_back(request, delivery.tools)
    assert report.ending is Ending.RESTORED, report.text()
    found = await delivery.platform.deployment(stray.id)
    assert found.status is DeploymentStatus.CANCELLED
    assert delivery.platform.unfinished() == []
