"""Railway as the pipeline sees it; see :class:`~..base.Platform`."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import UTC, datetime

from app.backend.config.environment import Config
from app.backend.deploy.platforms.base import (
    Concern,
    Deployment,
    LogLine,
    RequestsMade,
    ServiceSettings,
    TrafficCounters,
)
from app.backend.deploy.platforms.clock import Clock, SystemClock
from app.backend.deploy.platforms.railway import autodeploy, budget
from app.backend.deploy.platforms.railway.api import TIMEOUT
from app.backend.deploy.platforms.railway.arrival import Arrival
from app.backend.deploy.platforms.railway.connection import Connection
from app.backend.deploy.platforms.railway.creating import Creating
from app.backend.deploy.platforms.railway.following import follow
from app.backend.deploy.platforms.railway.freshness import NOW
from app.backend.deploy.platforms.railway.hidden import Hidden
from app.backend.deploy.platforms.railway.keeping import Keeping
from app.backend.deploy.platforms.railway.logs import Logs
from app.backend.deploy.platforms.railway.looking import Looking
from app.backend.deploy.platforms.railway.manifest import ran_with
from app.backend.deploy.platforms.railway.older import Older
from app.backend.deploy.platforms.railway.picture import DEPTH, Pictures
from app.backend.deploy.platforms.railway.releases import CommitReader, Releases
from app.backend.deploy.platforms.railway.silence import silence
from app.backend.deploy.platforms.railway.tags import Tags
from app.backend.deploy.platforms.railway.traffic import Minutes, counters
from app.backend.deploy.platforms.railway.variables import Variables
from app.backend.deploy.platforms.railway.watched import Watching, is_shielded
from app.errors import PlatformError

__all__ = ["RailwayPlatform"]


def _now() -> datetime:
    return datetime.now(UTC)


class RailwayPlatform(Hidden):
    """One service of one environment at Railway.

    Railway keeps no epoch and runs no command for us; a release is switched to by
    itself as soon as its health check has passed.

    Args:
        connection: the API, and which service is meant.
        config: ``PM33_PUBLIC_URL``, ``PM33_BAKE`` and the API's address.
        environment: ours.
        repository_settings: reads a commit's ``railway.toml``.
        clock: measures and waits.
        now: tells the time of day.

    Attributes:
        connection: what it is made of.
        watched: the same deployments for a prober, by few requests.
        releases: how commits want to be run.
    """

    name = "railway"
    switches_itself = True
    runs_commands = False
    restores_with_todays = False
    longest_change = TIMEOUT

    def __init__(
        self,
        connection: Connection,
        config: Config,
        environment: str,
        *,
        repository_settings: CommitReader,
        clock: Clock | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self.connection = connection
        self._api, self._target = connection.api, connection.target
        self._clock = clock or SystemClock()
        self._now = now
        self._public_url = config.deployment.public_url
        self._pictures = Pictures(
            self._api, self._target, settings_of=ran_with, clock=self._clock
        )
        self._older = Older(self._api, self._target, self._clock)
        self._tags = Tags(self._api)
        self._variables = Variables(self._api, self._target, self._clock)
        self._keeping = Keeping(self._variables, self._api.say)
        self.releases = Releases(
            self._api,
            self._target,
            environment=environment,
            read=repository_settings,
            deployed=self._commits,
            bake=config.deployment.bake,
            clock=self._clock,
        )
        self._looking = Looking(
            self._api, self._target, self._pictures, self._tags, self._variables
        )
        self._creating = Creating(
            self._api,
            self._target,
            pictures=self._pictures,
            tags=self._tags,
            repeating=self._looking.repeating,
            variables=self._variables,
            node=self._looking.node,
            apply=self.releases.apply,
            clock=self._clock,
        )
        self._logs = Logs(self._api, self._looking, self._is_over, clock=self._clock)
        self._arrival = Arrival(self._api.wire, self.url, self._clock)
        self.watched = Watching(
            self._pictures,
            self._api.quota,
            urgent=self._tags.is_way_back,
            one=self._looking.one,
            explained=self._looking.explained,
            counters=self._counters,
            url=config.deployment.railway_api_url,
            clock=self._clock,
            now=now,
        )

    async def deploy(self, commit: str, *, tag: str, epoch: int) -> Deployment:  # noqa: ARG002 - Railway keeps no epoch
        """See :meth:`~..base.Platform.deploy`."""
        made = self._tags.made(tag)
        if made is not None:
            return await self.deployment(made)
        await self._keeping.put_back(tag)
        return await self._creating.deploy(commit, tag)

    async def deployment(self, deployment: str) -> Deployment:
        """See :meth:`~..base.Platform.deployment`; as it is now."""
        picture = await self._pictures.within(NOW, depth=DEPTH)
        found = picture.find(deployment) or await self._looking.one(deployment)
        return await self._looking.explained(self._looking.tagged(found))

    async def deployments(self, limit: int = 20) -> Sequence[Deployment]:
        """See :meth:`~..base.Platform.deployments`."""
        newest = await self._pictures.within(NOW, depth=DEPTH)
        seen = await self._older.beside(newest, limit)
        listed = seen.newest(limit)
        await self._looking.look_up(listed, seen)
        return tuple(map(self._looking.tagged, listed))

    def follow(self, deployment: str) -> AsyncGenerator[Deployment, None]:
        """See :meth:`~..base.Platform.follow`, and :func:`.following.follow`."""
        return follow(
            self.watched,
            self._looking,
            self._arrival,
            deployment,
            tell=self._api.tell_of_wait,
        )

    async def switch(self, deployment: str, *, epoch: int) -> Deployment:  # noqa: ARG002 - as above
        """See :meth:`~..base.Platform.switch`: Railway has switched, or will not."""
        found = await self.deployment(deployment)
        if not found.active:
            why = f": {found.reason}" if found.reason else ""
            raise PlatformError(
                f"Railway switches by itself, and {deployment} is {found.status}{why}",
                remedy="`pm33 deployments list` shows what serves",
            )
        return found

    async def roll_back(
        self,
        target: str,
        *,
        tag: str,
        epoch: int,  # noqa: ARG002 - as above
        variables: str = "target",
    ) -> Deployment:
        """See :meth:`~..base.Platform.roll_back`.

        The variables of the next deployment stay as they are.

        Raises:
            PlatformError: with today's variables Railway restores no image.
        """
        made = self._tags.made(tag)
        if made is not None:
            return await self.deployment(made)
        if variables != "target":
            raise PlatformError(
                "Railway restores an image only with the variables that it had",
                remedy="let its commit be built anew, which takes today's",
            )
        await self._keeping.remember(tag, target)
        begun = await self._creating.roll_back(target, tag)
        await self._keeping.put_back(tag)
        return begun

    async def cancel(self, deployment: str, *, epoch: int) -> None:  # noqa: ARG002 - as above
        """See :meth:`~..base.Platform.cancel`."""
        found = await self.deployment(deployment)
        if found.status.is_over:
            return
        if found.active or found.succeeded:
            raise PlatformError(
                f"{deployment} serves, or has served; it is not cancelled",
                remedy="`pm33 rollback` returns to an earlier one",
            )
        try:
            await self._api.command("Cancel", id=deployment)
        finally:
            self._pictures.forget()

    def logs(
        self, deployment: str, *, limit: int = 200, follow: bool = False
    ) -> AsyncGenerator[LogLine, None]:
        """See :meth:`~..base.Platform.logs`; of its build where it has never run."""
        return self._logs.lines(deployment, limit=limit, follow=follow)

    async def http_logs(
        self, deployment: str, *, failed: bool = False, limit: int = 20
    ) -> Sequence[LogLine] | None:
        """See :meth:`~..base.Platform.http_logs`."""
        return await self._logs.requests(deployment, failed=failed, limit=limit)

    async def settings(self, commit: str) -> ServiceSettings:
        """See :meth:`~..base.Platform.settings`."""
        return await self.releases.settings(commit)

    async def variables(
        self, deployment: str | None = None
    ) -> Mapping[str, str | None]:
        """See :meth:`~..base.Platform.variables`."""
        if deployment is None:
            return await self._variables.today()
        async with self._looking.owning(deployment):
            return await self._variables.given(deployment)

    async def set_variables(
        self,
        values: Mapping[str, str | None],
        *,
        epoch: int,  # noqa: ARG002 - as above
    ) -> None:
        """See :meth:`~..base.Platform.set_variables`."""
        await self._variables.put(values)

    async def traffic(self, deployment: str) -> TrafficCounters | None:
        """See :meth:`~..base.Platform.traffic`; two or three minutes late."""
        return await self.watched.traffic(deployment)

    async def url(self) -> str:
        """``PM33_PUBLIC_URL``, else what :meth:`Looking.address` finds."""
        if self._public_url:
            return self._public_url.rstrip("/")
        return await self._looking.address()

    async def epoch(self) -> int:
        """Railway keeps none.

        Whoever asks is about to act, perhaps after somebody else: what was seen before
        counts no longer.
        """
        self._pictures.forget()
        self._variables.forget()
        return 0

    async def concerns(self, commit: str) -> Sequence[Concern]:
        """See :meth:`~..base.Platform.concerns`."""
        serving = (await self._pictures.within(NOW, depth=DEPTH)).serving
        found = await self.releases.concerns(
            commit,
            variables=await self._variables.today(),
            serving=serving["meta"] if serving else None,
        )
        return (*found, *budget.concerns_of(self._api.quota))

    async def autodeploy(self) -> bool | None:
        """See :meth:`~..base.Platform.autodeploy`."""
        return await autodeploy.is_on(self._api, await self._target())

    async def set_autodeploy(self, enabled: bool, *, epoch: int) -> None:  # noqa: ARG002, FBT001 - as above, and the protocol's
        """See :meth:`~..base.Platform.set_autodeploy`."""
        await autodeploy.put(self._api, await self._target(), enabled)

    async def silence(self, deployment: str) -> float | None:
        """See :meth:`~..base.Platform.silence`: its build log and its steps."""
        return await silence(self._api, deployment, self._now)

    async def shielded(self) -> bool:
        """See :meth:`~..base.Platform.shielded`: Railway's under-attack mode."""
        return is_shielded(await self._pictures.within(NOW, depth=DEPTH), self._now())

    async def requests(self) -> RequestsMade | None:
        """See :meth:`~..base.Platform.requests`."""
        return budget.made(self._api.quota)

    async def close(self) -> None:
        """See :meth:`~..base.Platform.close`."""
        await self._pictures.close()
        await self._api.close()

    async def _counters(
        self, since: datetime, until: datetime, known: Minutes
    ) -> TrafficCounters | None:
        target = await self._target()
        return await counters(self._api, target, since, until, known=known)

    async def _commits(self) -> tuple[str, ...]:
        return (await self._pictures.within(NOW, depth=DEPTH)).commits

    async def _is_over(self, deployment: str) -> bool:
        return (await self.watched.deployment(deployment)).status.is_over
