"""What becomes of each difference: a safe operation, a refusal, or another phase's."""

from collections.abc import Iterator, Sequence
from typing import Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy import (
    Column,
    DefaultClause,
    ForeignKeyConstraint,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from app.backend.migrations.operations.added_columns import is_stable
from app.backend.migrations.operations.naming import type_name, value
from app.backend.migrations.writing.altering import draw_altered
from app.backend.migrations.writing.dropping import (
    draw_dropped_column,
    draw_dropped_table,
)
from app.backend.migrations.writing.outcome import NEW
from app.backend.migrations.writing.pen import Key, Pen, key_of, told

__all__ = ["Drawing"]


class Drawing:
    """Draws up the revisions for a difference.

    Args:
        operations: Alembic's, flat, in its order.
        models: the tables as they shall be.
        pen: writes.
        contract: draw what takes away, instead of what adds.
    """

    def __init__(
        self,
        operations: Sequence[MigrateOperation],
        models: MetaData | Sequence[MetaData],
        pen: Pen,
        *,
        contract: bool,
    ) -> None:
        self._operations = operations
        self._models = models
        self._pen = pen
        self._contract = contract
        self._new = {key_of(one) for one in operations if _is(one, ops.CreateTableOp)}
        self._gone = {key_of(one) for one in operations if _is(one, ops.DropTableOp)}
        self._renamed = frozenset(_renamed(operations))
        self._missing: set[tuple[Key, str]] = set()

    @property
    def waiting(self) -> frozenset[Key]:
        """Tables that lack a column still, for which nothing could be written."""
        return frozenset(table for table, _ in self._missing)

    def draw(self) -> None:
        """Goes through all of them."""
        for table, old, new in sorted(self._renamed, key=str):
            self._pen.refuse(
                f"{table[1]}.{old} is gone, and {table[1]}.{new} of the same type has"
                " come",
                "that may be a new name, which the serving release does not know, and"
                " under which the new column would be empty",
                f"keep {old} in the models beside {new} for a release, in which both"
                " are written and safe_backfill fills the new one",
            )
        for one in self._operations:
            self._one(one)

    def _one(self, operation: Any) -> None:
        match operation:
            case ops.DropTableOp():
                indexes = [
                    one.reverse()
                    for one in self._operations
                    if isinstance(one, ops.DropIndexOp)
                    and key_of(one) == key_of(operation)
                ]
                draw_dropped_table(
                    operation, indexes, self._pen, contract=self._contract
                )
            case _ if _table_of(operation) in self._gone:
                pass  # goes with its table
            case ops.AddColumnOp() if self._is_renamed(operation):
                self._missing.add((key_of(operation), operation.column.name))
            case ops.DropColumnOp() if self._is_renamed(operation):
                pass  # refused already
            case ops.DropColumnOp():
                draw_dropped_column(operation, self._pen, contract=self._contract)
            case _ if self._contract:
                self._pen.later(
                    f"{told(operation)}: `pm33 migrate new` without --contract"
                )
            case _:
                self._expand(operation)

    def _expand(self, operation: Any) -> None:
        waits = _columns_of(operation) & self._missing
        if waits:
            names = ", ".join(name for _, name in sorted(waits, key=str))
            self._pen.refuse(
                told(operation), f"it waits for {names}", "see to that column first"
            )
            return
        match operation:
            case ops.CreateTableOp():
                self._table(operation)
            case ops.CreateIndexOp() if key_of(operation) in self._new:
                self._pen.plain(operation, NEW)
            case ops.CreateTableCommentOp() | ops.DropTableCommentOp():
                self._pen.plain(operation, f"comments of {operation.table_name}")
            case ops.AddColumnOp():
                self._column(operation)
            case ops.AlterColumnOp():
                draw_altered(operation, self._pen)
            case ops.CreateForeignKeyOp():
                self._foreign_key(operation)
            case (
                ops.CreateIndexOp()
                | ops.DropIndexOp()
                | ops.CreateUniqueConstraintOp()
                | ops.CreatePrimaryKeyOp()
                | ops.CreateCheckConstraintOp()
                | ops.DropConstraintOp()
            ):
                self._pen.safe(operation)
            case _:
                self._pen.refuse(
                    told(operation),
                    "no form of it is known to be safe",
                    "write the revision by hand, and lint it",
                )

    def _table(self, operation: ops.CreateTableOp) -> None:
        """A foreign key to a table in use would lock that for the transaction."""
        apart = [
            one
            for one in operation.columns
            if isinstance(one, ForeignKeyConstraint) and _referred(one) not in self._new
        ]
        # By identity: columns compare themselves into SQL.
        gone = {id(one) for one in apart}
        operation.columns = [one for one in operation.columns if id(one) not in gone]
        self._pen.plain(operation, NEW)
        for constraint in apart:
            key = ops.AddConstraintOp.from_constraint(constraint)
            assert isinstance(key, ops.CreateForeignKeyOp)  # noqa: S101 - of such a one
            self._foreign_key(key)

    def _foreign_key(self, operation: ops.CreateForeignKeyOp) -> None:
        columns = list(operation.local_cols)
        model = self._model(key_of(operation))
        if model is None or not _is_indexed(model, columns):
            self._pen.note(
                f"no index of {operation.source_table} begins with"
                f" {', '.join(columns)}: each DELETE of what it refers to reads the"
                " whole table, unless the model has one"
            )
        self._pen.safe(operation)

    def _column(self, operation: ops.AddColumnOp) -> None:
        column = operation.column
        given = column.server_default
        part = "an identity" if column.identity else "a computed value"
        self._missing.add((key_of(operation), column.name))
        if column.identity or column.computed is not None:
            self._pen.refuse(
                told(operation),
                f"{part} writes the whole table anew under its lock",
                "add a plain column, fill it by a trigger or a sequence as its default,"
                " and safe_backfill",
            )
        elif not column.nullable and given is None:
            self._pen.refuse(
                told(operation),
                "it is NOT NULL without a default, which the release that serves does"
                " not write",
                "give it a server_default, or allow NULL until every release writes it",
            )
        else:
            default = value(given.arg) if isinstance(given, DefaultClause) else None
            instant = default is None or is_stable(default)
            group = f"columns of {operation.table_name}" if instant else ""
            self._pen.safe(operation, group=group)
            self._missing.discard((key_of(operation), column.name))

    def _model(self, key: Key) -> Table | None:
        models = self._models
        several = models if isinstance(models, Sequence) else [models]
        tables = (table for one in several for table in one.tables.values())
        return next((one for one in tables if (one.schema, one.name) == key), None)

    def _is_renamed(self, operation: Any) -> bool:
        columns = ((table, name) for table, *both in self._renamed for name in both)
        return (key_of(operation), _column_name(operation)) in columns


def _renamed(
    operations: Sequence[MigrateOperation],
) -> Iterator[tuple[Key, str, str]]:
    """Columns that look like one that has a new name."""
    added = [one for one in operations if isinstance(one, ops.AddColumnOp)]
    for gone in operations:
        if isinstance(gone, ops.DropColumnOp):
            for come in added:
                alike = _type_of(gone.to_column()) == _type_of(come.column)
                if alike and key_of(gone) == key_of(come):
                    yield key_of(gone), gone.column_name, come.column.name


def _type_of(column: Column[Any]) -> str:
    return type_name(column.type).upper()


def _column_name(operation: Any) -> str:
    if isinstance(operation, ops.DropColumnOp):
        return operation.column_name
    name: str = operation.column.name
    return name


def _table_of(operation: Any) -> Key | None:
    names = {"table_name", "source_table"}
    return key_of(operation) if any(hasattr(operation, one) for one in names) else None


def _columns_of(operation: Any) -> set[tuple[Key, str]]:
    """The columns that a constraint or an index is made of."""
    match operation:
        case ops.CreateForeignKeyOp():
            names: Sequence[Any] = operation.local_cols
        case ops.CreateUniqueConstraintOp() | ops.CreateIndexOp():
            names = operation.columns
        case _:
            names = ()
    key = key_of(operation) if names else (None, "")
    return {(key, str(getattr(one, "name", one))) for one in names}


def _referred(constraint: ForeignKeyConstraint) -> Key:
    return constraint.referred_table.schema, constraint.referred_table.name


def _is_indexed(table: Table, columns: list[str]) -> bool:
    """Whether some index of a table begins with these columns, in whatever order."""
    wanted, count = set(columns), len(columns)
    keys = [[one.name for one in index.columns] for index in table.indexes]
    keys += [
        [one.name for one in constraint.columns]
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint)
    ]
    return any(set(key[:count]) == wanted for key in keys)


def _is(operation: MigrateOperation, kind: type[MigrateOperation]) -> bool:
    return isinstance(operation, kind)
