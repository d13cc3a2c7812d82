"""One lease for several runs: nobody gets in between them."""

from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import override

from app.backend.database.lease import Guard, LeaseState
from app.backend.deploy.leasing import Leases
from app.errors import LeaseLostError

__all__ = ["BorrowedLeases"]


@dataclass(frozen=True, slots=True)
class BorrowedLeases(Leases):
    """Hands out leave to act that is there already; whoever took it gives it back.

    Attributes:
        own: where it came from.
        guard: what is handed out.
    """

    own: Leases
    guard: Guard

    @property
    @override
    def ttl(self) -> float:
        return self.own.ttl

    @override
    async def acquire(
        self, name: str, *, holder: str, reason: str, wait: float, above: int
    ) -> Guard:
        return _Borrowed(self.guard)

    @override
    async def held(self, name: str) -> LeaseState | None:
        state = await self.own.held(name)
        return None if state and state.epoch == self.guard.epoch else state

    @override
    async def take_away(self, name: str, holder: str) -> None:
        await self.own.take_away(name, holder)


@dataclass(frozen=True, slots=True)
class _Borrowed(Guard):
    guard: Guard

    @property
    @override
    def name(self) -> str:
        return self.guard.name

    @property
    @override
    def epoch(self) -> int:
        return self.guard.epoch

    @property
    @override
    def locked(self) -> bool:
        return self.guard.locked

    @property
    @override
    def left(self) -> float:
        return self.guard.left

    @override
    def check(self) -> None:
        self.guard.check()

    @override
    def on_lost(self, tell: Callable[[LeaseLostError], None]) -> None:
        self.guard.on_lost(tell)

    @override
    async def release(self) -> None:
        """It is not ours to let go of."""
