"""Which failure each behaviour of the fake vendors is, voice by voice and joined."""

from collections.abc import Mapping
from itertools import groupby

from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import Failure, Status
from tests.support.fake_vendors import Behaviour
from tests.support.vendor_voices import VOICES

__all__ = ["VOICES_OF", "expected", "joined", "status_of"]

# The same of every voice, save those below.
_USUAL: dict[Behaviour, Failure | None] = {
    Behaviour.OK: None,
    Behaviour.UNAUTHORIZED: Failure.AUTH,
    Behaviour.PAYMENT: Failure.QUOTA,
    Behaviour.FORBIDDEN: Failure.PERMISSION,
    Behaviour.NOT_FOUND: Failure.CONFIG,
    Behaviour.QUOTA: Failure.QUOTA,
    Behaviour.RATE_LIMITED: Failure.RATE_LIMIT,
    Behaviour.RATE_LIMITED_FOR: Failure.RATE_LIMIT,
    Behaviour.BROKEN: Failure.INTERNAL,
    Behaviour.UNAVAILABLE: Failure.OVERLOADED,
    Behaviour.OVERLOADED: Failure.OVERLOADED,
    Behaviour.REDIRECT: Failure.INTERNAL,
    Behaviour.HANG: Failure.TIMEOUT,
    Behaviour.HANG_IN_BODY: Failure.TIMEOUT,
    Behaviour.CUT: Failure.REFUSED,
    Behaviour.TRUNCATED: Failure.INTERNAL,
    Behaviour.OVERSIZED: Failure.INTERNAL,
    Behaviour.WRONG_TYPE: Failure.INTERNAL,
    Behaviour.NO_JSON: Failure.INTERNAL,
    Behaviour.OTHER_SHAPE: Failure.INTERNAL,
    Behaviour.COMPRESSED: Failure.INTERNAL,
}
# Sentry's ingestion tells nothing of a key; a webhook that is gone is 404.
_ODD: dict[tuple[str, Behaviour], Failure | None] = {
    ("sentry_ingest", Behaviour.UNAUTHORIZED): None,
    ("sentry_ingest", Behaviour.PAYMENT): None,
    ("sentry_ingest", Behaviour.FORBIDDEN): None,
    ("sentry_ingest", Behaviour.QUOTA): None,
    ("sentry_ingest", Behaviour.OTHER_SHAPE): None,
    ("slack_webhook", Behaviour.NOT_FOUND): Failure.AUTH,
    ("slack_webhook", Behaviour.PAYMENT): Failure.INTERNAL,
    ("slack_webhook", Behaviour.QUOTA): Failure.INTERNAL,
}

_SILENT = frozenset({Failure.TIMEOUT, Failure.REFUSED, Failure.TLS, Failure.DNS})

VOICES_OF: Mapping[str, tuple[str, ...]] = {
    name: tuple(voice for voice, _ in pairs)
    for name, pairs in groupby(
        zip(VOICES, VENDORS, strict=True), key=lambda pair: pair[1].name
    )
}
"""The voices that each service's check asks."""


def expected(voice: str, behaviour: Behaviour) -> Failure | None:
    """What one read must find."""
    return _ODD.get((voice, behaviour), _USUAL[behaviour])


def status_of(failure: Failure | None) -> Status:
    """No answer is unhealthy, a bad one degraded."""
    if failure is None:
        return Status.HEALTHY
    return Status.UNHEALTHY if failure in _SILENT else Status.DEGRADED


def joined(service: str, behaviour: Behaviour) -> Failure | None:
    """What a service's check must find when all its voices behave so."""
    found = [expected(voice, behaviour) for voice in VOICES_OF[service]]
    return max(found, key=lambda failure: status_of(failure).severity)
