"""The simulator's ground with real processes, behind a real edge."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from app.backend.deploy.platforms.base import ServiceSettings
from app.backend.deploy.platforms.local.releases import Releases
from app.backend.deploy.platforms.local.sockets import SLOTS
from app.backend.deploy.platforms.local.venvs import Venvs
from app.backend.processes import gone_by
from app.errors import OpsError
from tests.support.http import connect
from tests.support.local_platform import short_home
from tests.support.railway.commands import run_in_turn
from tests.support.railway.containers import Container
from tests.support.railway.edge import Edge
from tests.support.railway.ground import (
    PROBE_HOST,
    EdgeRequest,
    GroundError,
    Tell,
    Write,
)
from tests.support.railway.private_network import PrivateNetwork
from tests.support.railway.processes import Processes

__all__ = ["RealGround", "real_ground"]

_ROOT: Final = Path(__file__).resolve().parents[3]
_OK: Final = 200


class RealGround:
    """Runs commits of a repository as processes of this machine.

    It owns the restarts: it follows the policy within its budget, and tells of a
    replica that it is CRASHED when that is spent. What this makes of the deployment is
    the API side's to say.

    Args:
        repository: where commits come from.
        folder: takes everything; its path is short.
        network: what releases reach by a private name.
        scale: what its own seconds are multiplied by: the pauses before a replica is
            started again, and the drain of a restart.

    Attributes:
        folder: as given; it is made and removed by :func:`real_ground`.
        edge: in front of the releases.
        releases: the commits, for whoever asks about one.
        network: as given.
    """

    def __init__(
        self, repository: Path, folder: Path, network: PrivateNetwork, scale: float
    ) -> None:
        self.folder = folder
        self._checkouts = folder / "releases"
        self._venvs = Venvs(folder / "venvs", _ROOT / "requirements.txt")
        self.edge = Edge(folder / "edge")
        self._scale = scale
        self._running: dict[str, Processes] = {}
        self._stopped: dict[str, Processes] = {}
        self.releases = Releases(repository, self._checkouts)
        self.network = network

    async def open(self) -> None:
        """Starts the edge, which answers 404 as yet.

        Raises:
            PlatformError: it does not start.
        """
        self._checkouts.mkdir()
        await self.edge.start()

    async def build(
        self,
        deployment: str,  # noqa: ARG002 - images are the commits' here
        commit: str,
        write: Write,
    ) -> None:
        """Unpacks the commit, and installs what its lock file asks for."""
        try:
            await self.releases.resolve(commit)
        except OpsError as error:
            raise GroundError(str(error)) from error
        write(f"[1/2] checking out {commit}")
        programs = await self._programs(commit, write)
        write(f"[2/2] it runs with {programs}")

    async def pre_deploy(
        self,
        deployment: str,
        commit: str,
        commands: Sequence[str],
        variables: Mapping[str, str],
        write: Write,
    ) -> None:
        """Runs the commands in turn, until one fails."""
        container = await self._container(deployment, commit, variables, write)
        try:
            await run_in_turn(commands, container, write)
        finally:
            shutil.rmtree(container.scratch, ignore_errors=True)

    async def start(
        self,
        deployment: str,
        commit: str,
        settings: ServiceSettings,
        variables: Mapping[str, str],
        write: Write,
        tell: Tell,
    ) -> None:
        """Starts the replicas, as many as the edge has slots at most."""
        if not 1 <= settings.replicas <= SLOTS:
            raise GroundError(f"{settings.replicas} replicas cannot be run here")
        container = await self._container(deployment, commit, variables, write)
        try:
            processes = Processes(
                container,
                settings,
                write=write,
                tell=tell,
                on_change=partial(self._reach, deployment),
                scale=self._scale,
            )
        except ValueError as error:
            raise GroundError(f"the start command cannot be used: {error}") from error
        self._running[deployment] = processes
        self.edge.admit(deployment, processes.ports)
        processes.start()

    async def probe(
        self,
        deployment: str,
        replica: int,
        path: str | None,
        timeout: float,  # noqa: ASYNC109 - one attempt's
    ) -> int | None:
        """One attempt; what is no HTTP is no answer.

        Without a path, the process is waited for: it is started beside the caller.
        """
        processes = self._running.get(deployment)
        if processes is None:
            return None
        if path is None:
            ends = time.monotonic() + timeout
            started = await gone_by(ends, lambda: replica not in processes.pids)
            return _OK if started else None
        headers = {"host": PROBE_HOST, "connection": "close"}
        try:
            async with (
                asyncio.timeout(timeout),
                connect(processes.ports[replica]) as connection,
            ):
                return (await connection.request("GET", path, headers=headers)).status
        except (OSError, EOFError, ValueError, LookupError):
            return None

    async def switch(self, deployment: str | None) -> None:
        """Moves every request that comes from now on; those in flight stay."""
        if deployment is None or deployment in self._running:
            self.edge.switch(deployment)

    async def stop(self, deployment: str, grace: float) -> None:
        """Ends its processes; where the edge sends requests to is not changed."""
        processes = self._running.pop(deployment, None)
        if processes is not None:
            self._stopped[deployment] = processes
            await processes.end(grace)

    async def restart(self, deployment: str) -> None:
        """Ends its processes in their own time, and starts them again.

        One that was stopped has its processes again, too.
        """
        if (stopped := self._stopped.pop(deployment, None)) is not None:
            self._running[deployment] = stopped
        processes = self._running.get(deployment)
        if processes is not None:
            await processes.restart()

    async def shield(self, *, on: bool) -> None:
        """While on, everybody gets a challenge with 429."""
        self.edge.shield(on=on)

    async def aim(self, *, right: bool) -> None:
        """Whether the edge dials the port that replicas listen on."""
        self.edge.aim(right=right)

    def served(self, since: datetime, until: datetime) -> Sequence[EdgeRequest]:
        """What the edge has answered; an answer counts when it is complete."""
        return self.edge.served(since, until)

    def pids(self, deployment: str) -> tuple[int, ...]:
        """The processes of a deployment that run."""
        processes = self._running.get(deployment)
        return () if processes is None else tuple(processes.pids.values())

    def url(self) -> str:
        """The edge's address."""
        return self.edge.url

    async def close(self) -> None:
        """Ends the releases, then the edge, without any grace."""
        # Stopped ones may have been left in the middle of it.
        known = (*self._running.values(), *self._stopped.values())
        self._running.clear()
        try:
            await asyncio.gather(*(one.end(0) for one in known))
        finally:
            self.edge.close()

    def _reach(self, deployment: str) -> None:
        if (processes := self._running.get(deployment)) is not None:
            self.edge.reach(deployment, processes.running)

    async def _container(
        self,
        deployment: str,
        commit: str,
        variables: Mapping[str, str],
        write: Write,
    ) -> Container:
        scratch = self._scratch(deployment)
        scratch.mkdir(parents=True, exist_ok=True)
        return Container(
            deployment=deployment,
            variables=self.network.within(variables),
            checkout=self.releases.path(commit),
            programs=await self._programs(commit, write),
            scratch=scratch,
        )

    async def _programs(self, commit: str, write: Write) -> Path:
        try:
            checkout = await self.releases.checkout(commit)
            return await self._venvs.programs(checkout, write)
        except OpsError as error:
            raise GroundError(str(error)) from error

    def _scratch(self, deployment: str) -> Path:
        return self.folder / "scratch" / deployment


@asynccontextmanager
async def real_ground(
    repository: Path, *, network: PrivateNetwork | None = None, scale: float = 1.0
) -> AsyncIterator[RealGround]:
    """A ground with an edge that runs; nothing of it is left afterwards."""
    with short_home() as folder:
        ground = RealGround(repository, folder, network or PrivateNetwork(), scale)
        try:
            await ground.open()
            yield ground
        finally:
            await ground.close()
