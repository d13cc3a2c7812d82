"""Whole runs at a simulated Railway where something goes wrong, as everybody sees them.

Real tools, real journals, the real prober over HTTP; time passes only while somebody
waits for it, see :mod:`tests.support.railway.one_time`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from typing_extensions import override

from app.backend.deploy.monitor import monitor
from app.backend.deploy.platforms.railway.api import PATIENCE
from app.backend.deploy.records.journal_file import FileJournal, journal_path
from app.backend.deploy.records.run_state import RunState, runs_of
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import MonitorRequest, RollbackRequest
from app.backend.deploy.rollback import roll_back
from app.backend.deploy.tools import Milestone
from app.backend.deploy.watching.probes import Prober
from app.errors import OpsError
from tests.support.railway.instant_edge import InstantEdge, UsedGround, instant_edge
from tests.support.railway.lifecycle import Status
from tests.support.railway.one_time import OneTime
from tests.support.railway.records import Record
from tests.support.railway.simulator import Simulator
from tests.support.railway_delivery import RailwayDelivery
from tests.support.railway_platform import ENVIRONMENT, at_railway

__all__ = ["CANARY", "FaultyRun", "Outcome", "faulty_run", "writing"]

CANARY: Final = "canary-5f2c9d7e1b"
"""What nobody is to see; it is a variable of the service, and releases write it."""

_TIMEOUT: Final = 30.0
"""Real seconds for a run that hangs."""

Outcome = RunReport | OpsError


class FaultyRun(RailwayDelivery):
    """One service, what is done to it, and what everybody has seen of that.

    Attributes:
        edge: answers users, and probes.
        took: the run's seconds, once it has ended.
    """

    edge: InstantEdge
    took: float = 0.0

    @property
    def time(self) -> OneTime:
        """Everybody's."""
        assert isinstance(self.clock, OneTime)
        return self.clock

    @override
    def renew(self) -> None:
        super().renew()
        self.tools = replace(self.tools, prober=self._prober, now=self.time.now)

    @property
    def simulator(self) -> Simulator:
        """Railway."""
        return self.railway.simulator

    @override
    def commit(self, name: str) -> str:
        commit = super().commit(name)
        self.railway.ground.behave(commit, says=("listening", f"key {CANARY}"))
        return commit

    async def serves(self, name: str) -> str:
        """Somebody deploys a commit, and it has served for a while."""
        commit = self.commit(name)
        record = await self.simulator.deploys(commit, wait=False)
        while self.simulator.status(record).is_unfinished:
            await self.time.sleep(1.0)
        assert self.simulator.status(record) is Status.SUCCESS
        await self.time.sleep(600.0)
        return commit

    async def goes(self, work: Awaitable[RunReport]) -> Outcome:
        """Does it, to whatever end."""
        began = self.time.time()
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await work
        except OpsError as error:
            return error
        finally:
            self.took = self.time.time() - began

    async def deploys(self, commit: str, **flags: Any) -> Outcome:
        """Deploys it."""
        return await self.goes(self.deploy(commit, **flags))

    async def goes_back(self, **flags: Any) -> Outcome:
        """Rolls back."""
        given: dict[str, Any] = {"environment": ENVIRONMENT, "actor": "test"} | flags
        return await self.goes(roll_back(RollbackRequest(**given), self.tools))

    async def watches(self, seconds: float) -> Outcome:
        """Watches what serves."""
        request = MonitorRequest(environment=ENVIRONMENT, actor="test", seconds=seconds)
        return await self.goes(monitor(request, self.tools))

    def made(self, reason: str, commit: str | None = None) -> list[Record]:
        """The deployments that came to be for that reason."""
        return [
            one
            for one in self.simulator.deployments
            if one.origin.reason == reason and commit in {None, one.commit}
        ]

    def unfinished(self) -> list[Record]:
        """What may still come to serve."""
        status = self.simulator.status
        return [one for one in self.simulator.deployments if status(one).is_unfinished]

    @property
    def serving(self) -> str | None:
        """The commit that users get."""
        record = self.simulator.serving
        return None if record is None else record.commit

    async def runs(self) -> tuple[RunState, ...]:
        """What the journal knows, the newest first."""
        file = FileJournal(journal_path(self.railway.config.home, ENVIRONMENT))
        return runs_of(await file.events())

    def told(self, outcome: Outcome) -> str:
        """Everything that anybody could read of it."""
        home = self.railway.config.home
        kept = [path.read_text() for path in home.rglob("*") if path.is_file()]
        if isinstance(outcome, RunReport):
            kept += [outcome.text(), json.dumps(outcome.to_dict(), default=str)]
        else:
            kept += [repr(outcome), str(outcome), outcome.remedy or ""]
        return "\n".join([*self.said, *kept])

    def _prober(
        self, deployment: str, *, url: str | None, routes: bool = True
    ) -> Prober:
        watched = self.platform.watched
        return Prober(
            watched,
            deployment,
            url=url,
            paths=("/api/version",) if routes else (),
            probes=1,
            reach=watched.reach,
            clock=self.time,
        )


def writing(run: FaultyRun, every: float) -> None:
    """Whatever is deployed next writes a line of its build every so many seconds."""

    async def write() -> None:
        record = run.simulator.deployments[-1]
        while run.simulator.status(record).is_unfinished:
            record.build_lines.write("one more step of many")
            await run.time.wait(every)

    async def begin(step: str, milestone: Milestone) -> None:
        if (step, milestone) == ("deploy", Milestone.AFTER_CALL):
            tasks.append(asyncio.create_task(write()))

    tasks: list[asyncio.Task[None]] = []
    run.tools = run.at(begin)


@asynccontextmanager
async def faulty_run(
    folder: Path, *, ground: UsedGround | None = None, **options: Any
) -> AsyncIterator[FaultyRun]:
    """A service whose pre-deploy command migrates, and which nothing serves yet.

    Args:
        folder: takes everything that is kept.
        ground: where releases run.
        options: of :func:`.railway_platform.at_railway`.
    """
    time, ground = OneTime(), ground or UsedGround()
    home = folder / "home"
    home.mkdir()
    async with (
        instant_edge() as edge,
        at_railway(
            folder=home,
            clock=time,
            environ={"PM33_PUBLIC_URL": edge.url},
            ground=ground,
            scale=1.0,
            time=time.railways,
            **options,
        ) as railway,
    ):
        railway.now, railway.patience = time.now, PATIENCE
        edge.simulator = ground.simulator = railway.simulator
        railway.simulator.stores(preDeployCommand=["pm33 migrate up"])
        railway.simulator.gives(SECRET_KEY=CANARY)
        run = FaultyRun(folder, railway, time)
        run.edge = edge
        yield run
