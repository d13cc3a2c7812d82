"""A chain of revisions each of which loses something on its way down, and rows."""

from typing import Final

from app.backend.migrations.back.risk import RiskKind
from tests.support.ways_down import Revision

__all__ = ["AT_RISK", "BASE", "CHAIN", "ROWS", "SEEN"]


def _sql(up: str, down: str) -> Revision:
    return f"op.execute({up!r})", f"op.execute({down!r})"


BASE: Final = _sql(
    """
    CREATE TYPE mood AS ENUM ('calm');
    """,
    "DROP TYPE mood",
)
_TABLES: Final = (
    "CREATE TABLE p (id int PRIMARY KEY)",
    """
    CREATE TABLE t (
      id int PRIMARY KEY, n int, v varchar(3), req text NOT NULL DEFAULT 'r',
      k int CONSTRAINT t_k UNIQUE, a int CONSTRAINT t_a CHECK (a > 0),
      p int CONSTRAINT t_p REFERENCES p, feels mood
    )
    """,
    "CREATE TABLE must (id int PRIMARY KEY, n int NOT NULL)",
)
CHAIN: Final = (
    ("\n".join(f"op.execute({one!r})" for one in _TABLES), "pass"),
    _sql("ALTER TABLE t ADD b text DEFAULT 'x'", "ALTER TABLE t DROP b"),
    _sql("CREATE TABLE u (id serial PRIMARY KEY, x text)", "DROP TABLE u"),
    _sql(
        "ALTER TABLE t ALTER n TYPE bigint",
        "ALTER TABLE t ALTER n TYPE int",
    ),
    _sql(
        "ALTER TABLE must ALTER n TYPE bigint",
        "ALTER TABLE must ALTER n TYPE int",
    ),
    _sql(
        "ALTER TABLE t ALTER v TYPE varchar(20)",
        "ALTER TABLE t ALTER v TYPE varchar(3) USING left(v, 3)",
    ),
    _sql(
        "ALTER TABLE t ALTER req DROP NOT NULL",
        "ALTER TABLE t ALTER req SET NOT NULL",
    ),
    _sql(
        "ALTER TABLE t DROP CONSTRAINT t_k",
        "ALTER TABLE t ADD CONSTRAINT t_k UNIQUE (k)",
    ),
    _sql(
        "ALTER TABLE t DROP CONSTRAINT t_a",
        "ALTER TABLE t ADD CONSTRAINT t_a CHECK (a > 0)",
    ),
    _sql(
        "ALTER TABLE t DROP CONSTRAINT t_p",
        "ALTER TABLE t ADD CONSTRAINT t_p FOREIGN KEY (p) REFERENCES p (id)",
    ),
    ("op.safe_add_enum_value('mood', 'wild')", "pass"),
)
"""From r2 on; BASE is r1."""

ROWS: Final = """
INSERT INTO p SELECT generate_series(1, 3);
INSERT INTO t (id, n, v, k, a, p, feels)
  SELECT i, i, 'v' || i, i, i, 1 + i % 3, 'calm' FROM generate_series(1, 40) i;
UPDATE t SET b = 'written' WHERE id BETWEEN 1 AND 2;
INSERT INTO u (x) SELECT 'u' || i FROM generate_series(1, 3) i;
UPDATE t SET n = 3000000000 + id WHERE id BETWEEN 4 AND 7;
INSERT INTO must SELECT i, 5000000000 * (i - 1) FROM generate_series(1, 6) i;
UPDATE t SET v = 'longer than three' WHERE id BETWEEN 10 AND 15;
UPDATE t SET req = NULL WHERE id BETWEEN 16 AND 22;
UPDATE t SET k = 23 WHERE id BETWEEN 24 AND 31;
UPDATE t SET a = -1 WHERE id BETWEEN 32 AND 33;
UPDATE t SET p = 99 WHERE id = 34;
UPDATE t SET feels = 'wild' WHERE id BETWEEN 35 AND 36;
"""
AT_RISK: Final = {
    RiskKind.ENUM_VALUE_IN_USE: ["t.feels 2"],
    RiskKind.ORPHANS: ["t.p 1"],
    RiskKind.BROKEN_CHECK: ["t. 2"],
    RiskKind.DUPLICATES: ["t.k 8"],
    RiskKind.NULLS: ["t.req 7"],
    RiskKind.VALUES_DO_NOT_FIT: ["t.v 6", "must.n 5", "t.n 4"],
    RiskKind.ROWS_GO: ["u. 3"],
    RiskKind.VALUES_GO: ["t.b 2"],
}
"""Each with table, column and count."""
SEEN: Final = (
    "SELECT * FROM p ORDER BY id",
    "SELECT id, n, v, req, k, a, p, feels::text, b FROM t ORDER BY id",
    "SELECT * FROM u ORDER BY id",
    "SELECT * FROM must ORDER BY id",
)
