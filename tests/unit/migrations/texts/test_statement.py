import pytest

from app.backend.migrations.changes import ChangeKind, Work
from app.backend.migrations.statements import Lock
from app.backend.migrations.texts.statement import plain_name, read_statement
from tests.support.lock_catalogue import CASES, LockCase


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql[:50])
def test_a_text_tells_what_was_measured_where_it_can(case: LockCase) -> None:
    found = read_statement(case.sql.format(n=1))
    locks = {(table.rstrip("1"), lock) for table, lock in found.locks}
    assert ((locks, found.work) == (set(case.locks), case.work)) is case.told


@pytest.mark.parametrize(
    ("sql", "changes"),
    [
        (
            "ALTER TABLE t ADD a int, DROP b",
            ["column added: t.a", "column dropped: t.b"],
        ),
        ("ALTER TABLE t DROP CONSTRAINT c", ["constraint dropped: t.c"]),
        (
            'UPDATE ONLY "T" SET a = f(1, 2), "B" = 2',
            ["rows changed: T.a", "rows changed: T.B"],
        ),
        ("UPDATE t SET (a, b) = (1, 2)", ["rows changed: t"]),
        ("INSERT INTO s.t (a) VALUES ('UPDATE x')", ["rows inserted: s.t"]),
        ("DELETE FROM public.t WHERE a", ["rows deleted: t"]),
        ("TRUNCATE TABLE ONLY t, u", ["table emptied: t", "table emptied: u"]),
        ("DROP TABLE IF EXISTS t CASCADE", ["table dropped: t"]),
        ("CREATE UNIQUE INDEX i ON t (a)", ["index created: t.i"]),
        ("ALTER TYPE mood ADD VALUE 'x'", ["enum value added: mood"]),
        ("ALTER TABLE t VALIDATE CONSTRAINT c", ["constraint validated: t.c"]),
        ("ALTER TABLE t ALTER a DROP NOT NULL", ["column no longer required: t.a"]),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            ["something else"],
        ),
        ("SET lock_timeout = '1s'", []),
        ("SELECT 1", []),
        ("WITH x AS (DELETE FROM t RETURNING a) SELECT * FROM x", ["not known"]),
        ("CALL p()", ["not known"]),
        ("DO $$ BEGIN END $$", ["not known"]),
        ("it's", ["not known"]),
    ],
    ids=lambda one: one[:30] if isinstance(one, str) else "",
)
def test_a_text_tells_what_changes(sql: str, changes: list[str]) -> None:
    assert [str(one) for one in read_statement(sql).changes] == changes


@pytest.mark.parametrize(
    ("default", "work"),
    [
        ("DEFAULT 'x' || 'y'", Work.NONE),
        ("DEFAULT now()", Work.NONE),
        ("DEFAULT CURRENT_TIMESTAMP", Work.NONE),
        ("DEFAULT 5::numeric(3, 2) CHECK (x > 0)", Work.SCAN),
        ("DEFAULT (gen_random_uuid())", Work.REWRITE),
        ("DEFAULT my_own()", Work.REWRITE),
        ("varchar(10)", Work.NONE),
    ],
)
def test_a_new_column_is_as_costly_as_its_default(default: str, work: Work) -> None:
    assert read_statement(f"ALTER TABLE t ADD COLUMN x text {default}").work is work


def test_a_new_type_is_kept_with_the_column() -> None:
    (change,) = read_statement(
        "ALTER TABLE t ALTER COLUMN a SET DATA TYPE numeric(10, 2) USING a::numeric"
    ).changes
    assert (change.kind, change.detail) == (
        ChangeKind.COLUMN_RETYPED,
        " -> numeric ( 10 , 2 )",
    )


def test_the_strongest_of_several_actions_is_the_lock() -> None:
    found = read_statement("ALTER TABLE t SET (fillfactor = 70), ADD x text")
    assert found.locks == (("t", Lock.ACCESS_EXCLUSIVE),)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("public.orders", "orders"),
        ('ops."Order"', "ops.Order"),
        ("Orders", "orders"),
        ('"', '"'),
    ],
)
def test_names_are_written_alike(name: str, plain: str) -> None:
    assert plain_name(name) == plain
