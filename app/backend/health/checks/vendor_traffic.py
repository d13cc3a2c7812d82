"""What the application's own calls tell of a vendor, unasked. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.backend.clients import FailedAnswer, Outcomes
from app.backend.config.environment import Config
from app.backend.health.backoff import DELAYS, TRAFFIC
from app.backend.health.checks.vendor import Answer, Fault, Vendor
from app.backend.health.models import CheckResult, Failure, Status

__all__ = ["EXPIRY", "POSTPONED", "OwnLook", "judge_traffic"]

POSTPONED: Final = 10
"""Periods for which successes stand in for a look of our own: what they do not show
(the mode of a key, the state of an index) changes seldom, but it does."""

EXPIRY: Final = DELAYS[Failure.QUOTA].seconds
"""Seconds after which a refusal that nobody has met again is forgotten."""

_TELLING: Final = frozenset({Failure.AUTH, Failure.QUOTA})
# A card that is declined is Stripe's 402, and nobody's fault here.
_OF_OTHERS: Final[Mapping[str, frozenset[Failure]]] = {
    "stripe": frozenset({Failure.QUOTA})
}


@dataclass(frozen=True, slots=True)
class OwnLook:
    """What was last found by asking, and when (monotonic)."""

    at: float
    result: CheckResult


def judge_traffic(
    vendor: Vendor,
    seen: Outcomes,
    own: OwnLook | None,
    config: Config,
    *,
    now: float,
    period: float,
) -> CheckResult | None:
    """The result of an attempt that need not be made; None: it has to be.

    A refused key or an exhausted quota counts until a call of the same kind succeeds,
    or until :data:`EXPIRY`. All else that fails may be one call's own fault. Successes
    stand in for an attempt while they are younger than a period, nothing has failed
    since, and our own look is no older than :data:`POSTPONED` periods and was healthy.

    Args:
        vendor: by whose table answers are judged.
        seen: what came of the calls.
        own: the last look of our own.
        config: of the vendor.
        now: seconds, by the monotonic clock.
        period: of the check, in seconds.
    """
    telling = _TELLING - _OF_OTHERS.get(vendor.name, frozenset())
    for failed in seen.unrefuted():
        if now - failed.at > EXPIRY:
            break
        result = vendor.judge(_answer(failed), config)
        if result.failure in telling:
            return _told(result, seen, variable=vendor.variables[0])
    if own is None or own.result.status is not Status.HEALTHY:
        return None
    if now - own.at > POSTPONED * period or not _is_fresh(seen, now - period):
        return None
    return _told(own.result, seen)


def _is_fresh(seen: Outcomes, since: float) -> bool:
    if seen.last_success is None or seen.last_success < since:
        return False
    return seen.last_trouble is None or seen.last_trouble < seen.last_success


def _answer(failed: FailedAnswer) -> Answer:
    fault = None
    if failed.body is None:
        fault = Fault(
            failure=Failure.INTERNAL, message="its body is no JSON", answered=True
        )
    return Answer(
        status=failed.status, headers=failed.headers, body=failed.body, fault=fault
    )


def _told(result: CheckResult, seen: Outcomes, **blamed: str) -> CheckResult:
    counts = {
        "successes": seen.successes,
        "failures": seen.failures,
        "silences": seen.silences,
    }
    data = {**blamed, **result.data, "source": TRAFFIC, "traffic": counts}
    return replace(result, data=data)
