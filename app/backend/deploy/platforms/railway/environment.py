"""Which environment is meant where nobody has named one (contract §6)."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.backend.config.environment import Config, Environment
from app.backend.deploy.platforms.railway.api import silent
from app.backend.deploy.platforms.railway.cli_config import read_cli_config
from app.backend.deploy.platforms.railway.connection import credentials_of
from app.errors import ConfigError, PlatformError

__all__ = ["told_environment"]

_WITHIN: Final = 10.0
"""Seconds: who has to roll back in an outage must not wait for this."""


async def told_environment(
    config: Config,
    *,
    home: Path | None = None,
    folder: Path | None = None,
    say: Callable[[str], None] = silent,
) -> tuple[str, str] | None:
    """The environment of ``RAILWAY_TOKEN``, else of the Railway CLI's link; and which.

    None: neither tells, or Railway calls it by a name that is none of ours. What keeps
    the token from telling is said by whoever uses it.

    Args:
        config: with the token, and the address to ask.
        home: the folder with the CLI's ``.railway``; by default the user's.
        folder: whose link counts; by default the working directory.
        say: is told if Railway does not answer.
    """
    if config.deployment.platform == "local":
        return None
    link = read_cli_config(home).link(folder or Path.cwd())
    linked = link.environment_name if link is not None else None
    candidates = (
        (await _of_token(config, say), "RAILWAY_TOKEN"),
        (linked, "`railway link`"),
    )
    for name, source in candidates:
        if name is not None and name.lower() in set(Environment):
            return name.lower(), source
    return None


async def _of_token(config: Config, say: Callable[[str], None]) -> str | None:
    if config.deployment.railway_token is None:
        return None
    try:
        async with asyncio.timeout(_WITHIN):
            url = config.deployment.railway_api_url
            found = await credentials_of(config, url=url, say=say)
    except (ConfigError, PlatformError, TimeoutError):
        return None
    return None if found.scope is None else found.scope.environment_name
