"""How a commit is run at Railway: what it says itself, over what is stored there."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.concern import Concern
from app.backend.deploy.platforms.deployment import ServiceSettings
from app.backend.deploy.platforms.railway import concerns, stored
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.keys import Values
from app.backend.deploy.platforms.railway.target import Target
from app.backend.deploy.platforms.railway.wanted import read_wanted
from app.errors import ConfigError, PlatformError, PlatformUnreachableError

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
        deployed: the commits that were deployed here last.
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
        deployed: Callable[[], Awaitable[Iterable[str]]],
        bake: float | None,
        clock: Clock,
    ) -> None:
        self._api = api
        self._target = target
        self._environment = environment
        self._read = read
        self._deployed = deployed
        self._bake = bake
        self._clock = clock
        self._stored: tuple[float, Mapping[str, Any]] | None = None

    async def said(self, commit: str) -> Values:
        """What it says itself of how it wants to be run. Raises as :meth:`wanted`."""
        target = await self._target()
        names = dict.fromkeys((target.environment_name, self._environment))
        return read_wanted(await self._read(commit), *names)

    async def wanted(self, commit: str) -> Values:
        """What it says, and that nothing of other releases is left in its place.

        Raises:
            PlatformError: there is no such commit here, or Railway could not be asked.
            ConfigError: its file cannot be used.
        """
        own, kept = await self.said(commit), stored.stored_of(await self._instance())
        if not stored.taken_away(own, kept, (kept,)):
            return own
        others = [one for one in await self._deployed() if one != commit]
        said = [await self._said_if_known(one) for one in dict.fromkeys(others)]
        return {**own, **stored.taken_away(own, kept, said)}

    async def settings(self, commit: str) -> ServiceSettings:
        """What it would be run with: its own word, else what is stored for all.

        Raises:
            PlatformError: there is no such commit here.
            ConfigError: its file cannot be used.
        """
        wanted = await self.wanted(commit)
        kept = stored.stored_of(await self._instance())
        return stored.settings_of(stored.effective(kept, wanted))

    async def apply(self, commit: str) -> tuple[str, ...]:
        """Stores what it asks for; the names of what was changed.

        A way back builds commits that may not be here, as in a checkout without a
        history. What they say cannot be told then, which must not keep them away.
        """
        self._stored = None
        try:
            wanted = await self.wanted(commit)
        except PlatformUnreachableError:
            raise
        except (ConfigError, PlatformError) as error:
            self._api.say(f"{error}; what Railway has stored is used")
            return ()
        found = await self._instance()
        self._stored = None
        return await stored.apply(
            self._api, await self._target(), wanted, instance=found
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
            wanted=await self.wanted(commit),
            variables=variables,
            serving=serving,
            instance=await self._instance(),
            bake=self._bake,
        )

    async def _said_if_known(self, commit: str) -> Values:
        """Nothing where the commit is not here, or its file cannot be used."""
        try:
            return await self.said(commit)
        except (ConfigError, PlatformError):
            return {}

    async def _instance(self) -> Mapping[str, Any]:
        now = self._clock.time()
        if self._stored is None or now - self._stored[0] > _FRESH:
            found = await stored.ask(self._api, await self._target())
            self._stored = now, found
        return self._stored[1]
