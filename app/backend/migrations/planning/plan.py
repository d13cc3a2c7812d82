"""A plan as data, to be printed, compared and agreed to."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from app.backend.migrations.analysis.findings import Finding
from app.backend.migrations.changes import Work
from app.backend.migrations.planning.costs import (
    Blocker,
    CachedPlans,
    Duration,
    Size,
)
from app.backend.migrations.planning.hashing import joined_hash
from app.backend.migrations.reversibility import WayBack
from app.backend.migrations.revisions import PendingRevision
from app.backend.migrations.statements import Lock, Statement

__all__ = ["Plan", "PlannedRevision", "PlannedStatement", "joined"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStatement:
    """One statement and what it would do.

    Attributes:
        table: the one that matters most; empty: none that is in use.
        lock: on that table; ``none`` where it is new in the same revision.
        also: other tables that it locks, each with the mode.
        size: of that table; None: it is not there.
        blockers: as of now.
    """

    statement: Statement
    table: str
    lock: Lock
    also: tuple[tuple[str, Lock], ...]
    work: Work
    size: Size | None
    duration: Duration
    blockers: tuple[Blocker, ...]
    cached_plans: CachedPlans
    way_back: WayBack

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "sql": self.statement.sql,
            "line": self.statement.line,
            "transaction": self.statement.transaction,
            "directive": self.statement.directive,
            "table": self.table or None,
            "lock": str(self.lock),
            "also": [{"table": table, "lock": str(lock)} for table, lock in self.also],
            "work": str(self.work),
            "size": asdict(self.size) if self.size else None,
            "duration": str(self.duration),
            "blockers": [one.to_dict() for one in self.blockers],
            "cached_plans": str(self.cached_plans),
            "reversibility": str(self.way_back.kind),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRevision:
    """A revision with its statements, in their order.

    Attributes:
        complete: whether these are all; else what it does depends on the database.
    """

    revision: PendingRevision
    statements: tuple[PlannedStatement, ...]
    way_back: WayBack
    complete: bool = True

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **self.revision.to_dict(),
            "reversibility": str(self.way_back.kind),
            "why": self.way_back.why,
            "complete": self.complete,
            "statements": [one.to_dict() for one in self.statements],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an upgrade would do now.

    Attributes:
        hash: names it; see ``hashing.py``.
        applied: the rows of the version table.
        fingerprint: of the schema.
        traced: whether the statements were seen on a scratch database.
        untraced_because: why they were not; empty where nobody asked for it.
        findings: what the trace has found to be unsafe under traffic.
    """

    hash: str
    applied: tuple[str, ...]
    fingerprint: str
    revisions: tuple[PlannedRevision, ...]
    traced: bool = False
    untraced_because: str = ""
    findings: tuple[Finding, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "hash": self.hash,
            "applied": list(self.applied),
            "fingerprint": self.fingerprint,
            "traced": self.traced,
            "untraced_because": self.untraced_because or None,
            "pending": [one.to_dict() for one in self.revisions],
            "findings": [one.to_dict() for one in self.findings],
        }


def joined(plans: Sequence[Plan]) -> Plan:
    """One plan over several sources, in their order. Pure."""
    if len(plans) == 1:
        return plans[0]
    reasons = dict.fromkeys(one.untraced_because for one in plans)
    return Plan(
        hash=joined_hash(one.hash for one in plans),
        applied=tuple(row for one in plans for row in one.applied),
        fingerprint=plans[0].fingerprint,
        revisions=tuple(revision for one in plans for revision in one.revisions),
        traced=all(one.traced for one in plans if one.revisions),
        untraced_because="; ".join(reason for reason in reasons if reason),
        findings=tuple(found for one in plans for found in one.findings),
    )
