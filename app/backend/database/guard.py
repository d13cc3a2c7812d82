"""Leave to act: what every change is made under, with a lease behind it or without."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from app.errors import LeaseLostError

__all__ = ["Guard", "Unlocked"]


class Guard(Protocol):
    """Leave to act, which may end at any time.

    Attributes:
        name: what it is for; ``environment/production``, say.
        epoch: goes along with every change, so that a later holder wins.
        locked: whether a lease stands behind it.
        left: seconds until it runs out unless it is renewed; infinite without a lease.
        lapsed: seconds since its last holder lost it without letting go, when it was
            taken; infinite when it was let go of, or there was none.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see the class

    @property
    def epoch(self) -> int: ...  # noqa: D102 - see the class

    @property
    def locked(self) -> bool: ...  # noqa: D102 - see the class

    @property
    def left(self) -> float: ...  # noqa: D102 - see the class

    @property
    def lapsed(self) -> float:  # noqa: D102 - see the class
        return float("inf")

    def check(self) -> None:
        """To be called just before a change.

        Raises:
            LeaseLostError: the lease is lost.
        """
        ...

    def on_lost(self, tell: Callable[[LeaseLostError], None]) -> None:
        """Has ``tell`` called once when the lease is found lost; never by release."""
        ...

    async def release(self) -> None:
        """Lets go, for others at once; never fails, and is harmless when repeated."""
        ...


@dataclass(frozen=True, slots=True)
class Unlocked:
    """Acting without a lease: the state database is away, or there is none yet."""

    name: str
    epoch: int
    locked: bool = False
    left: float = float("inf")
    lapsed: float = float("inf")

    def check(self) -> None:
        """Never refuses."""

    def on_lost(self, tell: Callable[[LeaseLostError], None]) -> None:
        """There is nothing to lose."""

    async def release(self) -> None:
        """There is nothing to let go of."""
