"""Railway for one environment as the configuration says: the API, and the target."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.backend.config.environment import Config
from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.api import RailwayApi, silent
from app.backend.deploy.platforms.railway.cli_config import read_cli_config
from app.backend.deploy.platforms.railway.quota import Quota
from app.backend.deploy.platforms.railway.target import Target, resolve
from app.backend.deploy.platforms.railway.tokens import (
    Credentials,
    detect,
    given_token,
)

__all__ = ["Connection", "connect", "credentials_of"]


@dataclass(frozen=True, slots=True)
class Connection:
    """What :class:`RailwayPlatform` is made of; nothing is asked before it is used.

    Attributes:
        api: with the configured token.
        target: resolved once, at its first call; says then which it is, and from where.
    """

    api: RailwayApi
    target: Callable[[], Awaitable[Target]]


def connect(
    config: Config,
    environment: str,
    *,
    say: Callable[[str], None] = silent,
    home: Path | None = None,
    folder: Path | None = None,
    clock: Clock | None = None,
) -> Connection:
    """Opens the connection without a request.

    Args:
        config: target, token and address.
        environment: ours.
        say: is told the target, and at the end the requests made.
        home: the folder with the CLI's ``.railway``; by default the user's.
        folder: whose link counts; by default the working directory.
        clock: measures and waits.

    Raises:
        ConfigError: the address cannot be used.
    """
    url = config.deployment.railway_api_url
    quota = Quota(clock)

    async def log_in() -> Credentials:
        return await credentials_of(
            config, url=url, quota=quota, home=home, clock=clock, say=say
        )

    api = RailwayApi(log_in, url=url, clock=clock, say=say, quota=quota)
    first = asyncio.Lock()
    known: list[Target] = []

    async def target() -> Target:
        async with first:
            if not known:
                link = read_cli_config(home).link(folder or Path.cwd())
                known.append(await resolve(api, config, environment, link=link))
                say(f"Railway: {known[0]}")
            return known[0]

    return Connection(api, target)


async def credentials_of(
    config: Config,
    *,
    url: str,
    quota: Quota | None = None,
    home: Path | None = None,
    clock: Clock | None = None,
    say: Callable[[str], None] = silent,
) -> Credentials:
    """The token that is meant, and its kind by probing (contract §6).

    It is the first that is asked of Railway, so that its silence shows here.

    Raises:
        ConfigError: there is none, or it cannot be one.
        NotAuthorizedError: Railway accepts it as none of any kind, or it has expired.
        PlatformError: Railway could not be asked.
    """

    async def probe(candidate: Credentials, name: str) -> Mapping[str, Any]:
        api = RailwayApi(candidate, url=url, clock=clock, quota=quota, say=say)
        try:
            return await api.ask(name)
        finally:
            await api.close(quietly=True)

    return await detect(given_token(config, read_cli_config(home)), probe)
