"""What a round asks of the platform: in time, and whatever goes wrong is no verdict."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from app.backend.deploy.platforms.base import (
    Deployment,
    ReplicaAddress,
    TrafficCounters,
)
from app.backend.deploy.watching.clock import Clock
from app.backend.deploy.watching.samples import (
    Outcome,
    ProbeKind,
    Round,
    Sample,
    Source,
)
from app.errors import OpsError, PlatformUnreachableError

__all__ = ["Questions", "Unanswered", "Watched"]

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

    async def shielded(self) -> bool:
        """Whether it keeps machines out for now, so that probes say nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The platform did not say."""

    reason: str
    unreachable: bool


class Questions:
    """Asks a platform about one deployment.

    Args:
        platform: knows it.
        deployment: the platform's id.
        deadline: seconds for each question.
        reach: the second path: whether this machine has a network at all. None: it
            has when the platform answers.
        clock: measures.
    """

    def __init__(
        self,
        platform: Watched,
        deployment: str,
        *,
        deadline: float,
        reach: Callable[[], Awaitable[bool]] | None,
        clock: Clock,
    ) -> None:
        self._platform = platform
        self._deployment = deployment
        self._deadline = deadline
        self._reach = reach
        self._clock = clock

    async def status(self) -> Sample:
        """What the platform says of the deployment."""
        return (await self._look())[0]

    async def status_and_network(self) -> tuple[Sample, Sample]:
        """The same, and whether the second path works."""
        status, reached = await self._look()
        at = status.at
        if self._reach is not None:
            at = self._clock.time()
            reached = await self._in_time(self._reach()) is True
        network = replace(
            self._blank(ProbeKind.NETWORK, status.at),
            outcome=Outcome.OK if reached else Outcome.OWN_ERROR,
            reason="" if reached else "the second path does not work either",
            latency=self._clock.time() - at,
        )
        return status, network

    async def traffic(self) -> Round:
        """What the proxy has counted; nothing where it does not count."""
        found = await self._in_time(self._platform.traffic(self._deployment))
        if found is None:
            return ()
        blank = self._blank(ProbeKind.TRAFFIC, self._clock.time())
        if isinstance(found, Unanswered):
            return (replace(blank, outcome=Outcome.OWN_ERROR, reason=found.reason),)
        return (replace(blank, counters=found),)

    async def shielded(self) -> bool:
        """Whether machines are kept out for now; not, if the platform does not say."""
        return await self._in_time(self._platform.shielded()) is True

    async def entrance(self) -> Path | Unanswered | None:
        """A socket of the proxy for probes; None: there is none."""
        return await self._in_time(self._platform.entrance())

    async def replicas(self) -> Sequence[ReplicaAddress] | Unanswered:
        """Where its replicas can be asked themselves."""
        return await self._in_time(self._platform.replicas(self._deployment))

    async def _look(self) -> tuple[Sample, bool]:
        """Also says whether the platform could be reached."""
        blank = self._blank(ProbeKind.PLATFORM, self._clock.time())
        found = await self._in_time(self._platform.deployment(self._deployment))
        if isinstance(found, Unanswered):
            failed = replace(blank, outcome=Outcome.OWN_ERROR, reason=found.reason)
            return failed, not found.unreachable
        status = replace(
            blank, status=found.status, active=found.active, reason=found.reason
        )
        return status, True

    def _blank(self, kind: ProbeKind, at: float) -> Sample:
        return Sample(at=at, kind=kind, outcome=Outcome.OK, source=Source.PLATFORM)

    async def _in_time(self, asked: Awaitable[T]) -> T | Unanswered:
        try:
            async with asyncio.timeout(self._deadline):
                return await asked
        except (PlatformUnreachableError, TimeoutError, OSError) as error:
            return Unanswered(_words(error), unreachable=True)
        except Exception as error:  # noqa: BLE001 - the watch has to outlive it
            return Unanswered(_words(error), unreachable=False)


def _words(error: Exception) -> str:
    """Our own errors have no secrets; of others nobody knows."""
    ours = isinstance(error, OpsError)
    return str(error) if ours else type(error).__name__
