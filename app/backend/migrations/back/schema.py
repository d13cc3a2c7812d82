"""The tables as they stand: what the risks of a way back are told from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["SCHEMA_QUERY", "Column", "Schema", "Table", "read_schema"]

# Names are written as Cursor.name() reads them, without the schema ``public``.
_NAME: Final = """
CASE n.nspname WHEN 'public' THEN {0}::text ELSE n.nspname || '.' || {0} END
"""
_COLUMNS: Final = f"""
(SELECT json_agg(json_build_object(
   'name', a.attname, 'sql', quote_ident(a.attname),
   'type', format_type(a.atttypid, a.atttypmod), 'required', a.attnotnull,
   'default', CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END,
   'computed', a.attgenerated <> '', 'counted', a.attidentity <> '',
   'builtin', n.nspname = 'pg_catalog',
   'enum', CASE WHEN t.typtype = 'e' THEN {_NAME.format("t.typname")} END
 ) ORDER BY a.attnum)
 FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
 JOIN pg_namespace n ON n.oid = t.typnamespace
 LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
"""  # noqa: S608 - constants
# The primary key; without one, what else tells every row from the others.
_KEY: Final = """
(SELECT (SELECT json_agg(a.attname ORDER BY place)
         FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
         WHERE place <= i.indnkeyatts)
 FROM pg_index i
 WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
   AND i.indexprs IS NULL
   AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid
                   AND a.attnum = ANY (i.indkey::int2[]) AND NOT a.attnotnull)
 ORDER BY i.indisprimary DESC, i.indnatts, i.indexrelid LIMIT 1)
"""
SCHEMA_QUERY: Final = f"""
SELECT json_build_object(
  'version', current_setting('server_version_num')::int,
  'tables', (
    SELECT coalesce(json_agg(json_build_object(
      'name', {_NAME.format("c.relname")},
      'sql', format('%I.%I', n.nspname, c.relname),
      'columns', {_COLUMNS}, 'key', {_KEY}, 'part', c.relispartition,
      'pulls', EXISTS (SELECT FROM pg_constraint f WHERE f.confrelid = c.oid
                       AND f.contype = 'f' AND f.confdeltype IN ('c', 'n', 'd'))
    )), '[]')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND n.nspname NOT LIKE 'pg\\_%'
      AND n.nspname NOT IN ('information_schema', 'pm33_kept')
      AND c.relname NOT LIKE '%alembic\\_version%'),
  'enums', (
    SELECT coalesce(json_object_agg(name, labels), '{{}}')
    FROM (SELECT {_NAME.format("t.typname")} AS name,
                 json_agg(e.enumlabel ORDER BY e.enumsortorder) AS labels
          FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
          JOIN pg_namespace n ON n.oid = t.typnamespace GROUP BY 1) every)
)::text
"""  # noqa: S608 - constants
"""One row of one JSON text; for :func:`read_schema`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column.

    Attributes:
        sql: its name, quoted where it needs that.
        type: as ``format_type`` writes it.
        default: as SQL; None: it has none.
        computed: from the row's other columns.
        counted: an identity.
        builtin: its type comes with the server.
        enum: its type, if that is one.
    """

    name: str
    sql: str
    type: str
    required: bool
    default: str | None
    computed: bool
    counted: bool
    builtin: bool
    enum: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        name: without the schema ``public``.
        sql: its name, qualified and quoted.
        columns: in their order.
        key: what tells every row from the others; empty: nothing does.
        pulls: rows of other tables go, or change, with a row of this one.
        part: its rows are another table's, too.
    """

    name: str
    sql: str
    columns: Mapping[str, Column]
    key: tuple[str, ...]
    pulls: bool
    part: bool = False

    @property
    def key_sql(self) -> str:
        """The key's columns, as a list."""
        return ", ".join(self.columns[one].sql for one in self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """All tables and enums.

    Attributes:
        version: ``server_version_num``.
    """

    version: int
    tables: Mapping[str, Table]
    enums: Mapping[str, tuple[str, ...]]


def read_schema(text: str) -> Schema:
    """Reads what :data:`SCHEMA_QUERY` returns."""
    told = json.loads(text)
    tables = (
        Table(
            name=one["name"],
            sql=one["sql"],
            columns={each["name"]: Column(**each) for each in one["columns"] or ()},
            key=tuple(one["key"] or ()),
            pulls=one["pulls"],
            part=one["part"],
        )
        for one in told["tables"]
    )
    return Schema(
        version=told["version"],
        tables={one.name: one for one in tables},
        enums={name: tuple(labels) for name, labels in told["enums"].items()},
    )
