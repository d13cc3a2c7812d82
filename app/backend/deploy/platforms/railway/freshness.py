"""How old an answer of Railway's may be before it is asked again. Pure.

Requests are counted by the hour (FACTS §1). What has just begun may change at any
moment; the longer something has been as it is, the longer it will stay so.
"""

from typing import Final

from app.backend.deploy.platforms.deployment import DeploymentStatus

__all__ = ["LONGEST", "NOW", "SLOWEST", "status_age", "traffic_age"]

NOW: Final = 3.0
"""Seconds for which an answer counts as what is so now, where something is decided."""

SLOWEST: Final = 240.0
"""Seconds at most from one look at what serves to the next."""

LONGEST: Final = 600.0
"""Seconds at most from one look at what is under way to the next."""

_GROWTH: Final = 0.5
_UNDER_WAY: Final = 5.0, 60.0
_LONG: Final = 0.3
"""Of the time that something is under way, where that is more than 60 s: who has waited
for ten minutes may learn three later that it has failed. That it serves is told by what
users are answered; see :mod:`.arrival`."""
_SETTLED: Final = 60.0, SLOWEST
_TRAFFIC: Final = 120.0, 600.0
_STEADY: Final = frozenset({DeploymentStatus.SUCCESS, DeploymentStatus.SLEEPING})


def status_age(status: DeploymentStatus, lasting: float, pace: float) -> float:
    """Seconds for which a deployment's state may be taken for what it is.

    Args:
        status: as it was seen.
        lasting: seconds for which it has been seen so.
        pace: seconds between two requests that the limit leaves.
    """
    if status in _STEADY or status.is_over:
        return max(_grown(lasting, *_SETTLED), pace)
    least, most = _UNDER_WAY
    most = min(max(most, _LONG * lasting), LONGEST)
    return max(_grown(lasting, least, most), pace)


def traffic_age(lasting: float, pace: float) -> float:
    """Seconds for which counters may be used again; new ones are a request more."""
    return max(_grown(lasting, *_TRAFFIC), 2 * pace)


def _grown(lasting: float, least: float, most: float) -> float:
    return min(max(lasting * _GROWTH, least), most)
