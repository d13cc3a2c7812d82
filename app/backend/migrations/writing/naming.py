"""Names for constraints whose model gives them none."""

from typing import Any

from alembic.operations import ops
from sqlalchemy.sql.elements import conv

from app.backend.migrations.operations.naming import object_name

__all__ = ["name_as_the_server_does"]


def name_as_the_server_does(operation: Any) -> None:
    """Gives an unnamed constraint the name that PostgreSQL would choose.

    ``unique=True`` and ``ForeignKey`` without a naming convention have none, and what
    has no name cannot be dropped on the way back.

    Args:
        operation: of Alembic's; other than one that adds a constraint stays as it is.
    """
    match operation:
        case ops.CreateUniqueConstraintOp(constraint_name=None):
            columns = [str(getattr(one, "name", one)) for one in operation.columns]
            name = object_name(operation.table_name, "_".join(columns), "key")
        case ops.CreateForeignKeyOp(constraint_name=None):
            columns = list(operation.local_cols)
            name = object_name(operation.source_table, "_".join(columns), "fkey")
        case _:
            return
    operation.constraint_name = conv(name)
