"""Statements with the locks that PostgreSQL 15 was measured to take for them."""

from dataclasses import dataclass
from typing import Final

from app.backend.migrations.changes import Work
from app.backend.migrations.statements import Lock

__all__ = ["CASES", "TABLES", "LockCase"]

TABLES: Final = """
CREATE TABLE p{n} (id bigint PRIMARY KEY, h bigint);
CREATE TABLE t{n} (id bigint PRIMARY KEY, a integer, b text, c varchar(10), p bigint,
  d varchar(10));
CREATE INDEX i{n} ON t{n} (b);
ALTER TABLE t{n} ADD CONSTRAINT f{n} FOREIGN KEY (p) REFERENCES p{n} (id);
ALTER TABLE t{n} ADD CONSTRAINT g{n} FOREIGN KEY (p) REFERENCES p{n} (id) NOT VALID;
ALTER TABLE t{n} ADD CONSTRAINT k{n} CHECK (c IS NOT NULL);
CREATE UNIQUE INDEX u{n} ON t{n} (a);
CREATE MATERIALIZED VIEW m{n} AS SELECT id FROM p{n};
CREATE UNIQUE INDEX v{n} ON m{n} (id);
CREATE TABLE r{n} (id bigint) PARTITION BY RANGE (id);
CREATE TABLE s{n} PARTITION OF r{n} FOR VALUES FROM (0) TO (10);
CREATE TABLE q{n} (id bigint);
CREATE FUNCTION x{n}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$
"""
"""What is there for each case, by its number; one statement a line."""

_AEL = Lock.ACCESS_EXCLUSIVE
_SRE = Lock.SHARE_ROW_EXCLUSIVE
_SUE = Lock.SHARE_UPDATE_EXCLUSIVE


@dataclass(frozen=True, slots=True)
class LockCase:
    """One statement.

    Attributes:
        row: of the catalogue of unsafe operations.
        sql: the statement, with ``{n}`` for the case's number.
        locks: each table by its letter, with the mode.
        work: what it does meanwhile.
        told: whether its text says as much as the trace.
    """

    row: int
    sql: str
    locks: tuple[tuple[str, Lock], ...]
    work: Work = Work.NONE
    told: bool = True


def _on(table: str, lock: Lock = _AEL) -> tuple[tuple[str, Lock], ...]:
    return ((table, lock),)


def _t(row: int, action: str, work: Work = Work.NONE, **more: bool) -> LockCase:
    return LockCase(row, f"ALTER TABLE t{{n}} {action}", _on("t"), work, **more)


CASES: Final = (
    _t(1, "ADD COLUMN z text"),
    _t(1, "ADD COLUMN z text NOT NULL DEFAULT 'x'"),
    _t(1, "ADD COLUMN z timestamptz DEFAULT now()"),
    _t(2, "ADD COLUMN z uuid DEFAULT gen_random_uuid()", Work.REWRITE),
    _t(3, "ADD COLUMN z bigserial", Work.REWRITE),
    _t(3, "ADD COLUMN z bigint GENERATED ALWAYS AS IDENTITY", Work.REWRITE),
    _t(4, "ADD COLUMN z bigint GENERATED ALWAYS AS (a + 1) STORED", Work.REWRITE),
    _t(5, "ADD COLUMN z text NOT NULL", Work.SCAN),
    LockCase(
        6,
        "ALTER TABLE t{n} ADD COLUMN z bigint REFERENCES p{n} (id)",
        (("t", _AEL), ("p", _SRE)),
    ),
    _t(7, "ADD COLUMN z bigint UNIQUE", Work.BUILD),
    _t(7, "ADD COLUMN z bigint CHECK (z > 0)", Work.SCAN),
    _t(9, "DROP COLUMN a"),
    _t(11, "RENAME COLUMN a TO z"),
    _t(11, "RENAME TO z{n}"),
    _t(12, "ALTER COLUMN a TYPE bigint", Work.REWRITE),
    _t(13, "ALTER COLUMN d TYPE text", told=False),
    _t(15, "ALTER COLUMN a SET NOT NULL", Work.SCAN),
    _t(15, "ALTER COLUMN c SET NOT NULL", told=False),  # the check has proven it
    _t(16, "ADD CONSTRAINT z CHECK (a > 0)", Work.SCAN),
    _t(16, "ADD CONSTRAINT z CHECK (a > 0) NOT VALID"),
    LockCase(
        17,
        "ALTER TABLE t{n} ADD CONSTRAINT z FOREIGN KEY (p) REFERENCES p{n} (id)",
        (("t", _SRE), ("p", _SRE)),
        Work.SCAN,
    ),
    LockCase(
        17,
        "ALTER TABLE t{n} ADD FOREIGN KEY (p) REFERENCES p{n} (id) NOT VALID",
        (("t", _SRE), ("p", _SRE)),
    ),
    LockCase(
        17,
        "ALTER TABLE t{n} VALIDATE CONSTRAINT g{n}",
        (("t", _SUE), ("p", Lock.ROW_SHARE)),
        Work.SCAN,
        told=False,  # the other table is not named
    ),
    LockCase(
        18,
        "ALTER TABLE t{n} DROP CONSTRAINT f{n}",
        (("t", _AEL), ("p", _AEL)),
        told=False,  # as above
    ),
    _t(19, "ADD CONSTRAINT z{n} UNIQUE (b)", Work.BUILD),
    _t(19, "ADD CONSTRAINT z{n} UNIQUE USING INDEX u{n}"),
    LockCase(21, "CREATE INDEX ON t{n} (a)", _on("t", Lock.SHARE), Work.BUILD),
    LockCase(
        22, "CREATE INDEX CONCURRENTLY z{n} ON t{n} (a)", _on("t", _SUE), Work.BUILD
    ),
    LockCase(23, "DROP INDEX i{n}", _on("t"), told=False),  # whose it is, it says not
    LockCase(23, "DROP INDEX CONCURRENTLY i{n}", _on("t", _SUE), told=False),
    LockCase(24, "REINDEX TABLE t{n}", _on("t"), Work.BUILD),
    LockCase(24, "REINDEX TABLE CONCURRENTLY t{n}", _on("t", _SUE), Work.BUILD),
    LockCase(
        25,
        "CREATE TRIGGER z BEFORE INSERT ON t{n} FOR EACH ROW EXECUTE FUNCTION x{n}()",
        _on("t", _SRE),
    ),
    LockCase(26, "TRUNCATE q{n}", _on("q")),
    LockCase(26, "DROP TABLE q{n}", _on("q")),
    LockCase(26, "DROP TABLE t{n}", (("t", _AEL), ("p", _AEL)), told=False),
    LockCase(27, "VACUUM (FULL) t{n}", _on("t"), Work.REWRITE),
    LockCase(27, "CLUSTER t{n} USING i{n}", _on("t"), Work.REWRITE),
    _t(27, "SET UNLOGGED", Work.REWRITE),
    LockCase(
        28,
        "REFRESH MATERIALIZED VIEW m{n}",
        (("m", _AEL),),
        Work.REWRITE,
    ),
    LockCase(
        28,
        "REFRESH MATERIALIZED VIEW CONCURRENTLY m{n}",
        _on("m", Lock.EXCLUSIVE),
        Work.BUILD,
    ),
    LockCase(
        29,
        "ALTER TABLE r{n} ATTACH PARTITION q{n} FOR VALUES FROM (10) TO (20)",
        (("r", _SUE), ("q", _AEL)),
        Work.SCAN,
    ),
    LockCase(
        30,
        "CREATE TABLE z{n} PARTITION OF r{n} FOR VALUES FROM (10) TO (20)",
        _on("r"),
    ),
    LockCase(31, "ALTER TABLE r{n} DETACH PARTITION s{n}", (("r", _AEL), ("s", _AEL))),
    LockCase(
        32,
        "CREATE TABLE z{n} (id bigint REFERENCES p{n} (id))",
        _on("p", _SRE),
    ),
    LockCase(36, "ALTER TABLE t{n} ENABLE ROW LEVEL SECURITY", _on("t")),
    LockCase(37, "COMMENT ON TABLE t{n} IS 'x'", _on("t", _SUE)),
    LockCase(37, "ALTER TABLE t{n} ALTER COLUMN a SET STATISTICS 9", _on("t", _SUE)),
    LockCase(39, "LOCK TABLE t{n} IN SHARE MODE", _on("t", Lock.SHARE)),
    LockCase(40, "UPDATE q{n} SET id = 1", _on("q", Lock.ROW_EXCLUSIVE), Work.ROWS),
    LockCase(40, "DELETE FROM q{n}", _on("q", Lock.ROW_EXCLUSIVE), Work.ROWS),
    LockCase(
        48,
        "DO $$ BEGIN EXECUTE 'ALTER TABLE t{n} ALTER a TYPE ' || 'bigint'; END $$",
        _on("t"),
        Work.REWRITE,
        told=False,
    ),
)
"""The rows of the catalogue that a single statement shows."""
