"""Looks at a service again and again, and keeps what was seen."""

from collections.abc import Callable
from typing import Any, Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.deployment import DeploymentStatus
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.picture import understood
from app.backend.deploy.platforms.railway.statuses import status_of
from app.backend.deploy.platforms.railway.target import Target
from app.errors import PlatformError, PlatformUnreachableError
from tests.live.changes.evidence import Evidence, Look

__all__ = ["GONE", "UNFINISHED", "Watcher"]

UNFINISHED: Final = frozenset(
    {
        DeploymentStatus.QUEUED,
        DeploymentStatus.WAITING,
        DeploymentStatus.NEEDS_APPROVAL,
        DeploymentStatus.INITIALIZING,
        DeploymentStatus.BUILDING,
        DeploymentStatus.DEPLOYING,
    }
)
GONE: Final = frozenset({DeploymentStatus.REMOVING, DeploymentStatus.REMOVED})

_NOT_OVER: Final = UNFINISHED | {DeploymentStatus.UNKNOWN}
_PATIENCE: Final = 120.0
"""Seconds for which Railway may not answer."""
_OFTEN: Final = 2.0
"""Seconds from one look to the next: an overlap of half a minute shows many times."""
_SELDOM: Final = 4.0
"""The same while something is built and started."""
_DEPTH: Final = 20


class Watcher:
    """Watches one service.

    Args:
        api: is asked.
        target: the service.
        clock: measures and waits.
        evidence: keeps every look.
    """

    def __init__(
        self, api: RailwayApi, target: Target, clock: Clock, evidence: Evidence
    ) -> None:
        self._api = api
        self._target = target
        self._clock = clock
        self._evidence = evidence

    async def look(self) -> Look:
        """How things stand now.

        Raises:
            PlatformError, PlatformUnreachableError: as :meth:`RailwayApi.ask`.
        """
        where: dict[str, Any] = {
            "serviceId": self._target.service,
            "environmentId": self._target.environment,
        }
        data = await self._api.ask(
            "Picture",
            **where,
            input={"projectId": self._target.project, **where},
            first=_DEPTH,
            edge=False,
        )

        def read() -> Look:
            listed: list[Any] = [one["node"] for one in data["deployments"]["edges"]]
            active = data["serviceInstance"]["activeDeployments"]
            return Look(
                {one["id"]: one for one in (*active, *listed)},
                tuple(one["id"] for one in active),
            )

        found: Look = understood(read)
        self._evidence.looks.append(found)
        return found

    async def until(
        self, holds: Callable[[Look], bool], within: float, *, every: float = _OFTEN
    ) -> Look:
        """The first look of which something holds.

        Args:
            holds: is asked of each look.
            within: seconds.
            every: seconds from one look to the next; more where few requests are left.

        Raises:
            PlatformError: it does not within so many seconds.
            PlatformUnreachableError: Railway has not answered at the end of them.
        """
        ends = self._clock.time() + within
        while True:
            try:
                if holds(seen := await self.look()):
                    return seen
            except PlatformUnreachableError:
                if self._clock.time() >= ends:
                    raise
            if self._clock.time() >= ends:
                raise PlatformError(
                    f"what was waited for did not come within {within:g} s",
                    remedy="see the service in Railway's dashboard",
                )
            await self._clock.sleep(max(every, self._api.quota.pace()))

    async def until_over(self, deployment: str, within: float) -> str:
        """Waits until a deployment is active or has failed; its status then.

        Raises:
            PlatformError, PlatformUnreachableError: it is neither in so many seconds.
        """

        def over(look: Look) -> bool:
            word = look.status(deployment)
            return word is not None and status_of(word) not in _NOT_OVER

        seen = await self.until(over, within, every=_SELDOM)
        return seen.status(deployment) or ""

    async def new_within(self, seconds: float) -> str | None:
        """A deployment that shows up in that time; None: there is none.

        Raises:
            PlatformUnreachableError: Railway has not answered at the end of it.
        """
        known = {one for look in self._evidence.looks for one in look.nodes}
        found: str | None = None

        def is_there(look: Look) -> bool:
            nonlocal found
            found = next((one for one in look.nodes if one not in known), None)
            return found is not None or self._clock.time() >= ends

        ends = self._clock.time() + seconds
        await self.until(is_there, seconds + _PATIENCE)
        return found
