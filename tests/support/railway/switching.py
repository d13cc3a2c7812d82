"""Switches under load at the simulated Railway, and on its ground alone."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.planning.plan import Plan
from app.backend.deploy.planning.survey import survey
from app.backend.deploy.platforms.base import DeploymentStatus, ServiceSettings
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.tools import tools_of
from tests.support import ledger_app
from tests.support.load import Load
from tests.support.local_platform import light_repository, short_home
from tests.support.railway.platform import SimulatedPlatform, simulated_platform
from tests.support.railway.real_ground import RealGround, real_ground
from tests.support.switch_report import Switch, SwitchReport, executions

__all__ = ["deployed_under_load", "switched_to_and_fro"]

_SOURCE: Final = Path(ledger_app.__file__).read_text(encoding="utf-8")
_DEADLINE: Final = 30.0
_PAUSE: Final = 0.05
_ENVIRONMENT: Final = "production"
_SETTINGS: Final = """
[deploy]
startCommand = "python server.py"
healthcheckPath = "/health"
overlapSeconds = {overlap}
drainingSeconds = {draining}
"""


class _Scene:
    def __init__(self, ground: RealGround, commit: str, ledger: Path) -> None:
        self.ground = ground
        self.ledger = ledger
        port = urlsplit(ground.url()).port
        assert port is not None
        self.port = port
        self._commit = commit

    async def bring_up(self, name: str, replicas: int = 1) -> None:
        """Starts a release, and waits until its health check has passed."""
        variables = {"RAILWAY_DEPLOYMENT_ID": name, "LEDGER": str(self.ledger)}
        settings = ServiceSettings(
            start_command="python server.py", replicas=replicas, restart_policy="NEVER"
        )
        said: list[str] = []
        await self.ground.start(
            *(name, self._commit, settings, variables),
            write=said.append,
            tell=lambda number, status: said.append(f"{number} {status}"),
        )
        ends = time.monotonic() + _DEADLINE
        for replica in range(replicas):
            while await self.ground.probe(name, replica, "/health", 5) != 200:
                assert time.monotonic() < ends, said
                await asyncio.sleep(_PAUSE)

    async def switch(self, name: str) -> Switch:
        began = time.monotonic()
        await self.ground.switch(name)
        return Switch(name, began, time.monotonic())


@asynccontextmanager
async def _scene() -> AsyncIterator[_Scene]:
    with short_home() as folder:
        repository = light_repository(folder)
        commit = repository.commit("ledger", server__py=_SOURCE)
        async with real_ground(repository.path) as ground:
            yield _Scene(ground, commit, folder / "ledger")


async def deployed_under_load(
    count: int, *, rate: float, overlap: int, draining: int, stream: float
) -> tuple[Plan, SwitchReport]:
    """Deploys releases one after the other through Railway's API, under load.

    Args:
        count: how many switches.
        rate: requests a second.
        overlap: ``overlapSeconds`` of every release; as the simulator scales them.
        draining: ``drainingSeconds``, as above.
        stream: seconds that an answer takes which begins before every deploy; a switch
            comes after about one.

    Returns:
        What the plan of the first of these deploys said, made before it; the account.
    """
    settings = _SETTINGS.format(overlap=overlap, draining=draining)
    with short_home() as folder:
        repository, ledger = light_repository(folder), folder / "ledger"
        commits = [
            repository.commit(f"r{n}", server__py=_SOURCE, railway__toml=settings)
            for n in range(count + 1)
        ]
        async with simulated_platform(repository) as simulated:
            simulated.simulator.gives(LEDGER=str(ledger))
            switches = [await _deploy(simulated.platform, commits[0])]
            plan = await _plan(simulated, repository.path, commits[1])
            port = urlsplit(simulated.ground.url()).port
            assert port is not None
            async with Load(port, rate=rate) as load:
                for commit in commits[1:]:
                    load.stream(stream)
                    switches.append(await _deploy(simulated.platform, commit))
                await _alone(simulated.platform)
            return plan, SwitchReport.of(load.requests, switches, executions(ledger))


async def _plan(simulated: SimulatedPlatform, path: Path, commit: str) -> Plan:
    tools = tools_of(
        simulated.config, _ENVIRONMENT, simulated.platform, Repository(path)
    )
    request = DeployRequest(environment=_ENVIRONMENT, commit=commit, actor="test")
    return await survey(request, tools)


async def _deploy(platform: RailwayPlatform, commit: str) -> Switch:
    begun = await platform.deploy(commit, tag=f"tag-{commit}", epoch=1)
    began = time.monotonic()
    async with asyncio.timeout(_DEADLINE):
        states = [state async for state in platform.follow(begun.id)]
    assert states[-1].active, states[-1].reason
    return Switch(begun.id, began, time.monotonic())


async def _alone(platform: RailwayPlatform) -> None:
    """Waits until nothing but the newest runs, so that all losses have been seen."""
    async with asyncio.timeout(_DEADLINE):
        while True:
            _newest, *others = await platform.deployments(2)
            if all(one.status is DeploymentStatus.REMOVED for one in others):
                return
            await asyncio.sleep(_PAUSE)


async def switched_to_and_fro(count: int, *, rate: float) -> SwitchReport:
    """Switches between two releases that both go on running: the edge's part alone."""
    async with _scene() as scene:
        for name in ("r0", "r1"):
            await scene.bring_up(name)
        switches = [await scene.switch("r0")]
        async with Load(scene.port, rate=rate) as load:
            for number in range(1, count + 1):
                await asyncio.sleep(_PAUSE)
                switches.append(await scene.switch(f"r{number % 2}"))
            await asyncio.sleep(_PAUSE)
        return SwitchReport.of(load.requests, switches, executions(scene.ledger))
