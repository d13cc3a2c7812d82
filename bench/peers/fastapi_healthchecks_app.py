"""fastapi-healthchecks as its README has it: a router, a probe, a class for a check."""

from fastapi import FastAPI
from fastapi_healthchecks.api.router import (  # type: ignore[import-not-found] # in its own environment
    HealthcheckRouter,
)
from fastapi_healthchecks.api.router import Probe as Readiness
from fastapi_healthchecks.checks import (  # type: ignore[import-not-found] # as above
    Check,
    CheckResult,
)
from typing_extensions import override

from bench.peers.scenarios import Probe, chosen

__all__ = ["app"]


class _ScenarioCheck(Check):  # type: ignore[misc] # its base is unknown here
    def __init__(self, name: str, probe: Probe) -> None:
        self._name = name
        self._probe = probe

    @override
    async def __call__(self) -> CheckResult:
        await self._probe()
        return CheckResult(name=self._name, passed=True)


app = FastAPI()
app.include_router(
    HealthcheckRouter(
        Readiness(
            name="readiness",
            checks=[_ScenarioCheck(name, probe) for name, probe in chosen().items()],
        )
    ),
    prefix="/health",
)
