"""What a scene about a fault stands on: a simulator, its ground, and a caller."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.railway.caller import Caller, calling
from tests.support.railway.faults import Fault, Faults
from tests.support.railway.instant import InstantGround
from tests.support.railway.lifecycle import Status
from tests.support.railway.records import Record
from tests.support.railway.simulator import Simulator, running

__all__ = ["GOOD", "HEALTH", "NEXT", "Scene", "Stage", "staged"]

GOOD = "a" * 40
"""The commit that serves at first."""

NEXT = "b" * 40
"""The commit that comes after it."""

HEALTH = "/api/health/startup"


@dataclass(slots=True)
class Stage:
    """A service with a good deployment, and somebody who asks about it."""

    simulator: Simulator
    ground: InstantGround
    caller: Caller
    good: Record

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self.simulator.faults

    async def next(self, *expected: Status) -> Record:
        """Deploys the next commit through the API, and waits for one of these."""
        await self.caller.deploy(NEXT)
        record = self.simulator.deployments[-1]
        await self.simulator.reaches(record, *expected)
        return record

    def serves(self) -> str | None:
        """The commit that requests go to."""
        serving = self.simulator.serving
        return None if serving is None else serving.commit


Scene = Callable[[Stage, Fault], Awaitable[None]]
"""Scripts the fault, and asserts how it shows."""


@asynccontextmanager
async def staged(**options: Any) -> AsyncIterator[Stage]:
    """A service that serves; five hundred times as fast as Railway."""
    ground = InstantGround()
    async with running(ground, **{"scale": 0.002, **options}) as simulator:
        simulator.stores(healthcheckPath=HEALTH, healthcheckTimeout=60)
        good = await simulator.deploys(GOOD)
        async with calling(simulator) as caller:
            yield Stage(simulator, ground, caller, good)
