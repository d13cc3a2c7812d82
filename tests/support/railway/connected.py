"""A client of the simulator: by our own code, and by the command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.backend.config.environment import read_config
from app.backend.deploy.platforms.railway.connection import Connection, connect
from tests.support.railway.authority import TokenKind
from tests.support.railway.simulator import Simulator

__all__ = ["connected", "variables_for"]


def variables_for(
    simulator: Simulator, home: Path, kind: TokenKind = TokenKind.PROJECT
) -> dict[str, str]:
    """What a user sets to work with the simulated service."""
    name = "RAILWAY_TOKEN" if kind is TokenKind.PROJECT else "RAILWAY_API_TOKEN"
    return {
        "HOME": str(home),
        "PM33_HOME": str(home),
        "PM33_RAILWAY_API_URL": simulator.api_url,
        "PM33_RAILWAY_PROJECT": simulator.project.name,
        "PM33_RAILWAY_SERVICE": simulator.service.name,
        name: simulator.token(kind),
    }


@asynccontextmanager
async def connected(
    simulator: Simulator,
    home: Path,
    kind: TokenKind = TokenKind.PROJECT,
    **variables: Any,
) -> AsyncIterator[Connection]:
    """A connection to the simulated service's environment."""
    config = read_config(variables_for(simulator, home, kind) | variables)
    made = connect(config, "production", home=home, folder=home)
    try:
        yield made
    finally:
        await made.api.close()
