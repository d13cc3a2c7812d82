"""What a platform would say of one deployment, kept in memory."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from typing_extensions import override

from app.backend.deploy.platforms.base import (
    Deployment,
    DeploymentStatus,
    ReplicaAddress,
    TrafficCounters,
)
from app.backend.deploy.watching.questions import Watched

__all__ = ["KnownDeployment"]

T = TypeVar("T")


@dataclass
class KnownDeployment(Watched):
    """Says what it was told to say.

    Attributes:
        addresses: of the replicas.
        counters: of the proxy; None: it does not count.
        error: raised instead of any answer.
        hangs: does not answer at all.
        shield: machines are kept out.
    """

    status: DeploymentStatus = DeploymentStatus.SUCCESS
    active: bool = True
    addresses: Sequence[ReplicaAddress] = field(default_factory=list)
    counters: TrafficCounters | None = None
    error: Exception | None = None
    hangs: bool = False
    shield: bool = False

    @override
    async def deployment(self, deployment: str) -> Deployment:
        return await self._say(
            Deployment(
                id=deployment,
                commit="c0ffee2",
                status=self.status,
                created_at=datetime.now(UTC),
                active=self.active,
            )
        )

    @override
    async def replicas(self, deployment: str) -> Sequence[ReplicaAddress]:
        return await self._say(self.addresses)

    @override
    async def entrance(self) -> Path | None:
        return None

    @override
    async def traffic(self, deployment: str) -> TrafficCounters | None:
        return await self._say(self.counters)

    @override
    async def shielded(self) -> bool:
        return await self._say(self.shield)

    async def _say(self, answer: T) -> T:
        if self.error is not None:
            raise self.error
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        return answer
