"""Whether what has ended is started again, and when: data in, data out."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from app.backend.deploy.platforms.base import ServiceSettings

__all__ = [
    "Backoff",
    "Beginning",
    "Budget",
    "GiveUp",
    "Restart",
    "after_exit",
    "how_ended",
]

STABLE: Final = 60.0
"""Seconds of running after which earlier restarts are forgiven."""

_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 10.0
_LONGEST_PAUSE: Final = 5.0
_STEADY: Final = 10.0
# Beyond them the delay stays, and no float could hold 2 to the power of thousands.
_DOUBLINGS: Final = 10


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Beginning:
    """Since when something has run; what it counts has been counted since then.

    Attributes:
        restarts: how often it has been started again by whoever looks after it.
        why: why the last time; empty: nobody had to.
    """

    at: datetime = field(default_factory=_now)
    restarts: int = 0
    why: str = ""

    def again(self, why: str) -> "Beginning":
        """It begins anew now."""
        return Beginning(restarts=self.restarts + 1, why=why)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "since": self.at.isoformat(),
            "restarts": self.restarts,
            "why": self.why or None,
        }


@dataclass(frozen=True, slots=True)
class Backoff:
    """Growing pauses for what is started again for ever.

    The first one takes 0.1 s, and each twice as long as the one before, up to 5 s.

    Attributes:
        failures: how often it has ended since it last ran for 10 s.
    """

    failures: int = 0

    def after(self, uptime: float) -> "Backoff":
        """What holds after it has ended once more, having run for ``uptime`` s."""
        return Backoff(1 if uptime > _STEADY else self.failures + 1)

    @property
    def pause(self) -> float:
        """Seconds until the next start."""
        return _doubled(self.failures - 1, _LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Budget:
    """How many restarts a replica has used since it last ran for a minute."""

    spent: int = 0


@dataclass(frozen=True, slots=True)
class Restart:
    """Start it again after ``delay`` seconds."""

    delay: float
    budget: Budget


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Leave it ended."""

    reason: str


def after_exit(
    settings: ServiceSettings, budget: Budget, *, code: int, uptime: float
) -> Restart | GiveUp:
    """Decides what follows the end of a replica that nobody has asked to end.

    The delay doubles from 0.1 s to 10 s, so that a crash loop leaves the machine to
    the release that serves, and a single crash costs next to nothing. The budget is
    ``ON_FAILURE``'s: ``ALWAYS`` knows none, as on Railway.

    Args:
        settings: the policy and its budget.
        budget: what has been spent.
        code: the exit code; negative: the signal that ended it.
        uptime: seconds that it has run.
    """
    how = how_ended(code)
    spent = 0 if uptime >= STABLE else budget.spent
    if settings.restart_policy == "NEVER":
        return GiveUp(f"it ended with {how}, and the policy is NEVER to restart")
    if settings.restart_policy == "ON_FAILURE" and code == 0:
        return GiveUp("it ended by itself with exit code 0")
    budgeted = settings.restart_policy == "ON_FAILURE"
    if budgeted and spent >= settings.restart_retries:
        return GiveUp(f"it ended with {how} after {spent} restarts")
    return Restart(_doubled(spent, _LONGEST_DELAY), Budget(spent + 1))


def how_ended(code: int) -> str:
    """An exit code in words; a negative one is the signal that ended it."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _doubled(times: int, longest: float) -> float:
    return min(longest, _FIRST_DELAY * (1 << min(times, _DOUBLINGS)))
