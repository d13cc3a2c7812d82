"""Each safe operation on a table with rows, for tests that try all of them."""

from dataclasses import dataclass

import sqlalchemy as sa
from alembic.operations import Operations

from app.backend.migrations.operations import (
    SafeAddColumnOp,
    SafeAddEnumValueOp,
    SafeBackfillOp,
    SafeCreateCheckOp,
    SafeCreateForeignKeyOp,
    SafeCreateIndexOp,
    SafeCreatePrimaryKeyOp,
    SafeCreateUniqueOp,
    SafeDropColumnOp,
    SafeDropConstraintOp,
    SafeDropIndexOp,
    SafeDropNotNullOp,
    SafeLowerFloorOp,
    SafeRaiseFloorOp,
    SafeSetNotNullOp,
)
from tests.support.safe_operations import Directive, run

__all__ = ["CASES", "CURSORS", "FLOORS", "TABLES", "Case", "prepared"]

CURSORS = """
CREATE SCHEMA IF NOT EXISTS ops;
CREATE TABLE IF NOT EXISTS ops.backfill (
    name text PRIMARY KEY, cursor jsonb, done bigint NOT NULL DEFAULT 0,
    finished_at timestamptz, updated_at timestamptz NOT NULL, format bigint NOT NULL
)
"""

TABLES = """
CREATE TYPE mood AS ENUM ('calm', 'loud');
CREATE TABLE customer (id bigint CONSTRAINT customer_pkey PRIMARY KEY, name text);
CREATE TABLE purchase (
    id bigint CONSTRAINT purchase_pkey PRIMARY KEY, number bigint NOT NULL,
    customer bigint, note text, amount integer NOT NULL DEFAULT 0,
    CONSTRAINT positive CHECK (amount >= 0), CONSTRAINT one_number UNIQUE (number)
);
CREATE INDEX by_note ON purchase (note);
CREATE TABLE line (purchase bigint NOT NULL, place bigint NOT NULL, text text);
INSERT INTO customer SELECT n, 'c' || n FROM generate_series(1, 5) n;
INSERT INTO purchase (id, number, customer, note)
    SELECT n, n, n % 5 + 1, 'n' || n FROM generate_series(1, 25) n;
INSERT INTO line SELECT n, 1, 't' FROM generate_series(1, 5) n;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An operation to try.

    Attributes:
        directive: calls it.
        parts: how many parts it has on a server before 18; there are others since.
        native: how many since 18.
        back: whether it has a reverse.
        sound: a query without a row, when it was done well.
    """

    name: str
    directive: Directive
    parts: int
    native: int | None = None
    back: bool = True
    sound: str = "SELECT 1 WHERE false"


async def prepared(url: str, schema: str) -> str:
    """Makes the tables in a schema of their own, whose name it returns."""
    await run(url, CURSORS)
    await run(url, f"CREATE SCHEMA {schema}")
    await run(url, TABLES, schema=schema)
    return schema


def _index(op: Operations) -> None:
    SafeCreateIndexOp.safe_create_index(
        op,
        "ix_purchase",
        "purchase",
        ["customer", sa.text("lower(note)")],
        postgresql_where=sa.text("amount > 0"),
        postgresql_include=["number"],
    )


def _unique_index(op: Operations) -> None:
    SafeCreateIndexOp.safe_create_index(
        op, "ux_purchase", "purchase", ["note"], unique=True
    )


def _drop_index(op: Operations) -> None:
    SafeDropIndexOp.safe_drop_index(op, "by_note", "purchase")


def _foreign_key(op: Operations) -> None:
    SafeCreateForeignKeyOp.safe_create_foreign_key(
        op, None, "purchase", "customer", ["customer"], ["id"], ondelete="CASCADE"
    )


def _bare_foreign_key(op: Operations) -> None:
    SafeCreateForeignKeyOp.safe_create_foreign_key(
        op, "fk", "purchase", "customer", ["customer"], ["id"], index=False
    )


def _check(op: Operations) -> None:
    SafeCreateCheckOp.safe_create_check(
        op, "known", "purchase", "note ~ '^n' AND note <> ':x' AND number % 100 >= 0"
    )


def _unique(op: Operations) -> None:
    SafeCreateUniqueOp.safe_create_unique(
        op, None, "purchase", ["note", "id"], deferrable=True, initially="DEFERRED"
    )


def _primary_key(op: Operations) -> None:
    SafeCreatePrimaryKeyOp.safe_create_primary_key(
        op, None, "line", ["purchase", "place"]
    )


def _not_null(op: Operations) -> None:
    SafeSetNotNullOp.safe_set_not_null(op, "purchase", "note")


def _nullable(op: Operations) -> None:
    SafeDropNotNullOp.safe_drop_not_null(op, "purchase", "number")


def _drop_check(op: Operations) -> None:
    SafeDropConstraintOp.safe_drop_constraint(op, "positive", "purchase", "check")


def _drop_unique(op: Operations) -> None:
    SafeDropConstraintOp.safe_drop_constraint(op, "one_number", "purchase", "unique")


def _enum_value(op: Operations) -> None:
    SafeAddEnumValueOp.safe_add_enum_value(op, "mood", "it's", before="loud")


def _instant_column(op: Operations) -> None:
    SafeAddColumnOp.safe_add_column(
        op,
        "purchase",
        sa.Column("state", sa.String(8), nullable=False, server_default="new"),
    )


def _slow_column(op: Operations) -> None:
    SafeAddColumnOp.safe_add_column(
        op,
        "purchase",
        sa.Column("token", sa.Uuid(), nullable=False, comment="who it's for"),
        default=sa.text("gen_random_uuid()"),
        batch=10,
    )


def _derived_column(op: Operations) -> None:
    SafeAddColumnOp.safe_add_column(
        op,
        "purchase",
        sa.Column("total", sa.Numeric(10, 2)),
        default=0,
        backfill=sa.text("id * 2"),
        batch=10,
    )


def _backfill(op: Operations) -> None:
    SafeBackfillOp.safe_backfill(
        op, "purchase", {"note": sa.text("note || '!'")}, where="note !~ '!'", batch=10
    )


def _drop_column(op: Operations) -> None:
    SafeDropColumnOp.safe_drop_column(op, "purchase", "note")


def _raise_floor(op: Operations) -> None:
    SafeRaiseFloorOp.safe_raise_floor(op, "0009_less", requires="0008_more")


def _lower_floor(op: Operations) -> None:
    SafeLowerFloorOp.safe_lower_floor(op, "0009_less")


CASES = (
    Case(name="index", directive=_index, parts=1),
    Case(name="unique-index", directive=_unique_index, parts=1),
    Case(name="drop-index", directive=_drop_index, parts=1, back=False),
    Case(name="foreign-key", directive=_foreign_key, parts=3),
    Case(name="bare-foreign-key", directive=_bare_foreign_key, parts=2),
    Case(name="check", directive=_check, parts=2),
    Case(name="unique", directive=_unique, parts=2),
    Case(name="primary-key", directive=_primary_key, parts=2),
    Case(name="not-null", directive=_not_null, parts=4, native=2),
    Case(name="nullable", directive=_nullable, parts=1),
    Case(name="drop-check", directive=_drop_check, parts=1, back=False),
    Case(name="drop-unique", directive=_drop_unique, parts=1, back=False),
    Case(name="enum-value", directive=_enum_value, parts=1, back=False),
    Case(name="instant-column", directive=_instant_column, parts=1),
    Case(
        name="slow-column",
        directive=_slow_column,
        parts=8,
        native=6,
        sound="SELECT token FROM purchase GROUP BY token HAVING count(*) > 1",
    ),
    Case(
        name="derived-column",
        directive=_derived_column,
        parts=3,
        sound="SELECT id FROM purchase WHERE total <> id * 2",
    ),
    Case(
        name="backfill",
        directive=_backfill,
        parts=1,
        back=False,
        sound="SELECT id FROM purchase WHERE note <> 'n' || id || '!'",
    ),
    Case(name="drop-column", directive=_drop_column, parts=1, back=False),
)

FLOORS = (
    Case(name="raise-floor", directive=_raise_floor, parts=1),
    Case(name="lower-floor", directive=_lower_floor, parts=1),
)
"""They change a row of ours, and nothing that the catalogue has."""
