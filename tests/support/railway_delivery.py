"""The pipeline over the simulated Railway: a repository, a clock, and probes.

Probes see what the simulator's edge would send users to, without any request to it;
what the platform says they ask as the real ones do.
"""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.pipeline import deploy
from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway import RailwayPlatform
from app.backend.deploy.report import RunReport
from app.backend.deploy.request import DeployRequest
from app.backend.deploy.tools import Milestone, Tools, opener_of_journals
from app.backend.deploy.watching.questions import Questions
from app.backend.deploy.watching.samples import (
    CheckReading,
    Outcome,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.backend.health.models import Status
from tests.support.delivery import KnownSchema, OwnLeases, git
from tests.support.railway.records import Record
from tests.support.railway_platform import ENVIRONMENT, AtRailway

__all__ = ["EdgeProber", "RailwayDelivery"]

_DEADLINE = 5.0
"""Real seconds."""


class EdgeProber:
    """Sees the edge and, as seldom as the real prober, the platform.

    Args:
        railway: what the edge sends users to.
        platform: is asked.
        bad: commits that answer badly.
        clock: measures.
        deployment: the one to be looked at.
        url: None: it alone is asked, which nobody can here.
    """

    def __init__(
        self,
        railway: AtRailway,
        platform: RailwayPlatform,
        bad: set[str],
        clock: Clock,
        deployment: str,
        *,
        url: str | None,
        routes: bool = True,
    ) -> None:
        self._railway = railway
        self._watched = platform.watched
        self._bad = bad
        self._clock = clock
        self._deployment = deployment
        self._url = url
        self._questions = Questions(
            self._watched, deployment, deadline=_DEADLINE, reach=None, clock=clock
        )
        self._kinds = (ProbeKind.HEALTH, ProbeKind.ROUTE)[: 1 + routes]

    async def round(self) -> Round:
        at = self._clock.time()
        own = await self._watched.deployment(self._deployment)
        told = await self._watched.shielded()
        # The edge keeps them out whether or not the platform may see that.
        up = self._railway.simulator.service.shielded_until
        shielded = told or up is not None
        counted = await self._questions.traffic()
        samples = [
            Sample(
                at=at,
                kind=ProbeKind.PLATFORM,
                outcome=Outcome.OK,
                source=Source.PLATFORM,
                status=own.status,
                active=own.active,
                reason=own.reason,
            ),
            *counted,
        ]
        serving = self._railway.simulator.serving
        if self._url is not None and serving is not None:
            answers = self._answers(serving, at)
            samples += map(_kept_out, answers) if shielded else answers
        return tuple(samples)

    def _answers(self, serving: Record, at: float) -> Iterator[Sample]:
        well = serving.commit not in self._bad
        database = CheckReading(
            "database", Status.HEALTHY, critical=True, shared=True, looked=at
        )
        for kind in self._kinds:
            health = kind is ProbeKind.HEALTH
            yield Sample(
                at=at,
                kind=kind,
                outcome=Outcome.OK if well else Outcome.FAIL,
                source=Source.PUBLIC,
                path="/api/health/detailed" if health else "/api/version",
                replica=f"{serving.id}-1",
                deployment=serving.id,
                commit=serving.commit,
                code=200 if well else 500,
                reason="" if well else "HTTP 500",
                latency=0.001,
                checks=(database,) if health else (),
            )


def _kept_out(sample: Sample) -> Sample:
    """What a probe sees while the edge lets browsers through alone."""
    return replace(
        sample,
        outcome=Outcome.DISCARDED,
        replica=None,
        deployment=None,
        commit=None,
        code=429,
        checks=(),
    )


@dataclass
class RailwayDelivery:
    """Everything that a test of the pipeline needs, in one folder.

    Attributes:
        bad: commits that answer badly once users go there.
        said: every line of progress.
    """

    folder: Path
    railway: AtRailway
    clock: Clock
    bad: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.checkout = self.folder / "checkout"
        self.checkout.mkdir()
        git(self.checkout, "init", "--quiet", "--initial-branch=main")
        self.leases = OwnLeases()
        self.schema = KnownSchema()
        self.renew()

    def renew(self) -> None:
        """As a new process would have it."""
        self.platform = self.railway.open()
        self.tools = Tools(
            config=self.railway.config,
            environment=ENVIRONMENT,
            platform=self.platform,
            repository=Repository(self.checkout),
            journals=opener_of_journals(self.railway.config, ENVIRONMENT),
            leases=self.leases,
            schema=self.schema,
            prober=partial(
                EdgeProber, self.railway, self.platform, self.bad, self.clock
            ),
            clock=self.clock,
            say=self.said.append,
        )

    def at(self, milestone: Callable[[str, Milestone], Awaitable[None]]) -> Tools:
        """The tools with somebody waiting at the milestones."""
        return replace(self.tools, milestone=milestone)

    def commit(self, name: str) -> str:
        """A new commit."""
        git(self.checkout, "commit", "--quiet", "--allow-empty", "-m", name)
        return git(self.checkout, "rev-parse", "HEAD")

    def request(self, commit: str, **flags: Any) -> DeployRequest:
        """To deploy a commit, with the default cadence and a short bake."""
        given: dict[str, Any] = {"bake": 120.0, "gate_hold": 10.0} | flags
        return DeployRequest(
            environment=ENVIRONMENT, commit=commit, actor="test", **given
        )

    async def deploy(self, commit: str, **flags: Any) -> RunReport:
        """Deploys it, to whatever end."""
        return await deploy(self.request(commit, **flags), self.tools)
