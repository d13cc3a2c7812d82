"""A schema as lines that can be compared, and the rows of its tables."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.engine import Connection

from app.backend.migrations.back.schema import SCHEMA_QUERY, Schema, read_schema
from app.backend.migrations.planning.fingerprint import SCHEMA_LINES

__all__ = ["Rows", "lost_rows", "rows_of", "schema_lines"]

# What a fingerprint leaves out, since a run that was cut off leaves it behind; and what
# no plan depends on.
_MORE: Final = """
SELECT format('%I on %s is not proven', k.conname, k.conrelid::regclass) AS line
FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace
WHERE NOT k.convalidated AND k.conrelid <> 0 AND n.nspname !~ '^pg_'
UNION ALL
SELECT format('%s is not valid', i.indexrelid::regclass)
FROM pg_index i WHERE NOT i.indisvalid
UNION ALL
SELECT format('%I.%I shows %s', schemaname, viewname, definition)
FROM pg_views WHERE schemaname !~ '^(pg_|information_schema)'
UNION ALL
SELECT format('%s is a routine: %s', p.oid::regprocedure, md5(p.prosrc))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname !~ '^(pg_|information_schema)'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                  AND d.objid = p.oid AND d.deptype = 'e')
UNION ALL
SELECT format('%s is a sequence', c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND n.nspname !~ '^(pg_|information_schema)'
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a table, as texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]


def schema_lines(connection: Connection) -> frozenset[str]:
    """Everything that a revision may make, a line each; rows do not matter."""
    lines = connection.exec_driver_sql(SCHEMA_LINES).scalars().all()
    more = connection.exec_driver_sql(_MORE).scalars().all()
    return frozenset(map(str, (*lines, *more)))


def rows_of(connection: Connection) -> Mapping[str, Rows]:
    """All rows of all tables; for a scratch database, which has few."""
    schema = _schema(connection)
    return {
        name: Rows(
            tuple(table.columns), tuple(_rows(connection, schema, name, table.columns))
        )
        for name, table in schema.tables.items()
    }


def lost_rows(connection: Connection, before: Mapping[str, Rows]) -> dict[str, int]:
    """How many rows of before are not there as they were, by table or column.

    Of a column that is gone, its values count. Rows that have come since do not.
    """
    schema = _schema(connection)
    lost: dict[str, int] = {}
    for name, was in before.items():
        if name not in schema.tables:
            lost[name] = len(was.rows)
            continue
        there = schema.tables[name].columns
        kept = [place for place, one in enumerate(was.columns) if one in there]
        for place, column in enumerate(was.columns):
            if column not in there:
                values = sum(row[place] is not None for row in was.rows)
                lost[f"{name}.{column}"] = values
        columns = {was.columns[place]: None for place in kept}
        now = Counter(_rows(connection, schema, name, columns))
        then = Counter(tuple(row[place] for place in kept) for row in was.rows)
        lost[name] = (then - now).total()
    return {name: count for name, count in lost.items() if count}


def _schema(connection: Connection) -> Schema:
    return read_schema(connection.exec_driver_sql(SCHEMA_QUERY).scalar_one())


def _rows(
    connection: Connection, schema: Schema, name: str, columns: Mapping[str, object]
) -> Iterator[tuple[str | None, ...]]:
    table = schema.tables[name]
    listed = ", ".join(f"{table.columns[one].sql}::text" for one in columns)
    sql = f"SELECT {listed} FROM {table.sql}"  # noqa: S608 - a scratch database
    for row in connection.exec_driver_sql(sql):
        yield tuple(row)
