import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import Deployment, DeploymentStatus
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.errors import PlatformError, PlatformUnreachableError
from tests.support.delivery import QuickClock
from tests.support.processes import eventually
from tests.support.railway.faults import Fault
from tests.support.railway.lifecycle import Status
from tests.support.railway.plans import Unknowns
from tests.support.railway.records import Record
from tests.support.railway_platform import NEW, OLD, AtRailway, at_railway

TAG = "20260101-120000-abcd/back"
REASONS = [
    "deploy",
    *(pytest.param(one, marks=pytest.mark.full) for one in ("rollback", None)),
]
"""What ``meta.reason`` may say of a rollback: nobody has established it."""


async def replaced(railway: AtRailway) -> Record:
    """What served before the newest, and is gone."""
    old = await railway.simulator.deploys(OLD)
    await railway.simulator.deploys(NEW)
    await railway.simulator.reaches(old, Status.REMOVED)
    return old


async def restored(platform: RailwayPlatform, deployment: str) -> Deployment:
    states = [state async for state in platform.follow(deployment)]
    return states[-1]


async def test_what_a_rollback_has_created_is_found_and_followed(
    railway: AtRailway,
) -> None:
    old = await replaced(railway)
    platform = railway.open()
    begun = await platform.roll_back(old.id, tag=TAG, epoch=1)
    assert begun.id not in {one.id for one in railway.simulator.deployments[:2]}
    back = await restored(platform, begun.id)
    assert back.active
    assert (back.commit, back.rollback_of, back.tag) == (OLD, old.id, TAG)
    assert railway.asked("Rollback") == 1


@pytest.mark.full
async def test_asked_again_with_the_same_tag_it_returns_only_once(
    railway: AtRailway,
) -> None:
    old = await replaced(railway)
    platform = railway.open()
    first = await platform.roll_back(old.id, tag=TAG, epoch=1)
    again = await platform.roll_back(old.id, tag=TAG, epoch=1)
    assert again.id == first.id
    assert railway.asked("Rollback") == 1


@pytest.mark.parametrize("readable", [True, False])
@pytest.mark.parametrize("reason", REASONS)
async def test_another_process_finds_what_the_run_has_brought_back(
    tmp_path: Path,
    reason: str | None,
    readable: bool,  # noqa: FBT001 - both
) -> None:
    unknowns = Unknowns(snapshot_readable=readable)
    async with at_railway(folder=tmp_path, unknowns=unknowns) as railway:
        railway.simulator.world.rollback_reason = reason
        old = await replaced(railway)
        first = await railway.open().roll_back(old.id, tag=TAG, epoch=1)
        again = await railway.open().roll_back(old.id, tag=TAG, epoch=2)
        assert again.id == first.id
        assert railway.asked("Rollback") == 1


@pytest.mark.parametrize("reason", REASONS)
async def test_what_has_come_back_is_seen_to_repeat_its_target(
    railway: AtRailway, reason: str | None
) -> None:
    railway.simulator.world.rollback_reason = reason
    first = railway.open()
    old = await restored(first, (await first.deploy(OLD, tag="a-run", epoch=1)).id)
    await railway.simulator.deploys(NEW)
    back = await first.roll_back(old.id, tag=TAG, epoch=1)
    for _ in range(2):
        listed = {one.id: one for one in await railway.open().deployments()}
        seen = listed[back.id]
        assert (seen.rollback_of, seen.tag) == (old.id, None)
        assert listed[old.id].rollback_of is None
        await restored(first, back.id)


async def same_image(railway: AtRailway, like: Record, *, by: str) -> Record:
    """A deploy whose build comes to an image that was there before."""
    if by == "a push":
        other = await railway.simulator.deploys(OLD)
    else:
        await railway.open().deploy(OLD, tag="another-run", epoch=1)
        other = railway.simulator.deployments[-1]
        await railway.simulator.settled(other)
    other.image = like.image
    return other


@pytest.mark.parametrize("by", ["a push", "another run"])
@pytest.mark.parametrize(
    "readable", [True, pytest.param(False, marks=pytest.mark.full)]
)
async def test_somebody_elses_build_of_the_same_image_is_not_taken_for_it(
    tmp_path: Path,
    by: str,
    readable: bool,  # noqa: FBT001 - both
) -> None:
    unknowns = Unknowns(snapshot_readable=readable)
    async with at_railway(folder=tmp_path, unknowns=unknowns) as railway:
        railway.simulator.world.rollback_reason = "deploy"
        old = await replaced(railway)
        other = await same_image(railway, old, by=by)
        begun = await railway.open().roll_back(old.id, tag=TAG, epoch=1)
        assert begun.id not in {other.id, old.id}
        listed = {one.id: one for one in await railway.open().deployments()}
        assert listed[other.id].rollback_of is None


@pytest.mark.parametrize("reason", REASONS)
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
    railway: AtRailway, fault: Fault, reason: str | None
) -> None:
    railway.simulator.world.rollback_reason = reason
    old = await replaced(railway)
    railway.simulator.faults.add(fault, operation="Rollback")
    platform = railway.open()
    begun = await platform.roll_back(old.id, tag=TAG, epoch=1)
    assert (await restored(platform, begun.id)).active
    assert len(railway.simulator.deployments) == 3


async def test_one_that_shows_late_is_waited_for(railway: AtRailway) -> None:
    old = await replaced(railway)
    railway.simulator.faults.add(Fault.ROLLBACK_LATE, seconds=12)
    begun = await railway.open().roll_back(old.id, tag=TAG, epoch=1)
    assert begun.rollback_of == old.id


@pytest.mark.full
async def test_one_that_never_shows_is_said_and_not_asked_for_twice(
    tmp_path: Path,
) -> None:
    async with at_railway(folder=tmp_path, clock=QuickClock()) as railway:
        old = await replaced(railway)
        railway.simulator.faults.add(Fault.ROLLBACK_LOST)
        platform = railway.open()
        for _ in range(2):
            with pytest.raises(PlatformUnreachableError, match="not to be seen"):
                await platform.roll_back(old.id, tag=TAG, epoch=1)
        assert railway.asked("Rollback") == 1


@pytest.mark.full
async def test_somebody_elses_deploy_at_that_moment_is_not_taken_for_it(
    railway: AtRailway,
) -> None:
    old, simulator = await replaced(railway), railway.simulator
    simulator.faults.add(Fault.ROLLBACK_LOST)
    unanswered = simulator.faults.add(
        Fault.AFTER_MUTATION_TIMEOUT, operation="Rollback"
    )
    platform = railway.open()
    going = asyncio.ensure_future(platform.roll_back(old.id, tag=TAG, epoch=1))
    # It has looked at what is there, and has asked; what comes now is new to it.
    await eventually(lambda: unanswered.hits)
    other = await simulator.deploys("c" * 40, wait=False)
    with pytest.raises(PlatformUnreachableError, match="not to be seen"):
        await going
    assert railway.asked("Rollback") == 1
    assert simulator.deployments[2:] == (other,)
    for seen in (platform, railway.open()):
        listed = {one.id: one for one in await seen.deployments()}
        found = listed[other.id]
        assert (found.tag, found.rollback_of) == (None, None)


@pytest.mark.full
async def test_a_refusal_is_one(railway: AtRailway) -> None:
    old = await replaced(railway)
    railway.simulator.faults.add(Fault.ROLLBACK_REFUSED)
    with pytest.raises(PlatformError) as raised:
        await railway.open().roll_back(old.id, tag=TAG, epoch=1)
    assert len(railway.simulator.deployments) == 2
    assert "Problem processing request" in str(raised.value)


async def test_a_target_that_has_aged_out_is_refused_with_the_remedy(
    railway: AtRailway,
) -> None:
    old = await replaced(railway)
    old.kept = False
    with pytest.raises(PlatformError, match="no longer restore") as raised:
        await railway.open().roll_back(old.id, tag=TAG, epoch=1)
    assert "--allow-rebuild" in raised.value.remedy
    assert railway.simulator.changes() == []


@pytest.mark.full
async def test_one_that_ages_out_at_that_moment_is_refused_too(
    railway: AtRailway,
) -> None:
    old = await replaced(railway)
    railway.simulator.faults.add(Fault.TARGET_AGED_OUT)
    with pytest.raises(PlatformError):
        await railway.open().roll_back(old.id, tag=TAG, epoch=1)
    assert len(railway.simulator.deployments) == 2


@pytest.mark.full
async def test_one_that_fails_is_followed_to_its_end(railway: AtRailway) -> None:
    old = await replaced(railway)
    railway.simulator.faults.add(Fault.ROLLBACK_FAILS)
    platform = railway.open()
    begun = await platform.roll_back(old.id, tag=TAG, epoch=1)
    ended = await restored(platform, begun.id)
    assert ended.status is DeploymentStatus.FAILED
    assert ended.reason


async def test_todays_variables_are_refused_and_nothing_is_touched(
    railway: AtRailway,
) -> None:
    old = await replaced(railway)
    with pytest.raises(PlatformError, match="variables") as raised:
        await railway.open().roll_back(old.id, tag=TAG, epoch=1, variables="current")
    assert "anew" in raised.value.remedy
    assert railway.simulator.changes() == []


@pytest.mark.full
async def test_a_token_that_may_not_is_told_apart_from_a_lost_answer(
    tmp_path: Path,
) -> None:
    unknowns = Unknowns(project_token_may_roll_back=False)
    async with at_railway(folder=tmp_path, unknowns=unknowns) as railway:
        old = await replaced(railway)
        with pytest.raises(PlatformError, match="Not Authorized") as raised:
            await railway.open().roll_back(old.id, tag=TAG, epoch=1)
        assert not isinstance(raised.value, PlatformUnreachableError)
        assert len(railway.simulator.deployments) == 2


async def test_how_long_it_can_be_returned_to_is_told(railway: AtRailway) -> None:
    old = await replaced(railway)
    listed = {one.id: one for one in await railway.open().deployments()}
    gone = listed[old.id]
    assert gone.can_roll_back
    assert gone.succeeded
    assert gone.retained_until is not None
    assert (gone.retained_until - gone.created_at).total_seconds() >= 120 * 3600
    newest = next(one for one in listed.values() if one.active)
    assert newest.retained_until is None
    assert newest.image is not None
    assert newest.ran_with is not None


async def test_what_an_earlier_run_has_just_failed_with_is_not_taken_for_its_own(
    railway: AtRailway,
) -> None:
    old = await replaced(railway)
    railway.simulator.faults.add(Fault.ROLLBACK_FAILS)
    platform = railway.open()
    failed = await platform.roll_back(old.id, tag=TAG, epoch=1)
    assert (await restored(platform, failed.id)).status is DeploymentStatus.FAILED
    begun = failed.created_at + timedelta(minutes=2)
    tag = f"{begun:%Y%m%d-%H%M%S}-bbbb/back"
    again = await railway.open().roll_back(old.id, tag=tag, epoch=2)
    assert again.id != failed.id
    assert (await restored(platform, again.id)).active
