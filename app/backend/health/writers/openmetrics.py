"""The checks' states as metric families."""

from collections.abc import Iterable

from app.backend.health.models import Status
from app.backend.health.snapshot import Snapshot
from app.backend.monitoring.metrics import Family

__all__ = ["families"]


def families(snapshot: Snapshot, now: float) -> Iterable[Family]:
    """State set, failure, latency and age of each check; restarts of background work.

    Args:
        snapshot: what to write.
        now: monotonic seconds, for ages.
    """
    views = tuple(snapshot.checks.values())
    yield Family(
        name="pm33_check_status",
        kind="gauge",
        help="1 for the status that a check has, 0 for the others.",
        samples=[
            ({"check": view.name, "status": status}, float(view.status is status))
            for view in views
            for status in Status
        ],
    )
    yield Family(
        name="pm33_check_failure",
        kind="gauge",
        help="1 for the class of failure that a check has; nothing while it has none.",
        samples=[
            ({"check": view.name, "failure": view.failure}, 1.0)
            for view in views
            if view.failure is not None
        ],
    )
    yield Family(
        name="pm33_check_latency_seconds",
        kind="gauge",
        help="How long the newest attempt took.",
        samples=[
            ({"check": view.name}, view.latency_ms / 1000)
            for view in views
            if view.latency_ms is not None
        ],
    )
    yield Family(
        name="pm33_check_age_seconds",
        kind="gauge",
        help="How old the newest result is.",
        samples=[
            ({"check": view.name}, now - view.checked_monotonic)
            for view in views
            if view.checked_monotonic is not None
        ],
    )
    yield Family(
        name="pm33_background_restarts",
        kind="counter",
        help="How often background work died and was started again.",
        samples=[({"work": work}, n) for work, n in snapshot.restarts.items()],
    )
    yield Family(
        name="pm33_startup_gate_passed",
        kind="gauge",
        help="1 once this release may take traffic.",
        samples=[({}, float(snapshot.gate.passed))],
    )
