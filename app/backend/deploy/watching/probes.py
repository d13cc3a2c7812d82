"""Asks a release, as its users do and past the proxy, and asks the platform about it.

Each probe is one request on a new connection, and they all run side by side. None of
them is repeated: that is what the next round is for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, TypeVar

from pydantic import SecretStr

from app.backend.deploy.platforms.base import (
    Deployment,
    ReplicaAddress,
    TrafficCounters,
)
from app.backend.deploy.watching.answers import MOST_HEALTH, tell
from app.backend.deploy.watching.clock import Clock, SystemClock
from app.backend.deploy.watching.fetch import Origin, fetch
from app.backend.deploy.watching.samples import (
    Outcome,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.errors import ConfigError, PlatformUnreachableError

__all__ = ["HEALTH_PATH", "ROUTES", "Prober", "Watched"]

HEALTH_PATH: Final = "/api/health/detailed"
ROUTES: Final = ("/api/version",)
"""What is asked where ``PM33_PROBE_PATHS`` names nothing: one route inside FastAPI."""

_MOST_ROUTE = 100_000
_MOST_AT_ONCE = 32

T = TypeVar("T")


class Watched(Protocol):
    """What a prober asks of a platform; a
    :class:`~app.backend.deploy.platforms.base.Platform` is one."""  # noqa: D205, D209

    async def deployment(self, deployment: str) -> Deployment:
        """One deployment as it is now."""
        ...

    async def replicas(self, deployment: str) -> Sequence[ReplicaAddress]:
        """Where its replicas can be asked themselves."""
        ...

    async def traffic(self, deployment: str) -> TrafficCounters | None:
        """What the proxy has counted."""
        ...

    async def entrance(self) -> Path | None:
        """A socket of the proxy for probes; None: there is none."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    """One way to the release."""

    origin: Origin
    source: Source
    replica: str | None = None


class Prober:
    """Asks one deployment everything, a round at a time.

    Args:
        platform: knows the deployment, where its replicas listen, and its traffic.
        deployment: the platform's id.
        url: where users go; None: the replicas are asked alone, as before a switch.
        paths: the application's own routes, each beginning with a slash.
        probes: how often each public path is asked in a round; with one, a release
            that fails in 30 % is found three times as late.
        token: the admin token, sent with the health probe to the release alone, and
            never in clear over a network.
        deadline: seconds for each probe, and for each question to the platform.
        reach: the second path: whether this machine has a network at all. None: it
            has when the platform answers.
        clock: measures.

    Raises:
        ConfigError: the address, or a path, is none.
    """

    def __init__(
        self,
        platform: Watched,
        deployment: str,
        *,
        url: str | None,
        paths: Iterable[str] = ROUTES,
        probes: int = 3,
        token: SecretStr | None = None,
        deadline: float = 5.0,
        reach: Callable[[], Awaitable[bool]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._platform = platform
        self._deployment = deployment
        self._public = None if url is None else Origin.of_url(url)
        self._paths = tuple(map(_checked, paths))
        self._probes = probes
        self._token = token
        self._deadline = deadline
        self._reach = reach
        self._clock = clock or SystemClock()
        self._slots = asyncio.Semaphore(_MOST_AT_ONCE)
        self._addresses: Sequence[ReplicaAddress] = ()

    async def round(self) -> Round:
        """Everything that was found; raises nothing but cancellation."""
        public, replicas, (status, network), traffic = await asyncio.gather(
            self._ask_public(),
            self._ask_replicas(),
            self._ask_platform(),
            self._ask_traffic(),
        )
        return (*public, *replicas, status, network, *traffic)

    async def _ask_public(self) -> Round:
        if self._public is None:
            return ()
        found = await self._question(self._platform.entrance())
        if not isinstance(found, _Unanswered):
            self._public = replace(self._public, socket=found)
        return await self._ask([_Place(self._public, Source.PUBLIC)] * self._probes)

    async def _ask_replicas(self) -> Round:
        found = await self._question(self._platform.replicas(self._deployment))
        if not isinstance(found, _Unanswered):
            self._addresses = found
        return await self._ask(
            _Place(Origin.of_socket(one.socket), Source.REPLICA, one.replica)
            for one in self._addresses
        )

    async def _ask(self, places: Iterable[_Place]) -> Round:
        return tuple(await asyncio.gather(*self._probes_of(places)))

    def _probes_of(self, places: Iterable[_Place]) -> Iterator[Awaitable[Sample]]:
        for place in places:
            yield self._probe(place, ProbeKind.HEALTH, HEALTH_PATH)
            for path in self._paths:
                yield self._probe(place, ProbeKind.ROUTE, path)

    async def _probe(self, place: _Place, kind: ProbeKind, path: str) -> Sample:
        is_health = kind is ProbeKind.HEALTH
        async with self._slots:
            at = self._clock.time()
            answer = await fetch(
                place.origin,
                path,
                headers=self._headers(place.origin) if is_health else {},
                most=MOST_HEALTH if is_health else _MOST_ROUTE,
                deadline=self._deadline,
                clock=self._clock,
            )
        blank = Sample(
            at=at,
            kind=kind,
            outcome=Outcome.OK,
            source=place.source,
            path=path,
            replica=place.replica,
        )
        return tell(blank, answer)

    def _headers(self, origin: Origin) -> dict[str, str]:
        if self._token is None or not origin.is_private:
            return {}
        return {"authorization": f"Bearer {self._token.get_secret_value()}"}

    async def _ask_platform(self) -> tuple[Sample, Sample]:
        """What the platform says, and whether the second path works."""
        at = self._clock.time()
        blank = Sample(
            at=at, kind=ProbeKind.PLATFORM, outcome=Outcome.OK, source=Source.PLATFORM
        )
        found = await self._question(self._platform.deployment(self._deployment))
        if isinstance(found, _Unanswered):
            status = replace(blank, outcome=Outcome.OWN_ERROR, reason=found.reason)
        else:
            status = replace(
                blank, status=found.status, active=found.active, reason=found.reason
            )
        reached = not (isinstance(found, _Unanswered) and found.unreachable)
        if self._reach is not None:
            at = self._clock.time()
            reached = await self._question(self._reach()) is True
        network = replace(
            blank,
            kind=ProbeKind.NETWORK,
            outcome=Outcome.OK if reached else Outcome.OWN_ERROR,
            reason="" if reached else "the second path does not work either",
            latency=self._clock.time() - at,
        )
        return status, network

    async def _ask_traffic(self) -> Round:
        found = await self._question(self._platform.traffic(self._deployment))
        if found is None:
            return ()
        blank = Sample(
            at=self._clock.time(),
            kind=ProbeKind.TRAFFIC,
            outcome=Outcome.OK,
            source=Source.PLATFORM,
        )
        if isinstance(found, _Unanswered):
            return (replace(blank, outcome=Outcome.OWN_ERROR, reason=found.reason),)
        return (replace(blank, counters=found),)

    async def _question(self, asked: Awaitable[T]) -> "T | _Unanswered":
        """Asks the platform, in time; whatever goes wrong is no verdict."""
        try:
            async with asyncio.timeout(self._deadline):
                return await asked
        except (PlatformUnreachableError, TimeoutError, OSError) as error:
            return _Unanswered(type(error).__name__, unreachable=True)
        except Exception as error:  # noqa: BLE001 - the watch has to outlive it
            return _Unanswered(type(error).__name__, unreachable=False)


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """The platform did not say."""

    reason: str
    unreachable: bool


def _checked(path: str) -> str:
    if not path.startswith("/") or path.startswith("//"):
        raise ConfigError(
            f"a path to be probed begins with one slash: {path[:80]!r}",
            remedy="PM33_PROBE_PATHS=/one,/other",
        )
    return path
