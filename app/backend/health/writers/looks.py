"""How a status looks where people see it: a word, a mark and a colour."""

from typing import Final

from app.backend.health.models import Status

__all__ = ["COLOURS", "MARKS"]

COLOURS: Final = {
    Status.HEALTHY: "#1a7f37",
    Status.DEGRADED: "#9a6700",
    Status.UNHEALTHY: "#cf222e",
    Status.SKIPPED: "#57606a",
    Status.UNKNOWN: "#57606a",
}
"""White on each has a contrast of 4.5 at least (WCAG 2.2, 1.4.3)."""

MARKS: Final = {
    Status.HEALTHY: "✓",
    Status.DEGRADED: "!",
    Status.UNHEALTHY: "✗",
    Status.SKIPPED: "–",  # noqa: RUF001 - the dash of a table's empty cell
    Status.UNKNOWN: "?",
}
"""For those who see no colours."""
