"""A commit's settings: stored at the simulated Railway, and found in what ran."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.platforms.base import Concern
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.backend.deploy.settling import compare_run, compare_stored, store
from app.backend.deploy.tools import Tools
from app.errors import (
    ConfigError,
    NotAuthorizedError,
    PlatformError,
    PlatformUnreachableError,
    PreflightError,
)
from tests.support.delivery import Delivery, git
from tests.support.railway.faults import Fault
from tests.support.railway_platform import (
    ENVIRONMENT,
    HEALTH,
    NEW,
    OLD,
    AtRailway,
    at_railway,
)

GOOD = f"""
[build]
builder = "DOCKERFILE"
[deploy]
healthcheckPath = "{HEALTH}"
healthcheckTimeout = 60
overlapSeconds = 20
drainingSeconds = 30
[environments.production.deploy]
numReplicas = 2
"""
CHANGED = ("dockerfilePath", "overlapSeconds", "drainingSeconds", "replicas")


@pytest.fixture
async def railway(tmp_path: Path) -> AsyncIterator[AtRailway]:
    """Every commit of this project wants to be run well; the service is a new one."""
    async with at_railway(folder=tmp_path, files={"": GOOD}) as place:
        yield place


@pytest.fixture
def tools(railway: AtRailway, tmp_path: Path) -> Tools:
    """The pipeline's, with a repository of one commit."""
    folder = tmp_path / "delivery"
    folder.mkdir()
    delivery = Delivery(folder)
    delivery.commit("one")
    return replace(
        delivery.tools,
        environment=ENVIRONMENT,
        platform=railway.open(),
        repository=Repository(delivery.checkout),
    )


def head(tools: Tools) -> str:
    return git(tools.repository.root, "rev-parse", "HEAD")


async def test_only_what_differs_is_stored_and_only_once(
    railway: AtRailway, tools: Tools
) -> None:
    commit = head(tools)
    before = await compare_stored(commit, tools)
    assert not before.same
    assert await store(commit, tools, actor="test") == CHANGED
    stored = railway.simulator.service.stored
    assert (stored["overlapSeconds"], stored["drainingSeconds"]) == (20, 30)
    assert stored["numReplicas"] == 2
    assert stored["dockerfilePath"] == "Dockerfile"
    assert (await compare_stored(commit, tools)).same
    assert await store(commit, tools, actor="test") == ()
    assert railway.asked("ServiceInstanceUpdate") == 1
    assert railway.asked("Deploy") == 0


@pytest.mark.full
async def test_what_the_file_passes_over_stays_as_somebody_has_set_it(
    railway: AtRailway, tools: Tools
) -> None:
    railway.simulator.stores(sleepApplication=True, cronSchedule="0 * * * *")
    await store(head(tools), tools, actor="test")
    stored = railway.simulator.service.stored
    assert stored["sleepApplication"] is True
    assert stored["cronSchedule"] == "0 * * * *"


@pytest.mark.full
@pytest.mark.parametrize(
    "fault", [Fault.AFTER_MUTATION_TIMEOUT, Fault.AFTER_MUTATION_ERROR, Fault.DATA_NULL]
)
async def test_a_lost_answer_is_made_good_by_looking(
    railway: AtRailway, tools: Tools, fault: Fault
) -> None:
    railway.simulator.faults.add(fault, operation="ServiceInstanceUpdate")
    assert await store(head(tools), tools, actor="test") == CHANGED
    assert railway.asked("ServiceInstanceUpdate") == 1


@pytest.mark.full
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.TIMEOUT, PlatformUnreachableError),
        (Fault.NOT_AUTHORIZED, NotAuthorizedError),
        (Fault.PROBLEM, PlatformError),
        (Fault.SAYS_FALSE, PlatformError),
    ],
)
async def test_what_was_not_stored_is_said(
    railway: AtRailway, tools: Tools, fault: Fault, error: type[Exception]
) -> None:
    railway.simulator.faults.add(fault, operation="ServiceInstanceUpdate")
    with pytest.raises(error):
        await store(head(tools), tools, actor="test")
    assert not railway.simulator.service.stored["overlapSeconds"]


@pytest.mark.full
async def test_somebody_else_at_work_is_not_got_in_between(
    railway: AtRailway, tools: Tools
) -> None:
    taken = tools.leases
    guard = await taken.acquire(
        "environment/production", holder="another", reason="a test", wait=0, above=0
    )
    with pytest.raises(Exception, match="another"):
        await store(head(tools), tools, actor="test")
    assert railway.asked("ServiceInstanceUpdate") == 0
    await guard.release()


@pytest.mark.full
async def test_settings_that_cannot_be_used_are_refused(
    railway: AtRailway, tools: Tools
) -> None:
    railway.files = {"": "[deploy]\noverlapSeconds = -1\n"}
    with pytest.raises(ConfigError, match="overlapSeconds"):
        await compare_stored(head(tools), tools)


async def test_the_local_platform_has_nothing_to_store(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    with pytest.raises(PreflightError, match="runs on this machine"):
        await compare_stored(delivery.commit("one"), delivery.tools)


@pytest.mark.full
async def test_a_deploy_stores_them_and_runs_with_them(
    railway: AtRailway, tools: Tools
) -> None:
    commit = head(tools)
    begun = await tools.platform.deploy(commit, tag="a-run", epoch=1)
    states = [state async for state in tools.platform.follow(begun.id)]
    settings = states[-1].ran_with
    assert settings
    assert (settings.overlap_seconds, settings.replicas) == (20, 2)
    assert settings == await tools.platform.settings(commit)
    ran = await compare_run(None, tools)
    assert (ran.same, ran.deployment, ran.commit) == (True, begun.id, commit)


async def test_what_was_lost_on_the_way_is_found_in_what_ran(
    railway: AtRailway, tools: Tools
) -> None:
    # As after `railway config migrate`: nobody has stored it, no file is read.
    record = await railway.simulator.deploys(head(tools))
    ran = await compare_run(record.id, tools)
    assert not ran.same
    assert ran.differing is not None
    told = [one.text("was used") for one in ran.differing]
    assert "overlapSeconds: 20 is wanted, 0 was used" in told
    assert "drainingSeconds: 30 is wanted, 0 was used" in told
    assert ran.to_dict()["differing"]


async def concerns(railway: AtRailway, **stored: Any) -> dict[str, Concern]:
    railway.simulator.stores(**stored)
    platform: RailwayPlatform = railway.open()
    return {one.code: one for one in await platform.concerns(OLD)}


async def test_with_railways_defaults_the_plan_says_that_requests_will_be_lost(
    tmp_path: Path,
) -> None:
    async with at_railway(folder=tmp_path) as place:
        found = await concerns(place)
        assert "overlapSeconds is 0" in found["requests_will_be_lost"].text
        place.simulator.gives(
            RAILWAY_DEPLOYMENT_OVERLAP_SECONDS="20",
            RAILWAY_DEPLOYMENT_DRAINING_SECONDS="30",
        )
        assert "requests_will_be_lost" not in await concerns(place)


@pytest.mark.full
async def test_a_service_as_it_is_wanted_is_found_to_be_so(railway: AtRailway) -> None:
    railway.simulator.service.autodeploys = False
    found = await concerns(railway)
    assert set(found) == {"settings_applied", "retention"}
    assert "120 h" in found["retention"].text


async def test_each_finding_is_told_by_its_code(railway: AtRailway) -> None:
    railway.simulator.service.volume = "/data"
    railway.simulator.service.target_port = 9000
    railway.simulator.gives(PORT="8000")
    found = await concerns(railway, cronSchedule="0 * * * *", sleepApplication=True)
    assert {"volume", "target_port", "cron", "serverless", "autodeploy"} <= set(found)
    assert "/data" in found["volume"].text
    assert found["cron"].severity == "error"


@pytest.mark.full
@pytest.mark.parametrize(
    ("operation", "code"),
    [("AutoDeploy", "autodeploy"), ("EnvironmentInstances", "volume")],
)
async def test_what_the_token_may_not_see_is_a_finding_itself(
    railway: AtRailway, operation: str, code: str
) -> None:
    for _ in range(3):
        railway.simulator.faults.add(Fault.NOT_AUTHORIZED, operation=operation)
    found = await concerns(railway)
    assert "cannot be told" in found[code].text


@pytest.mark.full
async def test_pushes_are_switched_off_and_on_again(railway: AtRailway) -> None:
    platform = railway.open()
    assert await platform.autodeploy() is True
    await platform.set_autodeploy(False, epoch=1)
    assert await platform.autodeploy() is False
    assert await railway.simulator.pushes(OLD) is None
    await platform.set_autodeploy(True, epoch=1)
    assert await platform.autodeploy() is True


MIGRATES = GOOD.replace(
    "[deploy]\n", '[deploy]\npreDeployCommand = ["pm33 migrate up"]\n'
)


@pytest.mark.parametrize(
    ("by_hand", "left"), [([], []), (["make ready"], ["make ready"])]
)
async def test_an_old_commit_is_not_run_by_the_commands_of_a_later_one(
    tmp_path: Path, by_hand: list[str], left: list[str]
) -> None:
    files = {OLD: GOOD, NEW: MIGRATES}
    async with at_railway(folder=tmp_path, files=files) as place:
        platform = place.open()
        await platform.deploy(NEW, tag="20260101-120000-abcd", epoch=1)
        stored = place.simulator.service.stored
        assert stored["preDeployCommand"] == ["pm33 migrate up"]
        if by_hand:
            # What somebody has set on the platform's page is no other commit's.
            place.simulator.stores(preDeployCommand=by_hand)
        planned = await place.open().settings(OLD)
        await platform.deploy(OLD, tag="20260101-130000-abcd", epoch=1)
        assert place.simulator.service.stored["preDeployCommand"] == left
        assert planned.pre_deploy_command == (left[0] if left else None)
