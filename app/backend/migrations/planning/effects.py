"""What one statement does: as it was seen, else as its text says. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.backend.migrations.analysis.traced import Traced
from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.recording import Recording
from app.backend.migrations.statements import Lock, Statement, Step
from app.backend.migrations.texts.statement import plain_name, read_statement

__all__ = ["Effect", "seen_effects", "told_effects"]

Locks = tuple[tuple[str, Lock], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A statement's effect on what was there before its revision.

    Attributes:
        locks: each table with its mode, the one that matters first.
        waits: it waits for every transaction that is older.
        seen: it was tried.
    """

    statement: Statement
    locks: Locks = ()
    work: Work = Work.NONE
    changes: tuple[Change, ...] = ()
    waits: bool = False
    seen: bool = False


def seen_effects(traced: Iterable[Traced]) -> Iterator[Effect]:
    """Of a trace. A lock that its transaction had already counts where it works on."""
    for one in traced:
        reading = read_statement(one.statement.sql)
        touched = {
            *one.rewritten,
            *one.scanned,
            *(change.table for change in one.changes),
            *(table for table, _ in reading.locks),
        }
        locks = {lock.table: lock.lock for lock in one.held if lock.table in touched}
        locks |= {lock.table: lock.lock for lock in one.locks}
        first = next((table for table, _ in reading.locks), "")
        yield Effect(
            statement=one.statement,
            locks=_worst_first(locks, first),
            work=one.work,
            changes=one.changes,
            waits=reading.concurrently,
            seen=True,
        )


def told_effects(recording: Recording) -> Iterator[Effect]:
    """Of a recording; a table that the revision itself makes has nobody to block."""
    new: set[str] = set()
    for statement in recording.statements:
        effect = _told(statement)
        kind = ChangeKind.TABLE_CREATED
        new |= {change.table for change in effect.changes if change.kind is kind}
        used = tuple(lock for lock in effect.locks if lock[0] not in new)
        is_new = bool(effect.locks) and not used
        yield Effect(
            statement=statement,
            locks=used,
            work=Work.NONE if is_new else effect.work,
            changes=tuple(
                one
                for one in effect.changes
                if one.kind is kind or one.table not in new
            ),
            waits=effect.waits,
        )


def _told(statement: Statement) -> Effect:
    if statement.step is None and statement.directive is not None:
        # Batches, whose statements are known when they run.
        filled = Change(kind=ChangeKind.ROWS_FILLED)
        return Effect(statement=statement, work=Work.ROWS, changes=(filled,))
    reading = read_statement(statement.sql)
    step = statement.step
    return Effect(
        statement=statement,
        locks=reading.locks if step is None else _locks_of(step),
        work=reading.work if step is None else _work_of(step, reading.work),
        changes=reading.changes,
        waits=reading.concurrently,
    )


def _locks_of(step: Step) -> Locks:
    locks = ((step.table, step.lock), *step.also)
    named = ((plain_name(table), lock) for table, lock in locks)
    return tuple(one for one in named if one[0] and one[1] is not Lock.NONE)


def _work_of(step: Step, read: Work) -> Work:
    """The step knows whether it takes long, and its text what takes long."""
    if not step.long:
        return Work.NONE
    return read if read in {Work.BUILD, Work.REWRITE, Work.ROWS} else Work.SCAN


def _worst_first(locks: Mapping[str, Lock], named: str) -> Locks:
    """The one that the statement names, then the others, the strongest first."""
    return tuple(
        sorted(locks.items(), key=lambda one: (one[0] != named, -one[1].strength, one))
    )
