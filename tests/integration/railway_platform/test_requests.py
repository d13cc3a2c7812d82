from pathlib import Path

from app.backend.deploy.platforms.deployment import DeploymentStatus
from app.backend.deploy.platforms.railway.freshness import status_age
from app.backend.deploy.records.ending import Ending
from tests.support.delivery import QuickClock
from tests.support.railway_delivery import RailwayDelivery
from tests.support.railway_platform import OLD, at_railway

BUDGET = 60
LONG_BUILD = 300.0
HALF_AN_HOUR = 1800.0


def looks(status: DeploymentStatus, seconds: float) -> int:
    """How often it is asked in that time."""
    at, asked = 0.0, 0
    while at < seconds:
        asked += 1
        at += status_age(status, at, 0.0)
    return asked


async def test_half_an_hour_of_rounds_asks_a_few_times(tmp_path: Path) -> None:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock) as railway:
        old = await railway.simulator.deploys(OLD)
        watched = railway.open().watched
        for _ in range(int(HALF_AN_HOUR / 10)):
            assert (await watched.deployment(old.id)).active
            await watched.traffic(old.id)
            assert not await watched.shielded()
            await clock.sleep(10)
        assert railway.asked("Picture") <= 12
        assert 4 <= railway.asked("HttpTraffic") <= 8


async def test_a_whole_deploy_stays_within_its_requests(tmp_path: Path) -> None:
    clock = QuickClock()
    building = looks(DeploymentStatus.BUILDING, LONG_BUILD)
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        delivery = RailwayDelivery(tmp_path, railway, clock)
        first = delivery.commit("one")
        await railway.simulator.deploys(first)
        second = delivery.commit("two")
        report = await delivery.deploy(second, bake=HALF_AN_HOUR)
        assert report.ending is Ending.DONE, report.text()
        made = railway.simulator.asked()
        assert sum(made.values()) + building <= BUDGET, made
