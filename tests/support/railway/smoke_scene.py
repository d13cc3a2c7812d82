"""A service for the live smoke test to change, and how it stood before."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from app.backend.config.environment import read_config
from app.backend.deploy.interrupt import Interrupt
from app.backend.deploy.platforms.railway.connection import connect
from tests.live.changes.session import Outcome, Session
from tests.support.railway.authority import TokenKind
from tests.support.railway.connected import variables_for
from tests.support.railway.ground import Write
from tests.support.railway.hurried import HurriedClock
from tests.support.railway.instant import InstantGround
from tests.support.railway.lifecycle import Status
from tests.support.railway.lifetime import Pace
from tests.support.railway.plans import Unknowns
from tests.support.railway.records import Record
from tests.support.railway.repository import InventedRepository
from tests.support.railway.simulator import Simulator, running

__all__ = ["SmokeScene", "smoke_scene"]

_COMMIT: Final = "a" * 40
_VALUE: Final = "a-value-that-nobody-may-see"
_FILE: Final = "[deploy]\nhealthcheckTimeout = 120\n"


class _HeldGround(InstantGround):
    """Its pre-deploy commands take as long as they say: all are a sleep."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self._scale = scale

    @override
    async def pre_deploy(
        self,
        deployment: str,
        commit: str,
        commands: Sequence[str],
        variables: Mapping[str, str],
        write: Write,
    ) -> None:
        await super().pre_deploy(deployment, commit, commands, variables, write)
        for command in commands:
            await asyncio.sleep(float(command.split()[-1]) * self._scale)


@dataclass(frozen=True, slots=True)
class SmokeScene:
    """A service that serves something, and how it then stands."""

    simulator: Simulator
    home: Path
    scale: float
    serving: Record
    before: Mapping[str, Any]

    async def tried(
        self,
        kind: TokenKind = TokenKind.PROJECT,
        interrupt: Interrupt | None = None,
        *,
        insists: bool = True,
        said: list[str] | None = None,
    ) -> Outcome:
        config = read_config(variables_for(self.simulator, self.home, kind))
        clock = HurriedClock(self.scale)
        connection = connect(
            config, "production", clock=clock, home=self.home, folder=self.home
        )
        said = [] if said is None else said

        async def settings_file(_commit: str) -> str:
            return _FILE

        try:
            session = await Session.open(
                connection,
                clock=clock,
                read=settings_file,
                say=said.append,
                insists=insists,
                scale=self.scale,
            )
            said.append(session.announcement())
            outcome = await session.go(interrupt or Interrupt())
        finally:
            await connection.api.close()
        told = f"{said} {outcome} {outcome.text()} {json.dumps(outcome.to_dict())}"
        for secret in (_VALUE, self.simulator.token(kind)):
            assert secret not in told
        return outcome

    def when(self, count: int, status: Status, then: Callable[[], object]) -> None:
        """Does something once the n-th deployment has a status."""

        def listen(record: Record, now: Status) -> None:
            made = self.simulator.deployments
            if now is status and len(made) == count and made[-1] is record:
                then()

        self.simulator.conductor.ledger.listeners.append(listen)

    @property
    def is_as_before(self) -> bool:
        settled = all(
            not self.simulator.status(one).is_unfinished
            for one in self.simulator.deployments
        )
        assert _standing(self.simulator) == self.before
        return settled


def _standing(simulator: Simulator) -> Mapping[str, Any]:
    """Everything that is to be as it was."""
    service, serving = simulator.service, simulator.serving
    assert serving is not None
    return {
        "stored": dict(service.stored),
        "variables": dict(service.variables),
        "sealed": set(service.sealed),
        "autodeploys": service.autodeploys,
        "tied": service.tied,
        "rules": list(simulator.world.rules),
        "commit": serving.commit,
        "ran with": serving.manifest,
        "given": serving.variables,
    }


@asynccontextmanager
async def smoke_scene(
    home: Path, unknowns: Unknowns | None = None, *, scale: float = 0.03
) -> AsyncIterator[SmokeScene]:
    async with running(
        _HeldGround(scale),
        scale=scale,
        unknowns=unknowns,
        repository=InventedRepository(settings_files={"": _FILE}),
        pace=Pace(container=8.0),
    ) as simulator:
        simulator.stores(healthcheckPath="/api/health/startup")
        simulator.gives(PLAIN=_VALUE)
        simulator.gives(sealed=True, HIDDEN=_VALUE)
        simulator.service.tied = _COMMIT
        serving = await simulator.deploys(_COMMIT)
        before = _standing(simulator)
        yield SmokeScene(simulator, home, scale, serving, before)
