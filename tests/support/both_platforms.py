"""The two real platforms, each with releases that do what a test wants of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Any, Final

from app.backend.deploy.platforms.base import (
    Deployment,
    DeploymentStatus,
    LogLine,
    Platform,
)
from app.backend.deploy.platforms.railway.api import PATIENCE
from tests.support.local_platform import (
    RAILWAY_TOML,
    Repository,
    light_repository,
    running_platform,
    short_home,
)
from tests.support.railway.one_time import OneTime
from tests.support.railway_platform import HEALTH, at_railway

__all__ = ["CANARY", "LINES", "PLACES", "Conduct", "Place"]

CANARY: Final = "canary-of-a-release"
"""A secret of the service, which releases write."""
LINES: Final = ("one", "two", f"signed with {CANARY}")
"""What each replica writes first."""

_DEADLINE: Final = 60.0
_REQUEST: Final = 10.0
"""Real seconds for each request to the simulator."""
_PRE_DEPLOY: Final = "python -c 'import release; release.migrate()'"
_RELEASE: Final = """
import time

NAME = "one"
DRAIN = 0


def migrate():
    {migrate}


def start():
    for line in {lines}:
        print(line, flush=True)
    {start}


async def answer(method, path, body, me):
    return {status}, me
"""


class Conduct(StrEnum):
    """What becomes of a release."""

    GOOD = "serves"
    MIGRATES_NOT = "fails in its pre-deploy command"
    STARTS_NOT = "fails as it starts"
    ILL = "fails its health check"
    SLOW = "takes a minute to start"


@dataclass(frozen=True, slots=True)
class Place:
    """A platform on which nothing has been deployed.

    Attributes:
        platform: opened for one service.
        commit: a new commit that behaves so.
        sleep: lets the platform's seconds pass.
    """

    platform: Platform
    commit: Callable[[Conduct], str]
    sleep: Callable[[float], Awaitable[None]]

    async def deploys(self, conduct: Conduct = Conduct.GOOD) -> Deployment:
        """Deploys a new commit, to whatever end."""
        commit = self.commit(conduct)
        begun = await self.platform.deploy(commit, tag=f"of-{commit}", epoch=1)
        return (await self.follows(begun.id))[-1]

    async def follows(self, deployment: str) -> list[Deployment]:
        """All its states; where it waits for the switch, it is switched to."""
        states: list[Deployment] = []
        async with asyncio.timeout(_DEADLINE):
            async for state in self.platform.follow(deployment):
                states.append(state)
                if state.status is DeploymentStatus.READY:
                    await self.platform.switch(deployment, epoch=1)
        return states

    async def replaced(self) -> tuple[Deployment, Deployment]:
        """What served first and is gone, and what took its place."""
        first, second = await self.deploys(), await self.deploys()
        return await self.gone(first.id), second

    async def active(self) -> list[str]:
        """All that users are said to be sent to."""
        return [one.id for one in await self.platform.deployments() if one.active]

    async def gone(self, deployment: str) -> Deployment:
        """Waits until it was removed."""
        async with asyncio.timeout(_DEADLINE):
            while True:
                state = await self.platform.deployment(deployment)
                if state.status is DeploymentStatus.REMOVED:
                    return state
                await self.sleep(0.2)

    async def lines(self, deployment: str, **how: Any) -> list[LogLine]:
        """What it has written."""
        async with asyncio.timeout(_DEADLINE):
            return [one async for one in self.platform.logs(deployment, **how)]


@asynccontextmanager
async def _local(folder: Path) -> AsyncIterator[Place]:
    repository = light_repository(folder)

    def commit(conduct: Conduct) -> str:
        return _committed(repository, conduct)

    with short_home() as home:
        variables = {"JWT_SECRET": CANARY}
        async with running_platform(home, repository, variables) as platform:
            yield Place(platform, commit, asyncio.sleep)


def _committed(repository: Repository, conduct: Conduct) -> str:
    settings = RAILWAY_TOML.replace("Retries = 3", "Retries = 0")
    if conduct is Conduct.ILL:
        settings = settings.replace("Timeout = 20", "Timeout = 1")
    starts = {
        Conduct.STARTS_NOT: "raise SystemExit('no such table: users')",
        Conduct.SLOW: "time.sleep(60)",
    }
    fails = conduct is Conduct.MIGRATES_NOT
    release = _RELEASE.format(
        migrate="raise SystemExit(3)" if fails else "pass",
        lines=LINES,
        start=starts.get(conduct, "pass"),
        status=503 if conduct is Conduct.ILL else 200,
    )
    settings += f'preDeployCommand = "{_PRE_DEPLOY}"\n'
    return repository.commit(conduct, release__py=release, railway__toml=settings)


@asynccontextmanager
async def _railway(folder: Path) -> AsyncIterator[Place]:
    """Over the simulator, in a time that passes only while somebody waits."""
    time, numbers = OneTime(), count(1)
    async with at_railway(
        folder=folder, clock=time, timeout=_REQUEST, scale=1.0, time=time.railways
    ) as railway:
        railway.now, railway.patience = time.now, PATIENCE
        railway.simulator.gives(JWT_SECRET=CANARY)
        railway.simulator.stores(
            healthcheckPath=HEALTH, preDeployCommand=["pm33 migrate up"]
        )

        def commit(conduct: Conduct) -> str:
            name = f"{next(numbers):040x}"
            answers = (503,) if conduct in {Conduct.ILL, Conduct.SLOW} else (200,)
            railway.ground.behave(
                name,
                migrates=conduct is not Conduct.MIGRATES_NOT,
                starts=conduct is not Conduct.STARTS_NOT,
                answers=answers,
                says=LINES,
            )
            return name

        yield Place(railway.open(), commit, time.sleep)


PLACES: Final[Mapping[str, Callable[[Path], AbstractAsyncContextManager[Place]]]] = {
    "local": _local,
    "railway": _railway,
}
"""How to come by a platform, by its name; each takes a folder of its own."""
