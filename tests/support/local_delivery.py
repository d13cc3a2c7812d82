"""The pipeline over a real local platform with light releases."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.backend.config.environment import Config, read_config
from app.backend.database import lease
from app.backend.database.lease import LeaseState
from app.backend.deploy.commits.repository import Repository as Checkout
from app.backend.deploy.leasing import StateLeases, lease_name, state_target
from app.backend.deploy.pipeline import deploy
from app.backend.deploy.platforms.base import Deployment
from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.records.journal import Event
from app.backend.deploy.records.journal_file import FileJournal, journal_path
from app.backend.deploy.records.journal_rows import RowsJournal
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.tools import Tools, tools_of
from tests.support.local_platform import (
    Repository,
    light_repository,
    running_platform,
    short_home,
)
from tests.support.processes import eventually

__all__ = ["ENVIRONMENT", "LocalDelivery", "local_delivery", "local_tools", "request"]

ENVIRONMENT = "development"
TTL = 3.0

_RELEASE = '''
import os

NAME = "{name}"
DRAIN = 0.05
BAD = "{bad}"


def start():
    """Before it listens."""


async def answer(method, path, body, me):
    if path == "/api/health/detailed":
        return 200, dict(me, status="healthy", checks={})
    if BAD and path != "/health" and os.path.exists(BAD):
        return 500, dict(me)
    return 200, dict(me)
'''


def local_tools(
    config: Config, checkout: Path, said: list[str] | None = None, ttl: float = TTL
) -> Tools:
    """The real tools, but for a lease that runs out soon."""
    say = (said if said is not None else []).append
    platform = LocalPlatform(config.home)
    tools = tools_of(config, ENVIRONMENT, platform, Checkout(checkout), say=say)
    return replace(tools, leases=StateLeases(config, ttl=ttl))


def request(commit: str, **flags: Any) -> DeployRequest:
    """To deploy a commit, with short times."""
    given = {"bake": 1.0, "gate_hold": 0.4, "monitor_interval": 0.2} | flags
    return DeployRequest(environment=ENVIRONMENT, commit=commit, actor="test", **given)


@dataclass
class LocalDelivery:
    """A platform that runs, and everything around it.

    Attributes:
        environ: what a process needs to find it, and its state database.
        said: every line of progress of this process.
        ttl: seconds that a lease lasts which is not renewed.
    """

    home: Path
    repository: Repository
    platform: LocalPlatform
    environ: dict[str, str]
    said: list[str]
    ttl: float = TTL

    @property
    def config(self) -> Config:
        """As a process with this environment has it."""
        return read_config(self.environ)

    @property
    def tools(self) -> Tools:
        """New ones, as a new process would have them."""
        return local_tools(self.config, self.repository.path, self.said, self.ttl)

    @property
    def turned_bad(self) -> Path:
        """Once this file is there, a release made with ``spoils`` is bad."""
        return self.home / "bad"

    def commit(self, name: str, *, spoils: bool = False) -> str:
        """A release; one that ``spoils`` fails on its routes once told to."""
        bad = str(self.turned_bad) if spoils else ""
        text = _RELEASE.replace("{name}", name).replace("{bad}", bad)
        return self.repository.commit(name, release__py=text)

    async def deploy(self, commit: str, **flags: Any) -> RunReport:
        """Deploys it, to whatever end."""
        return await deploy(request(commit, **flags), self.tools)

    async def good(self, name: str) -> str:
        """Deploys a good commit and asserts that it serves."""
        commit = self.commit(name)
        report = await self.deploy(commit)
        assert report.exit_code == 0, "\n".join((report.text(), *self.said))
        return commit

    async def active(self) -> list[Deployment]:
        """What serves."""
        return [one for one in await self.platform.deployments(50) if one.active]

    async def serving(self, commit: str) -> None:
        """Waits until a commit serves."""
        async with asyncio.timeout(30):
            while True:
                if [one.commit for one in await self.active()] == [commit]:
                    return
                await asyncio.sleep(0.05)

    async def has_said(self, words: str, times: int = 1) -> None:
        """Waits until runs of this process have said this, so many times."""
        await eventually(lambda: sum(words in line for line in self.said) >= times)

    async def orphans(self, within: float = 10.0) -> list[Deployment]:
        """What neither serves nor ends; what is left to overlap gets its time."""
        ends = time.monotonic() + within
        while True:
            listed = await self.platform.deployments(50)
            left = [one for one in listed if not (one.active or one.status.is_over)]
            if not left or time.monotonic() > ends:
                return left
            await asyncio.sleep(0.1)

    async def lease_holder(self) -> LeaseState | None:
        """Who has the environment's lease."""
        target = state_target(self.config)
        assert target is not None
        return await lease.held(target, lease_name(ENVIRONMENT))

    async def events(self) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
        """What the file knows, and what the rows know."""
        file = FileJournal(journal_path(self.home, ENVIRONMENT))
        target = state_target(self.config)
        if target is None:
            return await file.events(), ()
        rows = RowsJournal(target, ENVIRONMENT)
        try:
            return await file.events(), await rows.events()
        finally:
            await rows.close()


@asynccontextmanager
async def local_delivery(
    folder: Path,
    database_url: str | None = None,
    *,
    repository: Repository | None = None,
    variables: Mapping[str, str] | None = None,
    known: Mapping[str, str] | None = None,
) -> AsyncIterator[LocalDelivery]:
    """A local platform for the length of a block.

    Args:
        folder: takes the repository.
        database_url: the state database, and the releases'.
        repository: where they come from; by default one of light releases.
        variables: of the releases alone.
        known: of whoever deploys them alone.
    """
    repository = repository or light_repository(folder)
    environ = {"DATABASE_URL": database_url} if database_url else {}
    given = {**environ, **(variables or {})}
    with short_home() as home:
        async with running_platform(home, repository, given) as platform:
            yield LocalDelivery(
                home=home,
                repository=repository,
                platform=platform,
                environ={"PM33_HOME": str(home), **environ, **(known or {})},
                said=[],
            )
