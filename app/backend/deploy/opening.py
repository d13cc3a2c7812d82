"""Opens what the pipeline works with as the configuration says, for CLI and HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from app.backend.config.environment import Config
from app.backend.database.embedded import last_url
from app.backend.deploy.commits.own_settings import settings_text
from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.planning.target import choose_platform
from app.backend.deploy.platforms.base import Platform
from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.state import load_state
from app.backend.deploy.platforms.railway import RailwayPlatform, connect
from app.backend.deploy.tools import Tools, tools_of
from app.errors import PlatformError, PreflightError

__all__ = [
    "checkout",
    "last_environment",
    "open_platform",
    "open_tools",
    "platform_environment",
]

_ROOT = Path(__file__).resolve().parents[3]
# A cluster that has to be made first, and one that is only started.
_DATABASE_MADE: Final = 60.0
_DATABASE_STARTED: Final = 5.0
_POLL: Final = 0.1


@asynccontextmanager
async def open_tools(
    config: Config, environment: str, *, say: Callable[[str], None]
) -> AsyncIterator[Tools]:
    """The tools for one environment; the platform is let go of at the end.

    The local platform's own database, which holds leases and journals, is waited for
    while it is being started.

    Raises:
        ConfigError: its platform cannot be used.
        PreflightError: the local platform runs another environment.
    """
    platform = open_platform(config, environment, say=say)
    try:
        await _has_a_database(platform, config, say)
        repository = Repository(await _repository(platform))
        yield tools_of(config, environment, platform, repository, say=say)
    finally:
        await platform.close()


def open_platform(
    config: Config, environment: str, *, say: Callable[[str], None] = lambda _: None
) -> Platform:
    """The platform of an environment; nothing is asked of it before it is used.

    Args:
        config: says which platform, and what it takes to speak to it.
        environment: whose.
        say: is told which service at Railway is meant, and how much was asked.

    Raises:
        ConfigError: the address of Railway's API cannot be used.
        PreflightError: it is local, and runs another environment.
    """
    if choose_platform(config, environment).value == "local":
        _refuse_another(config.home, environment)
        return LocalPlatform(config.home)
    return RailwayPlatform(
        connect(config, environment, say=say),
        config,
        environment,
        repository_settings=partial(settings_text, Repository(checkout())),
    )


def _refuse_another(home: Path, environment: str) -> None:
    """A home belongs to the environment that ``platform up`` has been told."""
    own = platform_environment(home)
    if own is not None and own != environment:
        raise PreflightError(
            f"the local platform of {home} runs {own}, not {environment}",
            remedy=f"name -e {own}, or the home of {environment} with PM33_HOME",
        )


async def _has_a_database(
    platform: Platform, config: Config, say: Callable[[str], None]
) -> None:
    """Waits for what ``platform up`` has begun, and does not wait for itself.

    One that has run before is waited for in seconds only: a rollback in an outage
    must not stand still for what may never come.
    """
    database = config.database
    named = database.state_url or database.public_url or database.url
    if named is not None or not isinstance(platform, LocalPlatform):
        return
    made = last_url(config.home) is not None
    ends = time.monotonic() + (_DATABASE_STARTED if made else _DATABASE_MADE)
    told = False
    # That it cannot be asked, whoever asks it next will say.
    with suppress(PlatformError):
        while await _is_starting(platform) and time.monotonic() < ends:
            if not told:
                say("the platform's database is being started; waiting for it")
            told = True
            await asyncio.sleep(_POLL)


async def _is_starting(platform: LocalPlatform) -> bool:
    database = (await platform.status())["database"]
    return bool(database.get("starting")) and database["problem"] is None


async def _repository(platform: Platform) -> Path:
    """Where commits come from: the local platform has been told."""
    if isinstance(platform, LocalPlatform):
        # That it cannot be asked, whoever asks it next will say.
        with suppress(PlatformError):
            return Path((await platform.status())["repository"] or _ROOT)
        return _ROOT
    return checkout()


def checkout(folder: Path | None = None) -> Path:
    """The checkout around a folder, else this project's own.

    An emergency may find somebody in any folder.

    Args:
        folder: by default the working directory.
    """
    here = (folder or Path.cwd()).absolute()
    around = (one for one in (here, *here.parents) if (one / ".git").exists())
    return next(around, _ROOT)


def last_environment(home: Path) -> str | None:
    """The environment whose journal was written to last; None without a journal."""
    try:
        journals = [
            (path.stat().st_mtime_ns, path.stem)
            for path in (home / "journal").glob("*.jsonl")
        ]
    except OSError:
        return None
    return max(journals)[1] if journals else None


def platform_environment(home: Path) -> str | None:
    """The environment that the local platform of a home runs; None without one.

    An emergency may come when the journal is gone, too.
    """
    try:
        state = load_state(Places(home).state)
    except PlatformError:
        return None
    return state.environment if state.repository else None
