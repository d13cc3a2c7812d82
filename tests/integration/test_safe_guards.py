"""What safe operations refuse before they begin, and leave as it was."""

import pytest
import sqlalchemy as sa
from alembic.operations import Operations

from app.backend.migrations.operations import (
    SafeAddColumnOp,
    SafeCreateForeignKeyOp,
    SafeCreateIndexOp,
    SafeCreatePrimaryKeyOp,
    SafeCreateUniqueOp,
    SafeDropColumnOp,
)
from app.errors import MigrationError
from tests.support.safe_operations import Directive, perform, run, shape

PARTITIONED = """
CREATE TABLE parent (id bigint PRIMARY KEY);
CREATE TABLE t (id bigint, parent bigint) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9)
"""


def index(op: Operations) -> None:
    SafeCreateIndexOp.safe_create_index(op, "ix", "t", ["id"])


def unique(op: Operations) -> None:
    SafeCreateUniqueOp.safe_create_unique(op, "u", "t", ["id"])


def foreign_key(op: Operations) -> None:
    SafeCreateForeignKeyOp.safe_create_foreign_key(
        op, "fk", "t", "parent", ["parent"], ["id"], index=False
    )


@pytest.mark.parametrize("directive", [index, unique, foreign_key])
async def test_a_partitioned_table_is_to_be_done_part_by_part(
    database_url: str, directive: Directive
) -> None:
    await run(database_url, PARTITIONED)
    before = await shape(database_url)

    with pytest.raises(MigrationError, match="partitioned table: t") as caught:
        await perform(database_url, directive)

    assert "each partition" in caught.value.remedy
    assert await shape(database_url) == before


async def test_a_primary_key_does_not_make_columns_not_null_by_itself(
    database_url: str,
) -> None:
    await run(database_url, "CREATE TABLE t (a bigint, b bigint NOT NULL)")

    def key(op: Operations) -> None:
        SafeCreatePrimaryKeyOp.safe_create_primary_key(op, None, "t", ["a", "b"])

    with pytest.raises(MigrationError, match="allow NULL: a") as caught:
        await perform(database_url, key)
    assert "safe_set_not_null" in caught.value.remedy


@pytest.mark.parametrize("domain", ["text CHECK (VALUE <> '')", "text NOT NULL"])
async def test_a_column_of_a_domain_with_constraints_would_be_written_everywhere(
    database_url: str, domain: str
) -> None:
    await run(database_url, f"CREATE DOMAIN word AS {domain}; CREATE TABLE t ()")

    def column(op: Operations) -> None:
        word = sa.dialects.postgresql.DOMAIN("word", sa.Text(), create_type=False)
        SafeAddColumnOp.safe_add_column(op, "t", sa.Column("a", word))

    with pytest.raises(MigrationError, match="domain with constraints"):
        await perform(database_url, column)


def some_every_day(*cells: tuple[str, str]) -> list[object]:
    """The first cells are the quick tier's; the others cost as much, and say less."""
    full = [pytest.param(*cell, marks=pytest.mark.full) for cell in cells[QUICK:]]
    return [*cells[:QUICK], *full]


QUICK = 3
TABLE = """
CREATE TABLE t (id bigint PRIMARY KEY, a bigint DEFAULT 3 UNIQUE CHECK (a > 0), b text);
CREATE INDEX own ON t (a)
"""


def drop(op: Operations) -> None:
    SafeDropColumnOp.safe_drop_column(op, "t", "a")


@pytest.mark.parametrize(
    ("dependent", "named"),
    some_every_day(
        ("CREATE VIEW v AS SELECT a FROM t", "view v"),
        ("ALTER TABLE t ADD c bigint GENERATED ALWAYS AS (a * 2) STORED", "column c"),
        ("CREATE TABLE u (a bigint REFERENCES t (a))", "u_a_fkey"),
        ("CREATE MATERIALIZED VIEW m AS SELECT a FROM t", "view m"),
        ("ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES t (id)", "fk"),
        ("CREATE INDEX pair ON t (b, a)", "index pair"),
        ("CREATE INDEX part ON t (b) WHERE a > 1", "index part"),
        ("ALTER TABLE t ADD CONSTRAINT ab CHECK (a > 1 OR b = '')", "constraint ab"),
        ("ALTER TABLE t ADD CONSTRAINT uq UNIQUE (a, b)", "constraint uq"),
        ("CREATE POLICY mine ON t USING (a > 1)", "policy mine"),
    ),
    ids=lambda one: "" if one.startswith(("CREATE", "ALTER")) else one,
)
async def test_a_column_that_something_else_needs_is_not_dropped(
    database_url: str, dependent: str, named: str
) -> None:
    await run(database_url, TABLE)
    await run(database_url, dependent)
    before = await shape(database_url)

    with pytest.raises(MigrationError, match=named):
        await perform(database_url, drop)

    assert await shape(database_url) == before


async def test_what_is_the_columns_alone_goes_with_it(database_url: str) -> None:
    await run(database_url, TABLE)

    await perform(database_url, drop)

    left = " ".join(await shape(database_url))
    assert not [gone for gone in ("t.a ", "own", "t_a_") if gone in left]
