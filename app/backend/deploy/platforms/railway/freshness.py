"""How old an answer of Railway's may be before it is asked again. Pure.

Requests are counted by the hour (FACTS §1). What has just begun may change at any
moment; the longer something has been as it is, the longer it will stay so.
"""

from typing import Final

from app.backend.deploy.platforms.deployment import DeploymentStatus

__all__ = [
    "LONGEST",
    "NOW",
    "SLOWEST",
    "is_settled",
    "is_steady",
    "status_age",
    "traffic_age",
]

NOW: Final = 3.0
"""Seconds for which an answer counts as what is so now, where something is decided."""

SLOWEST: Final = 240.0
"""Seconds at most from one look at what serves to the next."""

LONGEST: Final = 600.0
"""Seconds at most from one look to the next at what tells itself when it serves."""

_GROWTH: Final = 0.5
_LEAST: Final = 5.0
_UNTOLD: Final = 45.0, 0.15, SLOWEST
_TOLD: Final = 60.0, 0.3, LONGEST
"""Seconds between two looks at what is under way; where it is longer, that share of the
time that it has been so; but no more than so many seconds. Who has waited for ten
minutes may learn three later that it has failed; :mod:`.arrival` tells the rest."""
_SETTLED: Final = 60.0, SLOWEST
_TRAFFIC: Final = 120.0, 600.0
_STEADY: Final = frozenset({DeploymentStatus.SUCCESS, DeploymentStatus.SLEEPING})


def is_steady(status: DeploymentStatus) -> bool:
    """Whether it serves, as far as its status says."""
    return status in _STEADY


def is_settled(status: DeploymentStatus) -> bool:
    """Whether it serves, or is over; otherwise it is under way."""
    return is_steady(status) or status.is_over


def status_age(
    status: DeploymentStatus, lasting: float, pace: float, *, told: bool = False
) -> float:
    """Seconds for which a deployment's state may be taken for what it is.

    Args:
        status: as it was seen.
        lasting: seconds for which it has been under way, or settled.
        pace: seconds between two requests that the limit leaves.
        told: what users are answered tells when it serves.
    """
    if is_settled(status):
        return max(_grown(lasting, *_SETTLED), pace)
    usual, share, most = _TOLD if told else _UNTOLD
    return max(
        _grown(lasting, _LEAST, min(max(usual, share * lasting), most)),
        pace,
    )


def traffic_age(lasting: float, pace: float) -> float:
    """Seconds for which counters may be used again; new ones are a request more."""
    return max(_grown(lasting, *_TRAFFIC), 2 * pace)


def _grown(lasting: float, least: float, most: float) -> float:
    return min(max(lasting * _GROWTH, least), most)
