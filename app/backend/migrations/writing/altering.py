"""Columns that change."""

from alembic.operations import ops

from app.backend.migrations.operations.naming import type_name
from app.backend.migrations.writing.pen import Pen, told

__all__ = ["draw_altered"]


def draw_altered(operation: ops.AlterColumnOp, pen: Pen) -> None:
    """What changes about a column, each by itself; a type never changes by itself."""
    if operation.modify_type is not None:
        before = operation.existing_type
        was = "another type" if before is None else type_name(before)
        pen.refuse(
            f"{told(operation)} is {was}, and {type_name(operation.modify_type)} in"
            " the models",
            "a change of type writes the table anew, or breaks every prepared statement"
            " that reads the column",
            "add a column of the new type, write both, safe_backfill the new one, read"
            " it, and drop the old one with --contract",
        )
    if operation.modify_server_default is not False:
        pen.plain(
            _only(
                operation,
                existing_server_default=operation.existing_server_default,
                modify_server_default=operation.modify_server_default,
            ),
            group="",
        )
    if operation.modify_nullable is not None:
        _nullable(operation, pen, nullable=operation.modify_nullable)
    if operation.modify_comment is not False:
        pen.plain(
            _only(
                operation,
                existing_comment=operation.existing_comment,
                modify_comment=operation.modify_comment,
            ),
            group=f"comments of {operation.table_name}",
        )


def _nullable(operation: ops.AlterColumnOp, pen: Pen, *, nullable: bool) -> None:
    table, column = operation.table_name, operation.column_name
    words = ("safe_set_not_null", "safe_drop_not_null")
    up, down = (
        pen.rendering.call(one, table, column, schema=operation.schema)
        for one in (words if not nullable else words[::-1])
    )
    title = "allows NULL" if nullable else "is NOT NULL"
    pen.draft(f"{told(operation)} {title}", (up,), (down,))
    if not nullable:
        pen.note(
            f"{told(operation)} must hold no NULL by then, and no serving release may"
            " write one: safe_backfill it in a revision before this one"
        )


def _only(operation: ops.AlterColumnOp, **change: object) -> ops.AlterColumnOp:
    return ops.AlterColumnOp(
        operation.table_name,
        operation.column_name,
        schema=operation.schema,
        existing_type=operation.existing_type,
        existing_nullable=operation.existing_nullable,
        **change,  # type: ignore[arg-type] # what Alembic said itself
    )
