"""Findings from what was seen on a scratch database. Pure.

They have the names that the rules for texts have, so that one allowance is enough for
both, and that what both have found is said once.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from app.backend.migrations.analysis.findings import Finding
from app.backend.migrations.analysis.rules import RULES
from app.backend.migrations.analysis.traced import TableLock, Traced
from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.statements import Lock
from app.backend.migrations.texts.statement import read_statement

__all__ = ["judge_trace", "unsaid"]

_BY_CHANGE: Final = {
    ChangeKind.TABLE_DROPPED: "drop-table",
    ChangeKind.TABLE_RENAMED: "rename",
    ChangeKind.TABLE_EMPTIED: "truncate",
    ChangeKind.COLUMN_DROPPED: "drop-column",
    ChangeKind.COLUMN_RENAMED: "rename",
    ChangeKind.ENUM_VALUE_ADDED: "enum-value-stays",
}
_SCANS: Final = {
    "check": "add-check",
    "foreign key": "add-foreign-key",
    "unique": "add-unique",
    "primary key": "add-primary-key",
    "exclusion": "add-exclusion",
}


def judge_trace(
    traced: Iterable[Traced], *, contract: Collection[str] = ()
) -> tuple[Finding, ...]:
    """What is unsafe under traffic, in the order of the statements.

    Steps of safe operations are known to be safe; of them only an error is told.

    Args:
        traced: the statements of a trace.
        contract: revisions that may take away what no release uses any more.
    """
    found = []
    new: set[tuple[str, str, str]] = set()
    for one in traced:
        revision = one.statement.revision
        own = {c for c in one.changes if (revision, c.table, c.name) in new}
        if one.error is not None:
            found.append(_finding(one, "fails-when-tried", other=one.error))
        elif one.statement.directive is None:
            found += _of_work(one)
            found += _of_locks(one)
            found += _of_changes(one, own, is_contract=revision in contract)
        added = (c for c in one.changes if c.kind is ChangeKind.COLUMN_ADDED)
        new |= {(revision, change.table, change.name) for change in added}
    return tuple(dict.fromkeys(found))


def unsaid(
    findings: Iterable[Finding], before: Iterable[Finding]
) -> tuple[Finding, ...]:
    """Those that are not among ``before``, by file, line and rule."""
    said = {(one.file, one.line, one.rule) for one in before}
    return tuple(one for one in findings if (one.file, one.line, one.rule) not in said)


def _of_work(one: Traced) -> Iterator[Finding]:
    for table in one.rewritten:
        yield _finding(one, _why_rewritten(one, table), table=table)
    held = {lock.table: lock.lock for lock in (*one.held, *one.locks)}
    for table in one.scanned:
        lock = held.get(table, Lock.NONE)
        if one.work is Work.ROWS and lock is Lock.ROW_EXCLUSIVE:
            yield _finding(one, "update-many-rows", table=table)
        elif one.work is Work.ROWS:
            continue
        elif table not in one.rewritten and lock.blocks_writes:
            rule = _why_scanned(one, table)
            yield _finding(one, rule, table=table, other=_OTHER.get(rule) or lock.value)


_OTHER: Final = {"add-foreign-key": "what it refers to"}


def _why_rewritten(one: Traced, table: str) -> str:
    kinds = {change.kind for change in one.changes if change.table == table}
    if ChangeKind.COLUMN_RETYPED in kinds:
        return "change-type"
    if ChangeKind.COLUMN_ADDED in kinds:
        return "add-column-volatile-default"
    return "rewrite-table"


def _why_scanned(one: Traced, table: str) -> str:
    for change in one.changes:
        if change.table != table:
            continue
        if change.kind is ChangeKind.CONSTRAINT_ADDED:
            return _SCANS[change.detail]
        if change.kind is ChangeKind.REQUIRED:
            return "set-not-null"
        if change.kind is ChangeKind.INDEX_CREATED:
            return "create-index"
        if change.kind is ChangeKind.CONSTRAINT_VALIDATED:
            return "validate-in-same-transaction"
    return "scan-under-lock"


def _of_locks(one: Traced) -> Iterator[Finding]:
    strong = [lock for lock in one.locks if lock.lock.blocks_writes]
    before = [lock for lock in one.held if lock.lock.blocks_writes]
    yield from _under_lock(one)
    others = {lock.table for lock in strong} - {lock.table for lock in before}
    if before and others:
        first = before[0].table
        rule = "two-tables-in-one-transaction"
        yield _finding(one, rule, table=first, other=min(others))
    elif len(strong) > 1 and strong[0].lock.blocks_reads:
        yield _of_two(one, strong)
    if any(change.kind is ChangeKind.TABLE_CREATED for change in one.changes):
        for lock in strong:
            is_part = lock.lock.blocks_reads
            rule = "partition-of" if is_part else "references-existing-table"
            yield _finding(one, rule, table=lock.table, other=lock.table)
    elif _only_locks(one):
        yield _finding(one, "brief-exclusive-lock", table=strong[0].table)


def _under_lock(one: Traced) -> Iterator[Finding]:
    """Eugene's rule E4: nothing more while nobody can read a table."""
    table = next((lock.table for lock in one.held if lock.lock.blocks_reads), None)
    if table is None:
        return
    if one.work is Work.ROWS:
        yield _finding(one, "backfill-with-ddl", table=table)
    elif one.work is not Work.NONE:
        yield _finding(one, "work-under-lock", table=table)
    elif one.locks or one.changes:
        yield _finding(one, "several-risky-statements", table=table)


def _only_locks(one: Traced) -> bool:
    """Whether nobody can read, and neither the text nor the catalogue says why."""
    blocks = any(lock.lock.blocks_reads for lock in one.locks)
    silent = not one.changes and one.work is Work.NONE
    return blocks and silent and read_statement(one.statement.sql).work is Work.UNKNOWN


def _of_two(one: Traced, strong: list[TableLock]) -> Finding:
    """One statement locks both: a foreign key comes or goes with a column or alone."""
    table, other = strong[0].table, strong[1].table
    dropped = any(c.kind is ChangeKind.CONSTRAINT_DROPPED for c in one.changes)
    added = any(c.kind is ChangeKind.COLUMN_ADDED for c in one.changes)
    if added:
        return _finding(one, "add-column-references", table=table, other=other)
    rule = "drop-foreign-key" if dropped else "two-tables-in-one-transaction"
    return _finding(one, rule, table=table, other=other)


def _of_changes(
    one: Traced, own: Collection[Change], *, is_contract: bool
) -> Iterator[Finding]:
    """Nobody misses a column (``own``) that the revision itself has added."""
    for change in one.changes:
        if change in own:
            continue
        rule = _BY_CHANGE.get(change.kind)
        if rule is not None and not (is_contract and RULES[rule].contract):
            yield _finding(one, rule, table=change.table or "the type")
        if change.kind is ChangeKind.COLUMN_ADDED and change.detail:
            yield _finding(one, "add-column-required", table=change.table)
        if change.kind is ChangeKind.COLUMN_RETYPED:
            rule = "change-type-cached-plans"
            if change.table not in one.rewritten:
                yield _finding(one, rule, table=change.table)
    for name in one.unindexed:
        table = _table_of(one, name)
        rule = "foreign-key-without-index"
        yield _finding(one, rule, table=table, other=f"the columns of {name}")


def _table_of(one: Traced, constraint: str) -> str:
    named = (c.table for c in one.changes if c.name == constraint)
    made = (c.table for c in one.changes if c.kind is ChangeKind.TABLE_CREATED)
    return next(named, next(made, "its table"))


def _finding(one: Traced, rule: str, *, table: str = "", other: str = "") -> Finding:
    known = RULES[rule]
    names = {"table": table or one.statement.revision, "other": other}
    strongest = max(
        (lock.lock for lock in (*one.locks, *one.held)),
        key=lambda lock: lock.strength,
        default=None,
    )
    return Finding(
        file=one.statement.file,
        line=one.statement.line,
        rule=rule,
        severity=known.severity,
        statement=" ".join(one.statement.sql.split()),
        lock=strongest,
        why=known.why.format(**names),
        safe=known.safe.format(**names),
    )
