"""What is taken away: in two releases, the second by a contract revision."""

from collections.abc import Iterable

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Column, ForeignKeyConstraint

from app.backend.migrations.writing.pen import Pen, told

__all__ = ["draw_dropped_column", "draw_dropped_table"]

_COMMAND = "pm33 migrate new --contract"


def draw_dropped_column(
    operation: ops.DropColumnOp, pen: Pen, *, contract: bool
) -> None:
    """First it need not be written any more; in a later release it goes."""
    column = operation.to_column()
    if column.primary_key:
        pen.refuse(
            told(operation),
            "it is of the primary key, by which rows are found",
            "make a new table, and move the rows",
        )
        return
    demanded = _is_demanded(column)
    if contract and demanded:
        pen.refuse(
            told(operation),
            "it is NOT NULL without a default, so that no release that does without it"
            " could insert a row",
            "`pm33 migrate new` without --contract allows NULL first, in a release"
            " before this one",
        )
    elif contract:
        pen.safe(operation)
    else:
        if demanded:
            table, schema = operation.table_name, operation.schema
            up, down = (
                pen.rendering.call(one, table, operation.column_name, schema=schema)
                for one in ("safe_drop_not_null", "safe_set_not_null")
            )
            title = f"{table}.{operation.column_name} need not be written"
            pen.draft(title, (up,), (down,), f"columns of {table}")
        pen.later(f"{told(operation)}: `{_COMMAND}`, when no release uses it any more")


def draw_dropped_table(
    operation: ops.DropTableOp,
    indexes: Iterable[MigrateOperation],
    pen: Pen,
    *,
    contract: bool,
) -> None:
    """Its foreign keys go first: with it they would lock what they refer to.

    Args:
        operation: of Alembic's.
        indexes: those of the table, for the way back.
        pen: writes.
        contract: whether this is the time for it.
    """
    if not contract:
        pen.later(f"{told(operation)}: `{_COMMAND}`, when no release uses it any more")
        return
    table = operation.to_table()
    for constraint in table.foreign_key_constraints:
        if not _is_within(constraint):
            pen.safe(ops.DropConstraintOp.from_constraint(constraint))
    back = operation.reverse()
    back.columns = [
        one
        for one in back.columns
        if not isinstance(one, ForeignKeyConstraint) or _is_within(one)
    ]
    up = pen.rendering.plain([operation])
    pen.draft(told(operation), up, pen.rendering.plain([back, *indexes]))


def _is_within(constraint: ForeignKeyConstraint) -> bool:
    """Whether a table refers to itself."""
    return constraint.referred_table.key == constraint.table.key


def _is_demanded(column: Column[object]) -> bool:
    return not column.nullable and column.server_default is None and not column.identity
