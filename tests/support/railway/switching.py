"""Switches under load on the simulator's ground, as Railway makes them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.backend.deploy.platforms.base import ServiceSettings
from tests.support import ledger_app
from tests.support.load import Load
from tests.support.local_platform import light_repository, short_home
from tests.support.railway.real_ground import RealGround, real_ground
from tests.support.switch_report import Switch, SwitchReport, executions

__all__ = ["switched_by_railway", "switched_to_and_fro"]

_SOURCE: Final = Path(ledger_app.__file__).read_text(encoding="utf-8")
_DEADLINE: Final = 30.0
_PAUSE: Final = 0.05
_STREAM: Final = 2.0


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

    async def retire(self, name: str, overlap: float, draining: float) -> None:
        await asyncio.sleep(overlap)
        await self.ground.stop(name, draining)


@asynccontextmanager
async def _scene() -> AsyncIterator[_Scene]:
    with short_home() as folder:
        repository = light_repository(folder)
        commit = repository.commit("ledger", server__py=_SOURCE)
        async with real_ground(repository.path) as ground:
            yield _Scene(ground, commit, folder / "ledger")


async def switched_by_railway(
    count: int, *, rate: float, overlap: float, draining: float, streams: bool = False
) -> SwitchReport:
    """Brings up releases one after the other; each takes the place of the one before.

    Args:
        count: how many switches.
        rate: requests a second.
        overlap: seconds from the switch to the old release's SIGTERM.
        draining: seconds from there to SIGKILL.
        streams: whether an answer of 2 s begins before every switch, not only before
            the first one.
    """
    async with _scene() as scene:
        await scene.bring_up("r0")
        switches = [await scene.switch("r0")]
        retiring = []
        async with Load(scene.port, rate=rate) as load:
            for number in range(1, count + 1):
                await scene.bring_up(f"r{number}", replicas=1 + (number % 4 == 2))
                if streams or number == 1:
                    load.stream(_STREAM)
                    await asyncio.sleep(_PAUSE)
                switches.append(await scene.switch(f"r{number}"))
                old = scene.retire(f"r{number - 1}", overlap, draining)
                retiring.append(asyncio.create_task(old))
                await asyncio.sleep(_PAUSE)
            await asyncio.gather(*retiring)
        return SwitchReport.of(load.requests, switches, executions(scene.ledger))


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
