"""Changes the rows of a table that is in use: along its key, a page a transaction."""

import json
from typing import TYPE_CHECKING, Any, Final

from app.backend.migrations.operations.backfill import Backfill
from app.backend.migrations.operations.catalogue import relation
from app.backend.migrations.operations.naming import quoted, text_literal
from app.errors import MigrationError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["BackfillRun"]

FORMAT: Final = 1

_KEY = """
SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_index i
CROSS JOIN unnest((i.indkey::int2[])[0:i.indnkeyatts - 1])
    WITH ORDINALITY AS k (attnum, n)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indisprimary AND i.indrelid = {relation}
ORDER BY k.n
"""

_HAS_STATE = "SELECT 1 WHERE pg_catalog.to_regclass('ops.backfill') IS NOT NULL"
_STATE = """
SELECT cursor::text, finished_at IS NOT NULL FROM ops.backfill WHERE name = {name}
"""
_WRITE = """
INSERT INTO ops.backfill AS backfill
    (name, cursor, done, finished_at, updated_at, format)
VALUES ({name}, {cursor}::jsonb, {changed}, {finished}, now(), {format})
ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor,
    done = {before} + excluded.done, finished_at = excluded.finished_at,
    updated_at = excluded.updated_at
"""

# A new column has no statistics, so that a page would be joined to the whole table.
_BY_KEY = "SELECT pg_catalog.set_config('enable_seqscan', 'off', true)"

# The page's columns have names of their own: the author's expressions mean the table's.
_PAGE = """
WITH pm33_page AS (
    SELECT {listed} FROM {table} {after} ORDER BY {order} LIMIT {batch}
), pm33_changed AS (
    UPDATE {table} SET {values} FROM pm33_page WHERE {same} AND ({where}) RETURNING 1
)
SELECT (SELECT count(*) FROM pm33_page), (SELECT count(*) FROM pm33_changed),
    (SELECT jsonb_build_array({last})::text FROM pm33_page
     ORDER BY {backwards} LIMIT 1)
"""


class BackfillRun:
    """One batch a call; the cursor is committed with the rows that it has passed.

    A pass goes through all keys once. One that was resumed is followed by another from
    the beginning if rows are left: the cursor may be that of a column which was
    dropped and added again since. What was finished earlier is not believed, either.

    Args:
        connection: in a transaction, which the caller ends after each call.
        backfill: what is to be changed.
    """

    def __init__(self, connection: "Connection", backfill: Backfill) -> None:
        self._connection = connection
        self._backfill = backfill
        self._key: tuple[tuple[str, str], ...] | None = None
        self._cursor: str | None = None
        self._from_start = False
        self._finished = False

    def __call__(self) -> int | None:
        """Does the next batch.

        Returns:
            The rows that it changed; None: there was nothing left to do.

        Raises:
            MigrationError: the table has no primary key, or schema ``ops`` no cursors.
        """
        if self._key is None:
            return self._open()
        return None if self._finished else self._batch()

    def _open(self) -> int | None:
        if self._one(_HAS_STATE) is None:
            raise MigrationError(
                "there is no table ops.backfill to keep the cursor in",
                remedy="apply the revisions of schema ops first: pm33 migrate up",
            )
        key = self._primary_key()
        before = self._one(_STATE.format(name=text_literal(self._backfill.name)))
        finished = before is not None and bool(before[1])
        if finished and not self._is_left():
            return None
        cursor = None if before is None or finished else before[0]
        self._write(cursor, 0, anew=finished)
        self._cursor, self._from_start, self._key = cursor, cursor is None, key
        return 0

    def _batch(self) -> int:
        self._one(_BY_KEY)
        passed, changed, last = self._one(self._page()) or (0, 0, None)
        if not passed:
            self._end_of_pass()
            return 0
        # Remembered only now: a batch that fails is done again from where it began.
        self._write(last, changed)
        self._cursor = last
        return int(changed)

    def _end_of_pass(self) -> None:
        if not self._from_start and self._is_left():
            self._write(None, 0)
            self._cursor, self._from_start = None, True
            return
        self._write(self._cursor, 0, finished="now()")
        self._finished = True

    def _page(self) -> str:
        """The rows of the next keys are changed; says how far that went."""
        fill = self._backfill
        key = self._key or ()
        aliases = [f"pm33_key_{number}" for number in range(1, len(key) + 1)]
        columns = [quoted(name) for name, _ in key]
        after = f"WHERE {self._after(columns)}" if self._cursor else ""
        same = " AND ".join(
            f"{quoted(fill.table)}.{column} = pm33_page.{alias}"
            for column, alias in zip(columns, aliases, strict=True)
        )
        listed = ", ".join(
            f"{column} AS {alias}"
            for column, alias in zip(columns, aliases, strict=True)
        )
        last = ", ".join(f"{alias}::text" for alias in aliases)
        backwards = ", ".join(f"{alias} DESC" for alias in aliases)
        return _PAGE.format(
            table=fill.target,
            listed=listed,
            after=after,
            order=", ".join(columns),
            batch=fill.batch,
            values=fill.assignments,
            same=same,
            where=fill.condition,
            last=last,
            backwards=backwards,
        )

    def _after(self, columns: list[str]) -> str:
        values = json.loads(self._cursor or "[]")
        casts = [
            f"CAST({text_literal(value)} AS {type_})"
            for value, (_, type_) in zip(values, self._key or (), strict=True)
        ]
        return f"({', '.join(columns)}) > ({', '.join(casts)})"

    def _primary_key(self) -> tuple[tuple[str, str], ...]:
        query = _KEY.format(relation=relation(self._backfill.target))
        rows = self._connection.exec_driver_sql(query).all()
        if not rows:
            raise MigrationError(
                f"{self._backfill.target} has no primary key to go along",
                remedy="give it one first, with safe_create_primary_key",
            )
        return tuple((str(name), str(type_)) for name, type_ in rows)

    def _is_left(self) -> bool:
        fill = self._backfill
        query = f"SELECT 1 FROM {fill.target} WHERE {fill.condition} LIMIT 1"  # noqa: S608 - the author's
        return self._one(query) is not None

    def _write(
        self,
        cursor: str | None,
        changed: int,
        *,
        finished: str = "NULL",
        anew: bool = False,
    ) -> None:
        self._connection.exec_driver_sql(
            _WRITE.format(
                name=text_literal(self._backfill.name),
                cursor="NULL" if cursor is None else text_literal(cursor),
                changed=changed,
                before="0" if anew else "backfill.done",
                finished=finished,
                format=FORMAT,
            )
        )

    def _one(self, query: str) -> tuple[Any, ...] | None:
        row = self._connection.exec_driver_sql(query).first()
        return None if row is None else tuple(row)
