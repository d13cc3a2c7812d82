"""What statements do to others together, since a lock is kept until the end."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from app.backend.migrations.analysis.findings import Severity
from app.backend.migrations.analysis.reading import Fault, Notes, Work
from app.backend.migrations.analysis.rules import RULES
from app.backend.migrations.sql.cursor import name_of
from app.backend.migrations.sql.tokens import Kind, Token
from app.backend.migrations.statements import Lock

__all__ = ["Transaction"]


@dataclass(slots=True)
class Transaction:
    """One transaction, statement after statement.

    Attributes:
        held: locks on tables in use that make writers or readers wait.
        added: constraints that were added without a check of the rows.
        values: what was added to enums.
        wrote: whether rows have been written, more than one by one.
        told: rules that are told once for each transaction.
    """

    held: dict[str, Lock] = field(default_factory=dict)
    added: set[tuple[str, str]] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    wrote: bool = False
    told: set[str] = field(default_factory=set)

    def follow(self, notes: Notes, tokens: tuple[Token, ...]) -> Iterator[Fault]:
        """Yields what the next statement breaks because of those before it."""
        if notes.outside:
            yield Fault("concurrently-in-transaction")
        yield from self._values_used(tokens)
        yield from self._work_under_lock(notes)
        yield from self._more_locks(notes)
        self.added |= notes.added
        self.values |= notes.values

    def _values_used(self, tokens: tuple[Token, ...]) -> Iterator[Fault]:
        used = {name_of(one) for one in tokens if one.kind is Kind.STRING}
        if value := next(iter(sorted(used & self.values)), None):
            yield Fault("enum-value-used-at-once", other=value)

    def _work_under_lock(self, notes: Notes) -> Iterator[Fault]:
        blocking = {one for one, lock in notes.locks.items() if lock.blocks_writes}
        if notes.work in (Work.WRITES, Work.BATCH):
            if self.held:
                yield from self._once(
                    "backfill-with-ddl", *next(iter(self.held.items()))
                )
            self.wrote = True
        elif self.wrote and blocking:
            table = min(blocking)
            yield from self._once("backfill-with-ddl", table, notes.locks[table])
        if notes.work is not Work.READS:
            return
        for table, name in sorted(notes.validated & self.added):
            lock = self.held.get(table)
            yield Fault("validate-in-same-transaction", lock, table, name)
            return
        if self.held and not _is_blamed(notes):
            table, lock = next(iter(self.held.items()))
            yield Fault("work-under-lock", lock, table)

    def _more_locks(self, notes: Notes) -> Iterator[Fault]:
        now = {one: lock for one, lock in notes.locks.items() if lock.blocks_writes}
        more = sorted(now.keys() - self.held.keys())
        if self.held and more:
            table, lock = next(iter(self.held.items()))
            rule = "two-tables-in-one-transaction"
            yield from self._once(rule, table, lock, other=more[0])
        elif self.held and now:
            table = min(now)
            yield from self._once("several-risky-statements", table, now[table])
        for table, lock in now.items():
            before = self.held.get(table, Lock.NONE)
            self.held[table] = max(before, lock, key=lambda one: one.strength)

    def _once(
        self, rule: str, table: str, lock: Lock, *, other: str = ""
    ) -> Iterator[Fault]:
        if rule not in self.told:
            self.told.add(rule)
            yield Fault(rule, lock, table, other)


def _is_blamed(notes: Notes) -> bool:
    """Whether it is an error by itself: then nobody needs to hear it twice."""
    return any(RULES[one.rule].severity is Severity.ERROR for one in notes.faults)
