"""What a trace sees, and has no name among the rules for texts."""

from typing import Final

from app.backend.migrations.analysis.rules.rule import Rule, error

__all__ = ["TRACED"]

TRACED: Final[tuple[Rule, ...]] = (
    error(
        "scan-under-lock",
        48,
        why="all rows of {table} are read while {other} is held on it",
        safe="the safe operation for it; else a transaction of its own, without a lock"
        " that keeps writers away",
    ),
    error(
        "fails-when-tried",
        48,
        why="on a scratch database it fails: {other}",
        safe="mend the revision; nothing of it would be kept",
    ),
)
"""Rules about what was seen on a scratch database."""
