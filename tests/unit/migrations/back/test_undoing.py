"""What is read of a downgrade's statements."""

import pytest

from app.backend.migrations.back.undoing import Undo, UndoKind, read_undo
from app.backend.migrations.statements import Statement

K = UndoKind
TOLD = {
    "ALTER TABLE t DROP COLUMN b": [
        Undo(kind=K.COLUMN_DROPPED, table="t", names=("b",))
    ],
    'ALTER TABLE IF EXISTS public."T" DROP IF EXISTS "B" CASCADE': [
        Undo(kind=K.COLUMN_DROPPED, table="T", names=("B",))
    ],
    "ALTER TABLE s.t DROP CONSTRAINT c, DROP b": [
        Undo(kind=K.COLUMN_DROPPED, table="s.t", names=("b",))
    ],
    "ALTER TABLE t ALTER COLUMN a SET DATA TYPE VARCHAR(3) USING left(a, 3)": [
        Undo(kind=K.RETYPED, table="t", names=("a",), text="VARCHAR(3)", filled=True)
    ],
    "ALTER TABLE t ALTER a TYPE int": [
        Undo(kind=K.RETYPED, table="t", names=("a",), text="int")
    ],
    "ALTER TABLE t ALTER a SET NOT NULL": [
        Undo(kind=K.REQUIRED, table="t", names=("a",))
    ],
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE (a, b)": [
        Undo(kind=K.UNIQUE, table="t", names=("a", "b"), other="c")
    ],
    "ALTER TABLE t ADD CONSTRAINT c UNIQUE USING INDEX i": [],
    "ALTER TABLE t ADD PRIMARY KEY (a)": [
        Undo(kind=K.UNIQUE, table="t", names=("a",)),
        Undo(kind=K.REQUIRED, table="t", names=("a",)),
    ],
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a > (1)) NOT VALID": [
        Undo(kind=K.CHECK, table="t", text="a > (1)", other="c", unproven=True)
    ],
    "ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID": [
        Undo(kind=K.REQUIRED, table="t", names=("a",), other="c", unproven=True)
    ],
    "ALTER TABLE t VALIDATE CONSTRAINT c": [Undo(kind=K.PROVEN, table="t", other="c")],
    "ALTER TABLE t ADD CONSTRAINT c FOREIGN KEY (a) REFERENCES p (id)": [
        Undo(kind=K.KEY, table="t", names=("a",), other="p", others=("id",), text="c")
    ],
    "ALTER TABLE t ADD COLUMN a int NOT NULL": [
        Undo(kind=K.COLUMN_MADE, table="t", names=("a",)),
        Undo(kind=K.REQUIRED, table="t", names=("a",)),
    ],
    "ALTER TABLE t ADD a int DEFAULT 1 NOT NULL": [
        Undo(kind=K.COLUMN_MADE, table="t", names=("a",), filled=True)
    ],
    "ALTER TABLE s.t RENAME TO u": [
        Undo(kind=K.TABLE_RENAMED, table="s.t", other="s.u")
    ],
    "ALTER TABLE t RENAME a TO b": [
        Undo(kind=K.COLUMN_RENAMED, table="t", names=("a",), other="b")
    ],
    "ALTER TABLE s.t SET SCHEMA public": [
        Undo(kind=K.TABLE_RENAMED, table="s.t", other="t")
    ],
    "CREATE UNIQUE INDEX CONCURRENTLY i ON t USING btree (a) WHERE b > 0": [
        Undo(kind=K.UNIQUE, table="t", names=("a",), other="i", text="b > 0")
    ],
    "CREATE UNIQUE INDEX i ON t (lower(a))": [
        Undo(kind=K.FAILS_BY_ITSELF, table="t", other="i")
    ],
    "CREATE TYPE m AS ENUM ('a', 'it''s')": [
        Undo(kind=K.ENUM_MADE, table="m", names=("a", "it's"))
    ],
    "ALTER TYPE m RENAME TO n": [Undo(kind=K.ENUM_RENAMED, table="m", other="n")],
    "DROP TABLE IF EXISTS a, s.b CASCADE": [
        Undo(kind=K.TABLE_DROPPED, table="a"),
        Undo(kind=K.TABLE_DROPPED, table="s.b"),
    ],
    "TRUNCATE ONLY a": [Undo(kind=K.TABLE_EMPTIED, table="a")],
    "TRUNCATE a CASCADE": [Undo(kind=K.UNKNOWN)],
    "DELETE FROM t": [Undo(kind=K.ROWS_DELETED, table="t")],
    "DELETE FROM ONLY t AS x WHERE x.a = 1 RETURNING id": [
        Undo(kind=K.ROWS_DELETED, table="t", text="x.a = 1", other="x")
    ],
    "DELETE FROM t USING u WHERE t.a = u.a": [Undo(kind=K.ROWS_DELETED, table="t")],
    "UPDATE t x SET a = 1, b = f(2, 3) WHERE c": [
        Undo(kind=K.ROWS_CHANGED, table="t", names=("a", "b"), text="c", other="x")
    ],
    "UPDATE t SET (a, b) = (1, 2)": [Undo(kind=K.UNKNOWN, table="t")],
    "INSERT INTO t SELECT 1": [Undo(kind=K.ROWS_ADDED, table="t")],
    "DROP SCHEMA s CASCADE": [Undo(kind=K.UNKNOWN)],
    "DROP TYPE m": [],
    "DROP VIEW v CASCADE": [],
    "DROP INDEX CONCURRENTLY i": [],
    "DROP OWNED BY r": [Undo(kind=K.UNKNOWN)],
    "DO $$ BEGIN END $$": [Undo(kind=K.UNKNOWN)],
    "CALL p()": [Undo(kind=K.UNKNOWN)],
    "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE": [Undo(kind=K.UNKNOWN)],
    "SELECT 1": [],
    "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x": [Undo(kind=K.UNKNOWN)],
    "COMMENT ON TABLE t IS 'x'": [],
    "/* only words */": [],
    "SELECT 'no end": [Undo(kind=K.UNKNOWN)],
}


def statement(sql: str) -> Statement:
    return Statement(sql=sql, revision="r", file="r.py", line=1, transaction=1)


@pytest.mark.parametrize("sql", TOLD)
def test_each_thing_that_concerns_rows_is_told(sql: str) -> None:
    assert list(read_undo(statement(sql))) == TOLD[sql]


def test_batches_are_read_as_the_update_that_they_repeat() -> None:
    sql = (
        "DO $pm33$\nBEGIN\n  LOOP\n    UPDATE t SET a = 1 WHERE (a IS NULL)"
        " AND ctid = ANY (ARRAY(SELECT ctid FROM t));\n END LOOP;\nEND\n$pm33$"
    )
    (told,) = read_undo(statement(sql))
    assert (told.kind, told.names, told.text) == (K.ROWS_CHANGED, ("a",), "(a IS NULL)")
