"""How long a component that refuses is left alone, by the class of its refusal. Pure.

Only checks with ``backoff`` follow it: vendors', since asking them costs somebody
something. ``HEALTH_<CHECK>_BACKOFF=false`` asks after each period again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.backend.health.models import CheckPolicy, CheckResult, Failure

__all__ = ["DELAYS", "LONGEST", "TRAFFIC", "Delay", "pause_after"]

LONGEST: Final = 3600.0
"""Seconds for which ``Retry-After`` is believed: a day in it would blind the check."""

TRAFFIC: Final = "traffic"
"""``data["source"]`` of what the application's own calls have told, unasked."""

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Delay:
    """What follows a published failure.

    Attributes:
        seconds: until the next attempt; 0: the period.
        reason: why so long.
        told: whether ``Retry-After`` is believed where it is shorter, too.
    """

    seconds: float
    reason: str
    told: bool = True


_PASSES = "it passes by itself, and its end should show soon"

DELAYS: Final[Mapping[Failure, Delay]] = {
    Failure.AUTH: Delay(
        _HOUR,
        "somebody has to act first; who goes on asking with a key that is refused"
        " looks like an attack, and addresses are blocked for that",
        told=False,
    ),
    Failure.PERMISSION: Delay(_HOUR, "somebody has to grant it first", told=False),
    Failure.CONFIG: Delay(
        _HOUR,
        "a variable is read at the start only, and what it names is seldom created"
        " within the hour",
        told=False,
    ),
    Failure.WRONG_MODE: Delay(_HOUR, "a key never changes its mode", told=False),
    Failure.QUOTA: Delay(
        1800.0,
        "it is filled up by a payment or by the calendar; a Retry-After of seconds,"
        " as with rate limits, would be wrong",
        told=False,
    ),
    Failure.RATE_LIMIT: Delay(
        300.0,
        "every further request counts, and the application's own need the room; most"
        " vendors' windows are a minute long",
    ),
    Failure.OVERLOADED: Delay(
        120.0, "it has said itself that it has no room, and usually finds some soon"
    ),
    Failure.VENDOR_INCIDENT: Delay(120.0, "the status page tells of its end as well"),
    Failure.TIMEOUT: Delay(0.0, _PASSES),
    Failure.REFUSED: Delay(0.0, _PASSES),
    Failure.DNS: Delay(0.0, _PASSES),
    Failure.TLS: Delay(0.0, _PASSES),
    Failure.INTERNAL: Delay(0.0, _PASSES),
}
"""Every class has its row."""


def pause_after(result: CheckResult, policy: CheckPolicy, *, sure: bool) -> float:
    """Seconds until the next attempt where that is longer than the period, else 0.

    Args:
        result: the newest one.
        policy: whose check it is.
        sure: whether the failure is published. Before that its delay does not hold;
            ``Retry-After`` does.
    """
    if not policy.backoff or result.failure is None:
        return 0.0
    if result.data.get("source") == TRAFFIC:
        return 0.0  # looking again asks nobody
    delay = DELAYS[Failure(result.failure)]
    asked = min(result.retry_after or 0.0, LONGEST)
    usual = delay.seconds if sure else 0.0
    seconds = asked if asked and delay.told else max(asked, usual)
    return seconds if seconds > policy.period else 0.0
