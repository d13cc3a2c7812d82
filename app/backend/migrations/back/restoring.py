"""One copy that was kept, and what of it comes back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import asyncpg

from app.backend.migrations.back.conditions import constant_default, identifier
from app.backend.migrations.back.keeping import KEPT
from app.backend.migrations.back.risk import Keep
from app.backend.migrations.back.schema import Column, Schema, Table
from app.backend.migrations.running.failures import words_of

if TYPE_CHECKING:
    Connection = asyncpg.Connection[asyncpg.Record]

__all__ = ["Kept", "Restored", "restore_one"]

_ROWS: Final = frozenset({Keep.ROWS, Keep.ASIDE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A row of the manifest.

    Attributes:
        kept: the copy's name.
        what: how it was kept.
        columns: that it brings back.
        key: by which.
    """

    id: int
    revision: str
    kept: str
    what: str
    table: str
    columns: Sequence[str]
    key: Sequence[str]
    rows: int

    @property
    def copy(self) -> str:
        """The copy, qualified and quoted."""
        return f"{KEPT}.{identifier(self.kept)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What of one copy came back.

    Attributes:
        restored: rows or values that were brought back now.
        there: that were there already.
        conflicts: that are otherwise by now, or are refused; they were left alone.
        gone: whose row is no longer there.
        problem: why others could not; empty where there is nothing to say.
    """

    table: str
    columns: tuple[str, ...]
    kept: str
    rows: int
    restored: int = 0
    there: int = 0
    conflicts: int = 0
    gone: int = 0
    problem: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all of it is where it was."""
        return not (self.conflicts or self.gone or self.problem)


async def restore_one(connection: "Connection", kept: Kept, schema: Schema) -> Restored:
    """Brings back what one copy holds, in the transaction that runs.

    Raises:
        asyncpg.PostgresError, OSError: as asyncpg does, but for what is in the rows.
    """
    table = schema.tables.get(kept.table)
    if table is None:
        return _none(kept, f"there is no table {kept.table}: go up again first")
    wanted = {*kept.key, *kept.columns} if kept.what not in _ROWS else set(kept.key)
    missing = sorted(wanted - table.columns.keys())
    if missing:
        names = ", ".join(missing)
        return _none(kept, f"{kept.table} has no {names}: go up again first")
    try:
        async with connection.transaction():
            if kept.what in _ROWS:
                return await _rows(connection, kept, table)
            return await _values(connection, kept, table)
    except asyncpg.DataError as error:
        return _none(kept, f"the column does not hold what was kept: {words_of(error)}")


async def _values(connection: "Connection", kept: Kept, table: Table) -> Restored:
    column = table.columns[kept.columns[0]]
    if column.computed:
        return _none(kept, f"{column.name} is computed by now")
    ours, theirs = f"t.{column.sql}", f"k.{column.sql}::{column.type}"
    default = constant_default(column)
    free = f"{ours} IS NULL"
    if default is not None:
        free += f" OR {ours}::text = ({default})::text"
    same_key = _same(table, kept.key)
    differs = f"{ours}::text IS DISTINCT FROM ({theirs})::text"
    before = await connection.fetchval(
        f"SELECT count(*) FROM {table.sql} t JOIN {kept.copy} k ON {same_key}"  # noqa: S608 - from the catalogue
        f" WHERE NOT ({differs})"
    )
    done = await connection.execute(
        f"UPDATE {table.sql} t SET {column.sql} = {theirs} FROM {kept.copy} k"  # noqa: S608 - as above
        f" WHERE {same_key} AND ({free}) AND {differs}"
    )
    restored = int(done.rpartition(" ")[2])
    found = await connection.fetchval(
        f"SELECT count(*) FROM {table.sql} t JOIN {kept.copy} k ON {same_key}"  # noqa: S608 - as above
    )
    return Restored(
        table=kept.table,
        columns=tuple(kept.columns),
        kept=kept.copy,
        rows=kept.rows,
        restored=restored,
        there=before,
        conflicts=found - before - restored,
        gone=kept.rows - found,
    )


async def _rows(connection: "Connection", kept: Kept, table: Table) -> Restored:
    known = [table.columns[one] for one in kept.columns if one in table.columns]
    columns = [one for one in known if not one.computed]
    there = 0
    if kept.key:
        equal = " AND ".join(_equal(columns))
        there = await connection.fetchval(
            f"SELECT count(*) FROM {kept.copy} k JOIN {table.sql} t"  # noqa: S608 - from the catalogue
            f" ON {_same(table, kept.key)} WHERE {equal}"
        )
    elif await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table.sql})"):  # noqa: S608 - as above
        return _none(
            kept, f"{kept.table} has rows, and no key to tell them from those kept"
        )
    restored, problem = await _inserted(connection, kept, table, columns)
    for sql in _sequences(table, columns):
        await connection.execute(sql)
    if lost := await _without_place(connection, kept, columns):
        problem = f"{kept.table} has no {', '.join(lost)} by now"
    return Restored(
        table=kept.table,
        columns=tuple(kept.columns),
        kept=kept.copy,
        rows=kept.rows,
        restored=restored,
        there=there,
        conflicts=kept.rows - there - restored,
        problem=problem,
    )


async def _without_place(
    connection: "Connection", kept: Kept, columns: Sequence[Column]
) -> list[str]:
    """Columns that were kept with values, and are not there any more."""
    gone = sorted(set(kept.columns) - {one.name for one in columns})
    values = "SELECT EXISTS (SELECT FROM {0} WHERE {1} IS NOT NULL)"
    return [
        one
        for one in gone
        if await connection.fetchval(values.format(kept.copy, identifier(one)))
    ]


async def _inserted(
    connection: "Connection", kept: Kept, table: Table, columns: Sequence[Column]
) -> tuple[int, str]:
    """How many rows came back, and what the first of those that did not met with."""
    names = ", ".join(one.sql for one in columns)
    cast = ", ".join(f"k.{one.sql}::{one.type}" for one in columns)
    insert = (
        f"INSERT INTO {table.sql} ({names}) OVERRIDING SYSTEM VALUE"  # noqa: S608 - from the catalogue
        f" SELECT {cast} FROM {kept.copy} k"
    )
    end = " ON CONFLICT DO NOTHING"
    try:
        async with connection.transaction():
            done = await connection.execute(insert + end)
            return int(done.rpartition(" ")[2]), ""
    except asyncpg.IntegrityConstraintViolationError:
        pass  # one row is refused, and the others shall not suffer for it
    count, problem = 0, ""
    places = await connection.fetch(f"SELECT ctid::text FROM {kept.copy}")  # noqa: S608 - as above
    for place in places:
        try:
            async with connection.transaction():
                where = f" WHERE k.ctid = '{place[0]}'::tid"
                done = await connection.execute(insert + where + end)
                count += int(done.rpartition(" ")[2])
        except asyncpg.IntegrityConstraintViolationError as error:
            problem = problem or words_of(error)
    return count, problem


def _same(table: Table, key: Sequence[str]) -> str:
    columns = [table.columns[one] for one in key]
    return " AND ".join(f"t.{one.sql} = k.{one.sql}::{one.type}" for one in columns)


def _equal(columns: Sequence[Column]) -> Iterator[str]:
    for one in columns:
        theirs = f"(k.{one.sql}::{one.type})::text"
        yield f"t.{one.sql}::text IS NOT DISTINCT FROM {theirs}"


def _sequences(table: Table, columns: Sequence[Column]) -> Iterator[str]:
    """What gives numbers must not give again those that came back."""
    for one in columns:
        if one.counted or "nextval(" in (one.default or ""):
            name, column = table.sql.replace("'", "''"), one.name.replace("'", "''")
            yield (
                "SELECT setval(s::regclass, m) FROM (SELECT"  # noqa: S608 - from the catalogue
                f" pg_get_serial_sequence('{name}', '{column}') AS s,"
                f" (SELECT max({one.sql})::bigint FROM {table.sql}) AS m) AS both_of"
                " WHERE s IS NOT NULL"
                " AND m > coalesce(pg_sequence_last_value(s::regclass), 0)"
            )


def _none(kept: Kept, problem: str) -> Restored:
    return Restored(
        table=kept.table,
        columns=tuple(kept.columns),
        kept=kept.copy,
        rows=kept.rows,
        problem=problem,
    )
