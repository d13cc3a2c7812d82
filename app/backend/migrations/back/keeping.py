"""What is kept of what a way back would lose, in schema ``pm33_kept``. Pure SQL.

A copy is a table of its own, written by the transaction that loses the rows; the
manifest says what it holds. Types that a downgrade may drop are kept as text.
"""

from dataclasses import dataclass
from typing import Final

from app.backend.migrations.back.conditions import identifier
from app.backend.migrations.back.risk import Keep, Risk
from app.backend.migrations.back.schema import Column, Schema, Table
from app.backend.migrations.operations.naming import text_array, text_literal

__all__ = ["KEPT", "PREPARE", "Keeping", "keeping_of"]

KEPT: Final = "pm33_kept"
PREPARE: Final = f"""
CREATE SCHEMA IF NOT EXISTS {KEPT};
CREATE TABLE IF NOT EXISTS {KEPT}.manifest (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run text NOT NULL,
  revision text NOT NULL,
  kept text NOT NULL UNIQUE,
  what text NOT NULL,
  table_name text NOT NULL,
  columns text[] NOT NULL,
  key text[] NOT NULL,
  rows bigint NOT NULL,
  statement text NOT NULL,
  reason text NOT NULL,
  actor text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  restored_at timestamptz
)
"""
"""Makes the manifest; to be run before the way back begins."""
_LONGEST: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """Statements that keep what one risk would lose, in their order.

    Attributes:
        table: whose rows they are, qualified and quoted.
        statements: in the transaction of what loses them.
    """

    table: str
    statements: tuple[str, ...]


def keeping_of(
    risk: Risk,
    schema: Schema,
    *,
    run: str,
    number: int,
    reason: str,
    actor: str,
) -> Keeping:
    """How to keep what a risk would lose.

    Args:
        risk: whose ``keep`` says how.
        schema: as it stands just now.
        run: its id; part of the copy's name.
        number: of the copy within the run.
        reason: why the loss was accepted.
        actor: who did.
    """
    table = schema.tables[risk.table]
    name = f"{table.name.rpartition('.')[2][:_LONGEST]}_{run}_{number}"
    kept = f"{KEPT}.{identifier(name)}"
    whole = risk.keep in (Keep.ROWS, Keep.ASIDE)
    columns = tuple(one for one in table.columns.values() if not one.computed)
    if not whole:
        columns = tuple(
            one for one in columns if one.name in {*table.key, *risk.columns}
        )
    listed = ", ".join(map(_copied, columns))
    copy = (
        f"CREATE TABLE {kept} AS SELECT {listed} FROM {risk.source}"  # noqa: S608 - from the catalogue
        f" WHERE {risk.condition}"
    )
    shown = tuple(one.name for one in columns) if whole else risk.columns
    key = text_array(table.key) if table.key else "'{}'::text[]"
    words = (run, risk.revision, name, risk.keep.value, table.name)
    manifest = (
        f"INSERT INTO {KEPT}.manifest (run, revision, kept, what, table_name, columns,"  # noqa: S608 - as above
        " key, rows, statement, reason, actor)"
        f" SELECT {', '.join(map(text_literal, words))}, {text_array(shown)}, {key},"
        f" count(*), {text_literal(risk.statement)}, {text_literal(reason)},"
        f" {text_literal(actor)} FROM {kept}"
    )
    return Keeping(
        table=table.sql, statements=(copy, manifest, *_taken_away(risk, table))
    )


def _copied(column: Column) -> str:
    """An enum, a domain or an extension's type may be gone when the copy is read."""
    if column.builtin:
        return column.sql
    return f"{column.sql}::text AS {column.sql}"


def _taken_away(risk: Risk, table: Table) -> tuple[str, ...]:
    if risk.keep is Keep.ASIDE:
        return (f"DELETE FROM {risk.source} WHERE {risk.condition}",)  # noqa: S608 - as above
    if risk.keep is Keep.EMPTIED:
        column = table.columns[risk.columns[0]].sql
        where = risk.condition
        return (f"UPDATE {risk.source} SET {column} = NULL WHERE {where}",)  # noqa: S608 - as above
    return ()
