"""How a commit is run at Railway: what it says itself, over what is stored there."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.concern import Concern
from app.backend.deploy.platforms.deployment import ServiceSettings
from app.backend.deploy.platforms.railway import concerns, stored
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.keys import Values
from app.backend.deploy.platforms.railway.target import Target
from app.backend.deploy.platforms.railway.wanted import read_wanted

__all__ = ["CommitReader", "Releases"]

CommitReader = Callable[[str], Awaitable[str]]
"""Reads a commit's ``railway.toml``; empty where it has none.

Raises PlatformError: there is no such commit here.
"""

_FRESH: Final = 10.0
"""Seconds for which what is stored is not asked for again: a plan looks three times."""


class Releases:
    """Commits of one service.

    Args:
        api: is asked.
        target: the service.
        environment: ours; Railway may call it another name.
        read: reads a commit's settings.
        bake: seconds that are set to watch a release for; None: as long as always.
        clock: measures.
    """

    def __init__(
        self,
        api: RailwayApi,
        target: Callable[[], Awaitable[Target]],
        *,
        environment: str,
        read: CommitReader,
        bake: float | None,
        clock: Clock,
    ) -> None:
        self._api = api
        self._target = target
        self._environment = environment
        self._read = read
        self._bake = bake
        self._clock = clock
        self._stored: tuple[float, Mapping[str, Any]] | None = None

    async def settings(self, commit: str) -> ServiceSettings:
        """What it would be run with: its own word, else what is stored.

        Raises:
            PlatformError: there is no such commit here.
            ConfigError: its file cannot be used.
        """
        wanted = await self._wanted(commit)
        kept = stored.stored_of(await self._instance())
        return stored.settings_of(stored.effective(kept, wanted))

    async def apply(self, commit: str) -> tuple[str, ...]:
        """Stores what it asks for; the names of what was changed."""
        self._stored = None
        return await stored.apply(
            self._api, await self._target(), await self._wanted(commit)
        )

    async def concerns(
        self,
        commit: str,
        *,
        variables: Mapping[str, str | None],
        serving: Mapping[str, Any] | None,
    ) -> Sequence[Concern]:
        """What is found out before a deploy of it.

        Args:
            commit: that is to be deployed.
            variables: of the next deployment; None: sealed.
            serving: ``meta`` of what serves; None: nothing does.
        """
        return await concerns.concerns(
            self._api,
            await self._target(),
            wanted=await self._wanted(commit),
            variables=variables,
            serving=serving,
            instance=await self._instance(),
            bake=self._bake,
        )

    async def _wanted(self, commit: str) -> Values:
        target = await self._target()
        names = dict.fromkeys((target.environment_name, self._environment))
        return read_wanted(await self._read(commit), *names)

    async def _instance(self) -> Mapping[str, Any]:
        now = self._clock.time()
        if self._stored is None or now - self._stored[0] > _FRESH:
            found = await stored.ask(self._api, await self._target())
            self._stored = now, found
        return self._stored[1]
