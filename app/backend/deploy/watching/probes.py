"""Asks a release, as its users do and past the proxy, and asks the platform about it.

Each probe is one request on a new connection, and they all run side by side. None of
them is repeated: that is what the next round is for. What is asked of the platform is
in :mod:`.questions`.
"""

import asyncio
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final, TypeVar

from pydantic import SecretStr

from app.backend.deploy.platforms.base import ReplicaAddress
from app.backend.deploy.watching.answers import MOST_HEALTH, tell
from app.backend.deploy.watching.clock import Clock, SystemClock
from app.backend.deploy.watching.fetch import Origin, fetch
from app.backend.deploy.watching.questions import Questions, Unanswered, Watched
from app.backend.deploy.watching.samples import (
    Outcome,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.errors import ConfigError

__all__ = ["HEALTH_PATH", "ROUTES", "Prober"]

HEALTH_PATH: Final = "/api/health/detailed"
ROUTES: Final = ("/api/version",)
"""What is asked where ``PM33_PROBE_PATHS`` names nothing: one route inside FastAPI."""

_MOST_ROUTE = 100_000
_MOST_AT_ONCE = 32
_LOOK = 1.0
"""Seconds from one look at the platform to the next while something is unanswered."""

T = TypeVar("T")


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
        self._public = None if url is None else Origin.of_url(url)
        self._paths = tuple(map(_checked, paths))
        self._probes = probes
        self._token = token
        self._deadline = deadline
        self._clock = clock or SystemClock()
        self._questions = Questions(
            platform, deployment, deadline=deadline, reach=reach, clock=self._clock
        )
        self._slots = asyncio.Semaphore(_MOST_AT_ONCE)
        self._addresses: Sequence[ReplicaAddress] = ()

    async def round(self) -> Round:
        """Everything that was found; raises nothing but cancellation.

        It ends early when the platform says that the deployment is over: nobody is
        left who could answer, and a proxy may take seconds to find that out.

        While the platform keeps machines out, what came back on the public way says
        nothing of the release, and neither do the proxy's counts.
        """
        public: list[asyncio.Task[Sample]] = []
        replicas: list[asyncio.Task[Sample]] = []
        traffic = asyncio.create_task(self._questions.traffic())
        shield = asyncio.create_task(self._questions.shielded())
        asking = asyncio.gather(
            self._ask_public(public), self._ask_replicas(replicas), traffic, shield
        )
        try:
            status, network = await self._until_over(asking)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        counted = chain.from_iterable(_answered([traffic]))
        if any(_answered([shield])):
            aside = map(_set_aside, _answered(public))
            return (*aside, *_answered(replicas), status, network)
        found = (*_answered(public), *_answered(replicas))
        return (*found, status, network, *counted)

    async def _until_over(self, asking: asyncio.Future[Any]) -> tuple[Sample, Sample]:
        """What the platform says, looked at until everything is answered."""
        status, network = await self._questions.status_and_network()
        while not _is_over(status):
            await asyncio.wait({asking}, timeout=_LOOK)
            if asking.done():
                await asking
                break
            later = await self._questions.status()
            status = later if _is_over(later) else status
        return status, network

    async def _ask_public(self, found: list[asyncio.Task[Sample]]) -> None:
        if self._public is None:
            return
        entrance = await self._questions.entrance()
        if not isinstance(entrance, Unanswered):
            self._public = replace(self._public, socket=entrance)
        places = [_Place(self._public, Source.PUBLIC)] * self._probes
        await self._ask(places, found)

    async def _ask_replicas(self, found: list[asyncio.Task[Sample]]) -> None:
        addresses = await self._questions.replicas()
        if not isinstance(addresses, Unanswered):
            self._addresses = addresses
        places = (
            _Place(Origin.of_socket(one.socket), Source.REPLICA, one.replica)
            for one in self._addresses
        )
        await self._ask(places, found)

    async def _ask(
        self, places: Iterable[_Place], found: list[asyncio.Task[Sample]]
    ) -> None:
        found.extend(map(asyncio.create_task, self._probes_of(places)))
        await asyncio.gather(*found)

    def _probes_of(
        self, places: Iterable[_Place]
    ) -> Iterator[Coroutine[Any, Any, Sample]]:
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


def _is_over(status: Sample) -> bool:
    return status.status is not None and status.status.is_over


def _set_aside(sample: Sample) -> Sample:
    told = "the platform keeps machines out (shield)"
    return replace(sample, outcome=Outcome.DISCARDED, reason=told)


def _answered(tasks: Iterable[asyncio.Task[T]]) -> Iterator[T]:
    return (one.result() for one in tasks if one.done() and not one.cancelled())


def _checked(path: str) -> str:
    if not path.startswith("/") or path.startswith("//"):
        raise ConfigError(
            f"a path to be probed begins with one slash: {path[:80]!r}",
            remedy="PM33_PROBE_PATHS=/one,/other",
        )
    return path
