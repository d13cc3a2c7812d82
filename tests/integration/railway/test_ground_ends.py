"""Real processes under the simulated platform: crashed, restarted, stopped, gone."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from tests.support.local_platform import RELEASE, light_repository
from tests.support.local_releases import CRASHING
from tests.support.processes import eventually
from tests.support.railway.containers import replica_id
from tests.support.railway.ground_stage import (
    LIGHT,
    VARIABLES,
    GroundStage,
    ground_stage,
)
from tests.support.railway.real_ground import real_ground

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GroundStage]:
    async with ground_stage(tmp_path_factory.mktemp("railway")) as made:
        yield made


async def test_a_crash_loop_is_told_until_its_budget_is_spent(
    stage: GroundStage,
) -> None:
    commit = stage.repository.commit("crashing", release__py=CRASHING)
    async with stage.deployed(commit, replace(LIGHT, restart_retries=2)) as one:
        await one.hears((0, "CRASHED"))
        loop = [(0, "RUNNING"), (0, "RESTARTING")]

        assert one.told == [*loop, *loop, (0, "RUNNING"), (0, "CRASHED")]
        assert one.lines.count("no such table: users") == 3
        assert await stage.ground.probe(one.id, 0, None, 0.1) is None


async def test_a_replica_that_has_ended_gets_no_requests(stage: GroundStage) -> None:
    settings = replace(LIGHT, replicas=2, restart_policy="NEVER")
    async with stage.deployed(stage.light, settings) as one:
        await stage.healthy(one, 2)
        await stage.ground.switch(one.id)
        psutil.Process(stage.ground.pids(one.id)[0]).kill()
        await one.hears((0, "CRASHED"))

        seen = {(await stage.get()).json()["replica_id"] for _ in range(8)}
        assert seen == {replica_id(one.id, 1)}


async def test_who_ends_by_itself_with_0_has_exited(stage: GroundStage) -> None:
    settings = replace(LIGHT, start_command="python -c 'print(1)'")
    async with stage.deployed(stage.light, settings) as one:
        await one.hears((0, "EXITED"))

        assert one.told == [(0, "RUNNING"), (0, "EXITED")]


async def test_a_restart_brings_new_processes_and_tells_of_no_end(
    stage: GroundStage,
) -> None:
    async with stage.deployed(stage.light) as one:
        await stage.healthy(one)
        (before,) = stage.ground.pids(one.id)
        await stage.ground.restart(one.id)
        await stage.healthy(one)

        assert stage.ground.pids(one.id) not in {(), (before,)}
        assert one.lines.count("drained") == 1
        assert one.told == [(0, "RUNNING"), (0, "RUNNING")]


async def test_what_was_stopped_can_be_started_again(stage: GroundStage) -> None:
    async with stage.deployed(stage.light) as one:
        await stage.healthy(one)
        await stage.ground.switch(one.id)
        await stage.ground.stop(one.id, 5)
        assert (await stage.get()).status_code == 502
        await stage.ground.restart(one.id)
        await stage.healthy(one)

        assert (await stage.get()).status_code == 200


async def test_a_grace_is_used_to_drain_and_without_one_nobody_drains(
    stage: GroundStage,
) -> None:
    async with stage.deployed(stage.light) as graced:
        await stage.healthy(graced)
        await stage.ground.stop(graced.id, 5)
    async with stage.deployed(stage.light) as killed:
        await stage.healthy(killed)
        pids = stage.ground.pids(killed.id)
        await stage.ground.stop(killed.id, 0)

    assert "drained" in graced.lines
    assert "drained" not in killed.lines
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert {status for _, status in (*graced.told, *killed.told)} == {"RUNNING"}


async def test_who_does_not_obey_is_killed_when_the_grace_is_over(
    stage: GroundStage,
) -> None:
    slow = RELEASE.replace("{name}", "slow").replace("DRAIN = 0.1", "DRAIN = 60")
    commit = stage.repository.commit("slow", release__py=slow)
    async with stage.deployed(commit) as one:
        await stage.healthy(one)
        began = time.monotonic()
        await stage.ground.stop(one.id, 0.3)

        assert 0.3 <= time.monotonic() - began < 5
        assert "drained" not in one.lines


async def test_a_stop_that_was_given_up_leaves_nothing_either(tmp_path: Path) -> None:
    repository = light_repository(tmp_path)
    slow = RELEASE.replace("{name}", "slow").replace("DRAIN = 0.1", "DRAIN = 60")
    async with real_ground(repository.path) as ground:
        stage = GroundStage(ground, repository)
        async with stage.deployed(repository.commit("slow", release__py=slow)) as one:
            await stage.healthy(one)
            pids = ground.pids(one.id)
            stopping = asyncio.create_task(ground.stop(one.id, 60))
            await asyncio.sleep(0.1)
            stopping.cancel()

    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_nothing_is_left_of_a_ground_that_was_closed(tmp_path: Path) -> None:
    repository = light_repository(tmp_path)
    commit = repository.commit("light")
    settings = replace(LIGHT, replicas=2)
    async with real_ground(repository.path) as ground:
        folder = ground.folder
        await ground.start("d", commit, settings, VARIABLES, print, lambda *_: None)
        await eventually(lambda: len(ground.pids("d")) == 2)
        pids = [*ground.pids("d"), ground.edge.pid]

    assert len(pids) == 3
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)
    assert not folder.exists()
