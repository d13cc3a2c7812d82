"""Railway's platform over the simulator, sped up, and seen from both sides."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from typing_extensions import override

from app.backend.config.environment import Config, read_config
from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway import (
    Connection,
    RailwayApi,
    RailwayPlatform,
    Target,
)
from app.backend.deploy.platforms.railway.connection import credentials_of
from app.backend.deploy.platforms.railway.quota import Quota
from app.backend.deploy.platforms.railway.target import resolve
from app.backend.deploy.platforms.railway.tokens import TokenKind
from app.errors import PlatformError
from tests.support.railway.instant import InstantGround
from tests.support.railway.simulator import Simulator, running

__all__ = [
    "ENVIRONMENT",
    "HEALTH",
    "NEW",
    "OLD",
    "AtRailway",
    "FastClock",
    "at_railway",
]

ENVIRONMENT = "development"
OLD, NEW = "a" * 40, "b" * 40
HEALTH = "/api/health/startup"

_SCALE = 0.01
_TIMEOUT = 2.0
"""Real seconds for a request: a loaded machine may stand still for one."""
_READS = 3.0 / _SCALE
_PATIENCE = 60
"""Seconds of the health check; more where time is faster still, since a busy machine
stands still for a while."""


class FastClock(Clock):
    """A hundred seconds pass in one."""

    def __init__(self, scale: float = _SCALE) -> None:
        self._scale = scale

    @override
    def time(self) -> float:
        return time.monotonic() / self._scale

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._scale)


@dataclass
class AtRailway:
    """A service at the simulated Railway, and the platform that a pipeline has of it.

    Attributes:
        files: ``railway.toml`` by commit.
        now: tells the time; None: that of this machine, as fast as the clock.
        patience: the clock's seconds for a read with all its tries.
        timeout: real seconds for a request.
        said: every line that platforms opened here have told.
    """

    simulator: Simulator
    ground: InstantGround
    config: Config
    clock: Clock
    files: Mapping[str, str]
    now: Callable[[], datetime] | None = None
    patience: float = _READS
    timeout: float = _TIMEOUT
    opened: list[RailwayPlatform] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def open(self) -> RailwayPlatform:
        """As a new process would."""
        began, clock = datetime.now(UTC), self.clock
        start = clock.time()

        def now() -> datetime:
            return began + timedelta(seconds=clock.time() - start)

        url, quota = self.simulator.api_url, Quota(self.clock)
        api = RailwayApi(
            partial(
                credentials_of, self.config, url=url, quota=quota, clock=self.clock
            ),
            url=url,
            timeout=self.timeout,
            patience=self.patience,
            clock=self.clock,
            say=self.said.append,
            quota=quota,
            now=self.now or now,
        )
        known: list[Target] = []

        async def target() -> Target:
            if not known:
                known.append(await resolve(api, self.config, ENVIRONMENT))
            return known[0]

        async def read(commit: str) -> str:
            if self.files and not {commit, ""} & self.files.keys():
                raise PlatformError(f"{commit} is not here")
            return self.files.get(commit, self.files.get("", ""))

        self.opened.append(
            RailwayPlatform(
                Connection(api, target),
                self.config,
                ENVIRONMENT,
                repository_settings=read,
                clock=self.clock,
                now=self.now or now,
            )
        )
        return self.opened[-1]

    def asked(self, operation: str) -> int:
        """How often."""
        return self.simulator.asked().get(operation, 0)


@asynccontextmanager
async def at_railway(
    *,
    folder: Path,
    kind: TokenKind = TokenKind.PROJECT,
    files: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    environ: Mapping[str, str] | None = None,
    ground: InstantGround | None = None,
    timeout: float = _TIMEOUT,  # noqa: ASYNC109 - of each request
    **options: Any,
) -> AsyncIterator[AtRailway]:
    """Runs a simulated Railway with a service on it; nothing is deployed yet.

    Args:
        folder: takes what the configuration keeps.
        kind: of token.
        files: ``railway.toml`` by commit; under "" that of all others. Empty: none has
            one.
        clock: of the platform.
        environ: more of the configuration.
        ground: where releases run.
        timeout: real seconds for a request.
        options: of :func:`.simulator.running`.
    """
    ground = ground or InstantGround()
    pace = {"scale": _SCALE, **options}
    async with running(ground, **pace) as simulator:
        window = round(_PATIENCE * max(_SCALE / pace["scale"], 1.0))
        simulator.stores(healthcheckPath=HEALTH, healthcheckTimeout=window)
        given = {
            "PM33_HOME": str(folder),
            "PM33_PLATFORM": "railway",
            "PM33_RAILWAY_PROJECT": simulator.project.name,
            "PM33_RAILWAY_ENVIRONMENT": simulator.environment.name,
            "PM33_RAILWAY_SERVICE": simulator.service.name,
            "PM33_RAILWAY_API_URL": simulator.api_url,
            "RAILWAY_TOKEN": simulator.token(kind),
        }
        place = AtRailway(
            simulator,
            ground,
            read_config({**given, **(environ or {})}),
            clock or FastClock(),
            files or {},
            timeout=timeout,
        )
        try:
            yield place
        finally:
            for one in place.opened:
                await one.close()
