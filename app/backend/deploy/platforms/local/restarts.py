"""Whether a replica that has ended is started again, and when: data in, data out."""

from dataclasses import dataclass
from typing import Final

from app.backend.deploy.platforms.base import ServiceSettings

__all__ = ["Budget", "GiveUp", "Restart", "after_exit"]

STABLE: Final = 60.0
"""Seconds of running after which earlier restarts are forgiven."""

_FIRST_DELAY: Final = 0.1
_LONGEST_DELAY: Final = 10.0


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
    the release that serves, and a single crash costs next to nothing.

    Args:
        settings: the policy and its budget.
        budget: what has been spent.
        code: the exit code; negative: the signal that ended it.
        uptime: seconds that it has run.
    """
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    spent = 0 if uptime >= STABLE else budget.spent
    if settings.restart_policy == "NEVER":
        return GiveUp(f"it ended with {how}, and the policy is NEVER to restart")
    if settings.restart_policy == "ON_FAILURE" and code == 0:
        return GiveUp("it ended by itself with exit code 0")
    if spent >= settings.restart_retries:
        return GiveUp(f"it ended with {how} after {spent} restarts")
    delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2**spent)
    return Restart(delay, Budget(spent + 1))
