"""An old release, a newer one and a database that can go away, on any platform."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import asyncpg
import httpx
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer, Places, start
from app.backend.database.target import parse_target
from app.backend.deploy.platforms.base import Deployment, DeploymentStatus, Platform
from app.backend.migrations.migration_manager import upgrade
from tests.support.local_platform import running_platform, short_home
from tests.support.postgres import fresh_database, open_home
from tests.support.railway.manifest import DEFAULTS
from tests.support.railway.plans import Unknowns
from tests.support.railway.platform import SimulatedPlatform, simulated_platform
from tests.support.way_back_releases import Releases

__all__ = ["SCENES", "Scene", "at_railway"]

_DATABASE: Final = "DATABASE_URL"
_DEADLINE: Final = 90.0
_EPOCH: Final = 1


class Scene:
    """A platform with releases to run and a PostgreSQL that they use.

    Args:
        platform: that the releases are known to.
        releases: to deploy.
        home: the server's.
        hide: a database's URL as the platform's variables are to hold it.
        forget: what releases have stored at the platform, if it stores anything.
    """

    def __init__(
        self,
        platform: Platform,
        releases: Releases,
        home: Path,
        hide: Callable[[str], str] = str,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self.platform = platform
        self.releases = releases
        self._home = home
        self._hide = hide
        self._forget = forget
        self._server: EmbeddedServer | None = None
        self._acts = 0

    async def start_database(self) -> EmbeddedServer:
        """Starts PostgreSQL where it was before, unless it runs; then migrates it."""
        if self._server is None:
            places = Places(scratch=self._home)
            self._server = await start(self._home, durable=False, places=places)
            # What new databases are copied from.
            target = parse_target(SecretStr(self._server.url), DatabaseSettings())
            await upgrade(target)
        return self._server

    async def stop_database(self) -> None:
        """Stops PostgreSQL; it does nothing to a stopped one."""
        if self._server is not None:
            await self._server.stop()
            self._server = None

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """A new database at the old release's schema; it runs again afterwards.

        What cells before have left at the platform is forgotten.
        """
        self._forget()
        async with AsyncExitStack() as stack:
            server = await self.start_database()
            url = await stack.enter_async_context(fresh_database(server))
            stack.push_async_callback(self.start_database)
            yield url

    async def execute(self, url: str, statement: str, *values: str) -> None:
        """Runs a statement as somebody who may do everything."""
        connection = await asyncpg.connect(url, timeout=30, command_timeout=30)
        try:
            await connection.execute(statement, *values)
        finally:
            await connection.close(timeout=30)

    async def set_variables(self, **values: str | None) -> None:
        """Of the next deployment."""
        if url := values.get(_DATABASE):
            values = {**values, _DATABASE: self._hide(url)}
        await self.platform.set_variables(values, epoch=_EPOCH)

    def repeats(self, variables: str) -> bool:
        """Whether the platform itself returns to a deployment with these variables.

        Railway knows but the target's; with today's, its commit is built anew.
        """
        return variables == "target" or not self.platform.switches_itself

    async def serve(self, commit: str) -> Deployment:
        """Deploys a commit and switches to it."""
        begun = await self._deploy(commit)
        ready = await self.settled(begun.id)
        assert not ready.status.is_over, await self.told(ready)
        await self.platform.switch(begun.id, epoch=_EPOCH)
        return await self.settled(begun.id, serving=True)

    async def roll_back(self, target: str, variables: str) -> Deployment:
        """Returns to a deployment, to whatever end."""
        if self.repeats(variables):
            begun = await self.platform.roll_back(
                target, tag=self._tag(), epoch=_EPOCH, variables=variables
            )
        else:
            commit = (await self.platform.deployment(target)).commit
            begun = await self._deploy(commit)
        return await self.settled(begun.id, serving=True)

    async def _deploy(self, commit: str) -> Deployment:
        return await self.platform.deploy(commit, tag=self._tag(), epoch=_EPOCH)

    def _tag(self) -> str:
        self._acts += 1
        return f"act-{self._acts}"

    async def settled(self, deployment: str, *, serving: bool = False) -> Deployment:
        """Waits until it is over, or serves, or waits for the switch."""
        async with asyncio.timeout(_DEADLINE):
            async for state in self.platform.follow(deployment):
                if state.status is DeploymentStatus.READY and not serving:
                    break
        return state

    async def gone(self, deployment: str) -> None:
        """Waits until no process of it runs."""
        async with asyncio.timeout(_DEADLINE):
            while True:
                state = await self.platform.deployment(deployment)
                if state.status is DeploymentStatus.REMOVED:
                    return
                await asyncio.sleep(0.05)

    async def told(self, deployment: Deployment) -> str:
        """Everything that the platform says of how it went."""
        lines = [one.text async for one in self.platform.logs(deployment.id, limit=30)]
        return "\n".join((deployment.status, deployment.reason, *lines))

    async def get(self, path: str, token: str | None = None) -> httpx.Response:
        """What a user is answered, over a new connection."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(trust_env=False, timeout=20) as http:
            return await http.get(await self.platform.url() + path, headers=headers)


@asynccontextmanager
async def _local(folder: Path) -> AsyncIterator[Scene]:
    releases = Releases(folder)
    with short_home() as home, open_home() as data:
        async with running_platform(home, releases.repository) as platform:
            scene = Scene(platform, releases, data)
            try:
                yield scene
            finally:
                await scene.stop_database()


@asynccontextmanager
async def at_railway(
    releases: Releases, unknowns: Unknowns | None = None
) -> AsyncIterator[tuple[Scene, SimulatedPlatform]]:
    """A simulated Railway, with what nobody knows of it as it may be."""
    with open_home() as data:
        async with simulated_platform(
            releases.repository, unknowns=unknowns
        ) as simulated:
            scene = Scene(
                simulated.platform,
                releases,
                data,
                hide=simulated.network.hide,
                forget=partial(simulated.simulator.stores, **DEFAULTS),
            )
            try:
                yield scene, simulated
            finally:
                await scene.stop_database()


@asynccontextmanager
async def _railway(folder: Path) -> AsyncIterator[Scene]:
    async with at_railway(Releases(folder)) as (scene, _simulated):
        yield scene


SCENES: Final = {"local": _local, "railway": _railway}
"""How to come by a platform, by its name; each takes a folder of its own."""
