import json
from collections.abc import Callable
from contextlib import suppress

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from app.backend.migrations.operations import SafeAddColumnOp, SafeBackfillOp
from app.backend.migrations.operations.plain import PlainExecutor
from app.backend.migrations.statements import EXECUTOR, Step
from app.errors import MigrationError
from tests.support.safe_cases import CURSORS
from tests.support.safe_operations import (
    Directive,
    Stopped,
    offline,
    perform,
    run,
)

TABLE = "CREATE TABLE t (id bigint PRIMARY KEY, a text, b text)"
ROWS = "INSERT INTO t SELECT n, 'a' || n FROM generate_series(1, 95) n"


def fill(op: Operations) -> None:
    SafeBackfillOp.safe_backfill(op, "t", {"b": sa.text("a || '!'")}, batch=10)


def add(op: Operations) -> None:
    column = sa.Column("token", sa.Uuid(), server_default=sa.text("gen_random_uuid()"))
    SafeAddColumnOp.safe_add_column(op, "t", column, batch=10)


async def cursor(url: str) -> object:
    (found,) = await run(url, "SELECT cursor::text FROM ops.backfill")
    return None if found is None else json.loads(found)


async def count(url: str, condition: str) -> int:
    (found,) = await run(url, f"SELECT count(*) FROM t WHERE {condition}")  # noqa: S608
    return int(found)


@pytest.fixture
async def filled(database_url: str) -> str:
    for script in (CURSORS, TABLE, ROWS):
        await run(database_url, script)
    return database_url


async def test_it_goes_on_where_it_was_stopped(filled: str) -> None:
    with pytest.raises(Stopped):  # the first call only opens it
        await perform(filled, fill, parts=1, batches=4)
    assert await cursor(filled) == ["30"]
    assert await count(filled, "b IS NOT NULL") == 30

    with pytest.raises(Stopped):
        await perform(filled, fill, parts=1, batches=3)
    assert await cursor(filled) == ["50"]
    await perform(filled, fill)

    assert await count(filled, "b = a || '!'") == 95
    done = "SELECT done FROM ops.backfill WHERE finished_at IS NOT NULL"
    assert await run(filled, done) == [95]


async def test_what_is_finished_is_not_done_again_while_nothing_is_left(
    filled: str,
) -> None:
    await perform(filled, fill)
    versions = await run(filled, "SELECT xmin::text FROM t ORDER BY id")

    await perform(filled, fill)

    assert await run(filled, "SELECT xmin::text FROM t ORDER BY id") == versions


async def test_a_column_that_was_dropped_and_added_again_is_filled_again(
    filled: str,
) -> None:
    await perform(filled, add)
    await run(filled, "ALTER TABLE t DROP COLUMN token")

    await perform(filled, add)

    assert await count(filled, "token IS NULL") == 0


async def test_a_cursor_of_a_column_that_is_gone_leaves_no_row_out(
    filled: str,
) -> None:
    with pytest.raises(Stopped):
        await perform(filled, add, parts=3, batches=5)
    await run(filled, "ALTER TABLE t DROP COLUMN token")

    await perform(filled, add)

    assert await count(filled, "token IS NULL") == 0


async def test_rows_of_any_key_are_all_found_and_none_twice(database_url: str) -> None:
    await run(database_url, CURSORS)
    await run(
        database_url,
        """
        CREATE TABLE t (
            "the day" timestamptz, price numeric(10, 3), "it's" text,
            a text NOT NULL DEFAULT '', PRIMARY KEY ("it's", price, "the day")
        );
        INSERT INTO t SELECT '2026-01-01'::timestamptz + make_interval(secs => n / 7.0),
            n % 5 + 0.125, chr(39) || '"\\:%' || n % 3 FROM generate_series(1, 95) n
        """,
    )

    def twice(op: Operations) -> None:
        SafeBackfillOp.safe_backfill(
            op, "t", {"a": sa.text("a || 'x'")}, where="length(a) < 9", batch=7
        )

    await perform(database_url, twice)

    # The condition holds still, so that only the cursor kept it from a second time.
    assert await count(database_url, "a = 'x'") == 95


async def test_a_batch_that_fails_is_done_again_from_where_it_began(
    filled: str,
) -> None:
    def fails_often(op: Operations) -> None:
        op.get_context().opts[EXECUTOR] = Forgetful(op.get_context())
        fill(op)

    await perform(filled, fails_often)

    assert await count(filled, "b = a || '!'") == 95


class Forgetful:
    """Rolls every other batch back, as if its lock had not been free."""

    def __init__(self, context: MigrationContext) -> None:
        self._plain = PlainExecutor(context)
        self._connection = context.connection
        self._calls = 0

    def run(self, step: Step, *, directive: str) -> None:
        self._plain.run(step, directive=directive)

    def batches(self, work: Callable[[], int | None], *, directive: str) -> None:
        def again() -> int | None:
            self._calls += 1
            assert self._connection is not None
            if self._calls % 2:
                self._connection.exec_driver_sql("SAVEPOINT s")
                with_failing_write(self._connection, work)
                self._connection.exec_driver_sql("ROLLBACK TO s")
                return 0
            return work()

        self._plain.batches(again, directive=directive)


def with_failing_write(connection: Connection, work: Callable[[], int | None]) -> None:
    """Calls it where the cursor cannot be written, after the rows were."""
    connection.exec_driver_sql("ALTER TABLE ops.backfill ADD CHECK (false) NOT VALID")
    with suppress(DBAPIError):
        work()


@pytest.mark.parametrize("scripted", [False, True], ids=["online", "script"])
async def test_rows_that_stay_null_do_not_keep_it_from_ending(
    filled: str, *, scripted: bool
) -> None:
    await run(filled, "UPDATE t SET a = NULL WHERE id % 2 = 0")

    if scripted:
        await scripted_run(filled, fill)
    else:
        await perform(filled, fill)

    assert await count(filled, "b IS NULL") == 47


async def scripted_run(url: str, directive: Directive) -> None:
    for statement in offline(directive).split(";\n\n")[:-1]:
        await run(url, statement)


async def test_a_script_ends_when_its_condition_never_does(filled: str) -> None:
    def endless(op: Operations) -> None:
        SafeBackfillOp.safe_backfill(op, "t", {"b": "%"}, where="id > 0", batch=10)

    with pytest.raises(asyncpg.RaiseError, match="still meet the condition"):
        await scripted_run(filled, endless)


@pytest.mark.parametrize(
    ("spoil", "says", "remedy"),
    [
        ("ALTER TABLE t DROP CONSTRAINT t_pkey", "no primary key", "primary_key"),
        ("DROP TABLE ops.backfill", "ops.backfill", "pm33 migrate up"),
    ],
    ids=["no-key", "no-cursors"],
)
async def test_it_is_refused_where_it_could_not_be_resumed(
    filled: str, spoil: str, says: str, remedy: str
) -> None:
    await run(filled, spoil)

    with pytest.raises(MigrationError, match=says) as caught:
        await perform(filled, fill)

    assert remedy in caught.value.remedy
    assert await count(filled, "b IS NOT NULL") == 0
