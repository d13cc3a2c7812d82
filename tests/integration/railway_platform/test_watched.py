import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.backend.deploy.monitor import monitor
from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.railway.watched import reachable
from app.backend.deploy.records.ending import Ending
from app.backend.deploy.request import MonitorRequest
from app.errors import PlatformUnreachableError
from tests.support.canned_http import canned_service
from tests.support.delivery import QuickClock
from tests.support.railway.faults import Fault
from tests.support.railway_delivery import RailwayDelivery
from tests.support.railway_platform import ENVIRONMENT, NEW, OLD, AtRailway, at_railway


@pytest_asyncio.fixture
async def railway(tmp_path: Path) -> AsyncIterator[AtRailway]:
    async with at_railway(folder=tmp_path, clock=QuickClock()) as place:
        yield place


async def test_while_railway_is_away_what_was_seen_last_is_told(
    railway: AtRailway,
) -> None:
    old = await railway.simulator.deploys(OLD)
    watched = railway.open().watched
    assert (await watched.deployment(old.id)).active
    railway.simulator.faults.add(Fault.DOWN, times=None)
    await railway.clock.sleep(100)
    assert (await watched.deployment(old.id)).active
    await railway.clock.sleep(1000)
    with pytest.raises(PlatformUnreachableError):
        await watched.deployment(old.id)


@pytest.mark.full
async def test_what_decides_is_never_told_from_memory(railway: AtRailway) -> None:
    old = await railway.simulator.deploys(OLD)
    platform = railway.open()
    assert (await platform.deployment(old.id)).active
    railway.simulator.faults.add(Fault.DOWN, times=None)
    await railway.clock.sleep(100)
    for call in (platform.deployment(old.id), platform.deployments()):
        with pytest.raises(PlatformUnreachableError):
            await call


@pytest.mark.full
async def test_who_does_not_wait_for_an_answer_does_not_ask_again(
    railway: AtRailway,
) -> None:
    old = await railway.simulator.deploys(OLD)
    watched = railway.open().watched
    await watched.deployment(old.id)
    asked = railway.asked("Picture")
    await railway.clock.sleep(1000)
    railway.simulator.faults.add(Fault.SLOW, operation="Picture", seconds=20)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.03):
                await watched.deployment(old.id)
    await railway.simulator.world.clock.sleep(40)
    assert (await watched.deployment(old.id)).active
    assert railway.asked("Picture") == asked + 1


@pytest.mark.full
async def test_a_change_makes_what_was_seen_before_old(railway: AtRailway) -> None:
    await railway.simulator.deploys(OLD)
    platform = railway.open()
    await platform.deployments()
    begun = await platform.deploy(NEW, tag="a-run", epoch=1)
    assert begun.id in {one.id for one in await platform.deployments()}


async def test_who_is_about_to_act_sees_what_is_so_then(railway: AtRailway) -> None:
    await railway.simulator.deploys(OLD)
    platform = railway.open()
    await platform.deployments()
    other = await railway.simulator.deploys(NEW)
    assert other.id not in {one.id for one in await platform.deployments()}
    assert await platform.epoch() == 0
    assert other.id in {one.id for one in await platform.deployments()}


@pytest.mark.full
async def test_one_that_lists_leave_out_is_found_all_the_same(
    railway: AtRailway,
) -> None:
    platform = railway.open()
    begun = await platform.deploy(NEW, tag="a-run", epoch=1)
    railway.simulator.faults.add(Fault.STALE_READS)
    found = await platform.deployment(begun.id)
    assert found.id == begun.id
    assert found.status is not DeploymentStatus.UNKNOWN


async def test_the_shield_is_seen(railway: AtRailway) -> None:
    await railway.simulator.deploys(OLD)
    platform = railway.open()
    assert not await platform.shielded()
    await railway.simulator.world.shield(2_000_000_000)
    await railway.clock.sleep(1000)
    assert await platform.shielded()
    assert await platform.watched.shielded()


@pytest.mark.full
async def test_a_token_that_may_not_see_the_edge_sees_the_rest(
    railway: AtRailway,
) -> None:
    old = await railway.simulator.deploys(OLD)
    railway.simulator.faults.add(Fault.NOT_AUTHORIZED, operation="Picture")
    platform = railway.open()
    assert (await platform.deployment(old.id)).active
    assert railway.asked("Picture") == 2


async def test_a_network_is_told_by_a_connection_and_no_request() -> None:
    with canned_service() as told:
        assert await reachable(f"{told.url}/graphql/v2?source=pm33-ops")
        gone = told.url
    assert not told.asked
    assert not await reachable(gone)


async def test_a_network_behind_a_proxy_is_told_by_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nowhere = "https://nowhere.invalid/graphql/v2"
    with canned_service() as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        assert await reachable(nowhere)
        monkeypatch.setenv("https_proxy", proxy.url.removeprefix("http://"))
        assert await reachable(nowhere)
        monkeypatch.delenv("https_proxy")
        assert not await reachable(nowhere)
        monkeypatch.setenv("all_proxy", proxy.url)
        assert await reachable(nowhere)
        monkeypatch.setenv("no_proxy", "nowhere.invalid")
        assert not await reachable(nowhere)


@pytest.mark.full
async def test_on_a_free_plan_a_deploy_ends_with_a_verdict(tmp_path: Path) -> None:
    clock = QuickClock()
    async with at_railway(
        folder=tmp_path, clock=clock, scale=0.001, plan="FREE"
    ) as railway:
        delivery = RailwayDelivery(tmp_path, railway, clock)
        await railway.simulator.deploys(delivery.commit("one"))
        report = await delivery.deploy(delivery.commit("two"), bake=1800.0)
        assert report.ending is Ending.DONE, report.text()
        assert len(railway.simulator.requests) <= 60


@pytest.mark.full
async def test_an_api_that_is_away_in_a_bake_rolls_nothing_back(
    tmp_path: Path,
) -> None:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        delivery = RailwayDelivery(tmp_path, railway, clock)
        await railway.simulator.deploys(delivery.commit("one"))
        new = delivery.commit("two")
        railway.simulator.faults.add(
            Fault.SERVER_ERROR, operation="HttpTraffic", times=None
        )
        report = await delivery.deploy(new, bake=600.0)
        assert report.ending is Ending.DONE, report.text()
        assert railway.asked("Rollback") == 0
        assert [one for one in report.notes if "rests on probes" in one]


@pytest.mark.full
@pytest.mark.parametrize("refused", [True, False])
async def test_a_verdict_without_the_edges_counts_is_told_for_what_it_is(
    tmp_path: Path, *, refused: bool
) -> None:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        delivery = RailwayDelivery(tmp_path, railway, clock)
        await railway.simulator.deploys(delivery.commit("one"))
        if refused:
            railway.simulator.faults.add(
                Fault.NOT_AUTHORIZED, operation="HttpTraffic", times=None
            )
        report = await delivery.deploy(delivery.commit("two"), bake=1800.0)
        assert report.ending is Ending.DONE, report.text()
        told = [one for one in report.notes if "rests on probes" in one]
        assert len(told) == refused
        assert all("Not Authorized" in one for one in told)
        assert [line for line in delivery.said if "rests on probes" in line] == told
        assert len(railway.simulator.requests) <= 60


@pytest.mark.full
async def test_who_watches_without_the_edges_counts_is_told_so(
    tmp_path: Path,
) -> None:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock, scale=0.001) as railway:
        delivery = RailwayDelivery(tmp_path, railway, clock)
        await railway.simulator.deploys(delivery.commit("one"))
        await clock.sleep(600)
        railway.simulator.faults.add(
            Fault.NOT_AUTHORIZED, operation="HttpTraffic", times=None
        )
        asked = MonitorRequest(environment=ENVIRONMENT, actor="test", seconds=600.0)
        report = await monitor(asked, delivery.tools)
        assert report.ending is Ending.DONE, report.text()
        assert ["rests on probes" in one for one in report.notes] == [True]


async def test_what_serves_is_seen_behind_any_number_of_skipped_pushes(
    railway: AtRailway,
) -> None:
    serving = await railway.simulator.deploys(OLD)
    for _ in range(12):
        railway.simulator.faults.add(Fault.SKIPPED)
        await railway.simulator.deploys(NEW)
    platform = railway.open()
    assert (await platform.watched.deployment(serving.id)).active
    listed = await platform.deployments(5)
    assert [one.id for one in listed if one.active] == [serving.id]
    assert len(listed) == 6
