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
"""Seconds at most from one look to the next at what is under way, for an hour."""

_LEAST: Final = 5.0
_UNDER_WAY: Final = 60.0, 0.5
_URGENT: Final = 45.0, 0.15
"""Seconds between two looks at what is under way; where it is longer, that share of the
time that it has been so. Who has waited for ten minutes may learn five later that it
has failed; that it serves :mod:`.arrival` tells. On a way back users wait for whatever
comes of it."""
_HOUR: Final = 3600.0
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
    status: DeploymentStatus, lasting: float, pace: float, *, urgent: bool = False
) -> float:
    """Seconds for which a deployment's state may be taken for what it is.

    Args:
        status: as it was seen.
        lasting: seconds for which it had been under way, or settled, by then.
        pace: seconds between two requests that the limit leaves.
        urgent: users wait for it while it is under way.
    """
    return max(_usual(status, lasting, urgent=urgent), pace)


def traffic_age(lasting: float, pace: float) -> float:
    """Seconds for which counters may be used again; new ones are a request more.

    Args:
        lasting: seconds for which they had been asked for by then.
        pace: as in :func:`status_age`.
    """
    return max(_within(lasting, *_TRAFFIC), 2 * pace)


def _usual(status: DeploymentStatus, lasting: float, *, urgent: bool) -> float:
    if is_settled(status):
        return _within(lasting, *_SETTLED)
    usual, share = _URGENT if urgent else _UNDER_WAY
    # Beyond an hour, which a queue may take, each second may be one more.
    most = SLOWEST if urgent else LONGEST + max(0.0, lasting - _HOUR)
    return _within(lasting, _LEAST, min(max(usual, share * lasting), most))


def _within(seconds: float, least: float, most: float) -> float:
    return min(max(seconds, least), most)
