"""Rows of a scratch database, in every table that takes some."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from app.backend.migrations.back.schema import (
    SCHEMA_QUERY,
    Column,
    Schema,
    Table,
    read_schema,
)
from app.backend.migrations.operations.naming import text_literal
from app.backend.migrations.sql.types import TypeName, parse_type

__all__ = ["ROWS", "seed"]

ROWS: Final = 3
"""In a table, each time."""
_ROUNDS: Final = 4
"""A table may wait for the rows that it refers to."""
_TRIES: Final = 4
"""With other values each, since a check may refuse some."""

_KEYS: Final = """
SELECT coalesce(json_agg(json_build_array(
  CASE n.nspname WHEN 'public' THEN c.relname::text
  ELSE n.nspname || '.' || c.relname END,
  f.confrelid::regclass::text,
  (SELECT json_agg(a.attname ORDER BY k.place)
   FROM unnest(f.conkey) WITH ORDINALITY AS k (number, place)
   JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.number),
  (SELECT json_agg(quote_ident(a.attname) ORDER BY k.place)
   FROM unnest(f.confkey) WITH ORDINALITY AS k (number, place)
   JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = k.number)
)), '[]')::text
FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE f.contype = 'f' AND f.conparentid = 0
"""


@dataclass(frozen=True, slots=True)
class _Key:
    """A foreign key: each column with what gives it a value."""

    table: str
    parent: str
    columns: Sequence[str]
    referred: Sequence[str]


def seed(connection: Connection) -> dict[str, int]:
    """Adds rows to every table; how many there are in each table that took some.

    All values that are known differ from row to row, none is NULL, and all are small,
    so that what a revision narrows or makes unique takes them. To be committed by the
    caller.
    """
    schema = read_schema(connection.exec_driver_sql(SCHEMA_QUERY).scalar_one())
    keys = [
        _Key(*one) for one in json.loads(connection.exec_driver_sql(_KEYS).scalar_one())
    ]
    waiting = dict(schema.tables)
    for _ in range(_ROUNDS):
        for name, table in list(waiting.items()):
            if _fill(connection, schema, table, keys):
                del waiting[name]
    return {
        name: _count(connection, table)
        for name, table in schema.tables.items()
        if name not in waiting
    }


def _fill(
    connection: Connection, schema: Schema, table: Table, keys: Sequence[_Key]
) -> bool:
    first = _count(connection, table) + 1
    told = [dict(_values(schema, table, keys, first + nth, nth)) for nth in range(ROWS)]
    if _inserted(connection, table, told):
        return True
    done = False
    for nth in range(ROWS):
        for attempt in range(1, _TRIES):
            number = first + nth + attempt * 100
            row = dict(_values(schema, table, keys, number, nth))
            if _inserted(connection, table, [row]):
                done = True
                break
    return done


def _inserted(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, str]]
) -> bool:
    names = ", ".join(table.columns[one].sql for one in rows[0])
    listed = ", ".join(f"({', '.join(row.values())})" for row in rows)
    sql = (
        f"INSERT INTO {table.sql} ({names}) OVERRIDING SYSTEM VALUE VALUES {listed}"  # noqa: S608 - a scratch database
        if names
        else f"INSERT INTO {table.sql} DEFAULT VALUES"
    )
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(sql)
    except DBAPIError:
        return False
    return True


def _count(connection: Connection, table: Table) -> int:
    sql = f"SELECT count(*) FROM {table.sql}"  # noqa: S608 - a scratch database
    return int(connection.exec_driver_sql(sql).scalar_one())


def _values(
    schema: Schema, table: Table, keys: Sequence[_Key], number: int, nth: int
) -> Iterator[tuple[str, str]]:
    """Columns with their values, as SQL."""
    referring: Mapping[str, str] = {
        name: f"(SELECT {theirs} FROM {key.parent} ORDER BY 1 OFFSET {nth} LIMIT 1)"  # noqa: S608 - as above
        for key in keys
        if key.table == table.name
        for name, theirs in zip(key.columns, key.referred, strict=True)
    }
    for column in table.columns.values():
        if column.computed or column.counted or "nextval(" in (column.default or ""):
            continue
        told = referring.get(column.name) or _value(schema, column, number)
        if told is not None:
            yield column.name, told


def _value(schema: Schema, column: Column, number: int) -> str | None:
    if column.enum is not None:
        return text_literal(schema.enums[column.enum][0])
    kind = parse_type(column.type)
    if kind.array:
        return f"'{{}}'::{column.type}"
    literal = _literal(kind, number)
    return None if literal is None else f"({literal})::{column.type}"


def _literal(kind: TypeName, number: int) -> str | None:
    match kind.base:
        case "numeric":
            precision, scale = (*kind.sizes, 0)[:2] if kind.sizes else (9, 0)
            return str(number % 10 ** max(precision - scale, 1))
        case "character varying" | "character":
            size = kind.sizes[0] if kind.sizes else 9
            return f"'{str(number)[-size:]}'"
        case "boolean":
            return "true" if number % 2 else "false"
        case _:
            form = _FORMS.get(kind.base)
            return None if form is None else form.format(number)


_FORMS: Final = {
    **dict.fromkeys(
        ("smallint", "integer", "bigint", "real", "double precision"), "{0}"
    ),
    **dict.fromkeys(("text", "citext", "name"), "'{0}'"),
    **dict.fromkeys(
        ("date", "timestamp", "timestamp with time zone"),
        "timestamp '2026-01-01' + interval '{0} days'",
    ),
    **dict.fromkeys(("json", "jsonb"), "'{{\"n\": {0}}}'"),
    **dict.fromkeys(("inet", "cidr"), "'10.0.0.0'::inet + {0}"),
    **dict.fromkeys(
        ("time", "time with time zone"), "time '00:00' + {0} * interval '1 s'"
    ),
    "uuid": "'00000000-0000-4000-8000-{0:012d}'",
    "bytea": "'\\x{0:08x}'",
    "interval": "'{0} seconds'",
}
