"""What is noted of one statement while it is read."""

from dataclasses import dataclass
from enum import StrEnum

from app.backend.migrations.analysis.known import Known
from app.backend.migrations.statements import Lock

__all__ = ["Fault", "Notes", "Work"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a statement breaks.

    Attributes:
        table: what it happens to.
        other: the second name of the rule's words.
    """

    rule: str
    lock: Lock | None = None
    table: str = ""
    other: str = ""


class Work(StrEnum):
    """What a statement does with rows that are there."""

    NOTHING = "nothing"
    READS = "reads"
    BATCH = "writes a batch"
    WRITES = "writes many"


class Notes:
    """What one statement locks, breaks and needs.

    A table that is new in the migration has nobody who could wait: nothing is held
    against it.

    Attributes:
        known: the schema, as far as it is known; reading a statement changes it.
        was: what the revision says was there before.
        in_transaction: whether other statements may share the transaction.
        faults: rules that it breaks, whatever else is in its transaction.
        locks: on tables that are in use, the strongest of each.
        work: what it does with rows that are there.
        outside: whether the server refuses it inside of a transaction.
        added: constraints (table, name) that it adds without a check of the rows.
        validated: those that it checks.
        keys: columns (table, name) of foreign keys.
        values: what it adds to an enum.
        understood: whether there is nothing in it that no rule knows.
    """

    def __init__(self, known: Known, was: str | None, *, in_transaction: bool) -> None:
        self.known = known
        self.was = was
        self.in_transaction = in_transaction
        self.faults: list[Fault] = []
        self.locks: dict[str, Lock] = {}
        self.work = Work.NOTHING
        self.outside = False
        self.added: set[tuple[str, str]] = set()
        self.validated: set[tuple[str, str]] = set()
        self.keys: list[tuple[str, str]] = []
        self.values: set[str] = set()
        self.understood = True

    def is_new(self, name: str) -> bool:
        """Whether nobody can use it yet."""
        return name in self.known.new

    def hold(self, table: str, lock: Lock) -> None:
        """It takes a lock; of a table's locks the strongest is kept."""
        if table and not self.is_new(table):
            before = self.locks.get(table, Lock.NONE)
            self.locks[table] = max(before, lock, key=lambda one: one.strength)

    def blame(
        self,
        rule: str,
        table: str,
        lock: Lock | None = None,
        *,
        other: str = "",
        on: str | None = None,
    ) -> None:
        """It breaks a rule, unless what it breaks it on is new.

        Args:
            rule: its name.
            table: what it happens to, in the words of the rule.
            lock: the one that it takes for it, which is noted, too.
            other: the second name of the rule's words.
            on: the table that has to be in use, and is locked; None: ``table``.
        """
        used = table if on is None else on
        if self.is_new(used):
            return
        if lock is not None and lock is not Lock.NONE:
            self.hold(used, lock)
        self.faults.append(Fault(rule, lock, table, other))
