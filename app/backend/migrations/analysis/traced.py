"""What a statement was seen to do on a scratch database."""

from dataclasses import dataclass

from app.backend.migrations.changes import Change, Work
from app.backend.migrations.statements import Lock, Statement

__all__ = ["TableLock", "Traced"]


@dataclass(frozen=True, slots=True)
class TableLock:
    """A lock on a table; one on an index is its table's, whose queries plan with it."""

    table: str
    lock: Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """One statement, and what it did to what was there before its revision.

    Attributes:
        statement: of the upgrade, as it was sent.
        locks: what it took, or made stronger, the strongest first.
        held: what its transaction had already when it began.
        scanned: tables that it read in full.
        rewritten: tables that it wrote again.
        work: the most that it did.
        changes: of the catalogue and of rows; of a new table only that it is new.
        unindexed: foreign keys that it added, and that have no index when the
            revision is through.
        error: why it failed; the trace ends there.
    """

    statement: Statement
    locks: tuple[TableLock, ...] = ()
    held: tuple[TableLock, ...] = ()
    scanned: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    work: Work = Work.NONE
    changes: tuple[Change, ...] = ()
    unindexed: tuple[str, ...] = ()
    error: str | None = None

    @property
    def lock(self) -> TableLock | None:
        """The strongest that it took; None: none that others could notice."""
        return self.locks[0] if self.locks else None

    @property
    def is_idle(self) -> bool:
        """Whether it did nothing to what was there before."""
        found = (self.locks, self.scanned, self.rewritten, self.changes, self.error)
        return not any(found)
