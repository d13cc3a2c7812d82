"""Everything that is looked at often, by one request: a service's picture, and its age.

One request brings the newest deployments, which of them are active, the domains and the
edge's state; all callers share it while it is fresh enough for them.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.deployment import Deployment, ServiceSettings
from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.deployments import (
    Node,
    newest_first,
    read_all,
)
from app.backend.deploy.platforms.railway.shield import Sight, until_of
from app.backend.deploy.platforms.railway.target import Target
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["DEPTH", "Picture", "Pictures", "understood"]

DEPTH: Final = 50
"""Deployments that are asked for where something is decided; else:"""

_FEW: Final = 10

_REST: Final = 5.0
"""Seconds for which a failure is told again, where an old answer would have done."""
_COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
_NOT_UNDERSTOOD: Final = (AttributeError, KeyError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What one answer has shown.

    Attributes:
        at: when it was asked for, in the clock's seconds.
        depth: how many deployments were asked for.
        complete: whether there are no older ones.
        nodes: as the API gave them, the newest first; what serves is among them.
        deployments: the same as the pipeline reads them, without tags.
        custom_domains: verified ones.
        shield_until: when the under-attack mode ends; None: it is off, or not told.
        active: ids that Railway calls active.
        cursor: behind which the older ones begin; None: there are none.
    """

    at: float
    depth: int
    complete: bool
    nodes: Sequence[Node]
    deployments: Sequence[Deployment]
    custom_domains: Sequence[str]
    service_domains: Sequence[str]
    shield_until: datetime | None
    active: frozenset[str] = frozenset()
    cursor: str | None = None

    @property
    def ids(self) -> frozenset[str]:
        """Of all its deployments."""
        return frozenset(one.id for one in self.deployments)

    @property
    def commits(self) -> tuple[str, ...]:
        """What these were built from, the newest first; images have none."""
        found = dict.fromkeys(one.commit for one in self.deployments)
        return tuple(filter(_COMMIT.fullmatch, found))

    @property
    def serving(self) -> Node | None:
        """What users' requests go to, as the API gave it; None: nothing serves."""
        active = next((one.id for one in self.deployments if one.active), None)
        return self.node(active) if active else None

    def newest(self, count: int) -> tuple[Deployment, ...]:
        """So many of them, and what serves if it is older."""
        return tuple(
            one
            for index, one in enumerate(self.deployments)
            if index < count or one.active
        )

    def node(self, deployment: str) -> Node | None:
        """One deployment as the API gave it; None: it is not among the newest."""
        return next((one for one in self.nodes if one["id"] == deployment), None)

    def find(self, deployment: str) -> Deployment | None:
        """One deployment; None: it is not among the newest."""
        return next((one for one in self.deployments if one.id == deployment), None)


def understood(read: Callable[[], Any]) -> Any:
    """What reading an answer gives.

    Raises:
        PlatformError: it is not what the schema promises.
    """
    try:
        return read()
    except _NOT_UNDERSTOOD as error:
        raise PlatformError(
            f"an answer of Railway's cannot be understood ({type(error).__name__})",
            remedy="see whether there is a newer release of pm33; Railway's API may"
            " have changed",
        ) from error


class Pictures:
    """The newest picture, and how another one is had.

    Callers that ask at the same time share one request, which goes on when one of them
    no longer waits: otherwise a slow answer would be asked for again and again.

    Args:
        api: is asked.
        target: the service.
        settings_of: reads what a deployment was run with from its ``meta``.
        clock: measures.
    """

    def __init__(
        self,
        api: RailwayApi,
        target: Callable[[], Awaitable[Target]],
        *,
        settings_of: Callable[[Mapping[str, Any]], ServiceSettings | None],
        clock: Clock,
    ) -> None:
        self._api = api
        self._target = target
        self._settings_of = settings_of
        self._clock = clock
        self._sight = Sight(clock, api.say)
        self._last: Picture | None = None
        self._failed: tuple[float, PlatformUnreachableError] | None = None
        self._asking: asyncio.Task[Picture] | None = None
        self._wanted = 0

    @property
    def last(self) -> Picture | None:
        """The newest one, however old; None: there is none, or it was forgotten."""
        return self._last

    def forget(self) -> None:
        """Something was changed: what was seen before counts no longer."""
        self._last = None
        self._failed = None
        # One that is being asked for may have been answered before the change.
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def within(self, seconds: float, *, depth: int = DEPTH) -> Picture:
        """One that is not older.

        Raises:
            PlatformError, PlatformUnreachableError: as :meth:`RailwayApi.ask`.
        """
        last = self._last
        deep = last is not None and (last.complete or last.depth >= depth)
        if last is not None and deep and self._clock.time() - last.at <= seconds:
            return last
        return await self._shared(depth)

    async def within_or(self, seconds: float, stalest: float) -> Picture:
        """One that is not older; while Railway does not answer, an older one.

        Args:
            seconds: how old it should be at most.
            stalest: how old it may be then.

        Raises:
            PlatformError, PlatformUnreachableError: there is none.
        """
        last, now = self._last, self._clock.time()
        if last is not None and now - last.at <= seconds:
            return last
        if self._failed is not None and now < self._failed[0]:
            error = self._failed[1]
        else:
            try:
                return await self._shared(_FEW)
            except PlatformUnreachableError as failure:
                error = failure
        if last is None or now - last.at > stalest:
            raise error
        return last

    async def close(self) -> None:
        """Ends what is being asked."""
        self.forget()

    async def _shared(self, depth: int) -> Picture:
        if self._asking is None or self._asking.done() or self._wanted < depth:
            self._wanted = depth
            self._asking = asyncio.create_task(self._take(depth), name="picture")
            self._asking.add_done_callback(self._answered)
        asking = self._asking
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            if asking.cancelled():
                # It was forgotten under our feet; what is so now is asked for anew.
                return await self._shared(depth)
            raise

    def _answered(self, asked: asyncio.Task[Picture]) -> None:
        """Keeps what came, also when whoever asked no longer waits for it."""
        if asked.cancelled():
            return
        error = asked.exception()
        if self._asking is not asked:
            return
        if error is None:
            self._last, self._failed = asked.result(), None
        elif isinstance(error, PlatformUnreachableError):
            rest = max(_REST, getattr(error, "retry_after", 0.0))
            self._failed = self._clock.time() + rest, error

    async def _take(self, depth: int) -> Picture:
        target = await self._target()
        at = self._clock.time()
        data = await self._ask(target, depth)
        picture: Picture = understood(lambda: self._read(data, target, at, depth))
        return picture

    async def _ask(self, target: Target, depth: int) -> Mapping[str, Any]:
        given: dict[str, Any] = {
            "serviceId": target.service,
            "environmentId": target.environment,
            "input": {
                "projectId": target.project,
                "environmentId": target.environment,
                "serviceId": target.service,
            },
            "first": depth,
        }
        if not self._sight.due:
            return await self._api.ask("Picture", **given, edge=False)
        try:
            data = await self._api.ask("Picture", **given, edge=True)
        except PlatformUnreachableError:
            raise
        except PlatformError as error:
            # A token that may not see the edge's settings must not be blind for all.
            data = await self._api.ask("Picture", **given, edge=False)
            self._sight.failed(error)
        else:
            self._sight.came()
        return data

    def _read(
        self, data: Mapping[str, Any], target: Target, at: float, depth: int
    ) -> Picture:
        instance = data["serviceInstance"]
        listed = [one["node"] for one in data["deployments"]["edges"]]
        active = {one["id"]: one for one in instance["activeDeployments"]}
        # What serves may be older than all of these, where pushes are skipped or fail.
        nodes = newest_first((active | {one["id"]: one for one in listed}).values())
        domains, pages = instance["domains"], data["deployments"]["pageInfo"]
        return Picture(
            at=at,
            depth=depth,
            complete=len(listed) < depth,
            nodes=nodes,
            deployments=read_all(
                nodes,
                active.keys(),
                plan=target.plan,
                settings_of=self._settings_of,
            ),
            custom_domains=tuple(
                one["domain"]
                for one in domains["customDomains"]
                if one["status"]["verified"]
            ),
            service_domains=tuple(one["domain"] for one in domains["serviceDomains"]),
            shield_until=until_of(instance.get("edgeConfig"), datetime.now(UTC)),
            active=frozenset(active),
            cursor=pages["endCursor"] if pages["hasNextPage"] else None,
        )
