"""A value that is said to fit survives the cast there and back, on a real server."""

import asyncpg
import pytest

from app.backend.database.embedded import EmbeddedServer
from app.backend.migrations.back.fitting import misfit
from app.backend.migrations.back.schema import Column

BIG = ("0", "-1", "32767", "32768", "-2147483648", "2147483648", "9223372036854775807")
WORDS = ("''", "'a'", "'four'", "'fives'", "'12'", "'012'", "'-7'", "'99999999999'")
TIMES = ("'2026-01-01 00:00'", "'2026-01-01 00:00:01'")
CASES = [
    ("bigint", "integer", BIG, 5),
    ("bigint", "smallint", BIG, 3),
    ("bigint", "numeric(4,1)", ("0", "999", "1000", "-1000"), 2),
    ("bigint", "double precision", ("1", "9007199254740993"), 1),
    ("integer", "boolean", ("0", "1", "2"), 2),
    ("integer", "bigint", ("1", "-1"), 2),
    ("numeric", "integer", ("1", "1.5", "1e20", "'NaN'"), 1),
    ("numeric", "numeric(3,1)", ("1.1", "1.15", "99.9", "100"), 2),
    ("double precision", "real", ("0.5", "0.1", "1e300", "1e-300", "'Infinity'"), 1),
    ("text", "varchar(4)", WORDS, 6),
    ("varchar(9)", "varchar(10)", WORDS[:4], 4),
    ("varchar(9)", "text", WORDS[:4], 4),
    ("text", "integer", WORDS, 2),
    ("text", "boolean", ("'true'", "'no'", "'x'"), 1),
    ("text", "uuid", ("'00000000-0000-4000-8000-000000000001'", "'x'"), 1),
    ("timestamp", "date", TIMES, 1),
    ("timestamptz", "timestamp", TIMES, 2),
    ("jsonb", "json", ("'{}'", "'[1]'"), 2),
]


def column(type_: str) -> Column:
    return Column(
        name="c",
        sql="c",
        type=type_,
        required=False,
        default=None,
        computed=False,
        counted=False,
        builtin=True,
        enum=None,
    )


@pytest.mark.parametrize(("old", "new", "values", "fitting"), CASES)
async def test_what_fits_comes_back_as_it_was(
    postgres: EmbeddedServer, old: str, new: str, values: tuple[str, ...], fitting: int
) -> None:
    connection = await asyncpg.connect(postgres.url, timeout=30, command_timeout=30)
    try:
        await connection.execute("SET timezone TO 'UTC'")
        await connection.execute(f"CREATE TEMP TABLE w (c {old})")
        rows = ", ".join(f"({value})" for value in (*values, "NULL"))
        await connection.execute(f"INSERT INTO w VALUES {rows}")  # noqa: S608 - from above
        version = await connection.fetchval("SHOW server_version_num")
        condition = misfit(column(old), new, None, int(version)) or "false"
        gone = await connection.execute(f"DELETE FROM w WHERE {condition}")  # noqa: S608 - as above
        assert gone == f"DELETE {len(values) - fitting}"

        await connection.execute("CREATE TEMP TABLE before AS TABLE w")
        using = f"c::{new}"
        await connection.execute(f"ALTER TABLE w ALTER c TYPE {new} USING {using}")
        await connection.execute(f"ALTER TABLE w ALTER c TYPE {old} USING c::{old}")
        left = "SELECT c::text FROM before EXCEPT ALL SELECT c::text FROM w"
        assert await connection.fetch(left) == []
    finally:
        await connection.close(timeout=30)


async def test_what_nobody_can_tell_is_asked_of_the_server_or_counts() -> None:
    assert (
        misfit(column("point"), "box", None, 150000)
        == "c IS NOT NULL AND (c IS NOT NULL)"
    )
    assert "pg_input_is_valid" in str(misfit(column("point"), "box", None, 160000))


def test_an_enum_holds_its_values_only() -> None:
    told = misfit(column("text"), "mood", ("it's",), 150000)
    assert told == "c IS NOT NULL AND c::text NOT IN ('it''s')"
