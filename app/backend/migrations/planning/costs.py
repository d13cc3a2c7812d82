"""What a statement costs others: time, waits, errors of prepared ones. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.statements import Lock

__all__ = [
    "Blocker",
    "CachedPlans",
    "Duration",
    "Size",
    "cached_plans_of",
    "conflicts",
    "duration_of",
]


class Duration(StrEnum):
    """How long a statement may work, once it has its locks: an order of magnitude."""

    INSTANT = "instant"
    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    UNKNOWN = "unknown"


class CachedPlans(StrEnum):
    """Statements that asyncpg has prepared, and that then fail once on each connection.

    ``stars``: those with ``*`` over the table, as in ``RETURNING *``. ``all``: those
    that name the column, too. (Measured; https://github.com/MagicStack/asyncpg/pull/103)
    """

    KEPT = "kept"
    STARS = "stars"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a table, without its indexes.

    Attributes:
        rows: as ANALYZE has estimated them; None: it never has.
    """

    bytes: int
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A session that would keep a statement waiting if it ran now.

    Attributes:
        table: on which it has its lock; empty: its transaction alone is waited for.
        seconds: since its transaction began.
    """

    pid: int
    application: str
    state: str
    table: str
    lock: Lock
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "pid": self.pid,
            "application": self.application,
            "state": self.state,
            "table": self.table or None,
            "lock": str(self.lock),
            "seconds": round(self.seconds, 1),
        }


# Bytes a second, from two million rows on two slow cores: SET NOT NULL, CREATE INDEX,
# a new default for each row, one UPDATE of all rows.
_SPEED: Final[Mapping[Work, float]] = {
    Work.SCAN: 200e6,
    Work.BUILD: 50e6,
    Work.REWRITE: 10e6,
    Work.ROWS: 5e6,
}
_CLASSES: Final = (
    (1.0, Duration.INSTANT),
    (30.0, Duration.SECONDS),
    (1800.0, Duration.MINUTES),
)
_STARS: Final = frozenset(
    {ChangeKind.COLUMN_ADDED, ChangeKind.COLUMN_DROPPED, ChangeKind.COLUMN_RENAMED}
)
_L = Lock
_WRITERS: Final = frozenset(
    {_L.SHARE, _L.SHARE_ROW_EXCLUSIVE, _L.EXCLUSIVE, _L.ACCESS_EXCLUSIVE}
)
_CONFLICTS: Final[Mapping[Lock, frozenset[Lock]]] = {
    _L.NONE: frozenset(),
    _L.ACCESS_SHARE: frozenset({_L.ACCESS_EXCLUSIVE}),
    _L.ROW_SHARE: frozenset({_L.EXCLUSIVE, _L.ACCESS_EXCLUSIVE}),
    _L.ROW_EXCLUSIVE: _WRITERS,
    _L.SHARE_UPDATE_EXCLUSIVE: _WRITERS | {_L.SHARE_UPDATE_EXCLUSIVE},
    _L.SHARE: (_WRITERS - {_L.SHARE}) | {_L.ROW_EXCLUSIVE, _L.SHARE_UPDATE_EXCLUSIVE},
    _L.SHARE_ROW_EXCLUSIVE: _WRITERS | {_L.ROW_EXCLUSIVE, _L.SHARE_UPDATE_EXCLUSIVE},
    _L.EXCLUSIVE: frozenset(Lock) - {_L.NONE, _L.ACCESS_SHARE},
    _L.ACCESS_EXCLUSIVE: frozenset(Lock) - {_L.NONE},
}


def duration_of(work: Work, size: Size | None) -> Duration:
    """The class that a table of that size falls into."""
    if work is Work.NONE:
        return Duration.INSTANT
    if work is Work.UNKNOWN or size is None:
        return Duration.UNKNOWN
    seconds = size.bytes / _SPEED[work]
    for limit, duration in _CLASSES:
        if seconds < limit:
            return duration
    return Duration.HOURS


def cached_plans_of(changes: Iterable[Change]) -> CachedPlans:
    """Which prepared statements fail after these changes."""
    kinds = {change.kind for change in changes}
    if ChangeKind.COLUMN_RETYPED in kinds:
        return CachedPlans.ALL
    return CachedPlans.STARS if kinds & _STARS else CachedPlans.KEPT


def conflicts(one: Lock, other: Lock) -> bool:
    """Whether two sessions cannot have these on one table at a time.

    https://www.postgresql.org/docs/current/explicit-locking.html, table 13.2
    """
    return other in _CONFLICTS[one]
