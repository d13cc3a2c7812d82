"""What a statement has come to, from what was seen and what its text says. Pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from app.backend.migrations.analysis.ledger import Seen, by_strength
from app.backend.migrations.analysis.traced import Traced
from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.statements import Lock, Statement
from app.backend.migrations.texts.reading import Reading

__all__ = ["outcome_of"]

_ROWS: Final = frozenset(
    {ChangeKind.ROWS_INSERTED, ChangeKind.ROWS_CHANGED, ChangeKind.ROWS_DELETED}
)


def outcome_of(
    statement: Statement,
    seen: Seen,
    reading: Reading,
    *,
    held: Mapping[str, Lock],
    alone: bool,
    new: Collection[str],
) -> Traced:
    """Puts both together; the catalogue knows nothing of rows, and the text of much.

    Args:
        statement: what was run.
        seen: by looking at the catalogue.
        reading: of its text.
        held: what its transaction had before.
        alone: it ran outside of a transaction, so that its locks are gone; the text
            is asked where it waited for nobody.
        new: tables that the revision itself has made.
    """
    taken = {
        table: lock
        for table, lock in seen.locks.items()
        if lock.strength > held.get(table, Lock.NONE).strength
    }
    if alone and not taken:
        taken = dict(reading.locks)
    changes = (*seen.changes, *_of_rows(statement, reading, taken, new))
    return Traced(
        statement=statement,
        locks=by_strength(taken),
        held=by_strength(held),
        scanned=seen.scanned,
        rewritten=seen.rewritten,
        work=_work(seen, reading, changes, alone=alone),
        changes=changes,
    )


def _of_rows(
    statement: Statement,
    reading: Reading,
    taken: Mapping[str, Lock],
    new: Collection[str],
) -> Iterator[Change]:
    if reading.work is Work.UNKNOWN:
        for table, lock in taken.items():
            if lock is Lock.ROW_EXCLUSIVE:
                yield Change(kind=ChangeKind.ROWS_CHANGED, table=table)
    elif statement.directive is not None and reading.work is Work.ROWS:
        for table, _ in reading.locks:
            yield Change(kind=ChangeKind.ROWS_FILLED, table=table)
    else:
        for change in reading.changes:
            if change.kind in _ROWS and change.table not in new:
                yield change


def _work(
    seen: Seen, reading: Reading, changes: Collection[Change], *, alone: bool
) -> Work:
    if seen.rewritten:
        return Work.REWRITE
    if alone or reading.work is Work.ROWS:
        return reading.work
    if seen.scanned:
        builds = any(one.kind is ChangeKind.INDEX_CREATED for one in changes)
        return Work.BUILD if builds or reading.work is Work.BUILD else Work.SCAN
    written = any(one.kind in _ROWS for one in changes)
    return Work.ROWS if written else Work.NONE
