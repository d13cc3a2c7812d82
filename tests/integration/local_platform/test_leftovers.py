"""What a killed supervisor leaves, and one whose disk is full."""

import os
import resource
import signal
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import pytest

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.platforms.local.lifting import bring_down
from app.backend.processes import ProcessMark
from app.errors import PlatformUnreachableError
from tests.support.local_platform import (
    RAILWAY_TOML,
    Repository,
    ask,
    deployed,
    running_platform,
)
from tests.support.service import until

WRAPPED = RAILWAY_TOML.replace(
    '"python server.py"', "\"sh -c 'python server.py; true'\""
)
FULL = (0, resource.RLIM_INFINITY)
ROOMY = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


async def supervisor_and_keeper(platform: LocalPlatform) -> tuple[int, int]:
    pid = (await platform.status())["pid"]
    parent = psutil.Process(pid).parent()
    assert parent is not None
    return pid, parent.pid


async def proxied(platform: LocalPlatform) -> bool:
    with suppress(PlatformUnreachableError):
        return (await platform.status())["proxy"]["pid"] is not None
    return False


def runs(pid: int) -> bool:
    """Nobody here can tell when an orphan is reaped."""
    return ProcessMark.of(pid) is not None


async def replicas_of(platform: LocalPlatform) -> set[int]:
    pids: set[int] = set()
    while len(pids) < 2:
        pids.add(int((await ask(platform))["pid"]))
    return pids


async def test_what_a_wrapper_has_started_goes_with_its_supervisor(
    home: Path, repository: Repository
) -> None:
    async with running_platform(home, repository) as platform:
        await deployed(platform, repository.commit("new", railway__toml=WRAPPED))
        before = await replicas_of(platform)
        supervisor, _ = await supervisor_and_keeper(platform)

        os.kill(supervisor, signal.SIGKILL)

        async def gone() -> bool:
            return not any(map(runs, before))

        await until(gone)
        await until(partial(proxied, platform))
        after = await replicas_of(platform)
        assert not before & after
    assert not any(map(runs, after))


async def test_down_ends_what_wrappers_have_left_when_everything_else_was_killed(
    home: Path, repository: Repository
) -> None:
    async with running_platform(home, repository) as platform:
        await deployed(platform, repository.commit("new", railway__toml=WRAPPED))
        left = await replicas_of(platform)
        for pid in (await supervisor_and_keeper(platform))[::-1]:
            os.kill(pid, signal.SIGKILL)

        assert await bring_down(home, timeout=10)

        assert not any(map(runs, left))


@pytest.mark.full
async def test_a_supervisor_comes_back_and_goes_on_a_full_disk(
    home: Path, repository: Repository
) -> None:
    async with running_platform(home, repository) as platform:
        serving = await deployed(platform, repository.commit("new"))
        before = await replicas_of(platform)
        first, keeper = await supervisor_and_keeper(platform)
        resource.prlimit(keeper, resource.RLIMIT_FSIZE, FULL)
        os.kill(first, signal.SIGKILL)

        async def serves() -> bool:
            with suppress(PlatformUnreachableError):
                return bool(await platform.replicas(serving.id))
            return False

        await until(serves)
        assert not any(map(runs, before))
        second, _ = await supervisor_and_keeper(platform)
        for pid in (second, keeper):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, ROOMY)
        await until(partial(proxied, platform))
        assert (await ask(platform))["deployment_id"] == serving.id
        again = await platform.deployment(serving.id)
        assert (again.active, again.status) == (True, DeploymentStatus.SUCCESS)
        after = await replicas_of(platform)
        resource.prlimit(second, resource.RLIMIT_FSIZE, FULL)
    assert not any(map(runs, after))
