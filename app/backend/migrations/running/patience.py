"""How long to wait for a lock, how often, and how long in all. Pure.

Whoever waits for a strong lock makes everybody wait behind it, so that the lock
timeout is the stall that users see (measured: research, migrations §6.1). It begins at
20-50 ms, since most locks are free by then, and rises slowly to a cap, since under
traffic that never pauses a short one may never succeed.
"""

from dataclasses import dataclass
from typing import Final

__all__ = ["Budget", "Patience", "is_retried"]

_RETRIED: Final = frozenset({"55P03", "40P01"})
_FIRST: Final = (0.020, 0.050)
_GROWTH: Final = 1.25
_PAUSE: Final = (0.1, 5.0)
_LEAST: Final = 0.010


def is_retried(sqlstate: str | None) -> bool:
    """Whether trying again may help: lock_not_available and deadlock_detected only."""
    return sqlstate in _RETRIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """What one run allows itself.

    Attributes:
        cap: seconds; the longest lock timeout of what blocks others.
        budget: seconds that may go into failed tries and the pauses after them.
        statement: seconds that a statement may hold such a lock; 0: no limit.
    """

    cap: float = 0.2
    budget: float = 300.0
    statement: float = 10.0

    def lock_timeout(self, attempt: int, luck: float, held: float = 0.0) -> float:
        """Seconds that a try may make others wait.

        Args:
            attempt: from 1.
            luck: from 0 to 1; who comes with others shall not try with them.
            held: seconds for which the transaction has had a strong lock already;
                they are part of the same stall.
        """
        low, high = _FIRST
        # The exponent is bounded: no float holds what ten thousand tries come to.
        longest = (low + (high - low) * luck) * _GROWTH ** min(attempt - 1, 100)
        return max(_LEAST, min(self.cap, longest) - held)

    def pause(self, attempt: int, luck: float) -> float:
        """Seconds to let everybody else through after a failed try."""
        first, last = _PAUSE
        return min(last, first * 2.0 ** min(attempt - 1, 30)) * (0.5 + luck / 2)


class Budget:
    """What is left of the seconds that a run may lose to locks."""

    def __init__(self, seconds: float) -> None:
        self.whole = seconds
        self._spent = 0.0

    @property
    def left(self) -> float:
        """Seconds, never less than none."""
        return max(0.0, self.whole - self._spent)

    @property
    def spent(self) -> float:
        """Seconds that were lost."""
        return self._spent

    def spend(self, seconds: float) -> None:
        """Takes seconds away."""
        self._spent += seconds
