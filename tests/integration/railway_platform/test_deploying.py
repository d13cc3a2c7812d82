from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.errors import PlatformError, PlatformUnreachableError
from tests.support.delivery import QuickClock
from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway.plans import Unknowns
from tests.support.railway_platform import NEW, OLD, AtRailway, at_railway

TAG = "20260101-120000-abcd"


async def seen(platform: RailwayPlatform, deployment: str) -> Deployment:
    """The last state that following shows."""
    states = [state async for state in platform.follow(deployment)]
    return states[-1]


async def test_a_deploy_is_followed_until_it_serves(railway: AtRailway) -> None:
    old = await railway.simulator.deploys(OLD)
    platform = railway.open()
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    assert (await seen(platform, begun.id)).active
    listed = await platform.deployments()
    assert [one.id for one in listed] == [begun.id, old.id]
    assert [one.active for one in listed] == [True, False]
    assert listed[0].tag == TAG
    assert listed[0].commit == NEW
    assert railway.asked("Deploy") == 1


@pytest.mark.full
async def test_asked_again_with_the_same_tag_it_deploys_nothing(
    railway: AtRailway,
) -> None:
    platform = railway.open()
    first = await platform.deploy(NEW, tag=TAG, epoch=1)
    again = await platform.deploy(NEW, tag=TAG, epoch=1)
    assert again.id == first.id
    assert len(railway.simulator.deployments) == 1


async def test_another_process_finds_what_the_run_has_created(
    railway: AtRailway,
) -> None:
    first = await railway.open().deploy(NEW, tag=TAG, epoch=1)
    again = await railway.open().deploy(NEW, tag=TAG, epoch=2)
    assert again.id == first.id
    assert railway.asked("Deploy") == 1


@pytest.mark.full
async def test_another_run_deploys_the_same_commit_anew(railway: AtRailway) -> None:
    first = await railway.open().deploy(NEW, tag=TAG, epoch=1)
    other = await railway.open().deploy(NEW, tag="20260101-130000-abcd", epoch=2)
    assert other.id != first.id


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault.AFTER_MUTATION_TIMEOUT, marks=pytest.mark.full),
        pytest.param(Fault.AFTER_MUTATION_ERROR, marks=pytest.mark.full),
        Fault.AFTER_MUTATION_CUT,
        pytest.param(Fault.DATA_NULL, marks=pytest.mark.full),
    ],
)
async def test_a_lost_answer_is_made_good_by_looking(
    railway: AtRailway, fault: Fault
) -> None:
    await railway.simulator.deploys(OLD)
    platform = railway.open()
    railway.simulator.faults.add(fault, operation="Deploy")
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    assert begun.id == railway.simulator.deployments[-1].id
    assert railway.asked("Deploy") == 1
    assert (await seen(platform, begun.id)).active


async def test_what_was_not_done_is_asked_for_again_only_when_that_is_certain(
    tmp_path: Path,
) -> None:
    clock = QuickClock()
    async with at_railway(folder=tmp_path, clock=clock) as railway:
        platform = railway.open()
        railway.simulator.faults.add(Fault.TIMEOUT, operation="Deploy")
        for _ in range(2):
            with pytest.raises(PlatformUnreachableError, match="not to be seen"):
                await platform.deploy(NEW, tag=TAG, epoch=1)
        assert railway.asked("Deploy") == 1
        await clock.sleep(120)
        await platform.deploy(NEW, tag=TAG, epoch=1)
        assert len(railway.simulator.deployments) == 1


async def test_a_commit_that_was_not_pushed_is_refused_with_the_remedy(
    railway: AtRailway,
) -> None:
    with pytest.raises(PlatformError, match="does not find") as raised:
        await railway.open().deploy("not-a-commit", tag=TAG, epoch=1)
    assert "push" in raised.value.remedy
    assert railway.simulator.deployments == ()


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault.BUILD_FAILS, "build"),
        pytest.param(Fault.PRE_DEPLOY_FAILS, "pre-deploy", marks=pytest.mark.full),
        pytest.param(Fault.NEVER_HEALTHY, "health check", marks=pytest.mark.full),
    ],
)
async def test_a_failure_has_its_reason(
    railway: AtRailway, fault: Fault, why: str
) -> None:
    railway.simulator.stores(preDeployCommand=["pm33 migrate up"])
    railway.simulator.faults.add(fault)
    platform = railway.open()
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    ended = await seen(platform, begun.id)
    assert ended.status is DeploymentStatus.FAILED
    assert why in ended.reason.lower()
    assert railway.asked("Postmortem") == 1


async def test_a_build_that_shows_what_it_was_given_gives_nothing_away(
    railway: AtRailway,
) -> None:
    railway.simulator.gives(JWT_SECRET="canary-of-a-build")
    words = "cannot reach postgres://app:s3cr3t-word@db with canary-of-a-build"
    railway.simulator.faults.add(Fault.BUILD_FAILS, value=words)
    platform = railway.open()
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    reason = (await seen(platform, begun.id)).reason
    assert "cannot reach" in reason
    assert "canary" not in reason
    assert "s3cr3t-word" not in reason


async def test_a_crash_is_not_put_down_to_the_health_check_that_it_has_passed(
    railway: AtRailway,
) -> None:
    railway.ground.behave(NEW, answers=(503, 200), crashes_after=0.2)
    record = await railway.simulator.deploys(NEW)
    await railway.simulator.reaches(record, Status.CRASHED)
    crashed = await railway.open().deployment(record.id)
    assert crashed.status is DeploymentStatus.CRASHED
    assert "attempt" not in crashed.reason.lower()
    assert "healthcheck" not in crashed.reason.lower()


@pytest.mark.full
async def test_what_somebody_has_to_approve_is_not_waited_for(
    railway: AtRailway,
) -> None:
    railway.simulator.faults.add(Fault.NEEDS_APPROVAL)
    platform = railway.open()
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    with pytest.raises(PlatformError, match="approval") as raised:
        await seen(platform, begun.id)
    assert raised.value.remedy
    await platform.cancel(begun.id, epoch=1)
    assert (await platform.deployment(begun.id)).status is DeploymentStatus.REMOVED


@pytest.mark.full
async def test_a_skipped_deployment_is_over_and_says_why(railway: AtRailway) -> None:
    railway.simulator.faults.add(Fault.SKIPPED)
    platform = railway.open()
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    ended = await seen(platform, begun.id)
    assert ended.status is DeploymentStatus.SKIPPED
    assert "skipped" in ended.reason


async def test_one_that_was_overtaken_names_what_took_its_place(
    railway: AtRailway,
) -> None:
    railway.simulator.faults.add(Fault.SUPERSEDED, value=OLD)
    platform = railway.open()
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    ended = await seen(platform, begun.id)
    assert ended.status is DeploymentStatus.REMOVED
    assert not ended.succeeded
    assert railway.simulator.deployments[-1].id in ended.reason


@pytest.mark.full
async def test_an_unknown_status_is_no_success(railway: AtRailway) -> None:
    railway.simulator.faults.add(Fault.UNKNOWN_STATUS, times=None)
    platform = railway.open()
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    async for told in platform.follow(begun.id):
        if told.status is DeploymentStatus.UNKNOWN:
            break
    assert told.status is DeploymentStatus.UNKNOWN
    assert "TELEPORTING" in told.reason
    assert not told.status.is_over


async def test_one_that_railway_does_not_cancel_is_said(railway: AtRailway) -> None:
    platform = railway.open()
    begun = await platform.deploy(NEW, tag=TAG, epoch=1)
    railway.simulator.faults.add(Fault.SAYS_FALSE, operation="Cancel")
    with pytest.raises(PlatformError, match="has not done Cancel") as raised:
        await platform.cancel(begun.id, epoch=1)
    assert raised.value.remedy


async def test_what_serves_is_not_cancelled(railway: AtRailway) -> None:
    old = await railway.simulator.deploys(OLD)
    with pytest.raises(PlatformError, match="serves"):
        await railway.open().cancel(old.id, epoch=1)
    assert railway.simulator.changes() == []


@pytest.mark.full
async def test_a_switch_finds_that_railway_has_switched(railway: AtRailway) -> None:
    old = await railway.simulator.deploys(OLD)
    platform = railway.open()
    assert (await platform.switch(old.id, epoch=1)).active
    await railway.simulator.deploys(NEW)
    with pytest.raises(PlatformError, match="switches by itself"):
        await railway.open().switch(old.id, epoch=1)


async def test_a_commit_that_is_not_here_is_built_with_what_is_stored(
    tmp_path: Path,
) -> None:
    async with at_railway(folder=tmp_path, files={NEW: ""}) as railway:
        platform = railway.open()
        begun = await platform.deploy(OLD, tag=TAG, epoch=1)
        assert (await seen(platform, begun.id)).active
        assert railway.asked("ServiceInstanceUpdate") == 0


async def test_a_build_gives_nothing_away_where_no_snapshot_is_to_be_read(
    tmp_path: Path,
) -> None:
    unknowns = Unknowns(snapshot_readable=False)
    async with at_railway(folder=tmp_path, unknowns=unknowns) as railway:
        railway.simulator.gives(JWT_SECRET="canary-of-a-build")
        words = "cannot work with canary-of-a-build"
        railway.simulator.faults.add(Fault.BUILD_FAILS, value=words)
        platform = railway.open()
        begun = await platform.deploy(NEW, tag=TAG, epoch=1)
        reason = (await seen(platform, begun.id)).reason
        assert "cannot work" in reason
        assert "canary" not in reason
