"""What the local platform runs: replicas, commands, and what they say."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local import LocalPlatform
from app.errors import (
    ConfigError,
    DeploymentNotFoundError,
    PlatformError,
    PlatformUnreachableError,
)
from tests.support.local_platform import (
    RAILWAY_TOML,
    RELEASE,
    Repository,
    ask,
    deployed,
    running_platform,
    settled,
)
from tests.support.local_releases import SLOW, has, runs, texts
from tests.support.service import until

Status = DeploymentStatus


async def test_the_pre_deploy_command_runs_once_before_the_replicas_start(
    platform: LocalPlatform, repository: Repository
) -> None:
    before = "preDeployCommand = \"python -c 'print(42)' && echo then\"\n"
    commit = repository.commit("new", railway__toml=RAILWAY_TOML + before)

    new = await deployed(platform, commit)

    lines = [line async for line in platform.logs(new.id)]
    assert [one.text for one in lines if one.replica == "pre-deploy"] == ["42", "then"]
    assert [one.replica for one in lines][:2] == ["pre-deploy", "pre-deploy"]


async def test_a_killed_replica_is_started_again_while_the_other_one_serves(
    platform: LocalPlatform, repository: Repository
) -> None:
    new = await deployed(platform, repository.commit("new"))
    killed = await ask(platform)

    os.kill(int(killed["pid"]), signal.SIGKILL)

    async def again() -> bool:
        answer = await ask(platform)
        same = answer["replica_id"] == killed["replica_id"]
        return same and answer["pid"] != killed["pid"]

    await until(again)
    assert any("restart 1 of 3" in line for line in await texts(platform, new.id))


async def test_a_deployment_whose_restarts_are_spent_has_crashed(
    platform: LocalPlatform, repository: Repository
) -> None:
    settings = RAILWAY_TOML.replace("MaxRetries = 3", "MaxRetries = 0")
    new = await deployed(platform, repository.commit("new", railway__toml=settings))

    pids: set[str] = set()
    while len(pids) < 2:
        pids.add((await ask(platform))["pid"])
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)

    await has(platform, new.id, Status.CRASHED)
    crashed = await platform.deployment(new.id)
    assert crashed.active
    assert "signal 9 after 0 restarts" in crashed.reason


async def test_an_old_release_is_killed_when_its_draining_seconds_are_over(
    platform: LocalPlatform, repository: Repository
) -> None:
    settings = RAILWAY_TOML.replace("drainingSeconds = 5", "drainingSeconds = 1")
    slow = repository.commit("slow", release__py=SLOW, railway__toml=settings)
    old = await deployed(platform, slow)
    pid = int((await ask(platform))["pid"])

    request = asyncio.create_task(ask(platform, "/slow"))
    await asyncio.sleep(0.2)
    await deployed(platform, repository.commit("new"))

    assert (await request)["release"] == "slow"
    switched = time.monotonic()
    await has(platform, old.id, Status.REMOVED)
    assert time.monotonic() - switched < 5
    assert not runs(pid)


async def test_a_command_runs_in_the_commits_checkout_with_todays_variables(
    platform: LocalPlatform, repository: Repository
) -> None:
    commit = repository.commit("new", note__txt="here")
    code = "import os, sys; print(open('note.txt').read(), os.environ['COLOUR'])"

    done = await platform.run(
        commit, ["python", "-c", f"{code}; sys.exit(3)"], epoch=1, timeout=20
    )

    assert (done.code, done.output) == (3, "here blue\n")


async def test_a_command_that_takes_too_long_is_ended(
    platform: LocalPlatform, repository: Repository
) -> None:
    commit = repository.commit("new")

    with pytest.raises(PlatformError, match=r"longer than 0\.5 s"):
        await platform.run(commit, ["sleep", "60"], epoch=1, timeout=0.5)


async def test_a_command_ends_with_the_caller_who_wanted_it(
    platform: LocalPlatform, repository: Repository, tmp_path: Path
) -> None:
    mark = tmp_path / "pid"
    command = ["sh", "-c", f"echo $$ > {mark}; exec sleep 60"]
    run = platform.run(repository.commit("new"), command, epoch=1, timeout=60)
    caller = asyncio.create_task(run)

    async def begun() -> bool:
        return mark.exists() and mark.read_text().strip() != ""

    await until(begun)
    caller.cancel()

    async def ended() -> bool:
        return not runs(int(mark.read_text()))

    await until(ended)


async def test_logs_are_followed_until_the_deployment_is_over(
    platform: LocalPlatform, repository: Repository
) -> None:
    old = await deployed(platform, repository.commit("old"))

    async def read() -> list[str]:
        return [line.text async for line in platform.logs(old.id, follow=True)]

    reading = asyncio.create_task(read())
    await deployed(platform, repository.commit("new"))

    async with asyncio.timeout(20):
        lines = await reading
    assert sorted(lines) == ["drained", "drained", "listening old", "listening old"]


async def test_what_is_not_there_is_said_to_be_not_there(
    platform: LocalPlatform, repository: Repository
) -> None:
    repository.commit("new")

    with pytest.raises(DeploymentNotFoundError, match="there is no deployment dep-x"):
        await platform.deployment("dep-x")
    with pytest.raises(PlatformError, match="no commit deadbeef"):
        await platform.deploy("deadbeef", tag="1", epoch=1)
    assert not await platform.deployments()


async def test_a_settings_file_that_cannot_be_used_fails_the_deployment(
    platform: LocalPlatform, repository: Repository
) -> None:
    commit = repository.commit("new", railway__toml="[deploy]\nnumReplicas = 0")

    with pytest.raises(ConfigError, match="numReplicas"):
        await platform.settings(commit)
    begun = await platform.deploy(commit, tag="1", epoch=1)

    failed = await settled(platform, begun.id)
    assert failed.status is Status.FAILED
    assert "numReplicas has to be from 1" in failed.reason


async def test_a_release_with_other_locks_has_an_environment_of_its_own(
    platform: LocalPlatform, repository: Repository, home: Path
) -> None:
    same = repository.commit("old")
    other = repository.commit("new", requirements__txt="# nothing at all\n")
    command = ["python", "-c", "import sys; print(sys.prefix)"]

    of_same = await platform.run(same, command, epoch=1, timeout=20)
    of_other = await platform.run(other, command, epoch=1, timeout=20)

    assert of_same.output.strip() == sys.prefix
    assert Path(of_other.output.strip()).parent == home / "venvs"
    await deployed(platform, other)
    assert (await ask(platform))["release"] == "new"


async def test_the_proxy_counts_what_each_release_has_answered(
    platform: LocalPlatform, repository: Repository
) -> None:
    old = await deployed(platform, repository.commit("old"))
    for _ in range(5):
        await ask(platform)
    new = await deployed(platform, repository.commit("new"))
    for _ in range(3):
        await ask(platform)

    async def counted() -> bool:
        counts = [await platform.traffic(one.id) for one in (old, new)]
        return [one.requests if one else None for one in counts] == [5, 3]

    await until(counted)
    assert await platform.proxy_total() == 8


async def test_neither_the_working_tree_nor_the_branch_is_touched(
    platform: LocalPlatform, repository: Repository
) -> None:
    old = repository.commit("old")
    repository.commit("new")
    (repository.path / "release.py").write_text(RELEASE, encoding="utf-8")
    before = repository.git("status", "--porcelain", "--branch")

    await deployed(platform, old)

    assert repository.git("status", "--porcelain", "--branch") == before


async def test_a_platform_that_is_down_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(PlatformUnreachableError) as refused:
        await LocalPlatform(tmp_path).deployments()

    assert "pm33 platform up" in refused.value.remedy
    assert not (tmp_path / "run").exists()


async def test_what_served_serves_again_after_down_and_up(
    home: Path, repository: Repository
) -> None:
    async with running_platform(home, repository) as platform:
        new = await deployed(platform, repository.commit("new"))
        waiting = await platform.deploy(repository.commit("next"), tag="2", epoch=5)
        pid = int((await ask(platform))["pid"])
    assert not runs(pid)

    async with running_platform(home, repository) as platform:

        async def serves() -> bool:
            replicas = await platform.replicas(new.id)
            return len(replicas) == 2 and all(one.socket.exists() for one in replicas)

        await until(serves)
        assert (await ask(platform))["deployment_id"] == new.id
        assert await platform.epoch() == 5
        over = await platform.deployment(waiting.id)
        assert over.status is Status.FAILED
        assert over.reason == "the platform was stopped"
