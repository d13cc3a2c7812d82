"""A real ground, and light releases on it that a test starts and ends by itself."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import httpx

from app.backend.deploy.platforms.base import ServiceSettings
from tests.support.local_platform import Repository, light_repository
from tests.support.processes import eventually
from tests.support.railway.private_network import PrivateNetwork
from tests.support.railway.real_ground import RealGround, real_ground
from tests.support.service import until

__all__ = ["IDS", "LIGHT", "VARIABLES", "Deployed", "GroundStage", "ground_stage"]

IDS: Final = (f"d{number}" for number in count())
VARIABLES: Final = {"RAILWAY_DEPLOYMENT_ID": "d", "RAILWAY_GIT_COMMIT_SHA": "c"}
LIGHT: Final = ServiceSettings(start_command="python server.py", draining_seconds=5)


@dataclass(slots=True)
class Deployed:
    """What was heard of a deployment."""

    id: str
    lines: list[str] = field(default_factory=list)
    told: list[tuple[int, str]] = field(default_factory=list)

    async def hears(self, *told: tuple[int, str]) -> None:
        await eventually(lambda: set(told) <= set(self.told))


class GroundStage:
    """A ground, and releases of one repository.

    Attributes:
        ground: it runs.
        repository: of light releases.
        network: the ground's.
        light: one of them.
    """

    def __init__(self, ground: RealGround, repository: Repository) -> None:
        self.ground = ground
        self.repository = repository
        self.network = ground.network
        self.light = repository.commit("light")

    @asynccontextmanager
    async def deployed(
        self,
        commit: str,
        settings: ServiceSettings = LIGHT,
        variables: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Deployed]:
        """Starts it, and switches to it once it has answered a probe."""
        one = Deployed(next(IDS))
        given = {**VARIABLES, "RAILWAY_DEPLOYMENT_ID": one.id, **(variables or {})}
        await self.ground.build(one.id, commit, one.lines.append)
        await self.ground.start(
            one.id,
            commit,
            settings,
            given,
            one.lines.append,
            lambda number, status: one.told.append((number, status)),
        )
        try:
            yield one
        finally:
            await self.ground.stop(one.id, 0)

    async def healthy(self, one: Deployed, replicas: int = 1) -> None:
        """Waits until every replica answers."""
        for number in range(replicas):
            await until(partial(self._is_healthy, one.id, number))

    async def _is_healthy(self, deployment: str, number: int) -> bool:
        return await self.ground.probe(deployment, number, "/", 5) == 200

    async def get(self, path: str = "/") -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            return await http.get(self.ground.url() + path)


@asynccontextmanager
async def ground_stage(folder: Path) -> AsyncIterator[GroundStage]:
    """A ground that restarts in a tenth of the time; nothing of it is left."""
    repository = light_repository(folder)
    network = PrivateNetwork()
    async with real_ground(repository.path, network=network, scale=0.1) as ground:
        yield GroundStage(ground, repository)
