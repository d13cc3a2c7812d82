"""The platform protocol: the same tests on both real implementations.

The local platform runs real processes; Railway's speaks to the simulator, in a time
that passes only while somebody waits.
"""

from collections.abc import AsyncIterator
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from app.backend.deploy.platforms.base import DeploymentStatus, Platform
from app.errors import DeploymentNotFoundError, LeaseLostError, PlatformError
from tests.support.both_platforms import CANARY, LINES, PLACES, Conduct, Place
from tests.support.protocol_calls import CHANGES, OF_ONE

Status = DeploymentStatus


class Ability(StrEnum):
    """What the protocol leaves to a platform."""

    WAITS = "waits for the switch"
    FENCES = "refuses a lower epoch"
    RUNS = "runs commands in a commit's checkout"
    TODAYS = "restores with today's variables"


LACKING: Final = {
    ("railway", Ability.WAITS): "Railway switches as soon as its health check passes",
    ("railway", Ability.FENCES): "Railway keeps no epoch",
    ("railway", Ability.RUNS): "Railway runs only the pre-deploy command",
    ("railway", Ability.TODAYS): "Railway restores an image only with what it had",
}
"""All that differs by nature; no test is skipped for another reason."""

at_length = pytest.mark.parametrize(
    "place", [pytest.param("local", marks=pytest.mark.full), "railway"], indirect=True
)
"""Real processes take seconds to be started and ended, the simulator takes none."""


@pytest.fixture(params=PLACES)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with PLACES[request.param](tmp_path) as running:
        yield running


def able(place: Place, ability: Ability) -> Platform:
    """The platform, where it can do that; else the test is skipped, and says why."""
    if why := LACKING.get((place.platform.name, ability)):
        pytest.skip(why)
    return place.platform


async def test_a_platform_says_what_it_can_do(place: Place) -> None:
    platform = place.platform
    says = {
        Ability.WAITS: not platform.switches_itself,
        Ability.FENCES: platform.longest_change == 0,
        Ability.RUNS: platform.runs_commands,
        Ability.TODAYS: platform.restores_with_todays,
    }
    assert says == {one: (platform.name, one) not in LACKING for one in Ability}


async def test_a_deploy_is_followed_until_it_serves(place: Place) -> None:
    commit = place.commit(Conduct.GOOD)
    begun = await place.platform.deploy(commit, tag="a-run", epoch=1)
    states = await place.follows(begun.id)
    assert {one.id for one in states} == {begun.id}
    assert all(one != after for one, after in pairwise(states))
    assert [one.active for one in states] == [*(False for _ in states[1:]), True]
    last = states[-1]
    assert (last.status, last.succeeded) == (Status.SUCCESS, True)
    assert (last.commit, last.tag) == (commit, "a-run")


async def test_a_deploy_with_the_same_tag_is_made_once(place: Place) -> None:
    commit = place.commit(Conduct.GOOD)
    begun = await place.platform.deploy(commit, tag="a-run", epoch=1)
    during = await place.platform.deploy(commit, tag="a-run", epoch=1)
    await place.follows(begun.id)
    after = await place.platform.deploy(commit, tag="a-run", epoch=1)
    assert {during.id, after.id} == {begun.id}
    assert [one.id for one in await place.platform.deployments()] == [begun.id]


@at_length
@pytest.mark.parametrize(
    ("conduct", "why"),
    [
        (Conduct.MIGRATES_NOT, "pre-deploy command"),
        (Conduct.STARTS_NOT, "start"),
        (Conduct.ILL, "health"),
    ],
)
async def test_what_fails_says_why_and_leaves_what_serves(
    place: Place, conduct: Conduct, why: str
) -> None:
    served = await place.deploys()
    failed = await place.deploys(conduct)
    assert failed.status is Status.FAILED
    assert why in failed.reason
    assert CANARY not in failed.reason
    assert not failed.succeeded
    assert not failed.can_roll_back
    assert await place.active() == [served.id]


async def test_what_is_under_way_is_cancelled_and_says_so(place: Place) -> None:
    platform = place.platform
    served = await place.deploys()
    begun = await platform.deploy(place.commit(Conduct.SLOW), tag="slow", epoch=1)
    async for last in platform.follow(begun.id):
        # Once more when it is over, which is harmless.
        await platform.cancel(last.id, epoch=1)
    assert last.status in {Status.CANCELLED, Status.REMOVED}
    assert not last.succeeded
    assert await place.active() == [served.id]


@at_length
async def test_what_serves_is_not_cancelled(place: Place) -> None:
    served = await place.deploys()
    with pytest.raises(PlatformError):
        await place.platform.cancel(served.id, epoch=1)
    assert await place.active() == [served.id]


@at_length
async def test_a_second_deploy_takes_the_place_of_the_first(place: Place) -> None:
    first, second = await place.deploys(), await place.deploys()
    assert await place.active() == [second.id]
    await place.gone(first.id)
    newest, before = await place.platform.deployments()
    assert (newest.id, before.id) == (second.id, first.id)
    assert before.succeeded
    assert before.can_roll_back


@at_length
async def test_what_serves_is_listed_however_old_it_is(place: Place) -> None:
    served = await place.deploys()
    failed = [(await place.deploys(Conduct.STARTS_NOT)).id for _ in range(2)]
    listed = [one.id for one in await place.platform.deployments(1)]
    assert listed == [failed[-1], served.id]


@at_length
async def test_an_earlier_deployment_comes_back_as_a_new_one(place: Place) -> None:
    first, second = await place.replaced()
    begun = await place.platform.roll_back(first.id, tag="back", epoch=1)
    back = (await place.follows(begun.id))[-1]
    assert back.id not in {first.id, second.id}
    assert (back.status, back.active) == (Status.SUCCESS, True)
    assert (back.rollback_of, back.tag) == (first.id, "back")
    assert back.commit == first.commit
    assert await place.active() == [back.id]


@at_length
async def test_a_rollback_with_the_same_tag_is_made_once(place: Place) -> None:
    first, _ = await place.replaced()
    begun = await place.platform.roll_back(first.id, tag="back", epoch=1)
    during = await place.platform.roll_back(first.id, tag="back", epoch=1)
    await place.follows(begun.id)
    after = await place.platform.roll_back(first.id, tag="back", epoch=1)
    assert {during.id, after.id} == {begun.id}
    assert len(await place.platform.deployments()) == 3


@at_length
async def test_what_never_served_does_not_come_back(place: Place) -> None:
    failed = await place.deploys(Conduct.STARTS_NOT)
    with pytest.raises(PlatformError):
        await place.platform.roll_back(failed.id, tag="back", epoch=1)


@at_length
async def test_what_comes_back_has_its_variables_and_the_next_one_todays(
    place: Place,
) -> None:
    platform = place.platform
    await platform.set_variables({"COLOUR": "blue"}, epoch=1)
    first = await place.deploys()
    await platform.set_variables({"COLOUR": "red"}, epoch=1)
    await place.deploys()
    begun = await platform.roll_back(first.id, tag="back", epoch=1)
    await place.follows(begun.id)
    assert (await platform.variables(begun.id))["COLOUR"] == "blue"
    assert (await platform.variables())["COLOUR"] == "red"


@at_length
async def test_an_earlier_deployment_comes_back_with_todays_variables(
    place: Place,
) -> None:
    platform = able(place, Ability.TODAYS)
    first, _ = await place.replaced()
    await platform.set_variables({"COLOUR": "red"}, epoch=1)
    begun = await platform.roll_back(first.id, tag="back", epoch=1, variables="current")
    await place.follows(begun.id)
    assert (await platform.variables(begun.id))["COLOUR"] == "red"


async def test_variables_are_set_and_removed_for_the_next_deployment(
    place: Place,
) -> None:
    platform = place.platform
    await platform.set_variables({"COLOUR": "blue", "SHAPE": "a\nb"}, epoch=1)
    made = await place.deploys()
    await platform.set_variables({"COLOUR": "red", "SHAPE": None}, epoch=1)
    had, today = await platform.variables(made.id), await platform.variables()
    assert (had["COLOUR"], had["SHAPE"]) == ("blue", "a\nb")
    assert today["COLOUR"] == "red"
    assert "SHAPE" not in today
    assert [one.id for one in await platform.deployments()] == [made.id]


@at_length
async def test_logs_are_the_newest_lines_the_oldest_first(place: Place) -> None:
    gone, _ = await place.replaced()
    whole = await place.lines(gone.id, limit=1000)
    assert len(whole) >= len(LINES)
    assert [one.at for one in whole] == sorted(one.at for one in whole)
    assert await place.lines(gone.id, limit=2) == whole[-2:]


@at_length
async def test_logs_show_no_secret_that_a_release_was_given(place: Place) -> None:
    gone, _ = await place.replaced()
    texts = {one.text for one in await place.lines(gone.id)}
    assert {one.replace(CANARY, "[redacted]") for one in LINES} <= texts
    assert CANARY not in "".join(texts)


@at_length
async def test_logs_of_what_is_over_are_followed_to_their_end(place: Place) -> None:
    gone, _ = await place.replaced()
    whole = await place.lines(gone.id)
    assert whole
    assert await place.lines(gone.id, follow=True) == whole


@at_length
@pytest.mark.parametrize("method", OF_ONE)
async def test_an_id_of_nobody_is_not_found(place: Place, method: str) -> None:
    with pytest.raises(DeploymentNotFoundError):
        await OF_ONE[method](place.platform)


@at_length
async def test_a_switch_to_what_serves_is_harmless(place: Place) -> None:
    served = await place.deploys()
    assert (await place.platform.switch(served.id, epoch=1)).active
    assert await place.active() == [served.id]


@at_length
async def test_nothing_is_switched_to_what_is_not_ready(place: Place) -> None:
    served, failed = await place.deploys(), await place.deploys(Conduct.STARTS_NOT)
    with pytest.raises(PlatformError):
        await place.platform.switch(failed.id, epoch=1)
    assert await place.active() == [served.id]


async def test_what_is_ready_waits_for_the_switch(place: Place) -> None:
    platform = able(place, Ability.WAITS)
    served = await place.deploys()
    begun = await platform.deploy(place.commit(Conduct.GOOD), tag="next", epoch=1)
    async for state in platform.follow(begun.id):
        if state.status is Status.READY:
            break
    assert await place.active() == [served.id]
    assert (await platform.switch(begun.id, epoch=1)).active
    assert await place.active() == [begun.id]


async def test_a_lower_epoch_changes_nothing(place: Place) -> None:
    platform = able(place, Ability.FENCES)
    made = await platform.deploy(place.commit(Conduct.GOOD), tag="a-run", epoch=7)
    for change in CHANGES.values():
        with pytest.raises(LeaseLostError):
            await change(platform, made.commit, made.id)
    assert await platform.epoch() == 7
    assert [one.id for one in await platform.deployments()] == [made.id]
    assert "COLOUR" not in await platform.variables()


async def test_a_command_ends_with_its_code_and_its_output(place: Place) -> None:
    platform = able(place, Ability.RUNS)
    commit = place.commit(Conduct.GOOD)
    command = ["python", "-c", "print('hello'); raise SystemExit(3)"]
    done = await platform.run(commit, command, epoch=1, timeout=30)
    assert (done.code, done.output.strip()) == (3, "hello")
