from dataclasses import replace
from typing import Any

import pytest

from app.backend.migrations.analysis.findings import Severity
from app.backend.migrations.analysis.rules import RULES
from app.backend.migrations.analysis.trace_rules import judge_trace, unsaid
from app.backend.migrations.analysis.traced import TableLock, Traced
from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.statements import Lock, Statement

AEL, SRE, ROWS = Lock.ACCESS_EXCLUSIVE, Lock.SHARE_ROW_EXCLUSIVE, Lock.ROW_EXCLUSIVE


def statement(directive: str | None = None) -> Statement:
    return Statement(
        sql="ALTER  TABLE\n t",
        revision="r2",
        file="r2.py",
        line=7,
        transaction=1,
        directive=directive,
    )


def locks(**modes: Lock) -> tuple[TableLock, ...]:
    return tuple(TableLock(table, mode) for table, mode in modes.items())


def change(
    kind: ChangeKind, detail: str = "", *, table: str = "t"
) -> tuple[Change, ...]:
    return (Change(kind=kind, table=table, name="x", detail=detail),)


def traced(
    taken: tuple[TableLock, ...] = (),
    held: tuple[TableLock, ...] = (),
    *,
    scanned: tuple[str, ...] = (),
    rewritten: tuple[str, ...] = (),
    work: Work = Work.NONE,
    changes: tuple[Change, ...] = (),
    unindexed: tuple[str, ...] = (),
) -> Traced:
    return Traced(
        statement=statement(),
        locks=taken,
        held=held,
        scanned=scanned,
        rewritten=rewritten,
        work=work,
        changes=changes,
        unindexed=unindexed,
    )


K = ChangeKind
SCAN, BUILD, REWRITE = Work.SCAN, Work.BUILD, Work.REWRITE
READ: dict[str, Any] = {"scanned": ("t",), "work": SCAN}
JUDGED = {
    "nothing but a new column": (
        traced(locks(t=AEL), changes=change(K.COLUMN_ADDED)),
        [],
    ),
    "a rewrite for a type": (
        traced(
            locks(t=AEL),
            rewritten=("t",),
            scanned=("t",),
            work=REWRITE,
            changes=change(K.COLUMN_RETYPED, "integer -> bigint"),
        ),
        ["change-type"],
    ),
    "a rewrite for a default": (
        traced(
            locks(t=AEL),
            rewritten=("t",),
            work=REWRITE,
            changes=change(K.COLUMN_ADDED),
        ),
        ["add-column-volatile-default"],
    ),
    "a rewrite for no reason": (
        traced(locks(t=AEL), rewritten=("t",), work=REWRITE),
        ["rewrite-table"],
    ),
    "a type without a rewrite": (
        traced(locks(t=AEL), changes=change(K.COLUMN_RETYPED)),
        ["change-type-cached-plans"],
    ),
    "a required column": (
        traced(
            locks(t=AEL),
            changes=change(K.COLUMN_ADDED, "required"),
            scanned=("t",),
            work=SCAN,
        ),
        ["scan-under-lock", "add-column-required"],
    ),
    "a scan for NOT NULL": (
        traced(locks(t=AEL), **READ, changes=change(K.REQUIRED)),
        ["set-not-null"],
    ),
    "a scan for a check": (
        traced(locks(t=AEL), **READ, changes=change(K.CONSTRAINT_ADDED, "check")),
        ["add-check"],
    ),
    "a scan for a foreign key": (
        traced(
            locks(t=SRE, p=SRE),
            **READ,
            changes=change(K.CONSTRAINT_ADDED, "foreign key"),
            unindexed=("x",),
        ),
        ["add-foreign-key", "foreign-key-without-index"],
    ),
    "a foreign key that is not checked": (
        traced(locks(t=SRE, p=SRE), changes=change(K.CONSTRAINT_ADDED, "foreign key")),
        [],
    ),
    "a scan after NOT VALID": (
        traced(held=locks(t=SRE), **READ, changes=change(K.CONSTRAINT_VALIDATED)),
        ["validate-in-same-transaction"],
    ),
    "a scan that blocks nobody": (
        traced(locks(t=Lock.SHARE_UPDATE_EXCLUSIVE), **READ),
        [],
    ),
    "an index": (
        traced(
            locks(t=Lock.SHARE),
            scanned=("t",),
            work=BUILD,
            changes=change(K.INDEX_CREATED),
        ),
        ["create-index"],
    ),
    "work while nobody can read": (
        traced(locks(u=ROWS), locks(t=AEL), scanned=("u",), work=Work.ROWS),
        ["update-many-rows", "backfill-with-ddl"],
    ),
    "a build while nobody can read another": (
        traced(locks(u=Lock.SHARE_UPDATE_EXCLUSIVE), locks(t=AEL), work=SCAN),
        ["work-under-lock"],
    ),
    "one more brief change": (
        traced((), locks(t=AEL), changes=change(K.DEFAULT_CHANGED)),
        ["several-risky-statements"],
    ),
    "a second table": (
        traced(locks(u=AEL), locks(t=SRE), changes=change(K.COLUMN_ADDED, table="u")),
        ["two-tables-in-one-transaction"],
    ),
    "a column that refers": (
        traced(locks(t=AEL, p=SRE), changes=change(K.COLUMN_ADDED)),
        ["add-column-references"],
    ),
    "a foreign key that goes": (
        traced(locks(p=AEL, t=AEL), changes=change(K.CONSTRAINT_DROPPED)),
        ["drop-foreign-key"],
    ),
    "a new table that refers": (
        traced(locks(p=SRE), changes=change(K.TABLE_CREATED, table="n")),
        ["references-existing-table"],
    ),
    "a new partition": (
        traced(locks(p=AEL), changes=change(K.TABLE_CREATED, table="n")),
        ["partition-of"],
    ),
    "a lock whose reason the text says": (traced(locks(t=AEL)), []),
    "a column that goes": (
        traced(locks(t=AEL), changes=change(K.COLUMN_DROPPED)),
        ["drop-column"],
    ),
    "a table that goes": (
        traced(locks(t=AEL), changes=change(K.TABLE_DROPPED)),
        ["drop-table"],
    ),
    "another name": (
        traced(locks(t=AEL), changes=change(K.TABLE_RENAMED)),
        ["rename"],
    ),
    "rows that go": (
        traced(locks(t=AEL), changes=change(K.TABLE_EMPTIED)),
        ["truncate"],
    ),
}


@pytest.mark.parametrize("case", JUDGED)
def test_what_was_seen_is_judged_by_the_rules_for_texts(case: str) -> None:
    one, rules = JUDGED[case]
    found = judge_trace([one])
    assert [finding.rule for finding in found] == rules
    for finding in found:
        assert finding.severity is RULES[finding.rule].severity
        assert "{" not in finding.why + finding.safe
        assert (finding.file, finding.line) == ("r2.py", 7)
        assert finding.statement == "ALTER TABLE t"
        assert finding.lock is not None


def test_safe_operations_are_not_judged_unless_they_fail() -> None:
    one = Traced(
        statement=statement("safe_set_not_null"), locks=locks(t=AEL), scanned=("t",)
    )
    broken = Traced(statement=statement("safe_set_not_null"), error="odd")
    (found,) = judge_trace([one, broken])
    assert (found.rule, found.severity) == ("fails-when-tried", Severity.ERROR)
    assert found.why.endswith("odd")


def test_a_contract_revision_may_take_away_what_nobody_uses() -> None:
    one, _ = JUDGED["a column that goes"]
    other, _ = JUDGED["rows that go"]
    assert judge_trace([one], contract={"r2"}) == ()
    assert judge_trace([other], contract={"r2"}) != ()


def test_dynamic_sql_that_only_locks_is_told() -> None:
    hidden = replace(statement(), sql="DO $$ BEGIN END $$")
    (found,) = judge_trace([Traced(statement=hidden, locks=locks(t=AEL))])
    assert found.rule == "brief-exclusive-lock"


def test_nobody_misses_a_column_that_the_revision_has_added() -> None:
    added = traced(locks(t=AEL), changes=change(K.COLUMN_ADDED))
    dropped, _ = JUDGED["a column that goes"]
    later = replace(dropped, statement=replace(statement(), revision="r3"))
    assert judge_trace([added, dropped]) == ()
    assert [one.rule for one in judge_trace([added, later])] == ["drop-column"]


def test_what_the_text_has_told_is_not_said_again() -> None:
    one, _ = JUDGED["a scan for a foreign key"]
    first, second = judge_trace([one])
    assert unsaid([first, second], [first]) == (second,)
