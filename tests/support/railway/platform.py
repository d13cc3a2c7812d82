"""A platform at a simulated Railway whose releases are real processes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from app.backend.config.environment import Config, read_config
from app.backend.deploy.platforms.railway import RailwayPlatform, connect
from tests.support.local_platform import Repository
from tests.support.railway.hurried import HurriedClock
from tests.support.railway.lifetime import Pace
from tests.support.railway.plans import Unknowns
from tests.support.railway.private_network import PrivateNetwork
from tests.support.railway.real_ground import RealGround, real_ground
from tests.support.railway.repository import GitRepository
from tests.support.railway.simulator import Simulator, running

__all__ = ["SimulatedPlatform", "simulated_platform"]

# A real service needs a second or two, and twenty of Railway's are its window.
_SCALE: Final = 0.5
# Looks every five seconds or more seldom, and is to see what has become at once.
_LOOKS: Final = 0.05
_PACE: Final = Pace(snapshot=0.1, build=0.1, container=0.1)


@dataclass(frozen=True, slots=True)
class SimulatedPlatform:
    """The platform, and what stands behind it.

    Attributes:
        config: of whoever deploys.
    """

    config: Config
    platform: RailwayPlatform
    simulator: Simulator
    ground: RealGround
    network: PrivateNetwork


@asynccontextmanager
async def simulated_platform(
    repository: Repository,
    *,
    environment: str = "production",
    unknowns: Unknowns | None = None,
) -> AsyncIterator[SimulatedPlatform]:
    """One service without any deployment, in development as far as it knows.

    Args:
        repository: where its commits come from.
        environment: ours; the service is in Railway's ``production``.
        unknowns: the facts that nobody has established.
    """
    network, commits = PrivateNetwork(), GitRepository(repository.path)
    async with (
        real_ground(repository.path, network=network, scale=_SCALE) as ground,
        running(
            ground, scale=_SCALE, repository=commits, pace=_PACE, unknowns=unknowns
        ) as simulator,
    ):
        simulator.gives(ENVIRONMENT="development")
        config = read_config(
            {
                "PM33_HOME": str(ground.folder / "home"),
                "PM33_PLATFORM": "railway",
                "PM33_PUBLIC_URL": ground.url(),
                "PM33_RAILWAY_API_URL": simulator.api_url,
                "PM33_RAILWAY_ENVIRONMENT": simulator.environment.name,
                "PM33_RAILWAY_PROJECT": simulator.project.id,
                "PM33_RAILWAY_SERVICE": simulator.service.name,
                "RAILWAY_TOKEN": simulator.token("project"),
            }
        )
        clock = HurriedClock(_LOOKS)

        async def settings_file(commit: str) -> str:
            return await commits.settings_file(commit) or ""

        platform = RailwayPlatform(
            connect(
                config,
                environment,
                home=ground.folder,
                folder=ground.folder,
                clock=clock,
            ),
            config,
            environment,
            repository_settings=settings_file,
            clock=clock,
        )
        try:
            yield SimulatedPlatform(config, platform, simulator, ground, network)
        finally:
            await platform.close()
