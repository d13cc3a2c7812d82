"""A deployment as probes see it round after round: few requests, and an honest network.

A round every ten seconds would ask Railway 180 times in half an hour. What the platform
says of a release is therefore shared and may be some time old; what tells a release
from this machine's own network is a connection, which costs no request.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from app.backend.deploy.platforms.base import (
    Deployment,
    DeploymentStatus,
    ReplicaAddress,
    TrafficCounters,
)
from app.backend.deploy.platforms.clock import Clock
from app.backend.deploy.platforms.railway.freshness import (
    NOW,
    SLOWEST,
    is_settled,
    is_steady,
    status_age,
    traffic_age,
)
from app.backend.deploy.platforms.railway.picture import Picture, Pictures
from app.backend.deploy.platforms.railway.quota import Quota
from app.backend.deploy.platforms.railway.traffic import Minutes
from app.errors import PlatformError, PlatformUnreachableError

__all__ = ["Watching", "is_shielded", "reachable"]

_STALEST: Final = 2 * SLOWEST
"""Seconds, of what serves, while Railway does not answer."""
_STALEST_UNDER_WAY: Final = 120.0
"""Seconds beyond those after which it would be asked again."""
_CONNECT: Final = 4.0

Counters = Callable[[datetime, datetime, Minutes], Awaitable[TrafficCounters | None]]
Explained = Callable[[Deployment], Awaitable[Deployment]]


class Watching:
    """What a prober asks of a platform; see ``watching.questions.Watched``.

    Args:
        pictures: of the service.
        quota: what is left of the requests.
        urgent: whether users wait for a deployment while it is under way.
        one: finds a deployment that is not among the newest.
        explained: adds why it has failed.
        counters: what the edge has counted between two times.
        url: of Railway's API.
        clock: measures.
        now: tells the time.
    """

    def __init__(
        self,
        pictures: Pictures,
        quota: Quota,
        *,
        urgent: Callable[[Deployment], bool],
        one: Callable[[str], Awaitable[Deployment]],
        explained: Explained,
        counters: Counters,
        url: str,
        clock: Clock,
        now: Callable[[], datetime],
    ) -> None:
        self._pictures = pictures
        self._quota = quota
        self._urgent = urgent
        self._one = one
        self._explained = explained
        self._counters = counters
        self._url = url
        self._clock = clock
        self._now = now
        self._seen: dict[str, _Seen] = {}
        self._counted: dict[str, _Counted] = {}
        self._unlisted: dict[str, tuple[float, Deployment]] = {}

    async def deployment(self, deployment: str, *, now: bool = False) -> Deployment:
        """One deployment, as it was not long ago, or as it is ``now``."""
        picture = await self._picture(deployment, NOW if now else None)
        found = picture.find(deployment)
        if found is None:
            found = await self._beside(deployment, picture)
        self._see(found)
        return await self._explained(found)

    def due(self, deployment: str) -> float:
        """Seconds until it is worth asking again."""
        last = self._pictures.last
        if last is None:
            return 0.0
        return max(0.0, last.at + self._age(deployment) - self._clock.time())

    async def replicas(self, deployment: str) -> Sequence[ReplicaAddress]:  # noqa: ARG002 - hidden whatever is asked for
        """Nowhere: Railway's private network is its own."""
        return ()

    async def entrance(self) -> Path | None:
        """There is only the public address."""
        return None

    async def traffic(self, deployment: str) -> TrafficCounters | None:
        """What the edge has counted since it began to serve; some time old, too.

        They are told again until it is time to ask for newer ones.

        Raises:
            PlatformError, PlatformUnreachableError: the last question was not answered.
        """
        now = self._clock.time()
        known = self._counted.get(deployment)
        if known is None:
            own = await self.deployment(deployment)
            known = self._counted[deployment] = _Counted(self._serves_since(own), now)
        if known.at is None or now - known.at >= traffic_age(
            known.at - known.first, self._quota.pace()
        ):
            # Whoever does not wait for the answer must not have it asked for again.
            known.at = now
            await self._count(known)
        if known.trouble is not None:
            raise known.trouble
        return known.counters

    async def shielded(self) -> bool:
        """Whether the edge keeps machines out, as it was not long ago."""
        try:
            picture = await self._pictures.within_or(SLOWEST, 2 * SLOWEST)
        except PlatformError:
            return False
        return is_shielded(picture, self._now())

    async def reach(self) -> bool:
        """Whether this machine gets as far as Railway's API; no request is made."""
        return await reachable(self._url)

    async def _count(self, known: "_Counted") -> None:
        """Asks for newer ones; what is in the way of that is kept with them."""
        known.trouble = PlatformUnreachableError(
            "Railway has not answered in time",
            remedy="https://status.railway.com says what is broken",
        )
        try:
            known.counters = await self._counters(
                known.since, self._now(), known.minutes
            )
            known.trouble = None
        except PlatformError as error:
            known.trouble = error

    async def _beside(self, deployment: str, picture: Picture) -> Deployment:
        """One that a picture leaves out; asked for once with each."""
        known = self._unlisted.get(deployment)
        if known is None or known[0] != picture.at:
            known = picture.at, await self._one(deployment)
            self._unlisted[deployment] = known
        return known[1]

    async def _picture(self, deployment: str, age: float | None) -> Picture:
        seen, usual = self._seen.get(deployment), self._age(deployment)
        serves = seen is not None and is_steady(seen.status)
        stalest = _STALEST if serves else usual + _STALEST_UNDER_WAY
        return await self._pictures.within_or(usual if age is None else age, stalest)

    def _age(self, deployment: str) -> float:
        seen, last = self._seen.get(deployment), self._pictures.last
        if seen is None or last is None:
            return NOW
        return status_age(
            seen.status,
            max(0.0, last.at - seen.since),
            self._quota.pace(),
            urgent=seen.urgent,
        )

    def _see(self, found: Deployment) -> None:
        known, since = self._seen.get(found.id), self._clock.time()
        # One state of many is no beginning: a build goes on where a queue has ended.
        if known is not None and (
            known.status is found.status or not is_settled(found.status)
        ):
            since = known.since
        self._seen[found.id] = _Seen(found.status, since, self._urgent(found))

    def _serves_since(self, own: Deployment) -> datetime:
        """When its state last changed, which was the switch; else its beginning."""
        last = self._pictures.last
        node = last.node(own.id) if last else None
        changed = node.get("statusUpdatedAt") if node else None
        return datetime.fromisoformat(str(changed)) if changed else own.created_at


class _Seen(NamedTuple):
    """How a deployment was seen last.

    Attributes:
        since: for how long it has been under way, or as it is.
        urgent: users wait for it while it is under way.
    """

    status: DeploymentStatus
    since: float
    urgent: bool


class _Counted:
    """What has been counted of one deployment.

    Attributes:
        since: from when on; the same for as long as it is watched.
        first: when it was asked for first, in the clock's seconds.
        at: when it was asked for last.
        minutes: what is known already, so that the next question is short.
        trouble: why the last question was not answered; None: it was.
    """

    __slots__ = ("at", "counters", "first", "minutes", "since", "trouble")

    def __init__(self, since: datetime, first: float) -> None:
        self.since = since
        self.first = first
        self.at: float | None = None
        self.counters: TrafficCounters | None = None
        self.minutes = Minutes()
        self.trouble: PlatformError | None = None


def is_shielded(picture: Picture, now: datetime) -> bool:
    """Whether the under-attack mode is on. Pure."""
    return picture.shield_until is not None and picture.shield_until > now


async def reachable(url: str) -> bool:
    """Whether a connection to an address can be made, by the proxy if one is set."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if proxy and not proxy_bypass(parts.hostname or ""):
        # As the client has it that sends requests.
        parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        async with asyncio.timeout(_CONNECT):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True
