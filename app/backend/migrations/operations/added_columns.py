"""Columns that are added, with a value for the rows that are there."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import Column, DefaultClause
from typing_extensions import override

from app.backend.migrations.operations import catalogue
from app.backend.migrations.operations.backfill import BATCH, Backfill
from app.backend.migrations.operations.dropped_columns import SafeDropColumnOp
from app.backend.migrations.operations.naming import (
    qualified,
    quoted,
    text_literal,
    type_name,
    value,
)
from app.backend.migrations.operations.nullability import SafeSetNotNullOp
from app.backend.migrations.operations.operation import Guard, Part, SafeOperation
from app.backend.migrations.statements import Lock, Step
from app.errors import MigrationError

__all__ = ["SafeAddColumnOp", "is_stable"]

# What the server computes once for all rows, so that it writes none of them. Whatever
# is not among it may be volatile.
_ONE_VALUE: Final = re.compile(
    r"""(?: '(?:[^']|'')*' | [-+]?\d+(?:\.\d+)? | true | false | null
    | now\(\) | current_timestamp | localtimestamp | current_date
    | statement_timestamp\(\) | transaction_timestamp\(\) )
    (?: \s* :: \s* [a-z_"][\w\s."]* (?:\(\s*\d+\s*(?:,\s*\d+\s*)?\))? (?:\[\])* )*""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(eq=False, kw_only=True)
class SafeAddColumnOp(SafeOperation):
    """One instant step where the server need not write the rows; else four to seven.

    Attributes:
        column: its name, type and comment.
        default: of new rows, as SQL; None: NULL.
        fill: what the rows that are there get, as SQL; None: the default.
        leave: they are left with NULL instead.
        required: it is NOT NULL in the end.

    Raises:
        MigrationError: it cannot be NOT NULL in the end.
    """

    directive: ClassVar[str] = "safe_add_column"

    table: str
    column: Column[Any]
    schema: str | None = None
    default: str | None = None
    fill: str | None = None
    leave: bool = False
    required: bool = False
    batch: int = BATCH

    @classmethod
    def safe_add_column(
        cls,
        operations: Operations,
        table_name: str,
        column: Column[Any],
        *,
        schema: str | None = None,
        default: Any = None,
        backfill: Any = None,
        leave_null: bool = False,
        not_null: bool | None = None,
        batch: int = BATCH,
    ) -> None:
        """Adds a column without writing the table under a lock.

        Values are Python's, or SQL as ``sa.text``. A column's constraints and indexes
        are directives of their own, after this one.

        Args:
            operations: ``op``.
            table_name: whose column it is to be.
            column: as for ``op.add_column``.
            schema: of the table.
            default: of new rows; None: the column's ``server_default``.
            backfill: of the rows that are there; None: the default.
            leave_null: they are left with NULL instead.
            not_null: whether it is NOT NULL; None: what the column says.
            batch: keys that one transaction of the backfill goes through.

        Raises:
            MigrationError: it cannot be added online, or not as NOT NULL.
        """
        _refuse_what_comes_apart(column)
        operations.invoke(
            cls(
                table=table_name,
                column=column,
                schema=schema,
                default=_default(column) if default is None else value(default),
                fill=None if backfill is None else value(backfill),
                leave=leave_null,
                required=not column.nullable if not_null is None else not_null,
                batch=batch,
            )
        )

    @override
    def parts(self, server_version: int) -> tuple[Part, ...]:
        remark = self._remark()
        if self._in_one_step:
            default = "" if self.default is None else f" DEFAULT {self.default}"
            required = " NOT NULL" if self.required else ""
            return (self._add(f"{default}{required}"), *remark)
        parts: list[Part] = [self._add(""), *remark]
        if self.default is not None:
            parts.append(self._set_default(self.default))
        fill = self.default if self.fill is None else self.fill
        if fill is not None and not self.leave:
            parts.append(self._filling(fill))
        if self.required:
            not_null = SafeSetNotNullOp(
                table=self.table, column=self.column.name, schema=self.schema
            )
            parts.extend(not_null.parts(server_version))
        return tuple(parts)

    @override
    def guards(self) -> tuple[Guard, ...]:
        type_ = text_literal(type_name(self.column.type))
        return (
            Guard(
                query="SELECT t.typname FROM pg_catalog.pg_type t"  # noqa: S608 - quoted
                f" WHERE t.oid = pg_catalog.to_regtype({type_}) AND (t.typnotnull OR"
                " EXISTS (SELECT FROM pg_catalog.pg_constraint c"
                " WHERE c.contypid = t.oid))",
                says="a column of a domain with constraints is written into every row",
                remedy="give it the domain's base type, and a CHECK by"
                " safe_create_check",
            ),
        )

    @override
    def reverse(self) -> MigrateOperation:
        return SafeDropColumnOp(
            table=self.table, name=self.column.name, schema=self.schema, made=self
        )

    @property
    def _in_one_step(self) -> bool:
        if self.fill is not None or self.leave:
            return False
        return self.default is None or is_stable(self.default)

    def __post_init__(self) -> None:
        if self.required and self.default is None:
            raise MigrationError(
                f"a NOT NULL column {self.table}.{self.column.name} without a default"
                " refuses the rows that the previous release writes",
                remedy="give it a default, which a contract revision may drop",
            )
        if self.required and self.leave:
            raise MigrationError(
                f"{self.table}.{self.column.name} cannot be NOT NULL while the rows"
                " that are there are left with NULL",
                remedy="leave out leave_null, or add NOT NULL in a later revision",
            )

    def _add(self, rest: str) -> Step:
        target = qualified(self.table, self.schema)
        name, type_ = self.column.name, type_name(self.column.type)
        rows = catalogue.column(name, target, type_.partition(" COLLATE ")[0])
        return Step(
            sql=f"ALTER TABLE {target} ADD COLUMN {quoted(name)} {type_}{rest}",
            table=target,
            lock=Lock.ACCESS_EXCLUSIVE,
            ask=catalogue.presence(rows),
        )

    def _set_default(self, default: str) -> Step:
        target = qualified(self.table, self.schema)
        name = self.column.name
        return Step(
            sql=f"ALTER TABLE {target} ALTER COLUMN {quoted(name)}"
            f" SET DEFAULT {default}",
            table=target,
            lock=Lock.ACCESS_EXCLUSIVE,
            ask=catalogue.presence(catalogue.default(name, target)),
        )

    def _filling(self, fill: str) -> Backfill:
        name = self.column.name
        return Backfill(
            table=self.table,
            schema=self.schema,
            values=((name, fill),),
            batch=self.batch,
        )

    def _remark(self) -> tuple[Step, ...]:
        if self.column.comment is None:
            return ()
        target = qualified(self.table, self.schema)
        spot = f"{target}.{quoted(self.column.name)}"
        comment = text_literal(self.column.comment)
        return (
            Step(
                sql=f"COMMENT ON COLUMN {spot} IS {comment}",
                table=target,
                lock=Lock.SHARE_UPDATE_EXCLUSIVE,
            ),
        )


def is_stable(default: str) -> bool:
    """Whether a default, as SQL, is surely one value for all rows. Pure."""
    return _ONE_VALUE.fullmatch(default.strip()) is not None


def _default(column: Column[Any]) -> str | None:
    given = column.server_default
    return value(given.arg) if isinstance(given, DefaultClause) else None


def _refuse_what_comes_apart(column: Column[Any]) -> None:
    """Refuses what would lock, scan or write more than a column needs.

    Raises:
        MigrationError: with the directive that does it.
    """
    apart = {
        "safe_create_foreign_key": bool(column.foreign_keys),
        "safe_create_unique": bool(column.unique),
        "safe_create_index": bool(column.index),
        "safe_create_check": bool(column.constraints),
        "safe_create_primary_key": column.primary_key,
        "a trigger and safe_backfill": column.computed is not None,
        "a sequence as its default": column.identity is not None,
    }
    for remedy, wanted in apart.items():
        if wanted:
            raise MigrationError(
                f"{column.name} is more than a column: that part locks or scans"
                " the table for as long as it takes",
                remedy=f"add the plain column, then {remedy}",
            )
