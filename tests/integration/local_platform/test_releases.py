"""Releases on the local platform: brought up, switched to, returned to."""

import os
import time
from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local import LocalPlatform
from app.errors import (
    LeaseLostError,
    PlatformError,
)
from tests.support.local_platform import (
    RAILWAY_TOML,
    Repository,
    ask,
    deployed,
    settled,
)
from tests.support.local_releases import CRASHING, ILL, has, runs, texts

Status = DeploymentStatus


async def test_a_release_replaces_another_and_the_old_one_is_ended_in_order(
    platform: LocalPlatform, repository: Repository
) -> None:
    old = await deployed(platform, repository.commit("old"))
    before = await ask(platform)
    new = await deployed(platform, repository.commit("new"))
    after = await ask(platform)

    assert (before["release"], after["release"]) == ("old", "new")
    assert after["deployment_id"] == new.id
    assert after["commit"] == new.commit
    assert new.active
    assert new.succeeded
    switched = time.monotonic()
    await has(platform, old.id, Status.REMOVED)
    assert time.monotonic() - switched > 0.8
    assert not runs(int(before["pid"]))
    assert "drained" in await texts(platform, old.id)


async def test_nothing_of_the_supervisors_environment_reaches_a_release(
    platform: LocalPlatform, repository: Repository, home: Path
) -> None:
    new = await deployed(platform, repository.commit("new"))

    env = await ask(platform, "/env")

    assert env["COLOUR"] == "blue"
    assert env["ENVIRONMENT"] == "development"
    assert env["PM33_HOME"] == str(home)
    assert env["PM33_DEPLOYMENT_ID"] == new.id
    assert env["PM33_COMMIT"] == new.commit
    assert env["PM33_REPLICA_ID"] in {f"{new.id}-0", f"{new.id}-1"}
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert "PYTEST_CURRENT_TEST" not in env


async def test_a_release_that_is_never_healthy_fails_and_the_old_one_serves(
    platform: LocalPlatform, repository: Repository
) -> None:
    await deployed(platform, repository.commit("old"))
    settings = RAILWAY_TOML.replace("Timeout = 20", "Timeout = 1")
    bad = repository.commit("ill", release__py=ILL, railway__toml=settings)

    begun = await platform.deploy(bad, tag="bad", epoch=1)
    failed = await settled(platform, begun.id)

    assert failed.status is Status.FAILED
    assert "not healthy within 1 s" in failed.reason
    assert '503 {"status": "unhealthy"' in failed.reason
    assert "cannot reach [redacted]" in failed.reason
    assert "hunter2" not in failed.reason
    assert not failed.can_roll_back
    assert not await platform.replicas(begun.id)
    assert (await ask(platform))["release"] == "old"
    with pytest.raises(PlatformError, match="not ready to serve"):
        await platform.switch(begun.id, epoch=1)


async def test_a_release_that_ends_as_it_starts_fails_when_its_restarts_are_spent(
    platform: LocalPlatform, repository: Repository
) -> None:
    commit = repository.commit("crashing", release__py=CRASHING)

    begun = await platform.deploy(commit, tag="bad", epoch=1)
    failed = await settled(platform, begun.id)

    assert failed.status is Status.FAILED
    assert "exit code 1 after 3 restarts" in failed.reason
    assert "no such table: users" in failed.reason


async def test_asked_again_with_the_same_tag_nothing_is_created(
    platform: LocalPlatform, repository: Repository
) -> None:
    commit = repository.commit("new")

    first = await platform.deploy(commit, tag="run-1", epoch=1)
    again = await platform.deploy(commit, tag="run-1", epoch=1)

    assert again.id == first.id
    assert len(await platform.deployments()) == 1


async def test_a_lower_epoch_changes_nothing(
    platform: LocalPlatform, repository: Repository
) -> None:
    commit = repository.commit("new")
    ready = await deployed(platform, commit, epoch=7)

    assert await platform.epoch() == 7
    for change in (
        platform.deploy(commit, tag="late", epoch=6),
        platform.switch(ready.id, epoch=6),
        platform.roll_back(ready.id, tag="late", epoch=6),
        platform.cancel(ready.id, epoch=6),
        platform.set_variables({"COLOUR": "red"}, epoch=6),
        platform.run(commit, ["true"], epoch=6, timeout=5),
    ):
        with pytest.raises(LeaseLostError, match="epoch 6 is over"):
            await change
    assert len(await platform.deployments()) == 1


async def test_a_newer_deployment_supersedes_one_that_waits(
    platform: LocalPlatform, repository: Repository
) -> None:
    first = await platform.deploy(repository.commit("first"), tag="1", epoch=1)
    await settled(platform, first.id)

    second = await platform.deploy(repository.commit("second"), tag="2", epoch=1)

    assert (await settled(platform, second.id)).status is Status.READY
    await has(platform, first.id, Status.REMOVED)
    assert "superseded" in (await platform.deployment(first.id)).reason


async def test_a_cancelled_deployment_ends_and_the_serving_one_cannot_be_cancelled(
    platform: LocalPlatform, repository: Repository
) -> None:
    serving = await deployed(platform, repository.commit("old"))
    waiting = await platform.deploy(repository.commit("new"), tag="2", epoch=1)
    await settled(platform, waiting.id)

    await platform.cancel(waiting.id, epoch=1)
    await platform.cancel(waiting.id, epoch=1)

    assert (await platform.deployment(waiting.id)).status is Status.CANCELLED
    with pytest.raises(PlatformError, match="cannot be cancelled"):
        await platform.cancel(serving.id, epoch=1)


async def test_an_earlier_deployment_comes_back_with_the_variables_that_it_had(
    platform: LocalPlatform, repository: Repository
) -> None:
    old = await deployed(platform, repository.commit("old"))
    await platform.set_variables({"COLOUR": "red"}, epoch=1)
    await deployed(platform, repository.commit("new"))
    assert (await ask(platform, "/env"))["COLOUR"] == "red"

    back = await platform.roll_back(old.id, tag="back", epoch=2)
    served = await settled(platform, back.id)

    assert served.status is Status.SUCCESS
    assert served.active
    assert served.rollback_of == old.id
    assert served.commit == old.commit
    assert (await ask(platform))["deployment_id"] == back.id
    assert (await ask(platform, "/env"))["COLOUR"] == "blue"


async def test_an_earlier_deployment_can_come_back_with_todays_variables(
    platform: LocalPlatform, repository: Repository
) -> None:
    old = await deployed(platform, repository.commit("old"))
    await platform.set_variables({"COLOUR": "red"}, epoch=1)
    await deployed(platform, repository.commit("new"))

    back = await platform.roll_back(old.id, tag="b", epoch=2, variables="current")
    await settled(platform, back.id)

    assert (await ask(platform, "/env"))["COLOUR"] == "red"


async def test_while_the_old_processes_are_warm_a_rollback_serves_at_once(
    platform: LocalPlatform, repository: Repository
) -> None:
    overlapping = RAILWAY_TOML.replace("overlapSeconds = 0", "overlapSeconds = 30")
    old = await deployed(platform, repository.commit("old", railway__toml=overlapping))
    bad = await deployed(platform, repository.commit("bad", railway__toml=overlapping))

    back = await platform.roll_back(old.id, tag="back", epoch=2)

    assert (await ask(platform))["deployment_id"] == old.id
    await settled(platform, back.id)
    assert (await ask(platform))["deployment_id"] == back.id
    assert (await platform.deployment(bad.id)).status is Status.SUCCESS


async def test_a_rollback_that_fails_leaves_what_serves(
    platform: LocalPlatform, repository: Repository
) -> None:
    once = 'preDeployCommand = "python -c \'open(\\"../../once\\", \\"x\\")\'"\n'
    old = await deployed(
        platform, repository.commit("old", railway__toml=RAILWAY_TOML + once)
    )
    await deployed(platform, repository.commit("new"))
    await has(platform, old.id, Status.REMOVED)

    back = await platform.roll_back(old.id, tag="back", epoch=2)
    failed = await settled(platform, back.id)

    assert failed.status is Status.FAILED
    assert "pre-deploy command ended with code 1" in failed.reason
    assert (await ask(platform))["release"] == "new"


async def test_what_never_served_cannot_be_returned_to(
    platform: LocalPlatform, repository: Repository
) -> None:
    waiting = await platform.deploy(repository.commit("new"), tag="1", epoch=1)

    with pytest.raises(PlatformError, match="it never served") as refused:
        await platform.roll_back(waiting.id, tag="back", epoch=1)

    assert "deploy its commit" in refused.value.remedy
