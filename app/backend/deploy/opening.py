"""Opens what the pipeline works with as the configuration says, for CLI and HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from app.backend.config.environment import Config
from app.backend.deploy.commits.repository import Repository
from app.backend.deploy.planning.target import choose_platform
from app.backend.deploy.platforms.base import Platform
from app.backend.deploy.platforms.local import LocalPlatform
from app.backend.deploy.platforms.local.places import Places
from app.backend.deploy.platforms.local.state import load_state
from app.backend.deploy.tools import Tools, tools_of
from app.errors import ConfigError, PlatformError

__all__ = ["last_environment", "open_platform", "open_tools", "platform_environment"]

_ROOT = Path(__file__).resolve().parents[3]


@asynccontextmanager
async def open_tools(
    config: Config, environment: str, *, say: Callable[[str], None]
) -> AsyncIterator[Tools]:
    """The tools for one environment; the platform is let go of at the end.

    Raises:
        ConfigError: its platform cannot be used.
    """
    platform = open_platform(config, environment)
    try:
        repository = Repository(await _repository(platform))
        yield tools_of(config, environment, platform, repository, say=say)
    finally:
        await platform.close()


def open_platform(config: Config, environment: str) -> Platform:
    """The platform of an environment; nothing is asked of it before it is used.

    Raises:
        ConfigError: it is Railway, which this release cannot speak to.
    """
    if choose_platform(config, environment).value == "local":
        return LocalPlatform(config.home)
    raise ConfigError(
        f"{environment} runs on Railway, which this release cannot deploy to yet",
        remedy="set PM33_PLATFORM=local for a service of this machine",
    )


async def _repository(platform: Platform) -> Path:
    """Where commits come from: the local platform has been told, else the project."""
    if isinstance(platform, LocalPlatform):
        # That it cannot be asked, whoever asks it next will say.
        with suppress(PlatformError):
            return Path((await platform.status())["repository"] or _ROOT)
    return _ROOT


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
