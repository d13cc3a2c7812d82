"""Looks at what :mod:`.memory_platform` runs, without any network."""

from collections.abc import Iterator

from app.backend.deploy.platforms.base import (
    Deployment,
    DeploymentStatus,
)
from app.backend.deploy.watching.clock import Clock, SystemClock
from app.backend.deploy.watching.samples import (
    CheckReading,
    Outcome,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.backend.health.models import Status
from tests.support.memory_platform import MemoryPlatform

__all__ = ["MemoryProber"]

_UP = {DeploymentStatus.READY, DeploymentStatus.SUCCESS}


class MemoryProber:
    """Sees what the behaviour of the commits says.

    Args:
        platform: holds the deployments.
        deployment: the one to be looked at.
        url: None: it alone is asked, as before a switch.
        routes: ask them as well as the health page.
    """

    def __init__(
        self,
        platform: MemoryPlatform,
        deployment: str,
        *,
        url: str | None,
        routes: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._platform = platform
        self._deployment = deployment
        self._url = url
        self._kinds = (ProbeKind.HEALTH, ProbeKind.ROUTE)[: 1 + routes]
        self._clock = clock or SystemClock()

    async def round(self) -> Round:
        at = self._clock.time()
        own = await self._platform.deployment(self._deployment)
        samples = [
            Sample(
                at=at,
                kind=ProbeKind.PLATFORM,
                outcome=Outcome.OK,
                source=Source.PLATFORM,
                status=own.status,
                active=own.active,
            )
        ]
        if await self._platform.shielded():
            return (*samples, self._kept_out(at))
        if own.status in _UP:
            for number in (1, 2):
                samples += self._answers(own, at, Source.REPLICA, number)
        serving = self._platform.active()
        if self._url is not None and serving is not None:
            samples += self._answers(serving, at, Source.PUBLIC, 1)
        return tuple(samples)

    def _kept_out(self, at: float) -> Sample:
        return Sample(
            at=at,
            kind=ProbeKind.HEALTH,
            outcome=Outcome.DISCARDED,
            path="/api/health/detailed",
            code=429,
            reason="the platform keeps machines out (shield)",
        )

    def _answers(
        self, one: Deployment, at: float, source: Source, number: int
    ) -> Iterator[Sample]:
        behaviour = self._platform.behaviour(one)
        well = behaviour.good if one.active else behaviour.well
        down = behaviour.shared and one.active
        status = Status.UNHEALTHY if down else Status.HEALTHY
        for kind in self._kinds:
            health = kind is ProbeKind.HEALTH
            outcome = Outcome.OK if well else Outcome.FAIL
            yield Sample(
                at=at,
                kind=kind,
                outcome=Outcome.INCONCLUSIVE if down and health else outcome,
                source=source,
                path="/api/health/detailed" if health else "/api/version",
                replica=f"{one.id}-{number}",
                deployment=one.id,
                commit=one.commit,
                code=200 if well else 500,
                reason="" if well else "HTTP 500",
                latency=0.001,
                checks=(
                    CheckReading(
                        "database", status, critical=True, shared=True, looked=at
                    ),
                )
                if health
                else (),
            )
