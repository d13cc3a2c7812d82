"""One night in which much goes wrong: the snapshot that every writer is tried on."""

from datetime import datetime, timedelta

from app.backend.health.gate import FaultKind, GateFault, GateState
from app.backend.health.models import Failure, Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.snapshot import CheckView, Snapshot
from tests.support.health import EPOCH, override_of, snapshot_of, view

__all__ = ["CANARIES", "READ_AT", "calm", "night"]

READ_AT = EPOCH + timedelta(minutes=25, seconds=7)
# Only those with the right may see them; each would be markup, or another check's line.
CANARIES = ("message<b>&", "remedy\n[+]forged ok", "data</pre><script>", "reason</p>")


def night() -> Snapshot:
    """A critical check fails, another degrades, and one of each other kind."""
    message, remedy, data, reason = CANARIES
    return snapshot_of(
        _seen("application", Status.HEALTHY, critical=True, latency_ms=0.04),
        _seen(
            "database",
            Status.UNHEALTHY,
            critical=True,
            shared=True,
            latency_ms=2000.0,
            failure=Failure.TIMEOUT,
            message=message,
            remedy=remedy,
            data={"host": data},
            since=EPOCH - timedelta(hours=2, minutes=5),
        ),
        view("ai_services", Status.SKIPPED, message="not configured"),
        _seen(
            "monitoring",
            Status.DEGRADED,
            latency_ms=80.126,
            failure=Failure.RATE_LIMIT,
            message="too many requests",
            flapping=True,
        ),
        _seen("cache", Status.UNHEALTHY, failure=Failure.REFUSED, muted=True),
        view("orders", Status.UNKNOWN, message="no result yet"),
        gate=GateState(
            faults=(
                GateFault(
                    source="database",
                    kind=FaultKind.WORLD,
                    failure=Failure.TIMEOUT,
                    message=message,
                    remedy=remedy,
                ),
            )
        ),
        overrides=(
            override_of(OverrideKind.MUTE, check="cache", reason=reason, until=READ_AT),
        ),
        restarts={"health:database": 1},
    )


def calm() -> Snapshot:
    """All is well."""
    return snapshot_of(
        _seen("application", Status.HEALTHY, critical=True, latency_ms=0.04),
        _seen("database", Status.HEALTHY, critical=True, shared=True, latency_ms=1.2),
        view("ai_services", Status.SKIPPED, message="not configured"),
    )


def _seen(name: str, status: Status, **fields: object) -> CheckView:
    checked: datetime = READ_AT - timedelta(seconds=7)
    given: dict[str, object] = {
        "checked_at": checked,
        "checked_monotonic": 93.0,
        "valid_until": checked + timedelta(seconds=50),
        "since": EPOCH,
        "latest": status,
        "latest_failure": fields.get("failure"),
    }
    return view(name, status, **(given | fields))
