"""Switches under load, as the platform and as others do them; for tests and figures."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.platforms.local import LocalPlatform
from tests.support import ledger_app
from tests.support.load import Load, Request
from tests.support.local_platform import (
    Repository,
    light_repository,
    running_platform,
    settled,
    short_home,
)
from tests.support.naive import NaiveStage, NaiveSwitch
from tests.support.service import until
from tests.support.stage import LEDGER_APP, stage
from tests.support.switch_report import Switch, SwitchReport, executions

__all__ = ["naively_switched", "switched_by_hand", "switched_by_the_platform"]

_STREAM: Final = 10.0
_SOURCE: Final = Path(ledger_app.__file__).read_text(encoding="utf-8")
_RAILWAY_TOML: Final = """
[deploy]
startCommand = "python server.py"
healthcheckPath = "/health"
overlapSeconds = 1
drainingSeconds = 20
numReplicas = 2
"""
# Beyond the overlap, so that the last old release too is ended under load.
_SETTLE: Final = 1.5


async def switched_by_hand(
    command: Sequence[str] = LEDGER_APP,
    *,
    count: int,
    rate: float,
    stream: bool,
    pause: float = 0.1,
) -> SwitchReport:
    """Brings up releases one after the other, and switches as the supervisor does.

    Args:
        command: what runs one replica.
        count: how many switches.
        rate: requests a second.
        stream: whether one answer of 10 s begins before the first switch.
        pause: seconds between a switch and the start of the next release.
    """
    with stage(command) as scene:
        serving = await scene.bring_up("r0", replicas=2)
        switches = [scene.switch(serving)]
        await scene.start_proxy()
        retiring = []
        async with Load(scene.port, rate=rate) as load:
            if stream:
                load.stream(_STREAM)
            for number in range(1, count + 1):
                replicas = 1 + (number % 4 == 0)
                following = await scene.bring_up(f"r{number}", replicas)
                switches.append(scene.switch(following))
                retiring.append(asyncio.create_task(scene.retire(serving)))
                serving = following
                await asyncio.sleep(pause)
            await asyncio.gather(*retiring)
        return SwitchReport.of(load.requests, switches, executions(scene.ledger))


async def switched_by_the_platform(count: int, *, rate: float) -> SwitchReport:
    """Deploys and switches as the pipeline does; the supervisor ends the old ones.

    One answer of 10 s begins before the first switch.

    Args:
        count: how many switches.
        rate: requests a second.
    """
    with short_home() as home:
        ledger = home / "ledger"
        repository = light_repository(home)
        async with running_platform(
            home / "pm33", repository, {"LEDGER": str(ledger)}
        ) as platform:
            switches = [await _switched(platform, repository, 0)]
            port = urlsplit(await platform.url()).port
            assert port is not None
            async with Load(port, rate=rate) as load:
                load.stream(_STREAM)
                for number in range(1, count + 1):
                    switch = await _switched(platform, repository, number)
                    switches.append(switch)
                    await asyncio.sleep(_SETTLE)
            await _counted_alike(platform, load.requests)
        return SwitchReport.of(load.requests, switches, executions(ledger))


async def _switched(
    platform: LocalPlatform, repository: Repository, number: int
) -> Switch:
    commit = repository.commit(
        f"r{number}", server__py=_SOURCE, railway__toml=_RAILWAY_TOML
    )
    begun = await platform.deploy(commit, tag=f"run-{number}", epoch=1)
    ready = await settled(platform, begun.id)
    assert ready.status is DeploymentStatus.READY, ready.reason
    began = time.monotonic()
    await platform.switch(begun.id, epoch=1)
    return Switch(begun.id, began, time.monotonic())


async def _counted_alike(platform: LocalPlatform, requests: Sequence[Request]) -> None:
    """The proxy has counted for each deployment what clients say.

    Only the newest are asked for: the platform forgets the others.
    """
    known = {one.id for one in await platform.deployments(20)}
    seen = Counter(one.release for one in requests if one.release in known)

    async def alike() -> bool:
        traffic = [await platform.traffic(name) for name in seen]
        return [one and one.requests for one in traffic] == [*seen.values()]

    await until(alike)
    assert await platform.proxy_total() == len(requests)


async def naively_switched(
    how: NaiveSwitch, *, count: int, rate: float
) -> SwitchReport:
    """Switches as somebody would who has not thought about requests in flight.

    Args:
        how: how that is.
        count: how many switches.
        rate: requests a second.
    """
    with stage() as scene:
        naive = NaiveStage(scene)
        switches = [await naive.begin()]
        async with Load(scene.port, rate=rate) as load:
            for _ in range(count):
                await asyncio.sleep(0.3)
                switches.append(await how(naive))
            await asyncio.sleep(0.3)
        return SwitchReport.of(load.requests, switches, executions(scene.ledger))
