"""Names and values that only a server can say are quoted right."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from hypothesis import given
from hypothesis import strategies as st

from app.backend.database.embedded import EmbeddedServer
from app.backend.migrations.operations import (
    SafeAddColumnOp,
    SafeAddEnumValueOp,
    SafeBackfillOp,
    SafeCreateCheckOp,
    SafeCreateForeignKeyOp,
    SafeCreateIndexOp,
    SafeCreateUniqueOp,
    SafeDropColumnOp,
    SafeDropConstraintOp,
    SafeDropIndexOp,
    SafeDropNotNullOp,
    SafeSetNotNullOp,
)
from app.backend.migrations.operations.naming import (
    object_name,
    qualified,
    quoted,
    text_literal,
    value,
)
from tests.support.postgres import database_named
from tests.support.safe_cases import CURSORS
from tests.support.safe_operations import perform, run, shape

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
NAMES = TEXTS.filter(lambda name: 0 < len(name.encode()) <= 63)


class Server:
    """A connection that a test without a loop of its own can ask."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self._runner = runner
        self._connection = runner.run(asyncpg.connect(url, timeout=30))

    def ask(self, query: str) -> object:
        return self._runner.run(self._connection.fetchval(query, timeout=30))

    def close(self) -> None:
        self._runner.run(self._connection.close(timeout=30))


@pytest.fixture(scope="module")
def server(postgres: EmbeddedServer) -> Iterator[Server]:
    with asyncio.Runner() as runner:
        server = Server(runner, database_named(postgres.url, "postgres"))
        yield server
        server.close()


@given(NAMES)
def test_the_server_reads_a_name_as_it_was(server: Server, name: str) -> None:
    row = f"SELECT 1 AS {quoted(name)}"
    told = f"SELECT json_object_keys(row_to_json(x)) FROM ({row}) x"  # noqa: S608
    assert server.ask(told) == name


@given(TEXTS)
def test_the_server_reads_a_text_as_it_was(server: Server, text: str) -> None:
    assert server.ask(f"SELECT {text_literal(text)}") == text
    assert server.ask(f"SELECT {value(text)}::text") == text


def test_every_key_word_of_the_server_can_be_a_column(server: Server) -> None:
    words = str(server.ask("SELECT string_agg(word, ' ') FROM pg_get_keywords()"))
    columns = ", ".join(f"{quoted(word)} int" for word in words.split())
    names = ", ".join(map(quoted, words.split()))
    made = f"CREATE TEMP TABLE word ({columns})"

    server.ask(made)
    assert server.ask(f"SELECT count(*) FROM (SELECT {names} FROM word) x") == 0  # noqa: S608


@given(NAMES, NAMES)
def test_a_name_is_found_in_the_catalogue_by_its_quoted_self(
    server: Server, schema: str, name: str
) -> None:
    parsed = f"SELECT parse_ident({text_literal(qualified(name, schema))})::text[]"
    assert server.ask(parsed) == [schema, name]


LONG = "a_very_long_name_of_which_nobody_would_think_at_night_"


@pytest.mark.parametrize(
    ("table", "column"),
    [(LONG, LONG[:40]), ("tä" * 20, "ö" * 25)],
)
async def test_a_name_is_chosen_as_the_server_chooses_it(
    database_url: str, table: str, column: str
) -> None:
    await run(database_url, f'CREATE TABLE "{table}" ("{column}" int UNIQUE)')

    names = "SELECT conname FROM pg_constraint WHERE conrelid > 16384 AND contype = 'u'"
    assert object_name(table, column, "key") in await run(database_url, names)


HOSTILE = 'The "odd" t\'able %s:x'
COLUMN, SCHEMA = 'sel"ect %(a)s', "My; Schema"
TABLES = f"""
CREATE SCHEMA {quoted(SCHEMA)};
CREATE TYPE {qualified(HOSTILE, SCHEMA)} AS ENUM ('a');
CREATE TABLE {qualified("parent", SCHEMA)} (id bigint PRIMARY KEY);
CREATE TABLE {qualified(HOSTILE[:20], SCHEMA)} ({quoted(COLUMN)} bigint PRIMARY KEY,
    number bigint, note text);
"""


async def test_a_hostile_name_is_only_a_name(database_url: str) -> None:
    table = HOSTILE[:20]

    def there(op: Operations) -> None:
        SafeCreateIndexOp.safe_create_index(
            op, "i'x", table, [COLUMN, "note"], schema=SCHEMA
        )
        SafeCreateUniqueOp.safe_create_unique(op, 'u"', table, [COLUMN], schema=SCHEMA)
        SafeCreateForeignKeyOp.safe_create_foreign_key(
            op,
            None,
            table,
            "parent",
            ["number"],
            ["id"],
            source_schema=SCHEMA,
            referent_schema=SCHEMA,
        )
        SafeCreateCheckOp.safe_create_check(
            op, "c:%", table, "note <> ':a %s'", schema=SCHEMA
        )
        SafeSetNotNullOp.safe_set_not_null(op, table, "note", schema=SCHEMA)
        column = sa.Column("ne'w %", sa.Text(), nullable=False, comment="it's %s :x")
        SafeAddColumnOp.safe_add_column(
            op, table, column, schema=SCHEMA, default="%s", backfill=":x % '"
        )
        SafeBackfillOp.safe_backfill(
            op, table, {COLUMN: sa.text("42")}, where="note = 'x'", schema=SCHEMA
        )
        SafeAddEnumValueOp.safe_add_enum_value(
            op, HOSTILE, "b' %s", schema=SCHEMA, after="a"
        )

    def back(op: Operations) -> None:
        SafeDropColumnOp.safe_drop_column(op, table, "ne'w %", schema=SCHEMA)
        SafeDropNotNullOp.safe_drop_not_null(op, table, "note", schema=SCHEMA)
        SafeDropConstraintOp.safe_drop_constraint(op, "c:%", table, schema=SCHEMA)
        name = object_name(table, "number", "fkey")
        SafeDropConstraintOp.safe_drop_constraint(
            op, name, table, schema=SCHEMA, index=object_name(name, None, "idx")
        )
        SafeDropConstraintOp.safe_drop_constraint(op, 'u"', table, schema=SCHEMA)
        SafeDropIndexOp.safe_drop_index(op, "i'x", table, schema=SCHEMA)

    await run(database_url, CURSORS)
    await run(database_url, TABLES)
    row = f"INSERT INTO {qualified(table, SCHEMA)} VALUES (1, null, 'x')"  # noqa: S608
    await run(database_url, row)
    before = await shape(database_url, SCHEMA)
    for _ in range(2):
        await perform(database_url, there)
    rows = f"SELECT row_to_json(x)::text FROM {qualified(table, SCHEMA)} x"  # noqa: S608
    assert await run(database_url, rows) == [
        '{"sel\\"ect %(a)s":42,"number":null,"note":"x","ne\'w %":":x % \'"}'
    ]
    for _ in range(2):
        await perform(database_url, back)

    after = await shape(database_url, SCHEMA)
    assert set(after) - set(before) == {f"{HOSTILE} b' %s 2"}
    assert set(before) <= set(after)
