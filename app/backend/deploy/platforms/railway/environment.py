"""Which environment is meant where nobody has named one (contract §6)."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.backend.config.environment import Config, Environment
from app.backend.deploy.platforms.railway.api import silent
from app.backend.deploy.platforms.railway.cli_config import read_cli_config
from app.backend.deploy.platforms.railway.connection import credentials_of
from app.errors import ConfigError, PlatformError, TargetError

__all__ = ["told_environment"]

_VARIABLE: Final = "RAILWAY_TOKEN"


async def told_environment(
    config: Config,
    *,
    home: Path | None = None,
    folder: Path | None = None,
    say: Callable[[str], None] = silent,
) -> tuple[str, str] | None:
    """The environment of ``RAILWAY_TOKEN``, else of the Railway CLI's link; and which.

    None: neither belongs to one, or the link's has a name that is none of ours. A
    project's token that cannot tell is no reason to guess: a rollback would go
    somewhere else than the token.

    Args:
        config: with the token, and the address to ask.
        home: the folder with the CLI's ``.railway``; by default the user's.
        folder: whose link counts; by default the working directory.
        say: is told if Railway does not answer, and what to do where it never does.

    Raises:
        TargetError: Railway calls the token's environment by a name that is none of
            ours.
        ConfigError: it can be no token.
        PlatformError: Railway does not accept it, or could not be asked.
    """
    if config.deployment.platform == "local":
        return None
    if told := await _of_token(config, say):
        return _ours_of_token(told), _VARIABLE
    link = read_cli_config(home).link(folder or Path.cwd())
    linked = link.environment_name if link is not None else None
    ours = _ours(linked) if linked is not None else None
    return None if ours is None else (ours, "`railway link`")


async def _of_token(config: Config, say: Callable[[str], None]) -> str | None:
    """Railway's name of it; None where the token is none of a project."""
    if config.deployment.railway_token is None:
        return None
    url = config.deployment.railway_api_url
    try:
        found = await credentials_of(config, url=url, say=say)
    except (ConfigError, PlatformError):
        say(f"{_VARIABLE} does not tell which environment is meant; --environment does")
        raise
    return None if found.scope is None else found.scope.environment_name


def _ours_of_token(name: str) -> str:
    ours = _ours(name)
    if ours is None:
        raise TargetError(
            f"{_VARIABLE} belongs to the environment {name} at Railway, which is none"
            f" of {', '.join(Environment)}",
            remedy=f"say which of them it is with --environment, and set"
            f" PM33_RAILWAY_ENVIRONMENT={name}",
        )
    return ours


def _ours(name: str) -> str | None:
    return name.lower() if name.lower() in set(Environment) else None
