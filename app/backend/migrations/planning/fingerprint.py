"""The schema of a database in a few characters: another one has others."""

import hashlib
from typing import TYPE_CHECKING, Final

from app.errors import LocksDeniedError

if TYPE_CHECKING:
    import asyncpg

__all__ = ["SCHEMA_LINES", "schema_fingerprint"]

# What is unfinished does not count (an invalid index, a constraint that was not
# checked): a run that was cut off leaves it, and the next one finishes it by the same
# plan. Neither do partitions, which come and go by the clock, nor what an extension
# has made, nor Alembic's own tables, nor what a downgrade has kept.
SCHEMA_LINES: Final = r"""
WITH ours AS (
  SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
    AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
    AND n.nspname <> 'pm33_kept'
    AND NOT (n.nspname = 'ops' AND c.relname LIKE 'alembic\_version%')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                    AND d.objid = c.oid AND d.deptype = 'e')
)
SELECT format('%s is %s', name, relkind) AS line FROM ours
UNION ALL
SELECT format('%s.%I %s %s %s %s', name, a.attname,
              format_type(a.atttypid, a.atttypmod), a.attnotnull,
              a.attidentity::text || a.attgenerated::text,
              pg_get_expr(d.adbin, d.adrelid))
FROM ours JOIN pg_attribute a ON a.attrelid = ours.oid AND a.attnum > 0
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE NOT a.attisdropped
UNION ALL
SELECT format('%s %I %s', name, k.conname, pg_get_constraintdef(k.oid))
FROM ours JOIN pg_constraint k ON k.conrelid = ours.oid
WHERE k.convalidated AND k.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT pg_get_indexdef(i.indexrelid)
FROM ours JOIN pg_index i ON i.indrelid = ours.oid WHERE i.indisvalid
UNION ALL
SELECT format('%s %I %s', name, t.tgname, t.tgenabled)
FROM ours JOIN pg_trigger t ON t.tgrelid = ours.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT format('%I.%I holds %s', n.nspname, t.typname,
              string_agg(quote_literal(e.enumlabel), ' ' ORDER BY e.enumsortorder))
FROM pg_enum e JOIN pg_type t ON t.oid = e.enumtypid
JOIN pg_namespace n ON n.oid = t.typnamespace
GROUP BY n.nspname, t.typname
"""
# Whoever asks may have others, from the role, the database or the machine, and a
# default is written by them: a timestamp in the session's time zone, for example.
_SETTINGS: Final = {
    # Names are written with their schema unless that is on the path.
    "search_path": "pg_catalog",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    "lc_monetary": "C",
    # A default is read under a lock on its table.
    "lock_timeout": "10s",
}
_SET: Final = """
    select set_config(name, value, true)
    from unnest($1::text[], $2::text[]) as wanted (name, value)
"""
_TIMEOUT: Final = 30.0


async def schema_fingerprint(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> str:
    """SHA-256, as hex, of tables, columns, constraints, indexes, triggers and enums.

    It depends neither on rows and sizes, nor on who asks.

    Raises:
        LocksDeniedError: somebody has a table to himself; retryable.
        asyncpg.PostgresError, OSError: as asyncpg does.
    """
    import asyncpg  # noqa: PLC0415 - 0.2 s

    try:
        async with connection.transaction(readonly=True):
            await connection.execute(_SET, list(_SETTINGS), list(_SETTINGS.values()))
            rows = await connection.fetch(SCHEMA_LINES, timeout=_TIMEOUT)
    except asyncpg.LockNotAvailableError as error:
        raise LocksDeniedError(
            "the schema cannot be read: a table has been locked ACCESS EXCLUSIVE for"
            f" {_SETTINGS['lock_timeout']}",
            remedy="wait for who has it (`select * from pg_locks where mode ="
            " 'AccessExclusiveLock' and granted`), or end it; then run this again",
        ) from error
    lines = "\n".join(sorted(row["line"] for row in rows))
    return hashlib.sha256(lines.encode()).hexdigest()
