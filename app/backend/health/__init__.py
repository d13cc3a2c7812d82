"""Health told from a snapshot; :func:`get_health` asks once."""

from app.backend.health.models import (
    Check,
    CheckPolicy,
    CheckResult,
    Failure,
    Status,
)
from app.backend.health.report import HealthReport, get_health

__all__ = [
    "Check",
    "CheckPolicy",
    "CheckResult",
    "Failure",
    "HealthReport",
    "Status",
    "get_health",
]
