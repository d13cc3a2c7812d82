import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from app.backend.config.settings import DatabaseSettings
from app.backend.database.embedded import EmbeddedServer
from app.backend.database.target import DatabaseTarget, parse_target
from app.backend.migrations.analysis.trace import trace
from app.backend.migrations.analysis.trace_rules import judge_trace
from app.backend.migrations.analysis.traced import Traced
from app.backend.migrations.changes import Work
from app.backend.migrations.statements import Lock
from app.backend.migrations.texts.statement import plain_name
from app.errors import MigrationError
from tests.support.postgres import fresh_database
from tests.support.revision_chain import outside, revisions, sends
from tests.support.service import until


@pytest.fixture
async def scratch(postgres: EmbeddedServer) -> AsyncIterator[DatabaseTarget]:
    async with fresh_database(postgres, migrated=False) as url:
        yield parse_target(SecretStr(url), DatabaseSettings())


BASE = sends(
    "CREATE TABLE orders (id bigint PRIMARY KEY, note text, price integer)",
    "CREATE TABLE lines (id bigint PRIMARY KEY, order_id bigint)",
    "CREATE TYPE mood AS ENUM ('calm')",
    "CREATE SCHEMA IF NOT EXISTS ops",
    "CREATE TABLE ops.backfill (name text PRIMARY KEY, cursor jsonb, done bigint"
    " NOT NULL DEFAULT 0, finished_at timestamptz, updated_at timestamptz NOT NULL,"
    " format bigint NOT NULL)",
)


async def traced(
    scratch: DatabaseTarget, folder: Path, *ups: str
) -> tuple[Traced, ...]:
    config = revisions(folder / "m", BASE, *ups)
    return await trace(scratch, config, applied=["r1"], destination="heads")


def taken(one: Traced) -> list[tuple[str, str]]:
    return [(lock.table, lock.lock.value) for lock in one.locks]


def changed(one: Traced) -> list[str]:
    return [str(change) for change in one.changes]


HELPERS = """
def alter(table):
    op.execute(f"ALTER TABLE {table} ADD COLUMN x{len(table)} text")

for table in ("orders", "lines"):
    alter(table)
bind = op.get_bind()
names = [row[0] for row in bind.execute(sa.text("SELECT relname FROM pg_class"))]
if "orders" in names:
    sa.Table("orders", sa.MetaData(), autoload_with=bind)
    bind.execute(sa.text("UPDATE orders SET note = :note"), {"note": "x"})
"""


async def test_helpers_loops_and_a_connection_of_ones_own_are_seen_by_line(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    one, two, three = await traced(scratch, tmp_path, HELPERS)
    assert (one.statement.line, two.statement.line, three.statement.line) == (
        13,
        13,
        21,
    )
    assert one.statement.file.endswith("versions/r2.py")
    assert taken(one) == [("orders", "ACCESS EXCLUSIVE")]
    assert taken(two) == [("lines", "ACCESS EXCLUSIVE")]
    assert [lock.table for lock in three.held] == ["lines", "orders"]
    assert changed(three) == ["rows changed: orders.note"]
    assert {one.statement.transaction, three.statement.transaction} == {1}


async def test_what_the_revision_has_made_itself_locks_nobody_out(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    new = sends(
        "CREATE TABLE invoices (id bigint PRIMARY KEY, order_id bigint)",
        "CREATE INDEX ON invoices (order_id)",
        "ALTER TABLE invoices ADD FOREIGN KEY (order_id) REFERENCES orders (id)",
        "INSERT INTO invoices VALUES (1, NULL)",
    )
    made, index, key, row = await traced(scratch, tmp_path, new)
    assert changed(made) == ["table created: invoices"]
    assert index.is_idle
    assert row.is_idle
    assert taken(key) == [("orders", "SHARE ROW EXCLUSIVE")]
    assert key.unindexed == ()


async def test_a_table_of_an_earlier_revision_is_no_longer_new(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    first = sends("CREATE TABLE invoices (id bigint)")
    second = sends("CREATE INDEX ON invoices (id)")
    _, built = await traced(scratch, tmp_path, first, second)
    assert taken(built) == [("invoices", "SHARE")]


async def test_statements_of_an_autocommit_block_are_seen_one_by_one(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    block = outside(
        "ALTER TABLE orders ADD COLUMN x text",
        "CREATE INDEX CONCURRENTLY ix ON orders (x)",
        "ALTER TYPE mood ADD VALUE 'loud'",
        "CREATE INDEX CONCURRENTLY iy ON lines (id)",
    )
    after = sends("ALTER TABLE lines ADD COLUMN y text")
    column, index, value, other, last = await traced(
        scratch, tmp_path, f"{block}\n{after}"
    )
    assert [one.statement.transaction for one in (column, index, last)] == [
        *(None, None, 1)
    ]
    assert (column.held, index.held, other.held, last.held) == ((), (), (), ())
    assert taken(index) == [("orders", "SHARE UPDATE EXCLUSIVE")]
    assert changed(index) == ["index created: orders.ix"]
    assert changed(value) == ["enum value added"]
    assert taken(other) == [("lines", "SHARE UPDATE EXCLUSIVE")]
    assert taken(last) == [("lines", "ACCESS EXCLUSIVE")]


async def test_a_foreign_key_without_an_index_is_named_unless_one_comes_later(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    key = "ALTER TABLE lines ADD CONSTRAINT fk FOREIGN KEY (order_id)"
    added = sends(f"{key} REFERENCES orders (id) NOT VALID")
    indexed = sends(
        "ALTER TABLE lines DROP CONSTRAINT fk",
        f"{key} REFERENCES orders (id) NOT VALID",
        "CREATE INDEX ON lines (order_id)",
    )
    found = await traced(scratch, tmp_path, added, indexed)
    assert [one.unindexed for one in found] == [("fk",), (), (), ()]


FAILURES = {
    "statement": ('op.execute("SELECT 1/0")', 12, "DivisionByZeroError: division by"),
    "code": ('sa.text("")\nraise ValueError("odd")', 13, "ValueError: odd"),
    "outside": (
        'with op.get_context().autocommit_block():\n    op.execute("DROP TABLE no")',
        13,
        'UndefinedTableError: table "no" does not exist',
    ),
    "concurrently": (
        outside("DROP INDEX CONCURRENTLY no"),
        13,
        'UndefinedObjectError: index "no" does not exist',
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_trace_ends_with_the_statement_that_fails(
    tmp_path: Path, scratch: DatabaseTarget, failure: str
) -> None:
    body, line, why = FAILURES[failure]
    fine = sends("ALTER TABLE orders ADD COLUMN x text")
    _, last = await traced(scratch, tmp_path, fine, body, fine)
    assert (last.statement.revision, last.statement.line) == ("r3", line)
    assert last.error is not None
    assert last.error.startswith(why)


async def test_an_error_that_a_revision_expects_ends_nothing(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    body = """
    try:
        with op.get_bind().begin_nested():
            op.execute("DROP TABLE no")
    except sa.exc.DBAPIError:
        pass
    op.execute("ALTER TABLE lines ADD COLUMN y text")
    with op.get_context().autocommit_block():
        try:
            op.execute("DROP TABLE no")
        except sa.exc.DBAPIError:
            pass
        op.execute("ALTER TABLE orders ADD COLUMN x text")
    """
    one, two = await traced(scratch, tmp_path, body)
    assert changed(one) == ["column added: lines.y"]
    assert changed(two) == ["column added: orders.x"]


async def test_a_base_that_cannot_be_built_is_an_error_of_its_own(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    config = revisions(tmp_path / "m", sends("ALTER TABLE no ADD x text"), "pass")
    with pytest.raises(MigrationError, match=r"cannot be built.*UndefinedTable"):
        await trace(scratch, config, applied=["r1"], destination="heads")


SAFE = {
    "index": 'op.safe_create_index("ix", "orders", ["price"])',
    "foreign key": (
        'op.safe_create_foreign_key("fk", "lines", "orders", ["order_id"], ["id"])'
    ),
    "check": 'op.safe_create_check("ck", "orders", "price > 0")',
    "unique": 'op.safe_create_unique("uq", "orders", ["note"])',
    "not null": 'op.safe_set_not_null("orders", "note")',
    "column": (
        'op.safe_add_column("orders", sa.Column("x", sa.Text(), nullable=False),'
        ' default="a", backfill="b")'
    ),
    "enum value": 'op.safe_add_enum_value("mood", "loud")',
    "backfill": 'op.safe_backfill("orders", {"note": "x"}, where="note IS NULL")',
    "drop index": 'op.safe_drop_index("ix", "orders")',
    "drop key": (
        'op.safe_drop_constraint("fk", "lines", "foreignkey", referent_table="orders")'
    ),
}


async def test_safe_operations_lock_what_they_say_and_nothing_is_held_against_them(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    found = await traced(scratch, tmp_path, *SAFE.values())

    assert [one.error for one in found if one.error] == []
    names = list(SAFE)
    seen = {names[int(one.statement.revision[1:]) - 2] for one in found}
    assert seen == set(SAFE)
    for one in found:
        assert one.statement.directive is not None
        step = one.statement.step
        if step is None:
            continue
        said = {plain_name(table): lock for table, lock in step.also}
        said |= {plain_name(step.table): step.lock}
        for lock in one.locks:
            mode = said.get(lock.table, Lock.NONE)
            assert mode.strength >= lock.lock.strength, (one, said)
        assert step.long or one.work is Work.NONE, one
    assert judge_trace(found) == ()


async def test_a_cancelled_trace_ends_at_once(
    tmp_path: Path, scratch: DatabaseTarget
) -> None:
    config = revisions(tmp_path / "m", "pass", sends("SELECT pg_sleep(60)"))
    sleeping = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
        " AND application_name = 'pm33-scratch' AND query LIKE '%pg_sleep(60)%'"
    )
    other = await asyncpg.connect(**scratch.connect_arguments("test"))

    async def asleep() -> bool:
        return bool(await other.fetchval(sleeping))

    async def awake() -> bool:
        return not await asleep()

    work = asyncio.create_task(
        trace(scratch, config, applied=["r1"], destination="heads")
    )
    try:
        await until(asleep)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await until(awake)
    finally:
        await other.close(timeout=5)
