"""Columns that are filled, while their table is written to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations
from sqlalchemy.sql.elements import ClauseElement
from typing_extensions import override

from app.backend.migrations.operations.backfill import BATCH, Backfill
from app.backend.migrations.operations.naming import condition, value
from app.backend.migrations.operations.operation import (
    Part,
    SafeOperation,
    irreversible,
)
from app.errors import MigrationError

__all__ = ["SafeBackfillOp"]


@dataclass(eq=False, kw_only=True)
class SafeBackfillOp(SafeOperation):
    """An UPDATE of a whole table, in pages along its primary key."""

    directive: ClassVar[str] = "safe_backfill"

    backfill: Backfill

    @classmethod
    def safe_backfill(
        cls,
        operations: Operations,
        table_name: str,
        values: Mapping[str, Any],
        *,
        where: str | ClauseElement | None = None,
        schema: str | None = None,
        batch: int = BATCH,
    ) -> None:
        """Sets columns of the rows that are there, each page in its own transaction.

        Rows that are written meanwhile are the application's: give the column a
        default first, or let the release that serves write it.

        Args:
            operations: ``op``.
            table_name: which has a primary key.
            values: columns, each with a value of Python's or SQL as ``sa.text``.
            where: rows that are to be changed, and no longer when they were; a text is
                SQL. None: those in which one of the columns is NULL.
            schema: of the table.
            batch: keys that one transaction goes through.

        Raises:
            MigrationError: there is nothing to set.
        """
        if not values:
            raise MigrationError(
                f"the backfill of {table_name} sets nothing",
                remedy="name a column and its value",
            )
        backfill = Backfill(
            table=table_name,
            schema=schema,
            values=tuple((name, value(given)) for name, given in values.items()),
            where=None if where is None else condition(where),
            batch=batch,
        )
        operations.invoke(cls(backfill=backfill))

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        return (self.backfill,)

    @override
    def reverse(self) -> MigrateOperation:
        raise irreversible(
            self,
            "nobody knows what was there before",
            "fill a new column instead, and drop it on the way back",
        )
