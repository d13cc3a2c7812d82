"""Samples as a prober makes them, for tests that say only what matters to them."""

from dataclasses import replace
from http import HTTPStatus
from typing import Any

from typing_extensions import override

from app.backend.deploy.platforms.base import DeploymentStatus
from app.backend.deploy.watching.baseline import Probing
from app.backend.deploy.watching.samples import (
    CheckReading,
    Expected,
    Outcome,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.backend.health.models import Status

__all__ = [
    "EXPECTED",
    "NETWORK",
    "ROUTE",
    "ScriptedProber",
    "check",
    "health",
    "own",
    "platform",
    "route",
]

EXPECTED = Expected("d-2", "c0ffee2")
ROUTE = "/orders"


def check(
    name: str = "database",
    status: Status = Status.HEALTHY,
    *,
    critical: bool = True,
    shared: bool = True,
    looked: float | None = 0.0,
) -> CheckReading:
    """One check's newest result."""
    return CheckReading(name, status, critical=critical, shared=shared, looked=looked)


def own(status: Status = Status.HEALTHY) -> CheckReading:
    """A check of the release's own."""
    return check("application", status, shared=False)


def health(*checks: CheckReading, **fields: Any) -> Sample:
    """A health page, read."""
    page = Sample(
        at=0.0,
        kind=ProbeKind.HEALTH,
        outcome=Outcome.OK,
        replica="r1",
        deployment=EXPECTED.deployment,
        commit=EXPECTED.commit,
        code=200,
        checks=checks or (own(),),
    )
    return replace(page, **fields)


def route(code: int | None = 200, **fields: Any) -> Sample:
    """An answer of the application; None: silence."""
    outcome = Outcome.OK if code == HTTPStatus.OK else Outcome.FAIL
    answer = Sample(
        at=0.0,
        kind=ProbeKind.ROUTE,
        outcome=Outcome.NO_ANSWER if code is None else outcome,
        path=ROUTE,
        code=code,
        latency=0.01,
    )
    return replace(answer, **fields)


def platform(
    status: DeploymentStatus = DeploymentStatus.SUCCESS, *, active: bool = True
) -> Sample:
    """What the platform says."""
    return Sample(
        at=0.0,
        kind=ProbeKind.PLATFORM,
        outcome=Outcome.OK,
        source=Source.PLATFORM,
        status=status,
        active=active,
    )


NETWORK = Sample(
    at=0.0, kind=ProbeKind.NETWORK, outcome=Outcome.OK, source=Source.PLATFORM
)


class ScriptedProber(Probing):
    """Finds one round after the other; the last one again and again."""

    def __init__(self, *rounds: Round) -> None:
        self._rounds = list(rounds)
        self.asked = 0

    @override
    async def round(self) -> Round:
        self.asked += 1
        return self._rounds[min(self.asked, len(self._rounds)) - 1]
